"""What is reserved for a request, and what it is charged with however it ends."""

from pathlib import Path
from typing import Any

import pytest
from limited import PRICED, config
from playbook import Play, chat, chunk_event, completion, perform, post, reply, stream

LIMITS = "{tokens: 1M/day, budget: 100k tokens/day}"
MODEL = ", max_output: 1000, preamble: 100"
COMPLETIONS = b"/v1/completions"
USED = {"usage": {"prompt_tokens": 7, "completion_tokens": 3}}


def reserved_for(
    tmp_path: Path,
    wish: dict[str, Any],
    limits: str = LIMITS,
    model: str = MODEL,
    path: bytes = b"/v1/chat/completions",
) -> tuple[int, int]:
    """The tokens by estimate and at most, while the model server is at work."""
    found: list[tuple[int, int]] = []

    async def scene(play: Play) -> None:
        play.caller.data_received(post(wish, path=path))
        await play.turn()
        (account,) = play.plane.limits._accounts.values()  # type: ignore[attr-defined]
        (counter,) = account.more.counters
        estimate = 1_000_000 - account.tokens.level if account.tokens is not None else 0
        found.append((round(estimate), counter.reserved))

    perform(tmp_path, scene, lambda _: [], config(limits, model) + MASKS_NOTHING)
    return found[0]


MASKS_NOTHING = "    mask: {entities: []}\n"


def test_a_budget_reserves_a_token_for_each_byte_and_a_rate_for_every_fourth(tmp_path: Path) -> None:
    estimate, most = reserved_for(tmp_path, chat("\u4f60" * 1000, max_tokens=50))
    assert 750 + 50 <= estimate <= 850 + 50
    assert 3000 + 100 + 50 <= most <= 3100 + 100 + 50


@pytest.mark.parametrize(
    ("wish", "output"),
    [
        (chat("x", max_tokens=10), 10),
        (chat("x", max_tokens=10, n=8), 80),
        (chat("x", max_tokens=10, max_completion_tokens=30), 30),
        (chat("x"), 1000),
        (chat("x", n=4), 4000),
        (chat("x", max_output_tokens=3), 1000),
        (chat("x", max_tokens=5, n_predict=700), 700),
        (chat("x", max_tokens=5, n_predict=-1), 5),
    ],
)
def test_the_answer_is_reserved_at_the_length_that_the_model_server_is_told(
    tmp_path: Path, wish: dict[str, Any], output: int
) -> None:
    _, most = reserved_for(tmp_path, wish)
    assert output + 100 <= most < output + 100 + 220


@pytest.mark.parametrize(
    ("wish", "output"),
    [
        ({"model": "small", "prompt": list(range(100, 300)), "max_tokens": 10}, 10),
        ({"model": "small", "prompt": [[1, 2], [3]], "max_tokens": 10}, 20),
        ({"model": "small", "prompt": ["a", "b", "c"], "max_tokens": 10, "best_of": 4}, 120),
        ({"model": "small", "prompt": "x", "max_tokens": 0}, 1000),
    ],
)
def test_each_prompt_of_a_list_is_an_answer_and_a_list_of_tokens_is_one_prompt(
    tmp_path: Path, wish: dict[str, Any], output: int
) -> None:
    _, most = reserved_for(tmp_path, wish, path=COMPLETIONS)
    bytes_ = len(str(wish).replace(" ", "")) + 16
    assert output <= most < output + bytes_


def test_an_estimate_will_do_where_the_policy_says_so(tmp_path: Path) -> None:
    estimate, most = reserved_for(
        tmp_path, chat("1" * 1000), "{tokens: 1M/day, budget: 100k tokens/day, reserve: estimate}"
    )
    assert estimate == most < 256 + 300


def test_no_more_is_reserved_than_the_longest_input(tmp_path: Path) -> None:
    _, most = reserved_for(tmp_path, chat("1" * 5000, max_tokens=10), model=MODEL + ", max_input: 2000")
    assert most == 2010


def test_what_the_request_only_refers_to_is_refused_or_reserved_at_the_longest_input(tmp_path: Path) -> None:
    image = chat("x", max_tokens=10)
    image["messages"][0]["content"] = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0KGgo="}}
    ]
    endless = chat("x", max_tokens=10, web_search_options={})
    codes: list[str] = []

    async def scene(play: Play) -> None:
        codes.extend([(await play.say(post(wish))).code for wish in (image, endless)])

    perform(tmp_path, scene, config=config(LIMITS, MODEL) + MASKS_NOTHING)
    assert codes == ["input_unbounded", "input_unbounded"]
    _, most = reserved_for(tmp_path, image, model=MODEL + ", max_input: 2000")
    assert most == 2010


