"""A model server fails or is drained: it is left alone, others get what was meant for it, and it comes back."""

from pathlib import Path

import pytest
from failing import attempts, config, drain, news
from playbook import Answer, Play, chat, chunk_event, completion, perform, post, reply, stream


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


def test_a_refusal_says_when_the_soonest_of_the_drained_is_back(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        drain(play, local=play.plane.now() + 1000.0, other=None)
        answer = await play.say(post(chat("x")))
        assert answer.code == "upstream_unavailable"
        assert 990 <= int(answer.headers[b"retry-after"]) <= 1000

    perform(tmp_path, scene, None, config())
