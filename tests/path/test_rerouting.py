"""A model server fails: who gets the exchange instead, who does not, and what the record says of it."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playbook import ALICE, BOB, Answer, Play, chat, chunk_event, completion, perform, post, reply, stream

from guardhouse.model.bulletin import publish
from guardhouse.policy.standing import Standing

EMBEDDINGS = b"/v1/embeddings"
EMBEDDED = reply({"object": "list", "data": [], "model": "m", "usage": {"prompt_tokens": 1, "total_tokens": 1}})


def config(small: str = "", more: str = "", policies: str = "", spare: str = "", upstream: str = "") -> str:
    allowed = policies or '  - {name: all, who: {ids: ["*"]}, may: [chat, embeddings], models: ["*"]}'
    return f"""
targets:
  local: {{kind: openai, url: "http://127.0.0.1:9", region: eu, breaker: {{failures: 3, pause: 1s}}}}
  other: {{kind: openai, url: "http://127.0.0.2:9", region: eu}}
  spare: {{kind: openai, url: "http://127.0.0.3:9", region: eu{spare}}}
models:
  small: {{targets: [local, other]{small}}}
  alone: {{targets: [local], fallback: tiny}}
  tiny: {{targets: [spare], name: tiny-1b}}
{more}
policies:
{allowed}
{upstream}"""


def embed(model: str = "small") -> bytes:
    return post({"model": model, "input": "x"}, path=EMBEDDINGS)


async def until(play: Play, met: Callable[[], bool]) -> None:
    """For what takes milliseconds of real time; ends with the test's own time-out otherwise."""
    while not met():
        await play.turn(1)


def news(play: Play) -> list[str]:
    return [event.name for event in play.plane.upstreams.wards.take_news(0.0)]


def attempts(closed: dict[str, Any]) -> list[tuple[str, str]]:
    return [(attempt["target"], attempt["outcome"]) for attempt in closed.get("attempts", [])]


