"""What requests count for in a worker's memory: bodies that arrive, those behind others, those that wait."""

import tracemalloc
from pathlib import Path

from playbook import BOB, Answer, Play, chat, completion, perform, post, reply
from rooms import ALL, CONFIG, CUT, KIB, LARGE, QUEUED, is_empty, later

from guardhouse.model.signals import MOST_HASHES
from guardhouse.path.holding import PATIENCE
from guardhouse.path.upstream import UpstreamConnection


def test_a_body_that_comes_at_once_counts_nothing_and_one_that_does_not_until_it_is_sent(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(LARGE)).status == 200
        assert is_empty(play)
        await play.say(LARGE[:CUT])
        assert 40 * KIB < play.plane.memory.of("alice") < 50 * KIB
        play.server.script = lambda _: []
        await play.say(LARGE[CUT:])
        assert len(play.server.requests) == 2
        assert is_empty(play)
        play.caller.connection_lost(None)

    perform(tmp_path, scene, config=CONFIG)


def test_what_is_recorded_of_a_request_is_not_kept_while_it_is_on_its_way(tmp_path: Path) -> None:
    """The hashes of many short texts take twice what the texts do, and a model may take minutes to answer."""
    texts = [{"role": "user", "content": ""}] * 15_000

    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        tracemalloc.start()
        try:
            before, _ = tracemalloc.get_traced_memory()
            await play.say(post({"model": "small", "messages": texts}))
            play.server.wires[0].written = play.server.requests[0] = b""
            after, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert play.plane.memory.held == 0
        assert after - before < 40_000
        assert len(play.journal[-1]["message_hashes"]) == MOST_HASHES
        play.caller.connection_lost(None)

    perform(tmp_path, scene, config=CONFIG.replace("64KiB", "4MiB").replace("256KiB", "16MiB"))