def test_masking_may_make_a_request_longer_and_the_bound_knows(tmp_path: Path) -> None:
    mail = "a@b.co " * 100
    limits, masked = LIMITS, config(LIMITS, MODEL) + "    mask: {entities: [email]}\n"
    _, most = reserved_for(tmp_path, chat("x" * len(mail), max_tokens=1), limits)
    found: list[int] = []

    async def scene(play: Play) -> None:
        play.caller.data_received(post(chat(mail, max_tokens=1)))
        await play.turn()
        (account,) = play.plane.limits._accounts.values()  # type: ignore[attr-defined]
        found.append(account.more.counters[0].reserved)
        assert len(str(play.server.document())) > len(mail)

    perform(tmp_path, scene, lambda _: [], masked)
    assert found[0] > most + len(mail)


DECLARED = """
routes:
  /answers: {operation: completions, model: small, length_at: /length, answers_at: [/n, /best_of, /prompts]}
"""


@pytest.mark.parametrize(
    ("more", "output"),
    [({}, 10), ({"n": 8}, 80), ({"n": 2, "best_of": 5}, 50), ({"n": 2, "prompts": ["a", "b", "c"]}, 60)],
)
def test_each_answer_of_a_declared_route_is_reserved(tmp_path: Path, more: dict[str, Any], output: int) -> None:
    declared = config("{tokens: 1M/day}", ", max_output: 1000").replace("kind: openai", "kind: generic") + MASKS_NOTHING
    wish = {"text": "x", "length": 10, **more}

    async def scene(play: Play) -> None:
        play.caller.data_received(post(wish, path=b"/answers"))
        await play.turn()
        (account,) = play.plane.limits._accounts.values()  # type: ignore[attr-defined]
        assert account.tokens is not None
        assert 0 < 1_000_000 - account.tokens.level - output < 30

    perform(tmp_path, scene, lambda _: [], declared + DECLARED)


# afterwards


def charged(
    tmp_path: Path, script: Any, wish: dict[str, Any], *, leave: bool, masks: str = MASKS_NOTHING
) -> tuple[dict[str, Any], int]:
    """The closed record, and what the budget has counted."""
    found: list[tuple[dict[str, Any], int]] = []

    async def scene(play: Play) -> None:
        play.caller.data_received(post(wish))
        await play.turn()
        if leave:
            play.caller.connection_lost(None)
            await play.turn()
        (account,) = play.plane.limits._accounts.values()  # type: ignore[attr-defined]
        (counter,) = account.more.counters
        assert counter.reserved == 0
        found.append((play.records[-1], counter.used))

    perform(
        tmp_path,
        scene,
        script,
        config(LIMITS, MODEL + PRICED.replace(", max_output: 1000, preamble: 0", "")) + masks,
    )
    return found[0]


def test_what_is_reported_is_charged_and_the_rest_comes_back_at_once(tmp_path: Path) -> None:
    record, used = charged(tmp_path, lambda _: [reply(completion("x") | USED)], chat("1" * 500), leave=False)
    assert (used, record["input_tokens"], record["output_tokens"]) == (10, 7, 3)
    assert "charged" not in record


def test_who_leaves_before_a_whole_answer_is_charged_what_was_reserved(tmp_path: Path) -> None:
    record, used = charged(tmp_path, lambda _: [], chat("1" * 500, max_tokens=40), leave=True)
    assert record["outcome"] == "cancelled"
    assert record["usage_source"] == "reserved"
    assert record["output_tokens"] == 40
    assert used == record["charged"] >= 500 + 100 + 40
    assert record["charged_cost"] >= (600 * 1 + 40 * 2) * 1000 > record["cost"]


@pytest.mark.parametrize("masks", [MASKS_NOTHING, "    mask: {entities: [email]}\n"], ids=["passing", "masked"])
def test_who_leaves_while_an_answer_flows_is_charged_what_has_flowed(tmp_path: Path, masks: str) -> None:
    script = lambda _: stream(chunk_event("\u4f60\u597d"), chunk_event("abc"))  # noqa: E731
    wish = chat("1" * 500, max_tokens=400, stream=True)
    record, used = charged(tmp_path, script, wish, leave=True, masks=masks)
    assert record["usage_source"] == "estimated"
    assert used == record["charged"]
    assert 500 + 100 + 9 <= used < 500 + 100 + 120  # and not the 400 that might have come


def test_an_answer_that_says_nothing_of_its_use_is_charged_what_was_reserved(tmp_path: Path) -> None:
    silent = {key: value for key, value in completion("x").items() if key != "usage"}
    record, used = charged(tmp_path, lambda _: [reply(silent)], chat("1" * 500, max_tokens=40), leave=False)
    assert record["usage_source"] == "estimated"
    assert used == record["charged"] >= 500 + 100 + 40


