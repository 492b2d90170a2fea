"""Reading a file of requests, or of results, a piece at a time.

A file may hold as much as any body, and most of what it costs is judging each line. So it is never read as a whole: its
lines are handed out in pieces of PIECE bytes at most (or one line that is longer), what they say as documents lives as
long as a piece is worked on, and whoever reads them can let others have their turn in between. What has to be the same
in all lines, or another one in each, is remembered from piece to piece.
"""

from collections.abc import Iterator
from typing import Any, Final

from guardhouse.model.denial import Denial
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire import json
from guardhouse.wire.dialects.batch.lines import MOST_LINES, URLS, Lines, encode, is_custom_id
from guardhouse.wire.dialects.deferred import Unread
from guardhouse.wire.dialects.openai import request
from guardhouse.wire.dialects.rules import invalid

PIECE: Final = 16 * 1024
_MEMBERS: Final = frozenset(("custom_id", "method", "url", "body"))
_BLANK: Final = b" \t\r\n"
_STEP: Final = 64 * 1024
_ROOM_PER_LINE: Final = 128  # bytes for an id that is remembered


def pieces(content: bytes) -> Iterator[list[bytes]] | None:
    """Its lines up to the last that is not blank; None if they are more than a file has. They are counted before they
    are parted: a list of blank lines takes many times what they do."""
    end = _end_of(content)
    return None if content.count(b"\n", 0, end) >= MOST_LINES else _parted(content, end)


def _parted(content: bytes, end: int) -> Iterator[list[bytes]]:
    at = 0
    while at < end:
        upto = _end_of_piece(content, at, end)
        yield content[at:upto].split(b"\n")
        at = upto + 1


def _end_of_piece(content: bytes | bytearray, at: int, end: int) -> int:
    if end - at <= PIECE:
        return end
    upto = content.rfind(b"\n", at, at + PIECE)
    if upto < 0:
        upto = content.find(b"\n", at + PIECE, end)
    return end if upto < 0 else upto


def _end_of(content: bytes | bytearray) -> int:
    """Where blanks begin that go on to the end."""
    end = len(content)
    while end:
        start = max(0, end - _STEP)
        left = len(content[start:end].rstrip(_BLANK))
        if left:
            return start + left
        end = start
    return 0


def open_file(content: bytearray, most: int) -> "Requests | Denial":
    """What is read of it is taken out of `content`. Each line may have `most` parts, as a request may."""
    end = _end_of(content)
    if not end:
        return Denial(Reason.BODY_MISSING, "The file has no lines.", "file")
    lines = content.count(b"\n", 0, end) + 1
    if lines > MOST_LINES:
        return Denial(Reason.CONTENT_BEYOND_LIMIT, f"At most {MOST_LINES} lines.", "file")
    del content[end:]
    return Requests(content, lines, most)


class Requests(Unread):
    """Of a file; what it has handed out are requests to one endpoint and one model."""

    __slots__ = ("_ids", "_left", "_model", "_most", "_read", "_url")

    def __init__(self, content: bytearray, lines: int, most: int) -> None:
        self.room = len(content) + len(content) // 8 + _ROOM_PER_LINE * lines
        self._left = content
        self._most = most
        self._read = 0
        self._ids: set[str] = set()
        self._url = ""
        self._model = ""

    def read(self) -> tuple[Lines, bytes] | Denial | None:
        left = self._left
        if not left:
            return None
        end = _end_of_piece(left, 0, len(left))
        raw = bytes(left[:end]).split(b"\n")
        del left[: end + 1]
        found: Lines = []
        encoded: list[bytes] = []
        for line in raw:
            decoded = json.decode(line, self._most) if line.strip() else Denial(Reason.SHAPE_INVALID, "It is empty.")
            denial = decoded if isinstance(decoded, Denial) else self._check(decoded[0])
            if denial is not None:
                return in_line(self._read + len(found), denial)
            assert not isinstance(decoded, Denial)
            found.append(decoded[0])
            encoded.append(decoded[1])
        self._read += len(found)
        return found, encode(encoded)

    @property
    def operation(self) -> Operation:
        return URLS[self._url]

    @property
    def model(self) -> str:
        return self._model

    def _check(self, line: Any) -> Denial | None:
        denial = check(line)
        if denial is not None:
            return denial
        body = line["body"]
        self._url, self._model = self._url or line["url"], self._model or body["model"]
        if line["url"] != self._url:
            return invalid("url", "the same in all lines")
        if body["model"] != self._model:
            return invalid("body.model", "the same in all lines")
        if line["custom_id"] in self._ids:
            return invalid("custom_id", "another one in each line")
        self._ids.add(line["custom_id"])
        return None


def read_again(encoded: bytes) -> Lines:
    """The lines of a piece, or of a file, that was read and encoded before."""
    found: Lines = []
    for line in encoded[:-1].split(b"\n"):
        decoded = json.decode(line)
        assert not isinstance(decoded, Denial)
        found.append(decoded[0])
    return found


def in_line(index: int, denial: Denial) -> Denial:
    """What was said of one line, as said of the file."""
    place = f"lines[{index}]"
    param = place if denial.param is None else f"{place}.{denial.param}"
    return Denial(denial.reason, f"Line {index + 1}: {denial.detail}".rstrip(": "), param[:160])


def check(line: Any) -> Denial | None:
    """Of one line by itself."""
    if type(line) is not dict or line.keys() != _MEMBERS:
        return Denial(Reason.SHAPE_INVALID, "It must be an object with custom_id, method, url and body only.")
    if not is_custom_id(line["custom_id"]):
        return invalid("custom_id", "1 to 128 letters, digits and _.:/|#=+-")
    if line["method"] != "POST":
        return invalid("method", "POST")
    url = line["url"]
    if type(url) is not str or url not in URLS:
        return invalid("url", f"one of {', '.join(URLS)}")
    body = line["body"]
    denial = request.check(body, URLS[url])
    if denial is not None:
        return Denial(denial.reason, denial.detail, f"body.{denial.param}")
    return invalid("body.stream", "left out") if body.get("stream") is True else None
