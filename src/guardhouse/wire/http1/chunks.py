"""The body of a chunked request (RFC 9112 section 7.1): one strict reading, its framing counted to the byte.

`ChunkedBody.feed` takes bytes from an index on and says where the body ended, NOT_YET, or why it is refused. What
stands between the data of two chunks is read in one piece: the CRLF that ends the data, then the size, in at most
sixteen digits, its extensions and CRLF, without white space. Behind the chunk of size zero stands nothing but CRLF:
trailer fields are refused, as nothing here would read them and something behind us might.

llhttp is not asked, because it does not tell where in a read a chunk begins or ends, and without that neither can the
framing be counted nor the next message be found. Whatever is accepted here, llhttp accepts with the same body; a test
holds the two against each other, and whoever loosens a pattern below has to look there first.

Bounds: the body; each piece of framing; and all framing (sizes, leading zeros, extensions, every CRLF) against the
body that it has brought so far. They are asked of each piece, and of the part of one while the rest has not arrived. A
part is never judged otherwise than its whole will be, so how the bytes are cut into reads decides nothing.
"""

import re
from typing import Final

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason

NOT_YET: Final = -1

_TOKEN: Final = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED: Final = rb'"(?:[\t \x21\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*"'
_SIZE: Final = rb"([0-9A-Fa-f]{1,16})(?:;" + _TOKEN + rb"(?:=(?:" + _TOKEN + rb"|" + _QUOTED + rb"))?)*\r\n"
_FIRST: Final = re.compile(_SIZE)
_NEXT: Final = re.compile(rb"\r\n" + _SIZE)
_LAST: Final = re.compile(rb"\r\n")
_PART: Final = rb"[0-9A-Fa-f]{1,16}(?:;[^\r\n]*)?\r?"
_PART_OF: Final = {
    _FIRST: re.compile(_PART),
    _NEXT: re.compile(rb"\r(?:\n(?:" + _PART + rb")?)?"),
    _LAST: re.compile(rb"\r"),
}

_LONGEST_PIECE: Final = 4096
_FRAMING_PER_BYTE: Final = 2  # chunks of three bytes and more stay below it
_FRAMING_ALLOWANCE: Final = 16 * 1024  # so that a small body may come in chunks of one


class ChunkedBody:
    """One body; `body` is what has arrived of it."""

    __slots__ = ("_expected", "_framing", "_held", "_limit", "_missing", "body")

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._expected = _FIRST
        self._held = b""  # the beginning of a piece of framing that is not complete
        self._framing = 0
        self._missing = 0  # bytes of the chunk under way
        self.body = bytearray()

    def feed(self, data: bytes, at: int) -> int | Denial:
        """Take the bytes from `at` on; the index behind the body, NOT_YET, or a Denial."""
        shift = 0
        if self._held:
            shift = at - len(self._held)
            data, at = self._held + data[at:], 0
            self._held = b""
        end, body = len(data), self.body
        while at < end:
            if self._missing:
                part = data[at : at + self._missing]
                body += part
                at += len(part)
                self._missing -= len(part)
                continue
            found = self._expected.match(data, at, at + _LONGEST_PIECE)
            if found is None:
                return self._hold(data[at : at + _LONGEST_PIECE + 1])
            self._framing += found.end() - at
            at = found.end()
            if self._framing > _FRAMING_ALLOWANCE + len(body) * _FRAMING_PER_BYTE:
                return Denial(Reason.FRAMING_INVALID)
            if self._expected is _LAST:
                return at + shift
            size = self._missing = int(found[1], 16)
            if size > self._limit - len(body):
                return Denial(Reason.BODY_TOO_LARGE)
            self._expected = _NEXT if size else _LAST
        return NOT_YET

    def _hold(self, part: bytes) -> int | Denial:
        """The framing goes on in the next read, if it can become what is expected."""
        if self._expected is _LAST and not part.startswith((b"\r", b"\n")):
            return Denial(Reason.HEADER_INVALID, "Trailer fields are not accepted.")
        if (
            _PART_OF[self._expected].fullmatch(part) is None
            or len(part) > _LONGEST_PIECE
            or self._framing + len(part) > _FRAMING_ALLOWANCE + len(self.body) * _FRAMING_PER_BYTE
        ):
            return Denial(Reason.FRAMING_INVALID)
        self._held = part
        return NOT_YET
