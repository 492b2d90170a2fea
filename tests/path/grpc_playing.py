"""A worker's port for gRPC and a model server behind it, on loopback: everything between them is the real thing.

The model server is grpcio's own; the messages are those that tritonclient ships.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
from playbook import ALICE, ModelServer, Play
from tritonclient.grpc import service_pb2

from guardhouse.path import grpc_listening
from guardhouse.path.dialling import dialler
from guardhouse.path.pools import Upstreams
from guardhouse.path.tls import tls_context
from guardhouse.policy.load import Loaded, load

SERVICE = "/inference.GRPCInferenceService/"
CONFIG = """
version: 1
listen: {grpc: {address: "127.0.0.1:0"}}
upstream: {first_byte: 2s}
targets:
  tensors: {kind: kserve-grpc, url: "http://127.0.0.1:PORT", credential: "${env:UPSTREAM}"}
  rest: {kind: kserve, url: "http://127.0.0.1:9"}
models:
  iris: {targets: [tensors], name: inner-iris}
  pinned: {targets: [tensors], versions: ["2", "1"]}
  hidden: {targets: [tensors]}
  held: {targets: [tensors], contract: shapes}
  elsewhere: {targets: [rest]}
contracts:
  shapes: {version: "1.0", inputs: {t: {datatype: FP32, shape: [-1], max: 5}}}
policies:
  - name: research
    who: {groups: [research]}
    may: [predict, models.read]
    models: [iris, pinned, held, elsewhere]
    mask: {entities: [all], where: [request, response]}
  - name: others
    who: {ids: [bob]}
    may: [predict]
    models: [hidden]
    limits: {requests: 1/min}
    mask: {entities: []}
"""
Answering = Callable[[Any, Any], Awaitable[bytes]]


class Server:
    """The model server; `answer` takes message and context."""

    def __init__(self, answer: Answering) -> None:
        self.answer = answer
        self.requests: list[Any] = []
        self.metadata: list[dict[str, Any]] = []
        self.methods: list[str] = []
        self.cancelled = 0

    def service(self, details: Any) -> Any:
        async def handle(message: bytes, context: Any) -> bytes:
            self.methods.append(details.method)
            self.metadata.append(dict(details.invocation_metadata))
            self.requests.append(service_pb2.ModelInferRequest.FromString(message))
            try:
                return await self.answer(self.requests[-1], context)
            except asyncio.CancelledError:
                self.cancelled += 1
                raise

        return grpc.unary_unary_rpc_method_handler(handle)


class GrpcPlay(Play):
    """One caller, one worker, one model server, all by gRPC."""

    upstream: Server
    port: int
    channel: Any

    async def call(
        self, method: str, message: Any, key: bytes | None = ALICE, metadata: Any = (), **more: Any
    ) -> bytes:
        credential = () if key is None else (("authorization", f"Bearer {key.decode()}"),)
        sent = message if isinstance(message, bytes) else message.SerializeToString()
        answer: bytes = await self.channel.unary_unary(SERVICE + method)(
            sent, metadata=(*credential, *metadata), timeout=10, **more
        )
        return answer

    async def infer(self, message: Any, key: bytes | None = ALICE, **more: Any) -> Any:
        return service_pb2.ModelInferResponse.FromString(await self.call("ModelInfer", message, key, **more))

    async def refused(self, message: Any, key: bytes | None = ALICE, method: str = "ModelInfer", **more: Any) -> Any:
        """The status of a call that is not answered, with its reason."""
        try:
            await self.call(method, message, key, **more)
        except grpc.aio.AioRpcError as error:
            return error
        raise AssertionError("it was answered")


def reason(error: Any) -> tuple[Any, str | None]:
    told = dict(error.trailing_metadata() or ())
    return error.code(), told.get("x-guardhouse-reason")


def perform(
    directory: Path,
    scene: Callable[[GrpcPlay], Awaitable[None]],
    answer: Answering | None = None,
    *,
    config: str = CONFIG,
    proofs: Any = None,
    trusts: Any = None,
) -> None:
    """`proofs` of the model server and what the caller `trusts` are credentials of grpcio, for TLS."""

    async def run() -> None:
        upstream = Server(answer or fine)
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((upstream,))
        where = "localhost:0" if proofs else "127.0.0.1:0"
        port = server.add_secure_port(where, proofs) if proofs else server.add_insecure_port(where)
        await server.start()
        path = directory / "guardhouse.yaml"
        path.write_text(config.replace("PORT", str(port)))
        loaded = load(path, {"UPSTREAM": "upstream-credential"})
        assert isinstance(loaded, Loaded), loaded
        play = GrpcPlay(directory, ModelServer(lambda _: []), loaded)
        plane = play.plane
        dial = grpc_listening.dialler(dialler())
        plane.upstreams = Upstreams(plane.settings.upstream, plane.loop, dial)
        play.upstream = upstream
        tls = plane.settings.listen.tls
        calls = await grpc_listening.listen(plane, None if tls is None else tls_context(tls, "h2"))
        play.port = calls.number
        address = f"localhost:{play.port}" if trusts else f"127.0.0.1:{play.port}"
        play.channel = grpc.aio.secure_channel(address, trusts) if trusts else grpc.aio.insecure_channel(address)
        sweeping = plane.loop.create_task(sweep(plane))
        try:
            await scene(play)
        finally:
            sweeping.cancel()
            await play.channel.close()
            await calls.stop()
            plane.upstreams.close()
            await asyncio.sleep(0.05)
            await server.stop(None)
            plane.journal.close()
            plane.keys.close()

    asyncio.run(run())


async def until(happened: Callable[[], bool]) -> None:
    async with asyncio.timeout(20):
        while not happened():  # noqa: ASYNC110 - what other loops and processes do has no event
            await asyncio.sleep(0.01)


async def sweep(plane: Any) -> None:
    while True:
        await asyncio.sleep(0.05)
        plane.upstreams.sweep(plane.loop_time())


async def fine(message: Any, context: Any) -> bytes:
    return answer_of("fine")


def answer_of(*texts: str) -> bytes:
    made = service_pb2.ModelInferResponse(model_name="inner-iris", model_version="1")
    made.outputs.add(name="y", datatype="BYTES", shape=[len(texts)])
    made.outputs[0].contents.bytes_contents.extend(text.encode() for text in texts)
    return bytes(made.SerializeToString())


def texts(*elements: str, model: str = "iris", version: str = "") -> Any:
    message = service_pb2.ModelInferRequest(model_name=model, model_version=version)
    message.inputs.add(name="t", datatype="BYTES", shape=[len(elements)])
    message.inputs[0].contents.bytes_contents.extend(element.encode() for element in elements)
    return message


def floats(*values: float, model: str = "iris") -> Any:
    message = service_pb2.ModelInferRequest(model_name=model)
    message.inputs.add(name="t", datatype="FP32", shape=[len(values)])
    message.inputs[0].contents.fp32_contents.extend(values)
    return message
