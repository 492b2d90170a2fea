"""`python -m bench grpc`: what a call by gRPC costs the gateway, beside the same request over REST.

The model server and the load are grpcio's own, in this process; the gateway is `guardhouse serve` with every control,
as in the comparison. What is counted is the CPU time of all its processes, divided by the calls. A call needs an HTTP/2
library on both sides of the gateway; what that alone costs is measured beside it, turn by turn, on a bare proxy.
"""

import asyncio
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import Any

import grpc
import grpc.aio
import msgspec

from bench import cpu
from bench.contenders.bare_grpc import BareGrpc
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
ROUNDS = 3


class Found(msgspec.Struct, frozen=True):
    size: str
    contender: str
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


class Line:
    """One contender that runs, and the connections to it."""

    def __init__(self, contender: Calls | BareGrpc, upstream: int, work: Path) -> None:
        work.mkdir()
        contender.install()
        self.name = contender.label
        self._running = contender.start(upstream, work)
        port = contender.port if isinstance(contender, Calls) else self._running.port
        options = [("grpc.use_local_subchannel_pool", 1)]
        self._channels = [grpc.aio.insecure_channel(f"127.0.0.1:{port}", options) for _ in range(CONNECTIONS)]
        self._metadata = tuple((name.lower(), value) for name, value in self._running.headers)

    async def ready(self) -> None:
        async with asyncio.timeout(PATIENCE):
            await self._channels[0].channel_ready()

    async def figure(self, name: str, message: bytes, seconds: float) -> Found:
        calls = [channel.unary_unary(METHOD) for channel in self._channels]

        async def run(lasting: float) -> int:
            until = time.monotonic() + lasting
            return sum(await asyncio.gather(*[_ask(call, message, self._metadata, until) for call in calls * CALLS]))

        await run(WARM)
        assert self._running.process is not None
        pid = self._running.process.pid
        before, began = cpu.read(pid), time.monotonic()
        answered = await run(seconds)
        elapsed = time.monotonic() - began
        await asyncio.sleep(0.5)  # what readers of the journal do later belongs to the price
        return Found(name, self.name, cpu.between(before, cpu.read(pid)) / 1e3 / answered, answered, elapsed)

    async def stop(self) -> None:
        for channel in self._channels:
            await channel.close()
        if self._running.process is not None:
            self._running.process.stop()


async def measure(seconds: float) -> list[Found]:
    server = grpc.aio.server()
    server.add_generic_rpc_handlers((Upstream(),))
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    lines: list[Line] = []
    with TemporaryDirectory(prefix="bench-grpc-") as work:
        try:
            for contender in (Calls(), BareGrpc()):
                lines.append(Line(contender, port, Path(work) / contender.name))
                await lines[-1].ready()
            found = []
            for number in range(ROUNDS):
                for name, size in SIZES.items():
                    message = write_infer(_message("inputs", prose(size)), INPUTS, raw=False)
                    for line in lines if number % 2 else lines[::-1]:
                        found.append(await line.figure(name, message, seconds))
            return found
        finally:
            for line in lines:
                await line.stop()
            await server.stop(None)


def show(found: list[Found]) -> str:
    lines = ["| KServe v2 over gRPC | µs of CPU per call | calls/s |", "|---|---|---|"]
    for size in dict.fromkeys(each.size for each in found):
        for contender in dict.fromkeys(each.contender for each in found):
            those = [each for each in found if (each.size, each.contender) == (size, contender)]
            costs = sorted(each.microseconds for each in those)
            rate = median(each.calls / each.seconds for each in those)
            lines.append(
                f"| {size} KB, {contender} | {median(costs):.0f} ({costs[0]:.0f}-{costs[-1]:.0f}) | {rate:,.0f} |"
            )
    return "\n".join(lines)
