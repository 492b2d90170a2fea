"""What no client library sends to the port for gRPC, and what callers that leave at a bad moment come to."""

import asyncio
import signal
from pathlib import Path
from struct import pack
from typing import Any

import grpc
import pytest
from grpc_playing import CONFIG, GrpcPlay, perform, reason, texts, until
from http2_raw import DATA, INFER, cancel, connected, frame, head, message, say
from playbook import ALICE

from guardhouse.path.grpc_listening import Port
from guardhouse.path.grpc_server import CallServer

CODE = grpc.StatusCode
KEY = (b"authorization", b"Bearer " + ALICE)
ASKED = texts("a").SerializeToString()
EVIL = texts("to mallory@example.org", model="hidden").SerializeToString()
LIMITED = CONFIG.replace(
    '{grpc: {address: "127.0.0.1:0"}}',
    '{grpc: {address: "127.0.0.1:0"}, limits: {header_bytes: 4KiB, headers: 8}, headers: {refuse: [cookie]}}',
)


async def only(play: GrpcPlay) -> dict[str, Any]:
    """The one record that there is, after all that was sent has had its effect."""
    await until(lambda: bool(play.records))
    assert (await play.infer(texts("b"))).model_name == "inner-iris", "the port is alive"
    first, *after = play.records
    assert len(after) == 2
    assert len(play.upstream.requests) == 1
    return first


