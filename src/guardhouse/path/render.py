"""The bytes that go to the caller: status line, headers, error bodies.

Every answer carries the request id minted here, the decision, the revision it was made under and the state of the
caller's limits, so that a caller can see what happened without asking anybody. There is no Server banner, and nothing
of the upstream is named. The decision is `denied` for what was never let through and `failed` for what was: the same
line that the closed record draws.
"""

from http import HTTPStatus
from typing import Final

from guardhouse.limits.headers import render as render_limits
from guardhouse.model.denial import Denial
from guardhouse.path.exchange import Caller, Exchange
from guardhouse.wire.dialects.dialect import Dialect
from guardhouse.wire.dialects.table import DEFAULT, spoken_at

_STATUS_LINES: Final = {status.value: f"HTTP/1.1 {status.value} {status.phrase}\r\n".encode() for status in HTTPStatus}
_JSON: Final = b"application/json"
_SMALL: Final = 2048
_SIZES: Final = [b"%x\r\n" % size for size in range(_SMALL)]  # the sizes of nearly all chunks, as they are written


def render_answer(exchange: Exchange) -> bytes:
    """The whole answer of an exchange that was allowed."""
    answer = exchange.answer
    return b"%bcontent-type: %b\r\ncontent-length: %d\r\n%b%b\r\n%b" % (
        _STATUS_LINES.get(exchange.status) or _status_line(exchange.status),
        exchange.answer_type or b"application/octet-stream",
        len(answer),
        exchange.answer_headers,
        _common(exchange, b"masked" if exchange.masked or exchange.masked_response else b"allowed"),
        answer,
    )


def render_stream_head(exchange: Exchange) -> bytes:
    """The head of an answer that flows. HTTP/1.0 knows no chunks: there the end of the connection is the end."""
    head = exchange.head
    framing = b"" if head is not None and head.http10 else b"transfer-encoding: chunked\r\n"
    return b"%bcontent-type: %b\r\n%b%b%b\r\n" % (
        _status_line(exchange.status),
        exchange.answer_type,
        framing,
        exchange.answer_headers,
        _common(exchange, b"masked" if exchange.masked else b"allowed"),
    )


def render_chunk(part: bytes) -> bytes:
    size = len(part)
    return b"%b%b\r\n" % (_SIZES[size] if size < _SMALL else b"%x\r\n" % size, part)


LAST_CHUNK: Final = b"0\r\n\r\n"


def render_denial(exchange: Exchange, denial: Denial) -> bytes:
    body = _speaking(exchange).error(denial)
    retry = b"" if denial.retry_after is None else b"retry-after: %d\r\n" % max(1, -int(-denial.retry_after // 1))
    return b"%bcontent-type: %b\r\ncontent-length: %d\r\n%b%b\r\n%b" % (
        _status_line(denial.reason.status),
        _JSON,
        len(body),
        retry,
        _common(exchange, b"failed" if exchange.opened else b"denied"),
        body,
    )


def _speaking(exchange: Exchange) -> Dialect:
    """The dialect of the route; where there is none, the one that is spoken at the path, if that much is known."""
    if exchange.route is not None:
        return exchange.route.dialect
    head = exchange.head
    return DEFAULT if head is None else spoken_at(head.path, head.headers)


def _status_line(status: int) -> bytes:
    return _STATUS_LINES.get(status) or b"HTTP/1.1 %d Unknown\r\n" % status


def _common(exchange: Exchange, decision: bytes) -> bytes:
    admission = exchange.admission
    return b"x-request-id: %b\r\nx-guardhouse-decision: %b\r\nx-guardhouse-policy: %b\r\n%b%b" % (
        exchange.id.encode("ascii"),
        decision,
        exchange.snapshot.revision.encode("ascii"),
        b"" if admission is None else render_limits(admission),
        b"" if exchange.keep_alive else b"connection: close\r\n",
    )


class HttpCaller(Caller):
    """A caller who is answered by what stands above."""

    __slots__ = ()

    def render(self, exchange: Exchange) -> bytes:
        return render_answer(exchange)

    def refuse(self, exchange: Exchange, denial: Denial) -> bytes:
        return render_denial(exchange, denial)
