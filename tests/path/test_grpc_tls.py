"""TLS before the port for gRPC: who is handed on, and as whom."""

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from pathlib import Path
from secrets import token_hex
from typing import Any

import grpc
import grpc.aio
import pytest
import trustme
from grpc_playing import CONFIG, SERVICE, GrpcPlay, answer_of, perform, texts, until
from playbook import ALICE
from tritonclient.grpc import service_pb2

KEY = (("authorization", f"Bearer {ALICE.decode()}"),)


class Stage:
    """A gateway with TLS, and what trusts it."""

    def __init__(self, folder: Path, limits: str = "") -> None:
        self.folder = folder
        self.authority = trustme.CA()
        self.authority.issue_cert("localhost", "127.0.0.1").private_key_and_cert_chain_pem.write_to_path(
            folder / "server.pem"
        )
        listen = (
            f'listen: {{grpc: {{address: "127.0.0.1:0"}}, tls: {{certificate: server.pem, key: server.pem}}{limits}}}'
        )
        self.config = CONFIG.replace('listen: {grpc: {address: "127.0.0.1:0"}}', listen)

    def perform(self, scene: Callable[[GrpcPlay], Awaitable[None]], answer: Any = None) -> None:
        trusts = grpc.ssl_channel_credentials(self.authority.cert_pem.bytes())
        perform(self.folder, scene, answer, config=self.config, trusts=trusts)

    def context(self, *offered: str) -> ssl.SSLContext:
        context = ssl.create_default_context()
        self.authority.configure_trust(context)
        if offered:
            context.set_alpn_protocols(list(offered))
        return context


def test_the_caller_is_known_by_its_own_address(tmp_path: Path) -> None:
    async def scene(play: GrpcPlay) -> None:
        await play.infer(texts("a"))
        assert play.records[-1]["client"] == "127.0.0.1"
        assert play.plane.connections_by_address["127.0.0.1"] == 1  # the connection; its call is over
        await play.channel.close()
        await until(lambda: "127.0.0.1" not in play.plane.connections_by_address)

    Stage(tmp_path).perform(scene)


@pytest.mark.parametrize("offered", [(), ("http/1.1",)])
def test_who_does_not_offer_http_2_is_not_handed_on(tmp_path: Path, offered: tuple[str, ...]) -> None:
    stage = Stage(tmp_path)

    async def scene(play: GrpcPlay) -> None:
        assert await is_hung_up_on(play.port, stage.context(*offered))
        await until(lambda: not play.plane.connections_by_address.get("127.0.0.1"))
        assert (await play.infer(texts("a"))).model_name == "inner-iris"

    stage.perform(scene)


def test_whoever_finds_the_librarys_own_address_is_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = token_hex(16)
    monkeypatch.setattr("guardhouse.path.grpc_listening.token_hex", lambda _: name)

    async def scene(play: GrpcPlay) -> None:
        await play.infer(texts("a"))
        async with grpc.aio.insecure_channel(f"unix-abstract:guardhouse-{name}") as channel:
            call = channel.unary_unary(SERVICE + "ModelInfer")
            with pytest.raises(grpc.aio.AioRpcError) as refused:
                await call(texts("a").SerializeToString(), metadata=KEY)
        assert refused.value.code() is grpc.StatusCode.CANCELLED
        assert [each.get("reason") for each in play.records] == [None, None, "client_left"]
        assert len(play.upstream.requests) == 1

    Stage(tmp_path).perform(scene)


def test_connections_of_one_address_are_bounded(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ", limits: {connections_per_address: 3}")

    async def scene(play: GrpcPlay) -> None:
        await play.infer(texts("a"))
        opened = [await asyncio.open_connection("127.0.0.1", play.port, ssl=stage.context("h2")) for _ in range(2)]
        await until(lambda: play.plane.connections_by_address["127.0.0.1"] == 3)
        assert await is_hung_up_on(play.port, stage.context("h2"))
        await until(lambda: play.records[-1].get("reason") == "connections_exceeded")
        for _, writer in opened:
            writer.transport.abort()
        await until(lambda: play.plane.connections_by_address["127.0.0.1"] == 1)
        await play.infer(texts("a"))

    stage.perform(scene)


async def is_hung_up_on(port: int, context: ssl.SSLContext) -> bool:
    """Whether the connection ends without a byte."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
    except OSError:
        return True
    try:
        writer.write(b"GET / HTTP/1.1\r\nhost: x\r\n\r\n")
        return await reader.read() == b""
    except OSError:
        return True
    finally:
        writer.transport.abort()
        await asyncio.gather(writer.wait_closed(), return_exceptions=True)


def test_large_messages_pass_whole_on_both_ways(tmp_path: Path) -> None:
    text = "some words " * 300_000

    async def scene(play: GrpcPlay) -> None:
        options = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]
        trusts = grpc.ssl_channel_credentials(stage.authority.cert_pem.bytes())
        async with grpc.aio.secure_channel(f"localhost:{play.port}", trusts, options) as channel:
            call = channel.unary_unary(SERVICE + "ModelInfer")
            answer = await call(texts(text).SerializeToString(), metadata=KEY, timeout=30)
        read = service_pb2.ModelInferResponse.FromString(answer)
        assert read.outputs[0].contents.bytes_contents[0] == text.encode()

    async def answer(message: Any, context: Any) -> bytes:
        return answer_of(message.inputs[0].contents.bytes_contents[0].decode())

    stage = Stage(tmp_path)
    stage.perform(scene, answer)
