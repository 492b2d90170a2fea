"""What answers count for in a worker's memory: collected ones, and those that nobody reads."""

from pathlib import Path

from playbook import Answer, Play, chat, chunk_event, completion, perform, post, reply, stream
from rooms import ALL, CONFIG, KIB, is_empty, stuffed


def test_an_answer_that_is_collected_counts_and_is_refused_when_there_is_no_room(tmp_path: Path) -> None:
    whole = reply(completion("y" * 60 * KIB))
    pieces = [whole[: 20 * KIB], whole[20 * KIB : 40 * KIB], whole[40 * KIB :]]

    async def scene(play: Play) -> None:
        seen: list[int] = []
        play.plane.loop.call_soon(lambda: None)
        play.server.script = lambda _: pieces
        answer = await play.say(post(chat("x")))
        assert (answer.status, len(answer.body) > 60 * KIB) == (200, True)
        assert is_empty(play)
        play.server.script = lambda _: pieces[:2]
        play.caller.data_received(post(chat("x")))
        await play.turn()
        seen.append(play.plane.answers.of("alice"))
        assert seen[0] > 40 * KIB
        play.caller.connection_lost(None)
        await play.turn()
        assert is_empty(play)
        other = play.plane.answers.charge("alice", ALL // 2)
        assert other is not None
        wire, caller = play.connect()
        caller.data_received(post(chat("x")))
        await play.turn()
        refused = Answer(wire.written)
        assert (refused.status, refused.code) == (503, "memory_exhausted")
        assert refused.headers[b"x-guardhouse-decision"] == b"failed"
        assert play.records[-1]["outcome"] == "failed"
        other.give_back()
        assert is_empty(play)

    perform(tmp_path, scene, config=CONFIG)


def test_an_answer_that_is_not_read_counts_and_holds_up_the_next(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        wire = stuffed(play)
        wire.caller.data_received(post(chat("one")) + post(chat("two")))
        await play.turn()
        assert len(play.server.requests) == 1
        assert play.plane.answers.of("alice") >= len(wire.written)
        wire.drain()
        await play.turn()
        assert len(play.server.requests) == 2
        assert wire.written.count(b"HTTP/1.1 200") == 2
        assert play.plane.answers.held > 0
        wire.drain()
        assert is_empty(play)
        wire.caller.data_received(post(chat("three")))
        await play.turn()
        wire.caller.connection_lost(None)
        await play.turn()
        assert is_empty(play)

    perform(tmp_path, scene, config=CONFIG)


def test_an_answer_that_is_not_read_and_finds_no_room_ends_its_connection(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        other = play.plane.answers.charge("alice", ALL // 2)
        assert other is not None
        wire = stuffed(play)
        wire.caller.data_received(post(chat("one")))
        await play.turn()
        assert wire.aborted
        wire.caller.connection_lost(None)
        other.give_back()
        await play.turn()
        assert is_empty(play)

    perform(tmp_path, scene, config=CONFIG)


def test_a_stream_that_is_not_read_and_finds_no_room_is_ended_at_the_model_server_too(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        other = play.plane.answers.charge("alice", ALL // 2)
        assert other is not None
        wire = stuffed(play)
        wire.caller.data_received(post(chat("one", stream=True)))
        await play.turn()
        assert wire.aborted
        assert play.server.wires[0].aborted
        assert play.records[-1]["reason"] == "client_too_slow"
        wire.caller.connection_lost(None)
        other.give_back()
        await play.turn()
        assert is_empty(play)

    perform(tmp_path, scene, lambda _: stream(chunk_event("a"), chunk_event("b"))[:-1], config=CONFIG)
