"""HTTP/1.1 requests out of a byte stream: llhttp with our rules around it, no I/O.

`RequestFraming.feed` takes whatever bytes arrived and calls its receiver: `head_received` once the head is judged,
`message_received` when the body is complete. Anything that is not exactly one well-formed request ends in one place,
`problem`: a Denial that stays, after which every further byte is refused. There is no resynchronisation; the receiver
answers and closes.

Bounds: a head is at most `header_bytes` long and has at most `headers` fields, a body is at most `body` bytes, chunk
sizes and extensions may not outweigh it by far, and trailer fields are refused (nothing here would read them, and
something behind us might). A body made of many tiny chunks is gathered in one growing buffer.

A connection that is kept open repeats its heads, all but the digits of Content-Length. Such a head has the reading of
the one it repeats, so the last judged one is kept as a Repetition: the bytes around those digits, and the fields. A
message that matches it and lies whole and alone in what arrived is taken without asking the parser. Whatever differs in
one byte, comes in pieces or has company goes the long way; both ways end in the same two calls.

The request line is read before llhttp sees it, but for messages that begin in the middle of what arrived (pipelining):
there llhttp's reading stands, which allows more than one space. It is the only reading, as nothing forwards the line.
"""

import re
from collections.abc import Sequence
from typing import Protocol

import httptools

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.http1.head import Fields, Head, Repetition, RequestLimits
from guardhouse.wire.http1.rules import judge_fields, judge_head, judge_line

_LENGTH_NAME = len(b"content-length")
_LENGTH_WORDS = ("Content-Length", "Transfer-Encoding", "chunk")
_LENGTH = re.compile(rb"\r\ncontent-length: ([0-9]+)\r\n", re.IGNORECASE)
_MOST_DIGITS = 9
_MOST_BLANK = 16  # bytes of empty lines before a request line (RFC 9112 section 2.2 asks to ignore one)
_CHUNK_OVERHEAD = 8  # bytes of framing per byte of body; a chunk of one byte needs five
_CHUNK_ALLOWANCE = 16 * 1024


class Receiver(Protocol):
    def head_received(self, head: Head) -> None: ...
    def message_received(self, body: bytes | bytearray) -> None: ...


class _Stop(Exception):  # noqa: N818 - not an error: the only way to stop llhttp from inside a callback
    pass


