"""A model server that writes down every byte it gets, and believes nothing.

The oracle of the attack suite is not the status a client sees but what arrives here. Each connection's bytes are kept
as they came; each request is read by a parser that accepts one form only — the form the gateway promises to write:
origin-form target, HTTP/1.1, one Host, one Content-Length, no Transfer-Encoding, fields without control characters,
a JSON body of exactly the stated length. Anything else is an entry in `violations`, never an exception.

Answers are correct OpenAI documents that repeat the last text of the request, so that a client can tell its own answer
from another's. A text of the form `stream:N` is answered with N pieces when a stream is asked for, and a request that
brings tools with a call of the first of them, its arguments in pieces.

It runs on a thread of its own, so that tests stay plain functions.
"""

import asyncio
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Self

from integration.polling import LOOPBACK

REQUEST_LINE = re.compile(rb"(GET|POST) (/v1/[a-z/.\-]+[\x21-\x7e]*) HTTP/1\.1")
FIELD = re.compile(rb"([!#$%&'*+\-.^`|~0-9A-Za-z]+): ([\x20-\x7e\x80-\xff]*)")  # no underscore in a name
ONLY_ONCE = ("host", "content-length", "content-type", "authorization")


@dataclass(frozen=True, slots=True)
class Seen:
    """One request as it arrived."""

    connection: int
    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def every(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name]

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        """The last text of the request, whichever operation it is for."""
        if not self.body:
            return ""
        document = self.document
        told = document.get("messages") or document.get("prompt") or document.get("input") or ""
        if isinstance(told, list):
            told = told[-1] if told else ""
        if isinstance(told, dict):
            told = told.get("content") or ""
        return told if isinstance(told, str) else json.dumps(told)


@dataclass(slots=True)
class Tape:
    """Everything that arrived, on every connection."""

    raw: list[bytearray] = field(default_factory=list)
    seen: list[Seen] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    answered: int = 0  # requests whose answer was written to its end
    closed: dict[int, float] = field(default_factory=dict)  # connection -> loop time of its end

    def holds(self, marker: str) -> bool:
        return any(marker.encode() in raw for raw in self.raw)


def completion(seen: Seen) -> dict[str, Any]:
    """The whole answer to a request that asked for no stream."""
    model = seen.document.get("model", "") if seen.body else ""
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    if seen.path.endswith("/chat/completions"):
        called = tool_call(seen)
        message = {"role": "assistant", "content": None if called else seen.text, **called}
        reason = "tool_calls" if called else "stop"
        choices: list[dict[str, Any]] = [{"index": 0, "message": message, "finish_reason": reason}]
        shape = {"id": "chatcmpl-1", "object": "chat.completion", "choices": choices}
    elif seen.path.endswith("/completions"):
        choices = [{"index": 0, "text": seen.text, "finish_reason": "stop"}]
        shape = {"id": "cmpl-1", "object": "text_completion", "choices": choices}
    elif seen.path.endswith("/embeddings"):
        shape = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}]}
        usage = {"prompt_tokens": 3, "total_tokens": 3}
    elif seen.path.endswith("/responses"):
        part = {"type": "output_text", "text": seen.text, "annotations": []}
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
        shape = {"id": "resp_1", "object": "response", "status": "completed", "output": [item]}
        usage = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}
    else:
        return {"object": "list", "data": [{"id": "tiny", "object": "model", "created": 1, "owned_by": "double"}]}
    return {**shape, "created": 1, "model": model, "usage": usage}


def tool_call(seen: Seen) -> dict[str, Any]:
    """The members of a message that calls the first tool; empty when none was offered."""
    tools = seen.document.get("tools")
    if not tools:
        return {}
    function = {"name": tools[0]["function"]["name"], "arguments": json.dumps({"town": seen.text})}
    return {"tool_calls": [{"id": "call_1", "type": "function", "function": function}]}


def deltas(seen: Seen) -> list[dict[str, Any]]:
    """What a streamed chat answer consists of, piece by piece."""
    count = re.fullmatch(r"stream:(\d+)", seen.text)
    called = tool_call(seen)
    if not called:
        pieces = ["tick "] * int(count[1]) if count else re.findall(r".{1,7}", seen.text, re.DOTALL)
        return [{"content": piece} for piece in pieces]
    call = called["tool_calls"][0]
    first = {"index": 0, **call, "function": {**call["function"], "arguments": ""}}
    pieces = re.findall(r".{1,7}", call["function"]["arguments"], re.DOTALL)
    rest = [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    return [{"tool_calls": [first]}, *rest]


def chunks(seen: Seen) -> Iterator[str]:
    """The payloads of a streamed chat answer."""
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": seen.document.get("model")}
    delta: dict[str, Any] = {"role": "assistant", "content": ""}
    yield json.dumps({**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    for delta in deltas(seen):
        yield json.dumps({**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    reason = "tool_calls" if seen.document.get("tools") else "stop"
    yield json.dumps({**common, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    if (seen.document.get("stream_options") or {}).get("include_usage"):
        usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
        yield json.dumps({**common, "choices": [], "usage": usage})
    yield "[DONE]"


def as_chunk(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def whole(document: Any) -> bytes:
    body = json.dumps(document).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body


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
        self.writable.clear()

    def resume_writing(self) -> None:
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
