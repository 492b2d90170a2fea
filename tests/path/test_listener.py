"""The caller's side of the path: order, refusals, deadlines, back-pressure, departures."""

from pathlib import Path
from typing import Any

import pytest
from playbook import ALICE, Play, chat, chunk_event, completion, get, perform, post, reply, stream

from guardhouse.identity.api_keys import KeyRecord


def later(play: Play, seconds: float) -> float:
    return play.plane.loop_time() + seconds


def test_pipelined_requests_are_answered_in_order(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("a")) + get(b"/v1/models") + post(chat("b")) + post(b"{"))
        statuses = [part.split(b" ", 1)[0] for part in play.wire.written.split(b"HTTP/1.1 ")[1:]]
        assert statuses == [b"200", b"200", b"200", b"400"]
        assert len(play.server.requests) == 2

    perform(tmp_path, scene)


def test_too_many_requests_ahead_of_their_answers_end_the_connection(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("a")) * 30)
        assert play.wire.written.count(b"HTTP/1.1 200") == 17
        assert play.wire.written.count(b"pipeline_too_deep") == 1
        assert play.wire.eof

    perform(tmp_path, scene)


def test_a_refused_request_is_answered_before_its_body_arrives(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        whole = post({"pad": "x" * 5000}, key=None)
        answer = await play.say(whole[:300])
        assert (answer.status, answer.code) == (401, "credential_missing")
        assert answer.headers[b"connection"] == b"close"
        assert play.wire.eof
        assert (await play.say(whole[300:])).raw == b""
        play.caller.sweep(later(play, 3))
        assert play.wire.aborted

    perform(tmp_path, scene)


def test_a_refused_request_whose_body_is_there_keeps_the_connection(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("x"), key=None))).status == 401
        assert (await play.say(post(chat("x")))).status == 200

    perform(tmp_path, scene)