@pytest.mark.parametrize("path", [b"/\xff\xfe", INFER + b"\xc3\x28", INFER + b"\0", b"*", b"/" + b"a" * 9000])
def test_a_method_whose_name_is_no_text_does_not_end_the_port(tmp_path: Path, path: bytes) -> None:
    async def scene(play: GrpcPlay) -> None:
        for _ in range(3):
            await say(play.port, head(KEY, path=path), message(ASKED))
        assert [each["reason"] for each in play.records] == ["route_unknown"] * 3
        assert (await play.infer(texts("b"))).model_name == "inner-iris"

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    "value",
    [
        b"00-a\r\nauthorization: Bearer evil",
        b"00-a\r\n\r\n" + EVIL,
        b"00-a\n",
        b"00-a\0b",
        b"\xffhunter2",
        "hunter2\u00e9".encode(),
    ],
)
@pytest.mark.parametrize("name", [b"traceparent", b"tracestate", b"authorization", b"x-api-key", b"x-other"])
def test_a_value_that_is_no_line_of_text_goes_nowhere(
    tmp_path: Path, name: bytes, value: bytes, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    async def scene(play: GrpcPlay) -> None:
        fields = [(name, value)] if name == b"authorization" else [KEY, (name, value)]
        await say(play.port, head(*fields), message(ASKED))
        assert (await only(play))["reason"] == "header_invalid"
        assert play.upstream.metadata[0]["authorization"] == "Bearer upstream-credential"

    perform(tmp_path, scene)
    told = "".join(capfd.readouterr())
    assert "hunter2" not in caplog.text + told
    assert "mallory" not in caplog.text + told


def test_what_is_no_text_by_its_name_is_not_read(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        await say(play.port, head((b"authorization-bin", b"QmVhcmVy")), message(ASKED))
        assert (await only(play))["reason"] == "credential_missing"

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    "said",
    [
        [head(KEY), message(ASKED, ends=False), 0.2, cancel()],
        [head(KEY) + message(ASKED, ends=False) + cancel()],
        [head(KEY) + message(ASKED) + cancel()],
        [head(KEY), 0.1, cancel()],
        [head(KEY, (b"grpc-timeout", b"200m")), message(ASKED, ends=False)],
        [head(KEY, (b"grpc-timeout", b"200m"))],
        [head(KEY, (b"grpc-timeout", b"0n")), message(ASKED)],
    ],
)
def test_who_leaves_before_all_is_said_reaches_no_model_server(tmp_path: Path, said: list[bytes | float]) -> None:
    async def scene(play: GrpcPlay) -> None:
        if isinstance(said[-1], bytes) and said[-1].endswith(cancel()):
            async with connected(play.port) as (_, writer):
                for part in said:
                    if isinstance(part, float):
                        await asyncio.sleep(part)
                    else:
                        writer.write(part)
                await until(lambda: bool(play.records))
        else:
            await say(play.port, *said)
        closed = await only(play)
        assert (closed["kind"], closed["reason"], closed["outcome"]) == ("closed", "client_left", "cancelled")
        assert not play.plane.connections_by_address.get("127.0.0.1")

    perform(tmp_path, scene)


def test_a_connection_that_is_lost_after_the_message_takes_the_call_along(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        async with connected(play.port) as (_, writer):
            writer.write(head(KEY) + message(ASKED, ends=False))
            await until(lambda: bool(play.plane.connections_by_address))
        assert (await only(play))["reason"] == "client_left"

    perform(tmp_path, scene)


def test_a_caller_that_says_later_that_it_has_said_all_is_served(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        await say(play.port, head(KEY), message(ASKED, ends=False), 0.2, b"\0\0\0\0\1\0\0\0\1")
        assert [each["kind"] for each in play.records] == ["opened", "closed"]
        assert play.records[-1]["outcome"] == "completed"

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (message(ASKED, ends=False) + message(ASKED), "body_unexpected"),
        (b"\0\0\0\0\1\0\0\0\1", "body_missing"),
        (b"\0\0\3\0\1\0\0\0\1\0\0\0", "body_missing"),
        (message(ASKED, flag=1), "body_too_large"),
    ],
)
def test_anything_but_one_message_is_refused(tmp_path: Path, body: bytes, code: str) -> None:
    async def scene(play: GrpcPlay) -> None:
        await say(play.port, head(KEY) + body)
        assert (await only(play))["reason"] == code

    perform(tmp_path, scene)


def test_messages_that_take_their_time_count_as_what_they_may_become(tmp_path: Path) -> None:
    config = CONFIG.replace(
        '{grpc: {address: "127.0.0.1:0"}}',
        '{grpc: {address: "127.0.0.1:0"}, limits: {body: 64KiB, memory: 256KiB}, deadlines: {body: 30s}}',
    )
    begun = head(KEY) + frame(DATA, 0, 1, b"\0" + pack(">I", 60_000) + b"a" * 10_000)

    async def scene(play: GrpcPlay) -> None:
        memory = play.plane.memory
        async with connected(play.port) as (_, first):
            first.write(begun)
            await until(lambda: memory.held > 64 * 1024)
            async with connected(play.port) as (_, second):
                second.write(begun)
                await until(lambda: bool(play.records))
                assert play.records[0]["reason"] == "memory_exhausted"
            assert (await play.infer(texts("b"))).model_name == "inner-iris"
        await until(lambda: memory.held == 0)
        assert [each.get("reason") for each in play.records] == ["memory_exhausted", None, None, "client_left"]

    perform(tmp_path, scene, config=config)


def test_a_slow_message_that_is_small_after_all_counts_no_more(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        whole = message(ASKED)
        await say(play.port, head(KEY) + whole[:9] + whole[9:20], 1.3, whole[20:])
        assert play.records[-1]["outcome"] == "completed"
        assert play.plane.memory.held == 0

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    ("metadata", "code"),
    [
        ((("x-long", "v" * 4000),), "headers_too_large"),
        (tuple((f"x-{number}", "v") for number in range(8)), "headers_too_large"),
        ((("x-bin", b"\0" * 4000),), "headers_too_large"),
        ((("cookie", "a=b"),), "header_refused"),
    ],
)
def test_metadata_are_held_to_the_limits_and_rules_of_headers(tmp_path: Path, metadata: Any, code: str) -> None:
    async def scene(play: GrpcPlay) -> None:
        assert reason(await play.refused(texts("a"), metadata=metadata))[1] == code
        assert (await only(play))["reason"] == code

    perform(tmp_path, scene, config=LIMITED)


def test_headers_that_are_allowed_are_the_only_ones(tmp_path: Path) -> None:
    config = LIMITED.replace("refuse: [cookie]", "allow: [x-known]")

    async def scene(play: GrpcPlay) -> None:
        assert (await play.infer(texts("a"), metadata=(("x-known", "a"),))).model_name == "inner-iris"
        assert reason(await play.refused(texts("a"), metadata=(("x-other", "a"),)))[1] == "header_refused"

    perform(tmp_path, scene, config=config)


@pytest.mark.parametrize("size", [9_000, 100_000, 1_000_000])
def test_metadata_far_beyond_the_limit_leave_a_record_too(tmp_path: Path, size: int) -> None:
    async def scene(play: GrpcPlay) -> None:
        await say(play.port, head(KEY, (b"x-long", b"v" * size)), message(ASKED))
        assert (await only(play))["reason"] == "headers_too_large"

    perform(tmp_path, scene, config=LIMITED)


def test_a_port_that_fails_ends_the_worker_in_order(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(CallServer):
        async def _request_registered_call(self, method: bytes) -> Any:
            raise RuntimeError("hunter2")

    async def run() -> None:
        async def serve(rpc: Any) -> None:
            raise AssertionError("there are no calls")

        ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.add_signal_handler(signal.SIGTERM, ended.set)
        server = Broken(loop, (), [INFER.decode()], serve)
        server.add_insecure_port(b"127.0.0.1:0")
        await server.start()
        async with asyncio.timeout(5):
            await ended.wait()
        await Port(0, server, None).stop()

    asyncio.run(run())
    assert "the port for gRPC failed: RuntimeError" in caplog.text
    assert "hunter2" not in caplog.text
