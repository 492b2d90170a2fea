"""HTTP/1.1 requests out of a byte stream: llhttp with our rules around it, no I/O.

`RequestFraming.feed` takes whatever bytes arrived and calls its receiver: `head_received` once the head is judged,
`message_received` when the body is complete. Anything that is not exactly one well-formed request ends in one place,
`problem`: a Denial that stays, after which every further byte is refused. There is no resynchronisation; the receiver
answers and closes. A body that is too large by its stated length is such a problem behind a head that is none: the head
is handed over first, as that of a body is that turns out to be too large.

Bounds: a head is at most `header_bytes` long and has at most `headers` fields, a body is at most `body` bytes. The
request line is read before llhttp sees it. A chunked body is not llhttp's: it is stopped behind the head, and chunks.py
reads on.

One read may hold several messages (pipelining). Where a message ends is known from its head and its length, or from its
chunks, and what stands behind is taken as a read of its own, so that every message is judged alike. llhttp has looked
ahead by then: it is stopped at the next target at the latest, and the next message gets a new parser. Only behind a
message that ends the connection the old one stays, as it refuses whatever comes.

A whole message whose head repeats the last judged one is taken without asking the parser (repetition.py); both ways end
in the same two calls.
"""

from collections.abc import Sequence
from typing import Final, Protocol

import httptools

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.http1.chunks import NOT_YET, ChunkedBody
from guardhouse.wire.http1.head import Fields, Head, RequestLimits
from guardhouse.wire.http1.repetition import Repetition, repetition_of
from guardhouse.wire.http1.rules import judge_fields, judge_head, judge_line

_LENGTH_NAME: Final = len(b"content-length")
_LENGTH_WORDS: Final = ("Content-Length", "Transfer-Encoding")
_MOST_BLANK: Final = 16  # bytes of empty lines before a request line (RFC 9112 section 2.2 asks to ignore one)
_END_OF_HEAD: Final = b"\r\n\r\n"


class Receiver(Protocol):
    def head_received(self, head: Head) -> None: ...
    def message_received(self, body: bytes | bytearray) -> None: ...
    def is_over(self) -> bool: ...  # whether it wants no more messages


class _Stop(Exception):  # noqa: N818 - not an error: the only way to stop llhttp from inside a callback
    pass


