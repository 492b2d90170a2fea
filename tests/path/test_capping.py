from pathlib import Path
from typing import Any

import msgspec
import pytest
from limited import PRICED, config
from playbook import Play, chat, completion, perform, post, reply

CAPPING = "{budget: 1k tokens/day, cap_output: true}"


def asked_of(tmp_path: Path, limits: str, *documents: dict[str, Any], path: bytes = b"/v1/chat/completions") -> Any:
    """What the model server is asked for at last."""
    found: list[Any] = []

    async def scene(play: Play) -> None:
        for document in documents:
            assert (await play.say(post(document, path=path))).status == 200
        found.append(play.server.document())

    usage = completion("x") | {"usage": {"prompt_tokens": 100, "completion_tokens": 500}}
    perform(tmp_path, scene, lambda _: [reply(usage)], config(limits, PRICED))
    return found[0]


def test_a_length_within_what_is_left_stays(tmp_path: Path) -> None:
    assert asked_of(tmp_path, CAPPING, chat("x", max_tokens=50))["max_tokens"] == 50


def test_a_length_beyond_what_is_left_is_lowered_in_every_field_that_names_one(tmp_path: Path) -> None:
    wish = chat("x", max_tokens=9000, max_completion_tokens=8000)
    document = asked_of(tmp_path, CAPPING, chat("x"), wish)
    left = 400 - len(msgspec.json.encode(wish))  # the first answer has used 600
    assert (document["max_tokens"], document["max_completion_tokens"]) == (left, left)


def test_where_no_length_is_named_the_longest_answer_of_the_model_is_put_in(tmp_path: Path) -> None:
    assert asked_of(tmp_path, "{tokens: 1M/day, cap_output: true}", chat("x"))["max_tokens"] == 1000


def test_responses_name_their_length_otherwise(tmp_path: Path) -> None:
    limits = "{tokens: 1M/day, cap_output: true}"
    document = asked_of(tmp_path, limits, {"model": "small", "input": "x"}, path=b"/v1/responses")
    assert document["max_output_tokens"] == 1000
    assert "max_tokens" not in document


def test_what_is_left_is_shared_by_the_answers_that_are_asked_for(tmp_path: Path) -> None:
    document = asked_of(tmp_path, "{quota: 120 tokens/day, cap_output: true}", chat("x", n=4, max_tokens=100))
    assert document["max_tokens"] * 4 <= 120 < (document["max_tokens"] + 8) * 4 + 20


def test_money_caps_an_answer_like_tokens_do(tmp_path: Path) -> None:
    # 0.01 EUR buy 10,000 tokens of input or 5,000 of output
    wish = chat("x", max_tokens=9000)
    document = asked_of(tmp_path, "{budget: 0.01 EUR/day, cap_output: true}", wish)
    assert document["max_tokens"] == (10_000 - len(msgspec.json.encode(wish))) // 2
    estimated = asked_of(tmp_path, "{budget: 0.01 EUR/day, cap_output: true, reserve: estimate}", wish)
    assert estimated["max_tokens"] == (10_000 - 20) // 2


def test_a_policy_that_does_not_cap_leaves_the_request_alone(tmp_path: Path) -> None:
    for limits in ("{quota: 1k tokens/day}", "{budget: 1k tokens/day, reserve: estimate}"):
        assert "max_tokens" not in asked_of(tmp_path, limits, chat("x"))


def test_a_budget_gives_a_length_to_an_answer_that_has_none_and_leaves_one_that_is_named(tmp_path: Path) -> None:
    wish = chat("x")
    left = 1000 - len(msgspec.json.encode(wish))
    assert asked_of(tmp_path, "{budget: 1k tokens/day}", wish)["max_tokens"] == left
    assert asked_of(tmp_path, "{budget: 100k tokens/day}", wish)["max_tokens"] == 1000
    assert asked_of(tmp_path, "{budget: 100k tokens/day}", chat("x", max_tokens=3000))["max_tokens"] == 3000
    several = asked_of(tmp_path, "{budget: 1k tokens/day}", chat("x", n=3))
    assert several["max_tokens"] == (left - len(',"n":3')) // 3


def test_the_record_says_that_admission_changed_the_request(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x", max_tokens=90_000)))
        assert play.records[-1]["controls"]["admission"] == "changed"

    perform(tmp_path, scene, config=config(CAPPING, PRICED))


@pytest.mark.parametrize(
    ("path", "wish"),
    [
        (b"/v1/chat/completions", chat("x", max_output_tokens=0)),
        (b"/v1/chat/completions", chat("x", max_output_tokens=1)),
        (b"/v1/chat/completions", chat("x", max_completion_tokens=None, max_output_tokens=-1)),
        (b"/v1/responses", {"model": "small", "input": "x", "max_tokens": 1}),
        (b"/v1/completions", {"model": "small", "prompt": "x", "max_completion_tokens": 1}),
    ],
)
def test_a_length_that_means_nothing_to_the_operation_stands_for_none(
    tmp_path: Path, path: bytes, wish: dict[str, Any]
) -> None:
    document = asked_of(tmp_path, "{tokens: 1M/day, cap_output: true}", wish, path=path)
    assert document["max_output_tokens" if b"responses" in path else "max_tokens"] == 1000


def test_a_length_that_means_nothing_to_the_operation_makes_no_reservation_smaller(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("x", max_output_tokens=1)))).code == "tokens_beyond_limit"

    perform(tmp_path, scene, config=config("{budget: 200 tokens/day}"))
