"""HTTP/1.1 answers out of a model server's byte stream: the same parser, with the suspicion a hostile upstream
deserves.

`ResponseFraming.feed` returns nothing and raises nothing: `problem` says what is wrong, `head` is set once the head is
judged, `take()` hands over the body bytes that arrived since the last call, and `complete` turns true at the end.
`reusable` is true only if the answer was complete, said keep-alive, had a stated length and left not one byte over: a
connection that saw anything unexpected is never used again.

A whole answer whose head repeats the last one is taken without asking the parser (repetition.py). A server that says
something new in each head would have it kept for nothing, so after `_PATIENCE` heads in vain no more are.

Refused: any protocol but HTTP/1.x, control characters in the words behind the status (llhttp lets them pass), 101 and
other upgrades, more than a handful of 1xx answers, heads over the limits, a repeated content type, lengths that
conflict (llhttp), trailers that are longer than the head may be.
"""

import re
from typing import Final

import httptools

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.http1.head import ResponseHead
from guardhouse.wire.http1.repetition import Repetition, end_of_head, repetition_of

_MOST_INFORMATIONAL: Final = 8
_PATIENCE: Final = 8
_CONTROL: Final = re.compile(rb"[\x00-\x08\x0a-\x1f\x7f]")
_REPEAT_REFUSED: Final = frozenset((b"content-type", b"transfer-encoding", b"content-encoding"))


class ResponseFraming:
    """The answers of one upstream connection, one after the other; `begin()` before each."""

    __slots__ = (
        "_at_end",
        "_fields",
        "_head_bytes",
        "_headers",
        "_informational",
        "_limit",
        "_most_fields",
        "_parser",
        "_pieces",
        "_repeated",
        "_repetition",
        "_stated",
        "_vain",
        "complete",
        "head",
        "problem",
        "reusable",
    )

    def __init__(self, most_fields: int = 200, header_bytes: int = 64 * 1024) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._most_fields = most_fields
        self._limit = header_bytes
        self._repetition: Repetition | None = None
        self._repeated: ResponseHead | None = None  # the reading of the head that `_repetition` knows again
        self._vain = 0  # heads in a row that were kept and did not come again
        self.begin()

    def begin(self) -> None:
        self.head: ResponseHead | None = None
        self.problem: Denial | None = None
        self.complete = False
        self.reusable = False
        self._at_end = False
        self._informational = 0
        self._head_bytes = 0
        self._headers: dict[bytes, bytes] = {}
        self._fields = 0
        self._stated = False  # the length is
        self._pieces: list[bytes] = []

    def feed(self, data: bytes) -> None:
        if self.complete:
            self.reusable = False  # bytes after the end belong to nobody
            return
        first = self.head is None and not self._head_bytes
        if first and self._repetition is not None and self._repeat(self._repetition, data):
            return
        if self.head is None:
            if first and data[:1] not in (b"H", b""):  # llhttp knows RTSP and ICE too
                self.problem = Denial(Reason.UPSTREAM_PROTOCOL_ERROR)
                return
            self._head_bytes += len(data)
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse()
        if self.head is None and self._head_bytes > self._limit:
            self.problem = Denial(Reason.UPSTREAM_PROTOCOL_ERROR)
        elif first and self.reusable:
            self._keep(data)

    def _repeat(self, known: Repetition, data: bytes) -> bool:
        """Whether `data` is one whole answer whose head repeats the last one; then it is dealt with."""
        begin = known.body_of(data)
        if begin < 0:
            return False
        self._vain = 0
        self.head = self._repeated
        if begin < len(data):
            self._pieces.append(data[begin:])
        self.complete = self.reusable = True
        return True

    def _keep(self, data: bytes) -> None:
        """What came in one piece may come again. Of other answers than a 200, it may depend on the status whether a
        body follows."""
        head = self.head
        if head is None or head.status != 200 or self._informational or self._vain > _PATIENCE:
            return
        self._vain += 1
        begin = end_of_head(data)
        kept = repetition_of(data, begin)
        self._repetition = kept if kept is not None and kept.body_of(data) == begin else None
        self._repeated = head

    def _refuse(self) -> None:
        """What comes behind a complete answer spoils the connection, what comes before spoils the answer."""
        if self.complete:
            self.reusable = False
        else:
            self.problem = Denial(Reason.UPSTREAM_PROTOCOL_ERROR)

    def end(self) -> None:
        """The upstream closed the connection: the legal end of an answer that states no length, else a broken one."""
        if self.complete or self.problem is not None:
            return
        if self.head is not None and self._at_end:
            self.complete = True
        else:
            self.problem = Denial(Reason.UPSTREAM_CLOSED_EARLY)

    def take(self) -> bytes:
        pieces = self._pieces
        if not pieces:
            return b""
        self._pieces = []
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    # what llhttp calls

    def on_message_begin(self) -> None:
        if self.complete:
            self.reusable = False
            raise _Stop  # the answer itself was fine

    def on_status(self, reason: bytes) -> None:
        if reason != b"OK" and _CONTROL.search(reason) is not None:
            self._fail()

    def on_header(self, name: bytes, value: bytes) -> None:
        self._fields += 1
        if self._fields > self._most_fields:
            self._fail()
        if self.head is not None:
            return  # trailers are dropped
        lowered = name.lower()
        headers = self._headers
        if lowered == b"content-length":
            self._stated = True  # llhttp refuses a second one
        elif lowered in headers:
            if lowered in _REPEAT_REFUSED:
                self._fail()
            headers[lowered] += b", " + value
        else:
            headers[lowered] = value

    def on_headers_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:
            self._informational += 1
            if status == 101 or status < 100 or self._informational > _MOST_INFORMATIONAL:
                self._fail()
            self._headers = {}
            self._stated = False
            return
        headers = self._headers
        if headers.get(b"transfer-encoding", b"chunked").strip().lower() != b"chunked":
            self._fail()  # a coding that is not undone here would pass for the answer
        if not self._parser.get_http_version().startswith("1.") or (b"upgrade" in headers and status == 426):
            self._fail()
        self._at_end = not self._stated and b"transfer-encoding" not in headers
        self.head = ResponseHead(status, headers)

    def on_body(self, part: bytes) -> None:
        self._pieces.append(part)

    def on_message_complete(self) -> None:
        if self.head is None:
            return  # an informational answer
        self.complete = True
        self.reusable = not self._at_end and self._parser.should_keep_alive()

    def _fail(self) -> None:
        self.problem = Denial(Reason.UPSTREAM_PROTOCOL_ERROR)
        raise _Stop


class _Stop(Exception):  # noqa: N818 - stops llhttp; never leaves this file
    pass
