"""`python -m bench grpc`: what a call by gRPC costs the gateway, beside the same request over REST.

The model server and the load are grpcio's own, in this process; the gateway is `guardhouse serve` with every control,
as in the comparison. What is counted is the CPU time of all its processes, divided by the calls. A call needs an HTTP/2
library on both sides of the gateway, which is most of what it costs.
"""

import asyncio
import time
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import grpc.aio
import msgspec

from bench import cpu
from bench.contenders.guardhouse import Guardhouse
from bench.machine import free_port
from bench.plan import SIZES
from bench.prose import prose
from guardhouse.wire.dialects.kserve.messages import INPUTS, OUTPUTS, write_infer

MODEL = "bench-tensor"
METHOD = "/inference.GRPCInferenceService/ModelInfer"
CONNECTIONS = 4
CALLS = 8  # at a time, of each connection
WARM = 1.0
PATIENCE = 30.0


class Found(msgspec.Struct, frozen=True):
    size: str
    microseconds: float
    calls: int
    seconds: float


def _message(side: str, text: str) -> dict[str, Any]:
    tensor = {"name": "texts", "datatype": "BYTES", "shape": [1], "data": [text]}
    return {"model_name": MODEL, side: [tensor]}


class Upstream:
    """Answers every call with the same message."""

    def __init__(self) -> None:
        self._answer = write_infer(_message("outputs", prose(400)), OUTPUTS, raw=False)

    def service(self, details: Any) -> Any:
        async def answer(*_: Any) -> bytes:
            return self._answer

        return grpc.unary_unary_rpc_method_handler(answer)


class Calls(Guardhouse):
    name = "guardhouse-grpc"

    def __init__(self) -> None:
        self.port = free_port()

    def configure(self, upstream: int, work: Path) -> tuple[int, Path]:
        port, path = super().configure(upstream, work)
        text = path.read_text().replace("listen: {", f'listen: {{grpc: {{address: "127.0.0.1:{self.port}"}}, ')
        target = f'targets:\n  calls: {{kind: kserve-grpc, url: "http://127.0.0.1:{upstream}"}}\n'
        text = text.replace("targets:\n", target, 1).replace(
            f"{MODEL}: {{targets: [upstream]}}", f"{MODEL}: {{targets: [calls]}}"
        )
        path.write_text(text)
        return port, path


async def _ask(call: Any, message: bytes, metadata: Any, until: float) -> int:
    answered = 0
    while time.monotonic() < until:
        await call(message, metadata=metadata)
        answered += 1
    return answered


async def measure(seconds: float) -> list[Found]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Upstream(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    contender = Calls()
    contender.install()
    with TemporaryDirectory(prefix="bench-grpc-") as work:
        running = contender.start(port, Path(work))
        options = [("grpc.use_local_subchannel_pool", 1)]
        channels = [grpc.aio.insecure_channel(f"127.0.0.1:{contender.port}", options) for _ in range(CONNECTIONS)]
        assert running.process is not None
        try:
            async with asyncio.timeout(PATIENCE):
                await channels[0].channel_ready()
            metadata = tuple((name.lower(), value) for name, value in running.headers)
            calls = [channel.unary_unary(METHOD) for channel in channels]
            return [
                await _figure(calls, name, size, metadata, running.process.pid, seconds) for name, size in SIZES.items()
            ]
        finally:
            for channel in channels:
                await channel.close()
            running.process.stop()
            await server.stop(None)


async def _figure(  # noqa: PLR0917 - called in one place
    calls: list[Any], name: str, size: int, metadata: Any, pid: int, seconds: float
) -> Found:
    message = write_infer(_message("inputs", prose(size)), INPUTS, raw=False)

    async def run(lasting: float) -> int:
        until = time.monotonic() + lasting
        return sum(await asyncio.gather(*[_ask(call, message, metadata, until) for call in calls * CALLS]))

    await run(WARM)
    before, began = cpu.read(pid), time.monotonic()
    answered = await run(seconds)
    elapsed = time.monotonic() - began
    await asyncio.sleep(0.5)  # what readers of the journal do later belongs to the price
    return Found(name, cpu.between(before, cpu.read(pid)) / 1e3 / answered, answered, elapsed)


def show(found: list[Found]) -> str:
    lines = ["| KServe v2 over gRPC | µs of CPU per call | calls/s |", "|---|---|---|"]
    lines += [f"| {each.size} KB | {each.microseconds:.0f} | {each.calls / each.seconds:,.0f} |" for each in found]
    return "\n".join(lines)
