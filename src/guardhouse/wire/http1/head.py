"""What the two framings hand on: heads that were judged, and the limits they are judged by."""

import msgspec


class RequestLimits(msgspec.Struct, frozen=True):
    headers: int = 100
    header_bytes: int = 32 * 1024
    body: int = 32 * 1024 * 1024
    allowed: frozenset[bytes] | None = None  # headers; None: any
    refused: frozenset[bytes] = frozenset()


class Fields(msgspec.Struct, frozen=True, gc=False):
    """The header fields of a request, judged together. Names are lower-case; Content-Length is not among them."""

    headers: dict[bytes, bytes]
    chunked: bool
    http10: bool
    expects_continue: bool


class Head(msgspec.Struct, frozen=True, gc=False):
    """A request head that has one reading; `path` is the raw path without query. `headers` is shared: read only."""

    method: str
    path: bytes
    query: bytes
    headers: dict[bytes, bytes]
    keep_alive: bool
    http10: bool
    content_length: int  # -1 when the body is chunked
    expects_continue: bool

    def with_length(self, length: int) -> "Head":
        return msgspec.structs.replace(self, content_length=length)


class ResponseHead(msgspec.Struct, frozen=True, gc=False):
    status: int
    headers: dict[bytes, bytes]  # names in lower case; Content-Length is not among them