class RequestFraming:
    """One connection's parser. `problem` is set once and for all by the first malformed message."""

    __slots__ = (
        "_body",
        "_fed",
        "_fields",
        "_head",
        "_headers",
        "_known",
        "_length",
        "_limits",
        "_line",
        "_parser",
        "_receiver",
        "_repetition",
        "_taken",
        "_target",
        "in_message",
        "problem",
    )

    def __init__(self, receiver: Receiver, limits: RequestLimits) -> None:
        self._receiver = receiver
        self._limits = limits
        self._parser = httptools.HttpRequestParser(self)
        self._known: list[tuple[bytes, bytes]] = []  # the header fields that `_fields` was judged from
        self._fields: Fields | None = None
        self._repetition: Repetition | None = None
        self._taken: Head | None = None  # the head of the last complete message
        self.problem: Denial | None = None
        self.in_message = False  # part of a message has arrived and the rest has not
        self._line: bytes | None = None  # the beginning of a request line that is not complete
        self._head: Head | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._length: bytes | None = None
        self._body: bytes | bytearray = b""
        self._reset()

    def feed(self, data: bytes) -> Denial | None:
        """Take the next bytes; the Denial, if there is one, is final."""
        if not self.in_message and self._repetition is not None and self._repeat(self._repetition, data):
            return self.problem
        if self.problem is None:
            self._parse(data)
        return self.problem

    def _repeat(self, known: Repetition, data: bytes) -> bool:
        """Whether `data` is one whole message whose head repeats the last one; then it is dealt with."""
        if not data.startswith(known.before):
            return False
        start = len(known.before)
        end = data.find(b"\r", start, start + _MOST_DIGITS + 1)
        digits = data[start:end]
        if end < 0 or not digits.isdigit() or not data.startswith(known.after, end):
            return False
        length = int(digits)
        begin = end + len(known.after)
        if len(data) - begin != length or length > self._limits.body or self.problem is not None:
            return False
        head = known.head
        self._receiver.head_received(head if head.content_length == length else head.with_length(length))
        self._receiver.message_received(data[begin:])
        return True

    def _parse(self, data: bytes) -> None:
        begins = self._line is not None or not self.in_message
        if begins:
            data = self._complete_line(data)
            if not data:
                return
        self._fed += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self.problem is None:
                self.problem = self._explain(error)
        if self.problem is None:
            self.problem = self._judge_volume()
        if begins and not self.in_message and self.problem is None:
            self._learn(data)

    def _complete_line(self, data: bytes) -> bytes:
        """Hold a message back until its request line is complete and judged; then hand over all of it."""
        held = self._line or b""
        line = held + data if held else data.lstrip(b"\r\n")
        self._fed += 0 if held else len(data) - len(line)
        if self._fed > _MOST_BLANK:
            self.problem = Denial(Reason.MALFORMED)
            return b""
        end = line.find(b"\r\n", max(0, len(held) - 1))
        if end >= 0:
            self._line = None
            self.problem = judge_line(line[:end])
            return b"" if self.problem is not None else line
        self._line = line
        self.in_message = bool(line)
        if line and (b"\n" in line or not line[:1].isupper()):
            self.problem = Denial(Reason.MALFORMED)
        elif len(line) > self._limits.header_bytes:
            self.problem = Denial(Reason.HEADERS_TOO_LARGE)
        return b""

    def _judge_volume(self) -> Denial | None:
        """What has been sent of this message must not outgrow what it says."""
        head = self._head
        if head is None:
            return Denial(Reason.HEADERS_TOO_LARGE) if self._fed > self._limits.header_bytes else None
        if head.content_length >= 0:
            return None
        allowed = self._limits.header_bytes + _CHUNK_ALLOWANCE + len(self._body) * _CHUNK_OVERHEAD
        return Denial(Reason.FRAMING_INVALID, "The chunks are mostly framing.") if self._fed > allowed else None

    def _learn(self, data: bytes) -> None:
        """Keep the head of a message that was taken whole, if it was alone and says its length in the usual way."""
        head, self._repetition = self._taken, None
        end = data.find(b"\r\n\r\n") + 2
        found = _LENGTH.search(data, 0, end)
        if head is None or not head.keep_alive or found is None or len(data) - end - 2 != head.content_length:
            return
        self._repetition = Repetition(data[: found.start(1)], data[found.end(1) : end + 2], head)

    def _explain(self, error: Exception) -> Denial:
        if isinstance(error, httptools.HttpParserUpgrade):
            return Denial(Reason.UPGRADE_UNSUPPORTED)
        if isinstance(error, httptools.HttpParserInvalidURLError):
            return Denial(Reason.TARGET_INVALID)
        if self._head is not None or any(word in str(error) for word in _LENGTH_WORDS):
            return Denial(Reason.FRAMING_INVALID)
        return Denial(Reason.HEADER_INVALID if self._target else Reason.MALFORMED)

    def _stop(self, denial: Denial) -> "_Stop":
        self.problem = denial
        return _Stop()

    def _reset(self) -> None:
        self.in_message = False
        self._line = None
        self._fed = 0  # bytes since the message began
        self._head = None
        self._target = b""
        self._headers = []
        self._length = None
        self._body = b""

    # what llhttp calls

    def on_message_begin(self) -> None:
        self.in_message = True

    def on_url(self, part: bytes) -> None:
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if self._head is not None:
            raise self._stop(Denial(Reason.HEADER_INVALID, "Trailer fields are not accepted."))
        if len(name) == _LENGTH_NAME and name.lower() == b"content-length":
            if self._length is not None:
                raise self._stop(Denial(Reason.FRAMING_INVALID))
            self._length = value
        else:
            self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        parser = self._parser
        fields = self._judge_fields(parser.get_http_version())
        head = judge_head(
            parser.get_method().decode("ascii"),
            self._target,
            fields,
            self._length,
            self._limits.body,
            keep_alive=parser.should_keep_alive(),
        )
        if isinstance(head, Denial):
            raise self._stop(head)
        if len(self._target) > self._limits.header_bytes:
            raise self._stop(Denial(Reason.HEADERS_TOO_LARGE))
        self._head = head
        self._receiver.head_received(head)

    def _judge_fields(self, version: str) -> Fields:
        """Fields that are the same as the last ones need not be judged again."""
        headers, fields = self._headers, self._fields
        if fields is not None and headers == self._known and version == ("1.0" if fields.http10 else "1.1"):
            return fields
        if len(headers) > self._limits.headers or _size(headers) > self._limits.header_bytes:
            raise self._stop(Denial(Reason.HEADERS_TOO_LARGE))
        judged = judge_fields(headers, version)
        if isinstance(judged, Denial):
            raise self._stop(judged)
        self._known, self._fields = headers, judged
        return judged

    def on_body(self, part: bytes) -> None:
        body = self._body
        if not body:
            self._body = part
        elif isinstance(body, bytearray):
            body += part
        else:
            self._body = bytearray(body) + part
        if len(self._body) > self._limits.body:
            raise self._stop(Denial(Reason.BODY_TOO_LARGE))

    def on_message_complete(self) -> None:
        body, self._taken = self._body, self._head
        self._reset()
        self._receiver.message_received(body)


def _size(headers: Sequence[tuple[bytes, bytes]]) -> int:
    return sum([len(name) + len(value) + 4 for name, value in headers])
