"""The static model server behind every contender: `python -m bench.upstream` prints its port and serves until ended.

It does as little as a server can: the answers are built once, a request is searched for the few bytes that say which
answer it wants, and what stands in it is never decoded. Streams write one HTTP chunk per event, as real model servers
do. Paced ones hang on a wheel that spreads them evenly over the interval, so that no two streams speak in the same
millisecond as long as there are fewer of them than milliseconds: a gateway then wakes once for each event.

The PRIVATE model refuses, with a 500 that fails the run, a request in which the e-mail address or the card number
is still readable: whoever is measured there has really masked.
"""

import asyncio
import re
from itertools import cycle
from typing import cast

import httptools
import uvloop

from bench import payload
from bench.prose import CARD, EMAIL, private_prose, prose

FIND_MODEL = re.compile(rb'"model"\s*:\s*"([^"]+)"')
FIND_TOKENS = re.compile(rb'"max_(?:completion_)?tokens"\s*:\s*(\d+)')
FIND_USAGE = re.compile(rb'"include_usage"\s*:\s*true')
STREAM_HEAD = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
END = b"0\r\n\r\n"
WORDS = [payload.chunk(payload.word_event(word)) for word in payload.STREAM_WORDS]
PRIVATE_WORD = payload.chunk(payload.word_event(f" {EMAIL},"))


def _plain(status: str, body: bytes) -> bytes:
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


ANSWER = _plain("200 OK", payload.answer_body(prose(400)))
MESSAGE = _plain("200 OK", payload.message_body(prose(400)))
TENSOR_PATH = payload.TENSOR_PATH.encode()
TENSOR = _plain("200 OK", payload.tensor_answer_body(prose(400)))
PRIVATE = _plain("200 OK", payload.answer_body(private_prose(400)))
UNMASKED = _plain("500 Internal Server Error", b'{"error":{"message":"the prompt arrived unmasked"}}')
UNKNOWN = _plain("400 Bad Request", b'{"error":{"message":"no such benchmark model"}}')


class Wheel:
    """Calls each of its members once per interval, members spread over slots of a millisecond."""

    def __init__(self, interval: float) -> None:
        self.slots: list[set[Stream]] = [set() for _ in range(round(interval * 1000))]
        self.entry = cycle(range(len(self.slots)))
        self.turning = False
        self.due = 0.0
        self.position = 0

    def add(self, stream: "Stream") -> None:
        stream.slot = self.slots[next(self.entry)]
        stream.slot.add(stream)
        if not self.turning:
            self.turning = True
            self.due = asyncio.get_running_loop().time()
            self.turn()

    def turn(self) -> None:
        loop = asyncio.get_running_loop()
        while self.due <= loop.time():
            self.position = (self.position + 1) % len(self.slots)
            for stream in tuple(self.slots[self.position]):
                stream.step()
            self.due += 0.001
        self.turning = any(self.slots)
        if self.turning:
            loop.call_at(self.due, self.turn)


class Stream:
    """One streamed answer: role event, `left` words, finish, usage if asked for, [DONE]."""

    __slots__ = ("at_once", "left", "position", "protocol", "slot", "usage")

    def __init__(self, protocol: "Server", left: int, at_once: int, *, usage: bool) -> None:
        self.protocol = protocol
        self.left = left
        self.at_once = at_once
        self.usage = usage
        self.position = 0
        self.slot: set[Stream] = set()

    def words(self, count: int) -> bytes:
        start, self.position = self.position, self.position + count
        return b"".join([WORDS[index % len(WORDS)] for index in range(start, start + count)])

    def start(self, words: int) -> None:
        self.left -= words
        self.protocol.write(STREAM_HEAD + payload.chunk(payload.ROLE_EVENT) + self.words(words))

    def step(self) -> None:
        if self.left <= 0:
            self.finish()
            return
        count = min(self.at_once, self.left)
        self.left -= count
        self.protocol.write(self.words(count))

    def finish(self) -> None:
        self.leave()
        usage = payload.chunk(payload.USAGE_EVENT) if self.usage else b""
        self.protocol.write(payload.chunk(payload.FINISH_EVENT) + usage + payload.chunk(payload.DONE) + END)
        self.protocol.stream = None

    def leave(self) -> None:
        self.slot.discard(self)


class Flood(Stream):
    """As fast as it is read: bursts follow as long as the transport has room. Each begins with an e-mail address."""

    def words(self, count: int) -> bytes:
        return PRIVATE_WORD + super().words(count) if count else b""

    def run(self) -> None:
        while not self.protocol.paused and self.protocol.stream is self:
            self.step()


class Server(asyncio.Protocol):
    def __init__(self, wheels: dict[bytes, tuple[Wheel, int]]) -> None:
        self.wheels = wheels
        self.stream: Stream | None = None
        self.paused = False
        self.path = b""
        self.body: list[bytes] = []
        self.parser = httptools.HttpRequestParser(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.write = cast(asyncio.Transport, transport).write

    def connection_lost(self, exc: Exception | None) -> None:
        if self.stream:
            self.stream.leave()
            self.stream = None

    def pause_writing(self) -> None:
        self.paused = True

    def resume_writing(self) -> None:
        self.paused = False
        if isinstance(self.stream, Flood):
            self.stream.run()

    def data_received(self, data: bytes) -> None:
        self.parser.feed_data(data)

    def on_url(self, url: bytes) -> None:
        self.path = url

    def on_body(self, body: bytes) -> None:
        self.body.append(body)

    def on_message_complete(self) -> None:
        body = self.body[0] if len(self.body) == 1 else b"".join(self.body)
        self.body.clear()
        found = FIND_MODEL.search(body)
        model = found[1] if found else b""
        if model == payload.ANSWER.encode():
            self.write(ANSWER)
        elif model == payload.MESSAGE.encode():
            self.write(MESSAGE)
        elif self.path == TENSOR_PATH:
            self.write(TENSOR)
        elif model == payload.PRIVATE.encode():
            self.write(UNMASKED if EMAIL.encode() in body or CARD.encode() in body else PRIVATE)
        else:
            self.open_stream(model, body)

    def open_stream(self, model: bytes, body: bytes) -> None:
        tokens = FIND_TOKENS.search(body)
        left = int(tokens[1]) if tokens else 16
        usage = FIND_USAGE.search(body) is not None
        if model in self.wheels:
            wheel, at_once = self.wheels[model]
            self.stream = Stream(self, left, at_once, usage=usage)
            self.stream.start(1 if at_once == 1 else 0)
            wheel.add(self.stream)
        elif model == payload.HELD.encode():
            self.stream = Stream(self, left, 1, usage=usage)
            self.stream.start(1)
        elif model == payload.FLOOD.encode():
            self.stream = Flood(self, left, payload.EVENTS_PER_BURST, usage=usage)
            self.stream.start(0)
            self.stream.run()
        else:
            self.write(UNKNOWN)


async def listen() -> asyncio.Server:
    """The upstream on a free loopback port."""
    wheels = {
        payload.PACED.encode(): (Wheel(1 / payload.PACED_PER_SECOND), 1),
        payload.BURST.encode(): (Wheel(1 / payload.BURSTS_PER_SECOND), payload.EVENTS_PER_BURST),
        payload.FIRST.encode(): (Wheel(0.02), 1),
    }
    return await asyncio.get_running_loop().create_server(lambda: Server(wheels), "127.0.0.1", 0, backlog=4096)


async def _main() -> None:
    server = await listen()
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_main())