def test_an_expected_continue_is_given_only_to_who_may_go_on(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        whole = post(chat("x"), extra=b"expect: 100-continue\r\n")
        head, _, body = whole.partition(b"\r\n\r\n")
        play.caller.data_received(head + b"\r\n\r\n")
        assert play.wire.written == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert (await play.say(body)).status == 200
        stranger = play.connect()
        stranger[1].data_received(post(chat("x"), key=None, extra=b"expect: 100-continue\r\n").partition(b"{")[0])
        await play.turn()
        assert stranger[0].written.startswith(b"HTTP/1.1 401")

    perform(tmp_path, scene)


def test_a_malformed_message_ends_the_connection_and_nothing_behind_it_is_read(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        bad = post(chat("x"), extra=b"content-length: 3\r\n")
        answer = await play.say(bad + post(chat("smuggled")))
        assert (answer.status, answer.code) == (400, "framing_invalid")
        assert play.wire.eof
        assert play.server.requests == []
        assert (await play.say(post(chat("again")))).raw == b""

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    ("sent", "seconds", "code"),
    [
        (b"POST /v1/chat", 11.0, b"header_timeout"),
        (post(chat("x" * 300))[:-100], 61.0, b"body_timeout"),
        (post(chat("x" * 300))[:-100], 8.0, b"body_too_slow"),
    ],
)
def test_a_message_that_does_not_arrive_in_time_is_refused(
    tmp_path: Path, sent: bytes, seconds: float, code: bytes
) -> None:
    async def scene(play: Play) -> None:
        await play.say(sent)
        play.caller.sweep(later(play, seconds))
        await play.turn()
        assert play.wire.written.startswith(b"HTTP/1.1 408")
        assert code in play.wire.written
        assert play.wire.eof
        assert play.records[-1]["reason"] == code.decode()

    perform(tmp_path, scene)


def test_an_idle_connection_is_closed_without_a_word(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.caller.sweep(later(play, 60))
        assert not play.wire.closed
        play.caller.sweep(later(play, 80))
        assert play.wire.aborted
        assert play.wire.written == b""

    perform(tmp_path, scene)


def test_a_partial_head_behind_a_whole_message_runs_on_the_header_deadline(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x")) + b"POST /v1")
        play.caller.sweep(later(play, 11))
        await play.turn()
        assert b"header_timeout" in play.wire.written

    perform(tmp_path, scene)


def test_connections_per_address_are_limited(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.plane.connections_by_address["192.0.2.7"] = 4096
        wire, caller = play.connect()
        await play.turn()
        assert wire.written.startswith(b"HTTP/1.1 429")
        assert wire.eof
        caller.connection_lost(None)
        assert play.plane.connections_by_address["192.0.2.7"] == 4096

    perform(tmp_path, scene)


def test_a_caller_that_leaves_closes_the_upstream_and_is_recorded_as_cancelled(tmp_path: Path) -> None:
    events = [chunk_event("one "), chunk_event("two ")]

    async def scene(play: Play) -> None:
        play.server.script = lambda _: stream(*events)[:-1]
        await play.say(post(chat("x", stream=True)))
        (upstream,) = play.server.wires
        assert not upstream.closed
        play.wire.closed = True
        play.caller.connection_lost(None)
        await play.turn()
        assert upstream.aborted
        assert play.records[-1]["outcome"] == "cancelled"
        assert play.records[-1]["output_tokens"] == 2

    perform(tmp_path, scene)


def test_a_caller_that_does_not_read_pauses_the_upstream_and_is_given_up_at_the_deadline(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: stream(chunk_event("one "))[:-1]
        await play.say(post(chat("x", stream=True)))
        (upstream,) = play.server.wires
        play.caller.pause_writing()
        assert not upstream.is_reading()
        play.caller.resume_writing()
        assert upstream.is_reading()
        play.caller.pause_writing()
        play.caller.sweep(later(play, 61))
        assert play.wire.aborted
        await play.turn()
        assert upstream.aborted
        assert (play.records[-1]["outcome"], play.records[-1]["reason"]) == ("cancelled", "client_too_slow")

    perform(tmp_path, scene)


def test_an_http_1_0_caller_gets_a_stream_without_chunks_that_ends_with_the_connection(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        request = post(chat("x", stream=True)).replace(b"HTTP/1.1", b"HTTP/1.0")
        answer = await play.say(request)
        assert b"transfer-encoding" not in answer.headers
        assert answer.body.endswith(b"data: [DONE]\n\n")
        assert play.wire.eof

    perform(tmp_path, scene, lambda _: stream(chunk_event("one"), b"data: [DONE]\n\n"))


def test_a_draining_worker_answers_what_is_open_and_closes(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        idle = play.connect()
        play.caller.data_received(post(chat("x")))
        play.plane.draining = True
        play.caller.drain()
        await play.turn()
        assert play.wire.written.startswith(b"HTTP/1.1 200")
        assert play.wire.eof
        idle[1].drain()
        assert idle[0].closed

    perform(tmp_path, scene)


def test_a_connection_leaves_nothing_behind(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x")))
        play.wire.closed = True
        play.caller.connection_lost(None)
        assert play.plane.connections == set()
        assert play.plane.connections_by_address == {}

    perform(tmp_path, scene)


def test_the_key_is_the_same_in_each_of_its_carriers(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for carrier in (b"authorization: Bearer ", b"x-api-key: ", b"api-key: ", b"Authorization: bearer "):
            answer = await play.say(post(chat("x"), key=None, extra=carrier + ALICE + b"\r\n"))
            assert answer.status == 200

    perform(tmp_path, scene)


def test_an_answer_to_a_caller_that_asked_to_close_is_followed_by_the_end(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x"), extra=b"connection: close\r\n"))
        assert (answer.status, answer.headers[b"connection"]) == (200, b"close")
        assert play.wire.eof

    perform(tmp_path, scene, lambda _: [reply(completion("x"))])


def test_what_comes_behind_a_last_message_is_not_looked_at(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for behind in (b"X", get(b"/healthz", key=None), post(chat("x"))):
            wire, caller = play.connect()
            caller.data_received(
                get(b"/healthz", key=None).replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + behind
            )
            await play.turn()
            assert wire.written.count(b"HTTP/1.1") == 1
            assert wire.eof
            caller.sweep(later(play, 3))
            assert wire.aborted
        assert play.server.requests == []

    perform(tmp_path, scene)


def test_a_large_last_answer_may_take_its_time_as_long_as_it_moves(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x"), extra=b"connection: close\r\n"))
        for second, unsent in ((3, 900), (30, 500), (85, 100), (100, 0)):
            play.wire.unsent = unsent
            play.caller.sweep(later(play, second))
            assert not play.wire.closed
        play.caller.sweep(later(play, 103))
        assert play.wire.aborted

    perform(tmp_path, scene)


def test_a_complete_request_that_waits_runs_on_no_deadline(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        second = post(chat("y"))
        await play.say(post(chat("x")), second[:-10])
        await play.say(second[-10:])
        play.caller.sweep(later(play, 70))
        await play.turn()
        assert play.wire.written == b""
        play.wire.closed = True
        play.caller.connection_lost(None)
        await play.turn()
        assert [record["reason"] for record in play.records if record["kind"] == "closed"] == ["client_left"] * 2

    perform(tmp_path, scene)


def test_a_key_that_is_revoked_while_its_request_waits_is_refused(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.caller.data_received(post(chat("x")) + post(chat("y")))
        table = play.plane.keys.table
        digest = table.read(ALICE).digest
        table.put(KeyRecord(id="aliceaaaaaaa", digest=digest, principal="alice", created_at=0.0, revoked_at=1.0))
        await play.turn()
        assert play.wire.written.count(b"HTTP/1.1 200") == 1
        assert b"credential_revoked" in play.wire.written
        assert len(play.server.requests) == 1

    perform(tmp_path, scene)


@pytest.mark.parametrize("change", [{"revoked_at": 1.0}, {"expires_at": 1.0}])
def test_a_key_that_ends_while_a_body_is_awaited_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    async def scene(play: Play) -> None:
        whole = post(chat("x"))
        play.caller.data_received(whole[:-5])
        table = play.plane.keys.table
        digest = table.read(ALICE).digest
        table.put(KeyRecord(id="aliceaaaaaaa", digest=digest, principal="alice", created_at=0.0, **change))
        answer = await play.say(whole[-5:])
        assert (answer.status, answer.code[:11]) == (401, "credential_")
        assert play.server.requests == []

    perform(tmp_path, scene)


def test_somebody_who_is_suspended_while_a_body_is_awaited_is_refused(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        whole = post(chat("x"))
        play.caller.data_received(whole[:-5])
        play.plane.gates.suspended = {"alice": None}
        assert (await play.say(whole[-5:])).code == "principal_suspended"
        assert play.server.requests == []

    perform(tmp_path, scene)


def test_a_key_that_expires_while_its_request_waits_is_refused(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.caller.data_received(post(chat("x")) + post(chat("y")))
        table = play.plane.keys.table
        digest, ends = table.read(ALICE).digest, play.plane.now()  # after both have arrived
        table.put(KeyRecord(id="aliceaaaaaaa", digest=digest, principal="alice", created_at=0.0, expires_at=ends))
        await play.turn()
        assert play.wire.written.count(b"HTTP/1.1 200") == 1
        assert b"credential_expired" in play.wire.written
        assert len(play.server.requests) == 1

    perform(tmp_path, scene)


def test_a_body_behind_a_request_that_waited_runs_on_the_body_deadline(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.caller.data_received(post(chat("x")) * 2 + post(chat("z"))[:-5])
        await play.turn()
        assert play.wire.written.count(b"HTTP/1.1 200") == 2
        play.caller.sweep(later(play, 61))
        await play.turn()
        assert b"body_timeout" in play.wire.written
        assert play.wire.eof

    perform(tmp_path, scene)


def test_head_is_refused_without_leaving_its_body_to_the_next_answer(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(get(b"/v1/models").replace(b"GET", b"HEAD"))
        assert (answer.status, answer.headers[b"connection"]) == (405, b"close")
        assert play.wire.eof

    perform(tmp_path, scene)
