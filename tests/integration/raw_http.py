"""A client that sends exactly the bytes it is given, in the pieces it is given, and reads the answers strictly.

Ordinary HTTP clients repair what a test wants to send broken and forgive what a gateway answers wrongly. This one
does neither: `converse` writes the segments as they are, and `read_answers` accepts only answers that are framed in
one valid way. A connection that was cut after its last answer, one that was reset, and one that stays open are
different results, because the invariants of the attack suite depend on the difference.
"""

import asyncio
import json
import re
import ssl
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Address = tuple[str, int]
STATUS_LINE = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) [\x20-\x7e]*")
FIELD_LINE = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):[ \t]*([\x20-\x7e\t\x80-\xff]*)")
CHUNK_LINE = re.compile(rb"[0-9a-fA-F]{1,8}")


class AnswerMalformedError(Exception):
    """The other side sent something that is not an HTTP/1.1 answer."""


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str | None:
        values = self.every(name)
        return values[0] if values else None

    def every(self, name: str) -> list[str]:
        return [value for key, value in self.headers if key == name.lower()]

    @property
    def document(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The stable reason code of an error answer, inside of the error or, where that is a text, beside it; empty
        when there is none."""
        try:
            told = json.loads(self.body)
            return str(told["code"] if type(told["error"]) is str else told["error"]["code"])
        except (ValueError, KeyError, TypeError):
            return ""

    @property
    def events(self) -> list[str]:
        """The payload of each server-sent event."""
        lines = self.body.decode().split("\n")
        return [line[5:].removeprefix(" ") for line in lines if line.startswith("data:")]


@dataclass(slots=True)
class Conversation:
    answers: list[Answer] = field(default_factory=list)
    interim: list[int] = field(default_factory=list)
    rest: bytes = b""  # bytes after the last complete answer
    ended: str = "open"  # open | closed | reset

    @property
    def final(self) -> Answer:
        assert self.answers, f"no answer; the connection is {self.ended}, {len(self.rest)} bytes of an unfinished one"
        return self.answers[-1]


def _head(block: bytes) -> tuple[int, tuple[tuple[str, str], ...]]:
    lines = block.split(b"\r\n")
    status = STATUS_LINE.fullmatch(lines[0])
    if status is None:
        raise AnswerMalformedError(f"status line {lines[0][:80]!r}")
    fields = []
    for line in lines[1:]:
        matched = FIELD_LINE.fullmatch(line)
        if matched is None:
            raise AnswerMalformedError(f"header line {line[:80]!r}")
        fields.append((matched[1].decode().lower(), matched[2].decode("latin-1").strip()))
    return int(status[1]), tuple(fields)


def _chunked(data: bytes, start: int) -> tuple[bytes, int] | None:
    """Body and end of a chunked body; None when it is not complete."""
    body = bytearray()
    while True:
        line_end = data.find(b"\r\n", start)
        if line_end < 0:
            return None
        line = data[start:line_end]
        if CHUNK_LINE.fullmatch(line) is None:
            raise AnswerMalformedError(f"chunk line {line[:40]!r}")
        size, start = int(line, 16), line_end + 2
        if len(data) < start + size + 2:
            return None
        if data[start + size : start + size + 2] != b"\r\n":
            raise AnswerMalformedError("a chunk does not end where it says")
        body += data[start : start + size]
        start += size + 2
        if size == 0:
            return bytes(body), start


def _body(data: bytes, start: int, answer: Answer, *, ended: bool) -> tuple[bytes, int] | None:
    lengths, codings = answer.every("content-length"), answer.every("transfer-encoding")
    if len(lengths) + len(codings) > 1:
        raise AnswerMalformedError(f"length stated twice: {lengths} {codings}")
    if answer.status in (204, 304):
        return b"", start
    if codings:
        return _chunked(data, start)
    if lengths:
        end = start + int(lengths[0])
        return (data[start:end], end) if len(data) >= end else None
    return (data[start:], len(data)) if ended else None


def read_answers(data: bytes, *, ended: bool) -> Conversation:
    """Every complete answer in `data`; raises AnswerMalformedError on the first that is not valid HTTP/1.1."""
    found = Conversation()
    start = 0
    while (head_end := data.find(b"\r\n\r\n", start)) >= 0:
        status, headers = _head(data[start:head_end])
        if status < 200:
            found.interim.append(status)
            start = head_end + 4
            continue
        framed = _body(data, head_end + 4, Answer(status, headers, b""), ended=ended)
        if framed is None:
            break
        body, start = framed
        found.answers.append(Answer(status, headers, body))
    found.rest = data[start:]
    return found


async def _send(writer: asyncio.StreamWriter, segments: Iterable[bytes], gap: float) -> None:
    """A peer that has already refused us may have closed: what it said is then read all the same."""
    try:
        for segment in segments:
            writer.write(segment)
            await writer.drain()
            await asyncio.sleep(gap)
    except (ConnectionError, ssl.SSLError):
        return


@dataclass(frozen=True, slots=True)
class Talk:
    """How to hold one conversation."""

    segments: Sequence[bytes]
    gap: float = 0.0  # between segments
    half_close: bool = False  # end our side after the last segment
    until: int | None = 1  # so many answers are enough; None: only the end of the connection is
    within: float = 10.0
    tls: ssl.SSLContext | None = None
    close_after_error: bool = True  # an error answer is followed by the end of the connection: wait for it


def _enough(talk: Talk, held: Conversation) -> bool:
    if talk.until is None or len(held.answers) < talk.until:
        return False
    last = held.answers[-1]
    return not (talk.close_after_error and last.header("connection") == "close")


async def converse(address: Address, talk: Talk) -> Conversation:
    """Send the segments while reading; ends when `talk.until` is met, the peer ends, or the time is over."""
    reader, writer = await asyncio.open_connection(*address, ssl=talk.tls, limit=1 << 24)
    sending = asyncio.create_task(_speak(writer, talk))
    data, ended, held = b"", "open", Conversation()
    try:
        async with asyncio.timeout(talk.within):
            while not _enough(talk, held) and ended == "open":
                try:
                    piece = await reader.read(1 << 16)
                except (ConnectionError, ssl.SSLError):
                    ended = "reset"
                else:
                    data += piece
                    ended = ended if piece else "closed"
                held = read_answers(data, ended=ended != "open")
    except TimeoutError:
        held = read_answers(data, ended=False)
    finally:
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        writer.transport.abort()
    held.ended = ended
    return held


async def _speak(writer: asyncio.StreamWriter, talk: Talk) -> None:
    await _send(writer, talk.segments, talk.gap)
    if talk.half_close and not writer.transport.is_closing():
        writer.write_eof()


def ask(address: Address, request: bytes, *, within: float = 10.0, tls: ssl.SSLContext | None = None) -> Answer:
    """One well-formed request, one answer."""
    return asyncio.run(converse(address, Talk([request], within=within, tls=tls))).final


def request(
    method: str,
    path: str,
    *,
    host: str = "gateway.test",
    headers: Mapping[str, str] | None = None,
    document: Any = None,
    body: bytes | None = None,
) -> bytes:
    """A well-formed request; `document` is sent as JSON, `body` as it is."""
    fields = {"Host": host, **(headers or {})}
    if document is not None:
        body = json.dumps(document).encode()
    if body is not None:
        fields.setdefault("Content-Type", "application/json")
        fields["Content-Length"] = str(len(body))
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return head.encode("latin-1") + b"\r\n" + (body or b"")
