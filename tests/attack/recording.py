"""A model server that writes down every byte it gets, and believes nothing.

The oracle of the attack suite is not the status a client sees but what arrives here. Each connection's bytes are kept
as they came; each request is read by a parser that accepts one form only — the form the gateway promises to write:
origin-form target, HTTP/1.1, one Host, one Content-Length, no Transfer-Encoding, fields without control characters,
a JSON body of exactly the stated length. Anything else is an entry in `violations`, never an exception.

It runs on a thread of its own, so that tests stay plain functions.
"""

import asyncio
import json
import re
import threading
from typing import Self

from attack.replies import STREAM_HEAD, as_chunk, chunks, completion, whole
from attack.tape import Seen, Tape
from integration.polling import LOOPBACK

REQUEST_LINE = re.compile(rb"(GET|POST) (/v1/[a-z/.\-]+[\x21-\x7e]*) HTTP/1\.1")
FIELD = re.compile(rb"([!#$%&'*+\-.^`|~0-9A-Za-z]+): ([\x20-\x7e\x80-\xff]*)")  # no underscore in a name
ONLY_ONCE = ("host", "content-length", "content-type", "authorization")


class Connection(asyncio.Protocol):
    """Bytes to requests, requests to answers; one at a time, because the gateway never pipelines upstream."""

    def __init__(self, back_end: "RecordingBackend") -> None:
        self.back_end = back_end
        self.tape = back_end.tape
        self.number = len(self.tape.raw)
        self.raw = bytearray()
        self.tape.raw.append(self.raw)
        self.read = 0
        self.transport: asyncio.Transport | None = None
        self.writable = asyncio.Event()
        self.writable.set()
        self.answering: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def connection_lost(self, exc: Exception | None) -> None:
        self.tape.closed[self.number] = asyncio.get_running_loop().time()
        if self.read < len(self.raw):
            self.complain("the connection ended inside a request")
        if self.answering is not None:
            self.answering.cancel()

    def pause_writing(self) -> None:
        self.tape.paused.add(self.number)
        self.writable.clear()

    def resume_writing(self) -> None:
        self.tape.paused.discard(self.number)
        self.writable.set()

    def complain(self, what: str) -> None:
        self.tape.violations.append(f"connection {self.number}: {what}: {bytes(self.raw[self.read :])[:200]!r}")

    def data_received(self, data: bytes) -> None:
        self.raw += data
        while (seen := self.next_request()) is not None:
            if self.answering is not None and not self.answering.done():
                self.complain("a request before the answer to the one before it")
            self.tape.seen.append(seen)
            self.answering = asyncio.get_running_loop().create_task(self.answer(seen))

    def next_request(self) -> Seen | None:
        head_end = self.raw.find(b"\r\n\r\n", self.read)
        if head_end < 0:
            return None
        lines = bytes(self.raw[self.read : head_end]).split(b"\r\n")
        line, fields = REQUEST_LINE.fullmatch(lines[0]), [FIELD.fullmatch(each) for each in lines[1:]]
        headers = tuple((each[1].decode().lower(), each[2].decode("latin-1")) for each in fields if each)
        if line is None or not all(fields):
            self.complain("not the one form of a request")
        for name in ONLY_ONCE:
            if sum(key == name for key, _ in headers) > 1:
                self.complain(f"{name} more than once")
        length = next((value for key, value in headers if key == "content-length"), "0")
        if not length.isascii() or not length.isdigit() or any(key == "transfer-encoding" for key, _ in headers):
            self.complain("the length is not stated plainly")
            length = "0"
        end = head_end + 4 + int(length)
        if len(self.raw) < end:
            return None
        body = bytes(self.raw[head_end + 4 : end])
        method, path = (line[1].decode(), line[2].decode()) if line else ("", "")
        self.check_body(body, method)
        self.read = end
        return Seen(self.number, method, path, headers, body)

    def check_body(self, body: bytes, method: str) -> None:
        if method != "POST":
            return
        try:
            json.loads(body)
        except ValueError:
            self.complain("the body is not JSON")

    async def answer(self, seen: Seen) -> None:
        assert self.transport is not None
        if not seen.body or not seen.document.get("stream"):
            self.transport.write(whole(completion(seen)))
            self.tape.answered += 1
            return
        self.transport.write(STREAM_HEAD)
        for payload in chunks(seen):
            await self.writable.wait()
            self.transport.write(as_chunk(f"data: {payload}\n\n".encode()))
            await asyncio.sleep(self.back_end.pause)
        self.transport.write(b"0\r\n\r\n")
        self.tape.answered += 1


class RecordingBackend:
    """The thread, its loop and its tape; a context manager."""

    protocol: type[Connection] = Connection

    def __init__(self, pause: float = 0.0) -> None:
        self.tape = Tape()
        self.pause = pause  # seconds between the events of a stream
        self.port = 0
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.started = threading.Event()

    @property
    def url(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def __enter__(self) -> Self:
        self.thread.start()
        assert self.started.wait(5)
        return self

    def __exit__(self, *_: object) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(5)
        self.loop.close()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        server = self.loop.run_until_complete(
            self.loop.create_server(lambda: self.protocol(self), LOOPBACK, 0, backlog=512)
        )
        self.port = server.sockets[0].getsockname()[1]
        self.started.set()
        self.loop.run_forever()
        server.close()
        tasks = asyncio.all_tasks(self.loop)
        for task in tasks:
            task.cancel()
        self.loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