def test_what_the_model_server_refused_costs_nothing(tmp_path: Path) -> None:
    record, used = charged(tmp_path, lambda _: [reply({"error": {}}, status=b"500 Oops")], chat("x"), leave=False)
    assert used == 0
    assert "charged" not in record


def test_a_model_server_that_makes_more_than_it_was_told_is_charged_in_full_and_told_of(tmp_path: Path) -> None:
    lie = completion("x") | {"usage": {"prompt_tokens": 50, "completion_tokens": 5000}}
    events: list[dict[str, Any]] = []

    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("x", max_tokens=40)))).status == 200
        events.extend(record for record in play.journal if record["kind"] == "event")
        refused = await play.say(post(chat("x", max_tokens=40)))
        assert refused.code == "budget_exhausted"

    perform(tmp_path, scene, lambda _: [reply(lie)], config("{budget: 3k tokens/day}", MODEL))
    (told,) = events
    assert (told["name"], told["principal"], told["model"]) == ("budget.overrun", "alice", "small")
    assert (told["facts"]["output"], told["facts"]["most_output"]) == (5000, 40)


def test_an_admission_of_a_bound_is_in_the_opened_record(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x", max_tokens=40)))
        opened = next(record for record in play.journal if record["kind"] == "opened")
        assert opened["reserved"] > 140

    perform(tmp_path, scene, config=config(LIMITS, MODEL))


@pytest.mark.parametrize(("budget", "sent", "used"), [(100_000, 2, 7), (200, 1, 0)])
def test_what_is_sent_twice_is_reserved_twice_or_not_sent_again(
    tmp_path: Path, budget: int, sent: int, used: int
) -> None:
    """An embedding may be sent again after a model server has broken off; what that has done nobody tells."""
    scripts: list[list[bytes | None]] = [[None], [reply({"usage": {"prompt_tokens": 7}})]]
    bound = len(b'{"model":"small","input":""}') + 100 + 4

    async def scene(play: Play) -> None:
        await play.say(post({"model": "small", "input": "1" * 100}, path=b"/v1/embeddings"))
        assert len(play.server.requests) == sent
        (account,) = play.plane.limits._accounts.values()  # type: ignore[attr-defined]
        record = play.records[-1]
        assert account.more.counters[0].used == record["charged"] == used + bound

    two = config(f"{{budget: {budget} tokens/day}}", MODEL).replace("[local]", "[local, other]")
    two = two.replace("targets:\n", 'targets:\n  other: {kind: openai, url: "http://127.0.0.1:8"}\n', 1)
    retrying = "upstream: {retries: {attempts: 2, pause: 1ms}}\n"
    perform(tmp_path, scene, lambda _: scripts.pop(0), two + MASKS_NOTHING + retrying)


TOKENS = {"model": "small", "input": [list(range(1000, 1100))]}  # numbers, in which there is no text


@pytest.mark.parametrize("leave", [False, True], ids=["broken", "left"])
@pytest.mark.parametrize("limits", [LIMITS, "{budget: 100k tokens/day, reserve: estimate}", "{quota: 100k tokens/day}"])
@pytest.mark.parametrize("wish", [TOKENS, {"model": "small", "input": "1" * 400}], ids=["tokens", "text"])
def test_an_answer_without_tokens_that_breaks_is_charged_with_its_input_as_it_was_reserved(
    tmp_path: Path, wish: dict[str, Any], limits: str, leave: bool
) -> None:
    async def scene(play: Play) -> None:
        play.caller.data_received(post(wish, path=b"/v1/embeddings"))
        while not play.server.requests:
            await play.turn(1)
        (account,) = play.plane.limits._accounts.values()  # type: ignore[attr-defined]
        (counter,) = account.more.counters
        reserved = counter.reserved
        assert reserved > 100
        if leave:
            play.caller.connection_lost(None)
        await play.turn()
        record = play.records[-1]
        assert record["outcome"] == ("cancelled" if leave else "failed")
        assert (counter.used, counter.reserved) == (reserved, 0)
        assert max(record.get("charged", 0), record["input_tokens"] + record.get("output_tokens", 0)) == reserved

    script = (lambda _: []) if leave else (lambda _: [None])
    perform(tmp_path, scene, script, config(limits, MODEL) + MASKS_NOTHING)


@pytest.mark.parametrize("status", [b"200 OK", b"400 Bad"])
def test_an_answer_without_tokens_that_tells_nothing_is_charged_like_one_that_broke(
    tmp_path: Path, status: bytes
) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(TOKENS, path=b"/v1/embeddings"))
        (account,) = play.plane.limits._accounts.values()  # type: ignore[attr-defined]
        (counter,) = account.more.counters
        assert (counter.used > 100) == (status == b"200 OK")

    answer = reply({"data": []}, status=status)
    perform(tmp_path, scene, lambda _: [answer], config("{budget: 100k tokens/day}", MODEL) + MASKS_NOTHING)
