"""The load generator for streams: it reads server-sent events, counts them, and times the first.

Events are counted by their `data:` in the de-chunked body, whatever pieces they arrive in. A stream is good when its
status is 200 and its last event is [DONE]; anything else ends the run. `Streams` holds many of them so that a
measurement can look at the counters while all of them are flowing.
"""

import asyncio
import re
from time import perf_counter
from typing import cast

import httptools
import msgspec

from bench.load import PATIENCE, LoadError

FIELD = b"data:"
WORD = re.compile(rb'"content":\s*"[^"]')
TAIL = 64


class StreamClient(asyncio.Protocol):
    """One connection, one stream at a time."""

    def __init__(self, group: "Streams") -> None:
        self.group = group
        self.parser = httptools.HttpResponseParser(self)
        self.reset()

    def reset(self) -> None:
        self.tail = b""
        self.events = 0
        self.first_event = 0.0
        self.first_word = 0.0
        self.complete = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes) -> None:
        self.reset()
        self.sent = perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        self.group.reads += 1
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.group.fail(f"unreadable stream: {error!r}")

    def on_body(self, body: bytes) -> None:
        seen = self.tail + body
        self.events += seen.count(FIELD) - self.tail.count(FIELD)
        if self.group.forbidden and self.group.forbidden in seen:
            self.group.fail("the stream arrived unmasked")
        self.tail = seen[-TAIL:]
        if not self.first_event and self.events:
            self.first_event = perf_counter()
            self.group.started += 1
        if not self.first_word and self.group.want_word and WORD.search(seen):
            self.first_word = perf_counter()
        if self.group.keep_text:
            self.group.text.append(body)

    def on_message_complete(self) -> None:
        status = self.parser.get_status_code()
        if status != 200 or b"[DONE]" not in self.tail:
            self.group.fail(f"stream ended with status {status} after {self.events} events: {self.tail!r}")
            return
        self.complete = True
        self.group.completed += 1
        if self.group.completed == len(self.group.clients):
            self.group.done.set()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.complete:
            self.group.fail(f"connection closed after {self.events} events ({exc!r})")


class Streams:
    """A group of streams from one contender.

    `keep_text` keeps what was read, `want_word` times the first word, `forbidden` must not be in any of it.
    """

    def __init__(
        self, port: int, request: bytes, *, keep_text: bool = False, want_word: bool = False, forbidden: bytes = b""
    ) -> None:
        self.port = port
        self.request = request
        self.keep_text = keep_text
        self.want_word = want_word
        self.forbidden = forbidden
        self.text: list[bytes] = []
        self.clients: list[StreamClient] = []
        self.started = self.completed = self.reads = 0
        self.done = asyncio.Event()
        self.error: LoadError | None = None
        self.closing = False

    def fail(self, what: str) -> None:
        if not self.closing and self.error is None:
            self.error = LoadError(what)
            self.done.set()

    @property
    def events(self) -> int:
        return sum(client.events for client in self.clients)

    async def open(self, count: int, per_second: float) -> None:
        """`count` more streams, opened at a steady rate."""
        loop = asyncio.get_running_loop()
        start = loop.time()
        for number in range(count):
            await asyncio.sleep(start + number / per_second - loop.time())
            _, client = await loop.create_connection(lambda: StreamClient(self), "127.0.0.1", self.port)
            self.clients.append(client)
            client.send(self.request)
            self.check()

    async def all_started(self) -> None:
        loop = asyncio.get_running_loop()
        end = loop.time() + PATIENCE
        while self.started < len(self.clients):
            self.check()
            if loop.time() > end:
                raise LoadError(f"only {self.started} of {len(self.clients)} streams have started")
            await asyncio.sleep(0.01)

    async def finish(self, seconds: float) -> None:
        """Until every stream is complete."""
        try:
            async with asyncio.timeout(seconds + PATIENCE):
                await self.done.wait()
        except TimeoutError:
            raise LoadError(f"only {self.completed} of {len(self.clients)} streams have ended") from None
        self.check()

    def check(self) -> None:
        if self.error:
            raise self.error

    async def close(self) -> None:
        self.closing = True
        for client in self.clients:
            client.transport.close()
        await asyncio.sleep(0.05)


class FirstEvent(msgspec.Struct, frozen=True):
    """Seconds from the request to the first event and to the first event that carries a word."""

    event: float
    word: float


async def first_events(port: int, request: bytes, rate: float, seconds: float) -> list[FirstEvent]:
    """Short streams opened on schedule over connections that are already there."""
    loop = asyncio.get_running_loop()
    group = Streams(port, request, want_word=True)
    total = round(rate * seconds)
    for _ in range(total):
        _, client = await loop.create_connection(lambda: StreamClient(group), "127.0.0.1", port)
        group.clients.append(client)
    try:
        start = loop.time()
        for number, client in enumerate(group.clients):
            await asyncio.sleep(start + number / rate - loop.time())
            client.send(request)
        await group.finish(seconds)
    finally:
        await group.close()
    return [FirstEvent(client.first_event - client.sent, client.first_word - client.sent) for client in group.clients]


def read_text(body: bytes) -> str:
    """The words of a stream put together again, as a client library would."""
    words = []
    for line in body.split(b"\n"):
        if line.startswith(FIELD) and b"[DONE]" not in line:
            for choice in msgspec.json.decode(line.removeprefix(FIELD))["choices"]:
                words.append(choice["delta"].get("content") or "")
    return "".join(words)


async def whole_text(port: int, request: bytes) -> str:
    """One stream, read to its end."""
    group = Streams(port, request, keep_text=True)
    try:
        await group.open(1, 1000)
        await group.finish(0)
    finally:
        await group.close()
    return read_text(b"".join(group.text))
