"""The model server's side of the path: pools, refusals to reuse, deadlines, fallbacks, and hostile answers."""

from pathlib import Path

import pytest
from playbook import CONFIG, Play, chat, chunk_event, completion, event, perform, post, reply, stream

OK = reply(completion("fine"))
EVENTS = b"text/event-stream"


def test_a_clean_connection_is_used_again(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for _ in range(3):
            assert (await play.say(post(chat("x")))).status == 200
        assert len(play.server.wires) == 1

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    "script",
    [
        [OK + b"x"],
        [OK + OK],
        [OK, b"late bytes"],
        [reply(completion("x"), extra=b"connection: close\r\n")],
        [OK.replace(b"HTTP/1.1", b"HTTP/1.0")],
    ],
    ids=["extra byte", "second answer", "speaks while idle", "says close", "http/1.0"],
)
def test_a_connection_that_saw_anything_unexpected_is_never_used_again(tmp_path: Path, script: list[bytes]) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: script
        assert (await play.say(post(chat("x")))).status == 200
        assert play.server.wires[0].aborted
        assert (await play.say(post(chat("x")))).status == 200
        assert len(play.server.wires) == 2

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    ("script", "status", "code"),
    [
        ([b"garbage\r\n"], 502, "upstream_protocol_error"),
        ([b"HTTP/1.1 101 Switching Protocols\r\n\r\n"], 502, "upstream_protocol_error"),
        ([b"HTTP/1.1 200 OK\r\nx: \x00\r\n\r\n"], 502, "upstream_protocol_error"),
        ([None], 502, "upstream_closed_early"),
        ([OK[:-5], None], 502, "upstream_closed_early"),
        ([reply(b"", status=b"302 Found", extra=b"location: http://evil/\r\n")], 502, "redirect_refused"),
        ([reply(b"\x1f\x8b", extra=b"content-encoding: gzip\r\n")], 502, "response_unreadable"),
        ([reply(b"\x00\x01", content_type=b"application/octet-stream")], 502, "response_unreadable"),
        ([reply(b"{not json")], 502, "response_unreadable"),
        ([reply(b'{"a":1,"a":2}')], 502, "response_unreadable"),
    ],
)
def test_a_hostile_answer_becomes_one_clean_refusal(
    tmp_path: Path, script: list[bytes | None], status: int, code: str
) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: script
        answer = await play.say(post(chat("x")))
        assert (answer.status, answer.code) == (status, code)
        assert answer.headers[b"x-guardhouse-decision"] == b"failed"
        closed = play.records[-1]
        assert (closed["decision"], closed["outcome"], closed["reason"]) == ("allowed", "failed", code)
        assert b"evil" not in answer.raw

    perform(tmp_path, scene)


def test_an_answer_over_the_limit_is_refused(tmp_path: Path) -> None:
    config_limit = 1024

    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x")))
        assert answer.code == "response_too_large"

    perform(
        tmp_path,
        scene,
        lambda _: [reply(completion("y" * 2 * config_limit))],
        CONFIG + "upstream: {response_body: 1KiB}\n",
    )


def test_an_error_of_the_model_server_passes_with_its_own_body(tmp_path: Path) -> None:
    body = {"error": {"message": "context too long for ann@example.com", "code": 400}}

    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x")))
        assert answer.status == 400
        assert answer.json["error"]["message"] == "context too long for [EMAIL]"
        assert play.records[-1]["outcome"] == "completed"

    perform(tmp_path, scene, lambda _: [reply(body, status=b"400 Bad Request")])


def test_headers_of_the_model_server_pass_only_by_the_list(tmp_path: Path) -> None:
    extra = b"server: uvicorn\r\nset-cookie: a=b\r\nx-goog-api-key: k\r\nopenai-processing-ms: 5\r\nretry-after: 9\r\n"

    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x")))
        assert answer.headers[b"openai-processing-ms"] == b"5"
        assert not {b"server", b"set-cookie", b"x-goog-api-key"} & set(answer.headers)

    perform(tmp_path, scene, lambda _: [reply(completion("x"), extra=extra)])