def test_a_target_that_fails_is_left_alone_and_used_again_when_it_is_back(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        clock = play.plane.loop_time()
        play.plane.loop_time = lambda: clock
        play.server.refuses = {"local"}
        for _ in range(3):
            assert (await play.say(post(chat("x")))).status == 200
            assert attempts(play.records[-1]) == [("local", "upstream_unreachable"), ("other", "completed")]
        assert news(play) == ["target.broken"]
        assert (await play.say(post(chat("x")))).status == 200
        assert "attempts" not in play.records[-1]
        assert play.records[-2]["target"] == play.records[-1]["target"] == "other"
        play.server.refuses = set()
        clock += 1.0
        assert (await play.say(post(chat("x")))).status == 200
        assert play.records[-1]["target"] == "local"
        assert news(play) == ["target.mended"]
        assert play.plane.upstreams.wards.calm
        assert [ward.pending for ward in play.plane.upstreams.wards.all()] == [0, 0]

    perform(tmp_path, scene, None, config())


def test_all_that_are_left_alone_make_one_clear_refusal(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local", "other", "spare"}
        answers = [await play.say(post(chat("x", "alone"))) for _ in range(8)]
        assert [answer.code for answer in answers[:3]] == ["upstream_unreachable"] * 3
        assert answers[-1].code == "upstream_unavailable"
        assert answers[-1].status == 503
        assert int(answers[-1].headers[b"retry-after"]) >= 1
        assert answers[-1].headers[b"x-guardhouse-decision"] == b"denied"
        closed = play.records[-1]
        assert (closed["decision"], closed["controls"]["routing"]) == ("denied", "blocked")

    perform(tmp_path, scene, None, config())


@pytest.mark.parametrize("status", [b"502 Bad Gateway", b"503 Service Unavailable"])
def test_answers_that_the_configuration_calls_failures_count_and_are_passed_on(tmp_path: Path, status: bytes) -> None:
    async def scene(play: Play) -> None:
        for _ in range(3):
            assert (await play.say(post(chat("x")))).status == int(status[:3])
        assert news(play) == ["target.broken"]
        play.server.script = lambda _: [reply(completion("fine"))]
        assert (await play.say(post(chat("x")))).status == 200
        assert play.records[-1]["target"] == "other"

    perform(tmp_path, scene, lambda _: [reply({"error": {}}, status)], config())


def test_answers_that_a_request_can_provoke_do_not_count(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for status in (b"500 Oh", b"400 Bad", b"429 Too Many Requests") * 3:
            play.server.script = lambda _, status=status: [reply({"error": {}}, status)]  # type: ignore[misc]
            await play.say(post(chat("x")))
        assert news(play) == []
        assert {record["target"] for record in play.records} == {"local"}

    perform(tmp_path, scene, None, config())


def test_a_caller_that_leaves_while_its_request_is_on_trial_lets_the_next_one_try(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        clock = play.plane.loop_time()
        play.plane.loop_time = lambda: clock
        play.server.refuses = {"local"}
        for _ in range(3):
            await play.say(post(chat("x")))
        play.server.refuses = set()
        play.server.script = lambda _: []
        clock += 1.0
        wire, caller = play.connect()
        caller.data_received(post(chat("x")))
        await play.turn()
        wire.closed = True
        caller.connection_lost(None)
        play.server.script = lambda _: [reply(completion("fine"))]
        await play.say(post(chat("x")))
        assert play.records[-1]["target"] == "local"

    perform(tmp_path, scene, None, config())


def test_a_stream_on_trial_has_shown_with_its_first_part_that_the_server_is_back(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        clock = play.plane.loop_time()
        play.plane.loop_time = lambda: clock
        play.server.refuses = {"local"}
        for _ in range(3):
            await play.say(post(chat("x")))
        play.server.refuses = set()
        clock += 1.0
        head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
        play.server.script = lambda _: [head]
        _, streaming = play.connect()
        streaming.data_received(post(chat("x", stream=True)))
        await play.turn()
        assert play.plane.upstreams.wards.calm
        streaming.connection_lost(None)
        await play.turn()
        assert [ward.pending for ward in play.plane.upstreams.wards.all()] == [0, 0]

    perform(tmp_path, scene, None, config())


def test_what_was_sent_and_not_answered_is_sent_again_only_where_it_computes(tmp_path: Path) -> None:
    replies: list[list[bytes | None]] = []

    async def scene(play: Play) -> None:
        replies.extend([[None], [EMBEDDED]])
        assert (await play.say(embed())).status == 200
        assert attempts(play.records[-1]) == [("local", "upstream_closed_early"), ("other", "completed")]
        replies.extend([[None]])
        answer = await play.say(post(chat("x")))
        assert (answer.status, answer.code) == (502, "upstream_closed_early")
        assert "attempts" not in play.records[-1]
        replies.extend([[None], [reply(completion("fine"))]])
        assert (await play.say(post(chat("x", "patient")))).status == 200
        assert play.server.document()["model"] == "patient"
        assert play.plane.retries.taken == 2

    patient = config(more="  patient: {targets: [local, other], repeat: unanswered}", upstream=RETRYING)
    perform(tmp_path, scene, lambda _: replies.pop(0), patient)


RETRYING = "upstream: {retries: {attempts: 2, pause: 1ms}}"
HALF = [EMBEDDED[:60], None]
ERROR = [reply({"error": {}}, b"503 Service Unavailable")]


@pytest.mark.parametrize("script", [HALF, ERROR], ids=["a head", "an error"])
def test_what_was_answered_in_part_is_never_sent_again(tmp_path: Path, script: list[bytes | None]) -> None:
    async def scene(play: Play) -> None:
        await play.say(embed())
        assert len(play.server.requests) == 1

    assert b"\r\n\r\n" in EMBEDDED[:90]
    perform(tmp_path, scene, lambda _: [EMBEDDED[:90], None] if script is HALF else script, config(upstream=RETRYING))


def test_a_used_up_budget_ends_the_trying(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        while play.plane.retries.take(play.plane.loop_time()):
            pass
        refused = play.plane.retries.refused
        assert (await play.say(embed())).code == "upstream_closed_early"
        assert play.plane.retries.refused == refused + 1

    perform(tmp_path, scene, lambda _: [None], config(upstream=RETRYING))


def test_a_round_that_reached_nobody_is_tried_again_after_a_pause(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local", "other"}
        play.caller.data_received(post(chat("x")))
        await until(play, lambda: play.plane.retries.taken == 1)
        play.server.refuses = {"local"}
        await until(play, lambda: bool(play.wire.written))
        assert Answer(play.wire.written).status == 200
        outcomes = [outcome for _, outcome in attempts(play.records[-1])]
        assert Counter(outcomes) == {"upstream_unreachable": 3, "completed": 1}

    perform(tmp_path, scene, None, config(upstream=RETRYING))


def test_a_caller_that_leaves_during_the_pause_is_recorded_and_nothing_is_tried(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local", "other"}
        play.caller.data_received(post(chat("x")))
        await until(play, lambda: play.plane.retries.taken == 1)
        play.wire.closed = True
        play.caller.connection_lost(None)
        await play.turn()
        assert (play.records[-1]["outcome"], play.records[-1]["reason"]) == ("cancelled", "client_left")
        assert [ward.pending for ward in play.plane.upstreams.wards.all()] == [0, 0]

    perform(tmp_path, scene, None, config(upstream="upstream: {retries: {pause: 1h}}"))


def test_a_model_that_cannot_be_reached_has_its_fallback_under_the_fallback_s_name(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        for _ in range(5):
            assert (await play.say(post(chat("x", "alone")))).status == 200
            closed = play.records[-1]
            assert (closed["model"], closed["instead_of"], closed["target"]) == ("tiny", "alone", "spare")
            assert play.server.document()["model"] == "tiny-1b"
        assert play.plane.upstreams.wards.calm is False

    perform(tmp_path, scene, None, config())


def test_a_chain_of_fallbacks_is_gone_down_in_its_order(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local", "spare"}
        assert (await play.say(post(chat("x", "chained")))).status == 200
        closed = play.records[-1]
        assert (closed["model"], closed["instead_of"]) == ("last", "chained")
        assert attempts(closed) == [
            ("local", "upstream_unreachable"),
            ("spare", "upstream_unreachable"),
            ("other", "completed"),
        ]

    more = "  chained: {targets: [local], fallback: [tiny, last]}\n  last: {targets: [other]}"
    perform(tmp_path, scene, None, config(more=more))


OTHER_REGION = config(spare="").replace('127.0.0.3:9", region: eu', '127.0.0.3:9", region: us')
NARROW = """  - {name: most, who: {ids: ["*"]}, may: [chat], models: [small, alone]}
  - {name: bob, who: {ids: [bob]}, may: [chat], models: [tiny]}"""
OTHERWISE = """  - {name: most, who: {ids: ["*"]}, may: [chat], models: [small, alone]}
  - {name: masked, who: {ids: ["*"]}, may: [chat], models: [tiny], mask: {entities: [all]}}"""


@pytest.mark.parametrize(
    "document",
    [OTHER_REGION, config(policies=NARROW), config(policies=OTHERWISE)],
    ids=["another region", "not allowed", "allowed by another policy"],
)
def test_a_fallback_beyond_the_policy_or_the_region_is_not_taken(tmp_path: Path, document: str) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        codes = [(await play.say(post(chat("x", "alone"), key=ALICE))).code for _ in range(5)]
        assert codes == ["upstream_unreachable"] * 3 + ["upstream_unavailable"] * 2
        assert play.server.requests == []
        assert (await play.say(post(chat("x", "alone"), key=BOB))).status == 503

    perform(tmp_path, scene, None, document)


DENYING = """  - {name: most, who: {ids: ["*"]}, may: [chat], models: [small, alone, tiny]}
  - {name: no tools there, effect: deny, who: {ids: ["*"]}, may: [chat], models: [tiny], when: {tools: true}}"""


def test_a_fallback_is_judged_by_what_stands_in_the_request(tmp_path: Path) -> None:
    tool = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}

    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        assert (await play.say(post(chat("x", "alone", tools=[tool])))).code == "upstream_unreachable"
        assert (await play.say(post(chat("x", "alone")))).status == 200
        assert play.records[-1]["model"] == "tiny"
        assert (await play.say(post(chat("x", "alone", tools=[tool])))).code == "upstream_unreachable"
        assert (await play.say(post(chat("x", "alone", tools=[tool])))).code == "upstream_unavailable"

    perform(tmp_path, scene, None, config(policies=DENYING))


def test_a_stream_that_fell_back_still_hides_the_usage_that_the_gateway_asked_for(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        exchanges = await play.say(post(chat("x", "alone", stream=True)))
        assert exchanges.status == 200
        assert play.server.document()["stream_options"] == {"include_usage": True}
        assert play.server.document()["model"] == "tiny-1b"

    perform(tmp_path, scene, None, config())


def test_sessions_stick_to_a_server_and_move_only_when_it_is_lost(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        async def served(session: str) -> str:
            assert (await play.say(post(chat("x", user=session)))).status == 200
            return str(play.records[-1]["target"])

        sessions = [f"s{number}" for number in range(24)]
        before = {session: await served(session) for session in sessions}
        assert set(before.values()) == {"local", "other"}
        assert {session: await served(session) for session in sessions} == before
        play.server.refuses = {"local"}
        play.plane.upstreams.close()
        assert {await served(session) for session in sessions} == {"other"}

    perform(tmp_path, scene, None, config(small=", choose: sticky, sticky_by: user"))


def drain(play: Play, **drained: float | None) -> None:
    publish(play.directory / "standing.json", Standing(drained=drained))
    play.plane.gates.refresh(play.plane.loop_time())


def test_a_drained_target_gets_nothing_new_and_keeps_what_is_under_way(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: stream(chunk_event("one "))[:-1]
        streaming = await play.say(post(chat("x", stream=True)))
        assert streaming.status == 200
        drain(play, local=None)
        wire, caller = play.connect()
        play.server.script = lambda _: [reply(completion("fine"))]
        caller.data_received(post(chat("x")))
        await play.turn()
        assert Answer(wire.written).status == 200
        assert play.records[-1]["target"] == "other"
        assert not play.wire.closed
        assert [ward.pending for ward in play.plane.upstreams.wards.all()] == [1, 0]
        drain(play)
        caller.data_received(post(chat("x")))
        await play.turn()
        assert play.records[-1]["target"] == "local"

    perform(tmp_path, scene, None, config())


def test_where_all_are_drained_the_fallback_serves_or_nobody(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        drain(play, local=None, other=4e9)
        assert (await play.say(post(chat("x", "alone")))).status == 200
        assert play.records[-1]["model"] == "tiny"
        assert (await play.say(post(chat("x")))).code == "upstream_unavailable"
        drain(play, local=1000.0)  # which is over
        assert (await play.say(post(chat("x")))).status == 200
        assert play.records[-1]["target"] == "local"

    perform(tmp_path, scene, None, config())


@pytest.mark.parametrize("rule", ["{set: true}", "{default: true}"])
def test_a_fallback_that_must_be_told_something_gets_no_request_without_it(tmp_path: Path, rule: str) -> None:
    document = config().replace("name: tiny-1b", f"name: tiny-1b, parameters: {{rules: {{safe_prompt: {rule}}}}}")

    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        assert (await play.say(post(chat("x", "alone")))).code == "upstream_unreachable"
        assert (await play.say(post(chat("x", "alone", safe_prompt=True)))).status == 200

    perform(tmp_path, scene, None, document)


def test_a_refusal_says_when_the_soonest_of_the_drained_is_back(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        drain(play, local=play.plane.now() + 1000.0, other=None)
        answer = await play.say(post(chat("x")))
        assert answer.code == "upstream_unavailable"
        assert 990 <= int(answer.headers[b"retry-after"]) <= 1000

    perform(tmp_path, scene, None, config())