def test_without_room_the_socket_is_left_unread_until_there_is_some(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        other = play.plane.memory.charge("alice", ALL // 2)
        assert other is not None
        await play.say(LARGE[:CUT])
        assert not play.wire.is_reading()
        assert play.plane.memory.waiting == 1
        other.give_back()
        await play.turn()
        assert play.wire.is_reading()
        assert (await play.say(LARGE[CUT:])).status == 200
        assert is_empty(play)

    perform(tmp_path, scene, config=CONFIG)


def test_who_has_waited_too_long_for_room_is_refused_and_told_when_to_come_back(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        other = play.plane.memory.charge("alice", ALL // 2)
        assert other is not None
        await play.say(LARGE[:CUT])
        play.caller.sweep(later(play, PATIENCE - 1))
        assert play.wire.written == b""
        play.caller.sweep(later(play, PATIENCE + 1))
        await play.turn()
        answer = Answer(play.wire.written)
        assert (answer.status, answer.code, answer.headers[b"retry-after"]) == (503, "memory_exhausted", b"1")
        assert play.wire.is_reading()  # what still comes is read and dropped, or the answer would be lost
        assert play.wire.eof
        other.give_back()
        assert is_empty(play)
        (event,) = [record for record in play.journal if record["kind"] == "event"]
        assert (event["name"], event["principal"], event["facts"]["of"]) == ("memory.exhausted", "alice", "requests")
        assert event["facts"]["limit"] == 256 * KIB

    perform(tmp_path, scene, config=CONFIG)


def test_what_had_been_read_before_the_socket_was_left_is_taken_all_the_same(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        other = play.plane.memory.charge("alice", ALL // 2)
        assert other is not None
        await play.say(LARGE[:CUT])
        await play.say(LARGE[CUT:-1])
        assert play.plane.memory.waiting == 1
        assert (await play.say(LARGE[-1:])).status == 503  # it is on its way out, and there is no room for that
        other.give_back()
        assert (await play.say(LARGE[:CUT], LARGE[CUT:])).status == 200
        assert is_empty(play)

    perform(tmp_path, scene, config=CONFIG)


def test_one_caller_that_holds_all_it_may_leaves_room_for_another(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        callers = [play.connect() for _ in range(8)]
        for _, caller in callers:
            caller.data_received(LARGE[:CUT])
        assert play.plane.memory.of("alice") <= ALL // 2 + 256 * KIB // 16
        whole = post(chat("x" * 40 * KIB), key=BOB)
        wire, caller = play.connect()
        caller.data_received(whole[:CUT])
        assert wire.is_reading()
        caller.data_received(whole[CUT:])
        await play.turn()
        assert Answer(wire.written).status == 200
        for _, caller in callers:
            caller.connection_lost(None)
        await play.turn()
        assert is_empty(play)

    perform(tmp_path, scene, config=CONFIG)


def test_a_slow_body_does_not_hold_its_room_against_the_minimum_rate(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        first, second = play.connect(), play.connect()
        filler = play.plane.memory.charge("alice", ALL // 2 - 60 * KIB)
        assert filler is not None
        first[1].data_received(LARGE[:CUT])
        second[1].data_received(LARGE[:CUT])
        assert (first[0].is_reading(), second[0].is_reading()) == (True, False)
        first[1].sweep(later(play, 8.0))
        await play.turn()
        assert Answer(first[0].written).code == "body_too_slow"
        assert second[0].is_reading()
        second[1].sweep(later(play, 4.0))
        second[1].data_received(LARGE[CUT:])
        await play.turn()
        assert Answer(second[0].written).status == 200
        filler.give_back()
        assert is_empty(play)

    perform(tmp_path, scene, config=CONFIG)


def test_messages_behind_another_are_refused_in_their_turn_when_they_would_hold_too_much(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        play.caller.data_received(post(chat("x")))
        for _ in range(8):
            play.caller.data_received(LARGE)
        await play.turn()
        assert ALL // 2 - 50 * KIB < play.plane.memory.of("alice") <= ALL // 2
        play.server.script = lambda _: [reply(completion("fine"))]
        play.caller._current.carriage.cancel(None)  # type: ignore[union-attr, arg-type]
        await play.turn(3000)
        statuses = [part.split(b" ", 1)[0] for part in play.wire.written.split(b"HTTP/1.1 ")[1:]]
        assert statuses[1:] == [b"200", b"200", *[b"503"] * 6]
        assert is_empty(play)

    perform(tmp_path, scene, config=CONFIG)


def test_a_body_that_begins_behind_another_message_is_refused_when_there_is_no_room(tmp_path: Path) -> None:
    """Its socket is not left unread: nobody would see that the caller of the first has left."""

    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        other = play.plane.memory.charge("alice", ALL // 2)
        assert other is not None
        play.caller.data_received(post(chat("x")) + LARGE[:CUT])
        assert play.wire.is_reading()
        play.caller.connection_lost(None)
        await play.turn()
        assert [record["reason"] for record in play.records if record["kind"] == "closed"] == [
            "memory_exhausted",
            "client_left",
        ]
        other.give_back()
        assert is_empty(play)

    perform(tmp_path, scene, config=CONFIG)


def test_a_body_in_chunks_counts_as_it_comes(tmp_path: Path) -> None:
    head = LARGE.partition(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n"
    body = LARGE.partition(b"\r\n\r\n")[2]
    part = b"4000\r\n" + body[: 16 * KIB] + b"\r\n"

    async def scene(play: Play) -> None:
        play.caller.data_received(head)
        play.caller.data_received(part)
        assert 16 * KIB < play.plane.memory.of("alice") < 20 * KIB
        other = play.plane.memory.charge("alice", ALL // 2 - 20 * KIB)
        assert other is not None
        answer = await play.say(part)
        assert (answer.status, answer.code) == (503, "memory_exhausted")
        other.give_back()
        assert is_empty(play)
        wire, caller = play.connect()
        caller.data_received(head + part)
        caller.data_received(b"%x\r\n%b\r\n0\r\n\r\n" % (len(body) - 16 * KIB, body[16 * KIB :]))
        await play.turn()
        assert Answer(wire.written).status == 200
        assert is_empty(play)

    perform(tmp_path, scene, config=CONFIG)


def test_a_continue_is_sent_when_there_is_room_for_the_body(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        other = play.plane.memory.charge("alice", ALL // 2)
        assert other is not None
        whole = post(chat("x" * 40 * KIB), extra=b"expect: 100-continue\r\n")
        head, _, body = whole.partition(b"\r\n\r\n")
        await play.say(head + b"\r\n\r\n")
        assert play.wire.written == b""
        other.give_back()
        await play.turn()
        assert play.wire.written == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await play.say(body)).status == 200

    perform(tmp_path, scene, config=CONFIG)


def test_what_waits_in_a_queue_counts_as_its_document_and_is_refused_when_that_is_too_much(tmp_path: Path) -> None:
    dense = {**chat("x"), "more": [{}] * 500}

    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        play.caller.data_received(post(chat("first")))
        await play.turn()
        callers = [play.connect() for _ in range(4)]
        for _, caller in callers:
            caller.data_received(post(dense))
        await play.turn()
        assert play.plane.held == 1
        assert play.plane.memory.of("alice") > 500 * 64
        refused = [Answer(wire.written) for wire, _ in callers if wire.written]
        assert [(answer.status, answer.code) for answer in refused] == [(503, "memory_exhausted")] * 3
        play.server.script = lambda _: [reply(completion("fine"))]
        play.caller.connection_lost(None)
        await play.turn()
        assert Answer(callers[0][0].written).status == 200
        assert (play.plane.held, is_empty(play)) == (0, True)
        assert "0 of 1.0 in use, 0 waiting" in repr(play.plane.intakes._by_target["local"])

    perform(tmp_path, scene, config=QUEUED)


def connections_of(play: Play) -> list[UpstreamConnection]:
    pool = play.plane.upstreams.pool(play.plane.snapshot.targets["local"])
    return [*pool._connections]


def test_what_a_model_server_has_not_taken_counts_until_it_has(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("warm")))).status == 200
        (connection,) = connections_of(play)
        play.server.script = lambda _: []
        play.caller.data_received(LARGE)
        connection.pause_writing()  # as its transport does from inside of `write`
        await play.turn()
        assert play.plane.memory.of("alice") > 40 * KIB
        connection.resume_writing()
        assert is_empty(play)
        play.caller.connection_lost(None)

    perform(tmp_path, scene, config=CONFIG)


def test_a_connection_whose_request_was_answered_before_it_was_taken_is_not_used_again(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("warm")))).status == 200
        (connection,) = connections_of(play)
        connection.pause_writing()
        assert (await play.say(LARGE)).status == 200
        assert play.server.wires[0].aborted
        assert is_empty(play)

    perform(tmp_path, scene, config=CONFIG)


def test_a_request_that_is_refused_while_it_arrives_holds_nothing_while_the_rest_is_dropped(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(LARGE[: 20 * KIB])
        play.caller.sweep(later(play, 70))
        await play.turn()
        assert Answer(play.wire.written).code == "body_timeout"
        assert (play.caller._framing.buffered, is_empty(play)) == (0, True)

    perform(tmp_path, scene, config=CONFIG)


def test_a_malformed_chunk_gives_back_what_was_held(tmp_path: Path) -> None:
    head = LARGE.partition(b"content-length")[0] + b"transfer-encoding: chunked\r\n\r\n"

    async def scene(play: Play) -> None:
        play.caller.data_received(head + b"4\r\n{   \r\n")
        assert play.plane.memory.held > 0
        assert (await play.say(b"zz\r\n")).code == "framing_invalid"
        assert is_empty(play)

    perform(tmp_path, scene, config=CONFIG)
