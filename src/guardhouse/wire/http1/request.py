"""HTTP/1.1 requests out of a byte stream: llhttp with our rules around it, no I/O.

`RequestFraming.feed` takes whatever bytes arrived and calls its receiver: `head_received` once the head is judged,
`message_received` when the body is complete. Anything that is not exactly one well-formed request ends in one place,
`problem`: a Denial that stays, after which every further byte is refused. There is no resynchronisation; the receiver
answers and closes.

Bounds: a head is at most `header_bytes` long and has at most `headers` fields, a body is at most `body` bytes, and
trailer fields are refused (nothing here would read them, and something behind us might). A body made of many tiny
chunks is gathered in one growing buffer, so memory stays proportional to its bytes.
"""

from collections.abc import Sequence
from typing import Protocol

import httptools
import msgspec

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.http1.rules import Fields, Head, judge_fields, judge_head

_LENGTH_NAME = len(b"content-length")
_LENGTH_WORDS = ("Content-Length", "Transfer-Encoding", "chunk")


class RequestLimits(msgspec.Struct, frozen=True):
    headers: int = 100
    header_bytes: int = 32 * 1024
    body: int = 32 * 1024 * 1024


class Receiver(Protocol):
    def head_received(self, head: Head) -> None: ...
    def message_received(self, body: bytes | bytearray) -> None: ...


class _Stop(Exception):  # noqa: N818 - not an error: the only way to stop llhttp from inside a callback
    pass


class RequestFraming:
    """One connection's parser. `problem` is set once and for all by the first malformed message."""

    __slots__ = (
        "_body",
        "_fields",
        "_head_bytes",
        "_headers",
        "_in_head",
        "_known",
        "_length",
        "_limits",
        "_parser",
        "_receiver",
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
        self.problem: Denial | None = None
        self.in_message = False  # part of a message has arrived and the rest has not
        self._reset()

    def feed(self, data: bytes) -> Denial | None:
        """Take the next bytes; the Denial, if there is one, is final."""
        if self.problem is not None:
            return self.problem
        self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            if self.problem is None:
                self.problem = self._explain(error, data)
        if self.problem is None and self._in_head and self._head_bytes > self._limits.header_bytes:
            self.problem = Denial(Reason.HEADERS_TOO_LARGE)
        return self.problem

    def _explain(self, error: httptools.HttpParserError, data: bytes) -> Denial:
        if isinstance(error, httptools.HttpParserUpgrade):
            return Denial(Reason.UPGRADE_UNSUPPORTED)
        if isinstance(error, httptools.HttpParserInvalidURLError):
            return Denial(Reason.TARGET_INVALID)
        text = str(error)
        if self._target == b"*" and "PRI" in text:
            return Denial(Reason.HTTP2_UNSUPPORTED)
        if not self._in_head or any(word in text for word in _LENGTH_WORDS):
            return Denial(Reason.FRAMING_INVALID)
        if "HTTP version" in text:
            return Denial(Reason.VERSION_UNSUPPORTED)
        return Denial(Reason.HEADER_INVALID if self._target else Reason.MALFORMED)

    def _stop(self, denial: Denial) -> "_Stop":
        self.problem = denial
        return _Stop()

    def _reset(self) -> None:
        self._in_head = True
        self._head_bytes = 0
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._length: bytes | None = None
        self._body: bytes | bytearray = b""

    # what llhttp calls

    def on_url(self, part: bytes) -> None:
        self.in_message = True
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
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
        self._in_head = False
        self._receiver.head_received(head)

    def _judge_fields(self, version: str) -> Fields:
        """A keep-alive connection says the same again and again; what was judged once is only compared."""
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
        body = self._body
        self.in_message = False
        self._reset()
        self._receiver.message_received(body)


def _size(headers: Sequence[tuple[bytes, bytes]]) -> int:
    return sum([len(name) + len(value) + 4 for name, value in headers])
