"""The load generator for whole answers: requests as ready bytes over keep-alive connections.

Two shapes. `closed_loop` keeps every connection busy until the time is up, then lets the last answers arrive, so that
the CPU the contender spent belongs to exactly the answers counted. `open_loop` sends on a fixed schedule whether or not
earlier answers have come, opening connections as it needs them, so that a slow contender cannot slow its own load.

The framing of answers is left to llhttp. Anything but a complete 200 whose body holds the closing words of the
expected text ends the run with `LoadError`: a benchmark of errors measures nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from time import perf_counter
from typing import cast

import httptools
import msgspec

from bench.prose import CARD, CLOSING, EMAIL

MARKER = CLOSING.encode()
FORBIDDEN = (EMAIL.encode(), CARD.encode())
PATIENCE = 60.0  # seconds that answers may still take after the last request


class LoadError(Exception):
    """An answer that makes the measurement worthless; the message says which and from whom."""


class Tally(msgspec.Struct, frozen=True):
    answers: int  # all that were asked for and came
    in_time: int  # those that came before the time was up
    seconds: float
    elapsed: float  # until the last answer came


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request outstanding at a time."""

    def __init__(self, finished: Callable[["Connection"], None], broken: asyncio.Future[None]) -> None:
        self.finished = finished
        self.broken = broken
        self.body: list[bytes] = []
        self.sent = 0.0
        self.parser = httptools.HttpResponseParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = cast(asyncio.Transport, transport)

    def send(self, request: bytes) -> None:
        self.sent = perf_counter()
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError as error:
            self.fail(f"unreadable answer: {error!r}")

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        body = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        self.body.clear()
        status = self.parser.get_status_code()
        if status != 200 or MARKER not in body:
            self.fail(f"status {status}: {body[:300]!r}")
        elif FORBIDDEN[0] in body or FORBIDDEN[1] in body:
            self.fail("the answer arrived unmasked")
        else:
            self.finished(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self.fail(f"connection closed by the contender ({exc!r})")

    def fail(self, what: str) -> None:
        if not self.broken.done():
            self.broken.set_exception(LoadError(what))

    def close(self) -> None:
        self.finished = _ignore
        self.transport.close()


def _ignore(_connection: Connection) -> None:
    """An answer nobody waits for any more."""


async def _connect(port: int, finished: Callable[[Connection], None], broken: asyncio.Future[None]) -> Connection:
    loop = asyncio.get_running_loop()
    _, connection = await loop.create_connection(lambda: Connection(finished, broken), "127.0.0.1", port)
    return connection


async def _end(connections: list[Connection], broken: asyncio.Future[None]) -> None:
    if not broken.done():
        broken.set_result(None)
    else:
        broken.exception()
    for connection in connections:
        connection.close()
    await asyncio.sleep(0)


async def _wait(done: asyncio.Future[None], broken: asyncio.Future[None], seconds: float) -> None:
    """Until `done`; raises what broke, or LoadError when neither happens in time."""
    await asyncio.wait((done, broken), timeout=seconds + PATIENCE, return_when=asyncio.FIRST_COMPLETED)
    if broken.done():
        broken.result()
    if not done.done():
        raise LoadError(f"answers were still missing {PATIENCE:.0f} s after the last request")


async def closed_loop(port: int, request: bytes, connections: int, seconds: float) -> Tally:
    """Every connection asks again as soon as it is answered, until `seconds` are over."""
    loop = asyncio.get_running_loop()
    broken: asyncio.Future[None] = loop.create_future()
    done: asyncio.Future[None] = loop.create_future()
    answers = in_time = 0
    busy = connections
    deadline = 0.0

    def finished(connection: Connection) -> None:
        nonlocal answers, in_time, busy
        answers += 1
        if perf_counter() < deadline:
            in_time += 1
            connection.send(request)
            return
        busy -= 1
        if not busy and not done.done():
            done.set_result(None)

    opened = [await _connect(port, finished, broken) for _ in range(connections)]
    try:
        start = perf_counter()
        deadline = start + seconds
        for connection in opened:
            connection.send(request)
        await _wait(done, broken, seconds)
        elapsed = perf_counter() - start
    finally:
        await _end(opened, broken)
    return Tally(answers=answers, in_time=in_time, seconds=seconds, elapsed=elapsed)


async def open_loop(port: int, request: bytes, rate: float, seconds: float) -> list[float]:
    """Seconds from sending to complete answer of each of `rate * seconds` requests sent on schedule."""
    loop = asyncio.get_running_loop()
    broken: asyncio.Future[None] = loop.create_future()
    done: asyncio.Future[None] = loop.create_future()
    latencies: list[float] = []
    idle: deque[Connection] = deque()
    total = round(rate * seconds)

    def finished(connection: Connection) -> None:
        latencies.append(perf_counter() - connection.sent)
        idle.append(connection)
        if len(latencies) == total and not done.done():
            done.set_result(None)

    opened = [await _connect(port, finished, broken) for _ in range(16)]
    idle.extend(opened)
    try:
        start = loop.time()
        for number in range(total):
            await asyncio.sleep(start + number / rate - loop.time())
            if not idle:
                opened.append(await _connect(port, finished, broken))
                idle.append(opened[-1])
            idle.popleft().send(request)
        await _wait(done, broken, 0.0)
    finally:
        await _end(opened, broken)
    return latencies
