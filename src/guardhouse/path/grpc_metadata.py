"""The metadata of a call becomes the head of an exchange, by the rules and limits that headers have.

Only what callers prove themselves by and the trace is read. All of it counts: by its size, each item with 32 bytes more
as HTTP/2 counts it, by its number, and by the headers that the configuration allows or refuses. A text is printable
ASCII, as the protocol says and the library does not ask: what goes on is rendered as lines, and a value that has a line
end in it could write others. Values that are no text (`-bin`) are not read.
"""

from collections.abc import Sequence
from typing import Final

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.kserve.grpc import METHOD
from guardhouse.wire.http1.head import Head, RequestLimits
from guardhouse.wire.http1.rules import collect_headers

Item = tuple[str, str | bytes]

PER_ITEM: Final = 32
_READ: Final = frozenset(("authorization", "x-api-key", "api-key", "traceparent", "tracestate"))


def head_of(method: bytes, metadata: Sequence[Item], limits: RequestLimits) -> Head | Denial:
    size = 0
    read: list[tuple[bytes, bytes]] = []
    for key, value in metadata:
        size += len(key) + len(value) + PER_ITEM
        if isinstance(value, str):
            if not (value.isascii() and value.isprintable()):
                return Denial(Reason.HEADER_INVALID, "A value of the metadata is not printable ASCII.")
            if key in _READ:
                read.append((key.encode(), value.encode()))
    if size > limits.header_bytes or len(metadata) > limits.headers:
        return Denial(Reason.HEADERS_TOO_LARGE)
    if (limits.refused or limits.allowed is not None) and _is_refused(metadata, limits):
        return Denial(Reason.HEADER_REFUSED)
    headers = collect_headers(read)
    if isinstance(headers, Denial):
        return headers
    return Head(METHOD, method, b"", headers, True, False, -1, False)


def _is_refused(metadata: Sequence[Item], limits: RequestLimits) -> bool:
    for key, _ in metadata:
        name = key.encode()
        if name in limits.refused or (limits.allowed is not None and name not in limits.allowed):
            return True
    return False
