"""A contender that is up and answers rightly: the thing figures are taken of.

Before anything is measured it must give the whole answer and the whole stream, word for word. What a gateway changes
on the way (event ids, spacing, merged events) is its business; what the reader gets is not.
"""

import asyncio
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from bench import cpu, payload, streams
from bench.contenders.base import Contender, Running
from bench.load import LoadError, closed_loop
from bench.process import StartError
from bench.prose import private_prose, prose

START_PATIENCE = 30.0
SLOW_START_PATIENCE = 180.0  # of one that compiles or imports for long
PROBE_WORDS = 24
QUIET = 0.01  # of a core: a tree that uses less has done its work
QUIET_PATIENCE = 3.0


class Upstream:
    """The static model server in a process of its own, on the load generator's core."""

    def __init__(self) -> None:
        command = [sys.executable, "-m", "bench.upstream"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[1])
        assert self.process.stdout
        self.port = int(self.process.stdout.readline())

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait()


class Site:
    def __init__(self, contender: Contender, upstream: int) -> None:
        self.contender = contender
        self.folder = TemporaryDirectory(prefix=f"bench-{contender.name}-")
        self.running: Running = contender.start(upstream, Path(self.folder.name))

    @property
    def port(self) -> int:
        return self.running.port

    @property
    def pid(self) -> int | None:
        return self.running.process.pid if self.running.process else None

    def request(self, size: int = 512, model: str = "", *, stream: bool = False, tokens: int = 128) -> bytes:
        if self.contender.messages and not model:
            asked = payload.message_request_body(prose(size), tokens=tokens)
            return payload.http_request(self.port, self.running.headers, asked, "/v1/messages")
        if self.contender.tensors and not model:
            asked = payload.tensor_request_body(prose(size), tokens=tokens)
            return payload.http_request(self.port, self.running.headers, asked, payload.TENSOR_PATH)
        private = self.contender.private
        prompt = private_prose(size) if private else prose(size)
        model = model or (payload.PRIVATE if private else payload.ANSWER)
        body = payload.request_body(model, prompt, stream=stream, tokens=tokens)
        return payload.http_request(self.port, self.running.headers, body)

    async def ready(self) -> None:
        """Until it answers; StartError with its last words if it does not in time."""
        loop = asyncio.get_running_loop()
        end = loop.time() + (SLOW_START_PATIENCE if self.contender.alone else START_PATIENCE)
        while True:
            try:
                await closed_loop(self.port, self.request(), 1, 0.0)
            except (OSError, LoadError) as error:
                if self.running.process:
                    self.running.process.check()
                    if loop.time() > end:
                        raise StartError(f"{error}; {self.running.process.last_words()}") from error
                await asyncio.sleep(0.1)
            else:
                break
        text = await streams.whole_text(self.port, self.request(model=payload.FIRST, stream=True, tokens=PROBE_WORDS))
        if text != payload.streamed_text(PROBE_WORDS):
            raise LoadError(f"the stream arrived as {text!r}")
        bearing = self.contender.bearing
        if bearing.warm:
            await closed_loop(self.port, self.request(), bearing.connections, bearing.warm)

    async def quiet(self) -> None:
        """Until the tree has next to nothing to do: readers that lag behind the data path belong to its price."""
        if self.pid is None:
            return
        loop, step = asyncio.get_running_loop(), self.contender.bearing.settle
        end = loop.time() + QUIET_PATIENCE
        before = cpu.read(self.pid)
        while loop.time() < end:
            await asyncio.sleep(step)
            after = cpu.read(self.pid)
            if cpu.between(before, after) < QUIET * step * 1e9:
                return
            before = after

    def stop(self) -> None:
        if self.running.process:
            self.running.process.stop()
        self.folder.cleanup()