def test_a_target_that_cannot_be_reached_hands_over_to_the_next(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        assert (await play.say(post(chat("x")))).status == 200
        assert play.records[-1]["target"] == "spare"
        assert b"upstream-credential" not in play.server.requests[0]
        play.server.refuses = {"local", "spare"}
        play.plane.upstreams.close()
        answer = await play.say(post(chat("x")))
        assert (answer.status, answer.code) == (502, "upstream_unreachable")

    perform(tmp_path, scene)


def test_silence_ends_at_the_deadline_of_its_phase(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        await play.say(post(chat("x")))
        play.plane.upstreams.sweep(play.plane.loop_time() + 121)
        await play.turn()
        assert b"upstream_first_byte_timeout" in play.wire.written
        play.server.script = lambda _: [OK[:-3]]
        await play.say(post(chat("x")))
        play.plane.upstreams.sweep(play.plane.loop_time() + 61)
        await play.turn()
        assert b"upstream_between_bytes_timeout" in play.wire.written
        assert all(wire.aborted for wire in play.server.wires)

    perform(tmp_path, scene)


def test_an_idle_upstream_connection_is_closed_in_time(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x")))
        play.plane.upstreams.sweep(play.plane.loop_time() + 31)
        assert play.server.wires[0].aborted
        assert (await play.say(post(chat("x")))).status == 200

    perform(tmp_path, scene)


def test_a_stream_that_breaks_off_ends_with_an_error_event_and_the_connection(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x", stream=True)))
        assert answer.status == 200
        assert answer.events[-2]["error"]["code"] == "upstream_closed_early"
        assert play.wire.eof
        assert play.records[-1]["outcome"] == "failed"

    perform(tmp_path, scene, lambda _: [*stream(chunk_event("one "))[:-1], None])


def test_an_event_that_cannot_be_read_ends_a_masked_stream(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x", stream=True)))
        assert b"secret" not in answer.body
        assert answer.events[-2]["error"]["code"] == "response_unreadable"

    perform(tmp_path, scene, lambda _: stream(chunk_event("one "), b"data: {secret\n\n", event({"choices": []})))


def test_a_request_for_a_stream_that_is_answered_whole_is_read_as_what_it_is(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x", stream=True)))
        assert answer.json["choices"][0]["message"]["content"] == "[EMAIL]"

    perform(tmp_path, scene, lambda _: [reply(completion("ann@example.com"))])


@pytest.mark.parametrize("status", [b"204 No Content", b"205 Reset Content"])
@pytest.mark.parametrize("asked", [True, False], ids=["stream", "whole"])
def test_an_answer_without_a_body_is_no_stream_whatever_it_calls_itself(
    tmp_path: Path, status: bytes, asked: bool
) -> None:
    """A chunked head here would leave its chunks to the caller's next answer."""

    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x", stream=asked)))
        assert answer.status == int(status[:3])
        assert b"transfer-encoding" not in answer.headers
        assert answer.headers[b"content-length"] == b"0"
        assert answer.body == b""
        assert (play.records[-1]["outcome"], play.records[-1]["status"]) == ("completed", int(status[:3]))
        play.server.script = lambda _: [reply(completion("next"))]
        following = await play.say(post(chat("y")))
        assert following.raw.startswith(b"HTTP/1.1 200 ")
        assert following.json == completion("next")

    perform(tmp_path, scene, lambda _: [reply(b"", status=status, content_type=EVENTS)])


def test_an_answer_from_nobodys_cache_is_a_redirect_that_is_refused(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x", stream=True)))
        assert (answer.status, answer.code) == (502, "redirect_refused")
        assert b"transfer-encoding" not in answer.headers

    perform(tmp_path, scene, lambda _: [reply(b"", status=b"304 Not Modified", content_type=EVENTS)])


def test_an_error_that_calls_itself_a_stream_is_masked_as_text(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("x", stream=True)))
        assert answer.status == 503
        assert b"transfer-encoding" not in answer.headers
        assert answer.body == b"data: ask [EMAIL]\n\n"

    script = [reply(b"data: ask ann@example.com\n\n", status=b"503 Service Unavailable", content_type=EVENTS)]
    perform(tmp_path, scene, lambda _: script)


PATIENT = CONFIG.replace(
    'url: "http://127.0.0.1:9"', 'url: "http://127.0.0.1:9", timeouts: {first_byte: 10s, whole: 30s}'
).replace("renamed: {", "renamed: {timeouts: {first_byte: 3s}, ")


@pytest.mark.parametrize(("model", "late"), [("small", 10), ("renamed", 3)])
def test_a_target_and_a_model_have_time_outs_of_their_own(tmp_path: Path, model: str, late: int) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        await play.say(post(chat("x", model)))
        now = play.plane.loop_time()
        play.plane.upstreams.sweep(now + late - 1)
        await play.turn()
        assert play.wire.written == b""
        play.plane.upstreams.sweep(now + late)
        await play.turn()
        assert b"upstream_first_byte_timeout" in play.wire.written

    perform(tmp_path, scene, None, PATIENT)


def test_an_answer_that_never_pauses_ends_with_the_time_for_the_whole(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: stream(chunk_event("one "))[:-1]
        await play.say(post(chat("x", stream=True)))
        play.plane.upstreams.sweep(play.plane.loop_time() + 29)
        await play.turn()
        assert not play.wire.eof
        play.plane.upstreams.sweep(play.plane.loop_time() + 30)
        await play.turn()
        assert b"upstream_whole_timeout" in play.wire.written
        assert play.wire.eof

    perform(tmp_path, scene, None, PATIENT)


def test_a_request_that_is_not_taken_has_a_time_out_of_its_own(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        await play.say(post(chat("x")))
        (wire,) = play.server.wires
        connection = play.caller.upstream
        assert connection is not None
        connection.pause_writing()
        play.plane.upstreams.sweep(play.plane.loop_time() + 61)
        await play.turn()
        assert b"upstream_write_timeout" in play.wire.written
        assert wire.aborted

    perform(tmp_path, scene)


def test_a_request_that_was_taken_late_has_its_time_for_the_first_byte_from_then_on(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        await play.say(post(chat("x")))
        connection = play.caller.upstream
        assert connection is not None
        connection.pause_writing()
        connection.resume_writing()
        play.plane.upstreams.sweep(play.plane.loop_time() + 61)
        await play.turn()
        assert play.wire.written == b""
        play.plane.upstreams.sweep(play.plane.loop_time() + 121)
        await play.turn()
        assert b"upstream_first_byte_timeout" in play.wire.written

    perform(tmp_path, scene)


def test_a_connection_that_was_answered_before_its_request_was_taken_is_never_used_again(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        await play.say(post(chat("x")))
        connection = play.caller.upstream
        assert connection is not None
        connection.pause_writing()
        connection.data_received(OK)
        await play.turn()
        assert play.records[-1]["outcome"] == "completed"
        assert play.server.wires[0].aborted

    perform(tmp_path, scene)