class RequestFraming:
    """One connection's parser. `problem` is set once and for all by the first malformed message."""

    __slots__ = (
        "_body",
        "_chunks",
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
        "_repeated",
        "_repetition",
        "_tail",
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
        self._repeated: Head | None = None  # the reading of the head that `_repetition` knows again
        self._taken: Head | None = None  # the head of the last complete message
        self.problem: Denial | None = None
        self.in_message = False  # part of a message has arrived and the rest has not
        self._line: bytes | None = None  # the beginning of a request line that is not complete
        self._tail = b""  # the last bytes of a head that is not complete
        self._head: Head | None = None
        self._chunks: ChunkedBody | None = None
        self._headers: list[tuple[bytes, bytes]] = []
        self._length: bytes | None = None
        self._body: bytes | bytearray = b""
        self._reset()

    def feed(self, data: bytes) -> Denial | None:
        """Take the next bytes; the Denial, if there is one, is final."""
        if not self.in_message and self._repetition is not None and self._repeat(self._repetition, data):
            return self.problem
        while data and self.problem is None:
            data = self._take(data)
        return self.problem

    @property
    def buffered(self) -> int:
        """Bytes of the body that is arriving."""
        return len(self._body if self._chunks is None else self._chunks.body)

    @property
    def is_chunked(self) -> bool:
        """Whether that body comes in chunks."""
        return self._chunks is not None

    def forget(self) -> None:
        """Nothing more will be fed: drop what has come of a message."""
        self._chunks = None
        self._body = self._tail = b""
        self._line = None

    def _repeat(self, known: Repetition, data: bytes) -> bool:
        """Whether `data` is one whole message whose head repeats the last one; then it is dealt with."""
        begin = known.body_of(data)
        length = len(data) - begin
        if begin < 0 or length > self._limits.body or self.problem is not None:
            return False
        head = self._repeated
        assert head is not None
        self._receiver.head_received(head if head.content_length == length else head.with_length(length))
        self._receiver.message_received(data[begin:])
        return True

    def _take(self, data: bytes) -> bytes:
        """Read what belongs to one message and hand back what stands behind it."""
        head = self._head
        if head is not None:
            return self._take_body(head, data)
        if self._line is not None or not self.in_message:
            data = self._complete_line(data)
            if not data:
                return data
        self._parse(data)
        if self.problem is not None:
            return b""
        if not self.in_message:
            return self._leave(data)
        head = self._head
        if head is None:
            self._await_head(data)
        elif self._chunks is not None:
            return self._take_chunks(head, self._chunks, data, self._body_begin(data))
        return b""

    def _take_body(self, head: Head, data: bytes) -> bytes:
        if self._chunks is not None:
            return self._take_chunks(head, self._chunks, data, 0)
        missing = head.content_length - len(self._body)
        if not head.keep_alive:
            self._repetition = None
        self._parse(data if len(data) <= missing else data[:missing])
        return self._behind(data, missing)

    def _take_chunks(self, head: Head, chunks: ChunkedBody, data: bytes, begin: int) -> bytes:
        end = chunks.feed(data, begin)
        if isinstance(end, Denial):
            self.problem = end
            return b""
        if end == NOT_YET:
            return b""
        self._chunks = None
        self._body = chunks.body
        self.on_message_complete()
        self._renew(head)
        return self._behind(data, end)

    def _leave(self, data: bytes) -> bytes:
        """`data` completed head and message. A head that came whole, and in a message that came alone, may repeat."""
        head = self._taken
        assert head is not None
        begin = self._body_begin(data)
        end = begin + head.content_length
        if end < len(data):
            self._renew(head)
            return self._behind(data, end)
        self._repetition = repetition_of(data, begin) if head.keep_alive and not self._tail else None
        self._repeated = head
        return b""

    def _behind(self, data: bytes, end: int) -> bytes:
        return data[end:] if end < len(data) and not self._receiver.is_over() else b""

    def _renew(self, head: Head) -> None:
        """llhttp has been stopped, or has seen what stands behind this message: the next one needs a new parser."""
        if head.keep_alive:
            self._parser = httptools.HttpRequestParser(self)
        else:
            self._repetition = None  # nothing passes by the old one any more

    def _body_begin(self, data: bytes) -> int:
        """Where the body begins in the read that completed the head; llhttp knows no other end of a head."""
        tail = self._tail
        return (tail + data).find(_END_OF_HEAD) + len(_END_OF_HEAD) - len(tail)

    def _parse(self, data: bytes) -> None:
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade) as error:
            if self.problem is None and not self._is_done_with(error):
                self.problem = self._explain(error)

    def _is_done_with(self, error: Exception) -> bool:
        """Whether llhttp was stopped from here, or stumbled over what stands behind a complete message."""
        if isinstance(error, httptools.HttpParserCallbackError):
            return isinstance(error.__context__, _Stop)
        return not self.in_message

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
            self._tail = b""
            self.in_message = True
            self.problem = judge_line(line[:end])
            return b"" if self.problem is not None else line
        self._line = line
        if not line:
            self._repetition = None  # the blank bytes are counted until a message is read the long way
            return b""
        self.in_message = True
        if b"\n" in line or not line[:1].isupper():
            self.problem = Denial(Reason.MALFORMED)
        elif len(line) > self._limits.header_bytes:
            self.problem = Denial(Reason.HEADERS_TOO_LARGE)
        return b""

    def _await_head(self, data: bytes) -> None:
        self._fed += len(data)
        self._tail = (self._tail + data)[1 - len(_END_OF_HEAD) :]
        if self._fed > self._limits.header_bytes:
            self.problem = Denial(Reason.HEADERS_TOO_LARGE)

    def _explain(self, error: Exception) -> Denial:
        if isinstance(error, httptools.HttpParserUpgrade):
            return Denial(Reason.UPGRADE_UNSUPPORTED)
        if isinstance(error, httptools.HttpParserInvalidURLError):
            return Denial(Reason.TARGET_INVALID)
        if any(word in str(error) for word in _LENGTH_WORDS):
            return Denial(Reason.FRAMING_INVALID)
        return Denial(Reason.HEADER_INVALID if self._target else Reason.MALFORMED)

    def _stop(self, denial: Denial) -> "_Stop":
        self.problem = denial
        return _Stop()

    def _reset(self) -> None:
        self.in_message = False
        self._fed = 0  # empty lines, and those bytes of a head that came in reads before its last
        self._head = None
        self._target = b""
        self._headers = []
        self._length = None
        self._body = b""

    # what llhttp calls

    def on_url(self, part: bytes) -> None:
        if not self.in_message:
            raise _Stop  # the target of the next message, whose line nobody has judged
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
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
            keep_alive=parser.should_keep_alive(),
        )
        if isinstance(head, Denial):
            raise self._stop(head)
        if len(self._target) > self._limits.header_bytes:
            raise self._stop(Denial(Reason.HEADERS_TOO_LARGE))
        self._head = head
        self._receiver.head_received(head)
        if head.content_length > self._limits.body:
            raise self._stop(Denial(Reason.BODY_TOO_LARGE))
        if head.content_length < 0:
            self._chunks = ChunkedBody(self._limits.body)
            raise _Stop

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
        unwanted = self._unwanted(judged.headers)
        if unwanted is not None:
            raise self._stop(unwanted)
        self._known, self._fields = headers, judged
        return judged

    def _unwanted(self, headers: dict[bytes, bytes]) -> Denial | None:
        """Headers that the configuration has no wish for."""
        allowed, refused = self._limits.allowed, self._limits.refused
        if allowed is None and not refused:
            return None
        for name in headers:
            if name in refused or (allowed is not None and name not in allowed):
                return Denial(Reason.HEADER_REFUSED, f"The header {name[:64].decode('ascii', 'replace')} is not taken.")
        return None

    def on_body(self, part: bytes) -> None:
        body = self._body
        if not body:
            self._body = part
        elif isinstance(body, bytearray):
            body += part
        else:
            self._body = bytearray(body) + part

    def on_message_complete(self) -> None:
        body, self._taken = self._body, self._head
        self._reset()
        self._receiver.message_received(body)


def _size(headers: Sequence[tuple[bytes, bytes]]) -> int:
    return sum([len(name) + len(value) + 4 for name, value in headers])
