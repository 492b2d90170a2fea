"""The file by which the control process publishes revoked credentials, and how a process follows it.

A feed is JSON lines. First a header; then the base, one line per revocation that matters when the file is made; a line
that ends the base, with the number of its lines; then each later revocation, as it comes. A line is [its place in the
file, its number in the store, credential id, Unix time until which it matters]. One process writes (control/
revocation_publisher.py). Reading is that of any feed (feed.py); a file in place has its whole base.

A revocation that is lost is a stolen token that goes on working. So whatever cannot be the next line of this history
condemns the feed: a line that cannot be understood, a place that was left out, a file that has become shorter, a base
that is cut off, a file that ends at an earlier revocation than what is known here already. A condemned feed is
infinitely old, and whoever identifies by tokens asks `age` first (path/identity.py); what was known goes on to count.
Only another file in its place mends it, which the publisher makes when it finds its file changed. A last line without
its end is awaited, but meanwhile the heartbeat (the file's time) does not count.
"""

from pathlib import Path

import msgspec

from guardhouse.identity.feed import FREED, Feed, Reading

NAME = "revoked.feed"  # in the state directory
FORMAT = 1


class FeedHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line."""

    revocations: int  # the format


class BaseEnd(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The line behind the base: how many lines it has, and the number of the latest revocation that it knows of."""

    base: int
    last: int


_decode_header = msgspec.json.Decoder(FeedHeader).decode
_decode_end = msgspec.json.Decoder(BaseEnd).decode
_decode_line = msgspec.json.Decoder(tuple[int, int, str, float]).decode


def header_line() -> bytes:
    return msgspec.json.encode(FeedHeader(FORMAT)) + b"\n"


def end_line(base: int, last: int) -> bytes:
    return msgspec.json.encode(BaseEnd(base, last)) + b"\n"


def revocation_line(place: int, number: int, credential: str, until: float) -> bytes:
    return msgspec.json.encode((place, number, credential, until)) + b"\n"


class _Reading(Reading):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._begun = False
        self._lines = 0
        self.last = 0  # number of the latest revocation
        self.complete = False  # the base is
        self.revoked: dict[str, float] = {}

    def take(self, line: bytes) -> bool:
        if not self._begun:
            self._begun = True
            return _decode_header(line).revocations == FORMAT
        if line.startswith(b"{"):
            end = _decode_end(line)
            fits = not self.complete and end.base == self._lines and end.last >= self.last
            self.complete, self.last = True, end.last
            return fits
        place, number, credential, until = _decode_line(line)
        if place != self._lines + 1 or number <= self.last:
            return False
        self._lines, self.last = place, number
        if until > self.revoked.get(credential, 0.0):
            self.revoked[credential] = until
        return True


class RevocationFeed(Feed):
    """`revoked`: credential ids, each with the time until which that matters. `changes` counts how often it grew."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self._current: _Reading | None = None
        self._next: _Reading | None = None  # a replacement whose base is not complete yet
        self._leaving: dict[str, float] = {}  # what the current table has replaced
        self._last = 0  # the latest revocation that was ever known here
        self.revoked: dict[str, float] = {}
        self.changes = 0

    def __repr__(self) -> str:
        return f"<RevocationFeed {self._path.name}: {len(self.revoked)} revoked>"

    @property
    def reading(self) -> Reading | None:
        return self._next or self._current

    def refresh(self) -> bool:
        if self._leaving:
            for _ in range(min(FREED, len(self._leaving))):
                self._leaving.popitem()
            return True
        reading = self._next or self._current
        try:
            status = self._path.stat()
            if reading is None or status.st_ino != reading.inode:
                reading = self._next = _Reading(self._path)
        except OSError:  # it is not there, or cannot be opened now: what is known only grows older
            return False
        self._follow(reading, status.st_size)
        if reading.condemned:
            self.touched = float("-inf")
            return False
        if reading is self._current and not reading.rest:
            self.touched = status.st_mtime
        return bool(self._leaving) or status.st_size > reading.offset

    def _follow(self, reading: _Reading, size: int) -> None:
        known = reading.last
        if size < reading.offset:
            reading.condemned = True
        elif size > reading.offset and not reading.condemned:
            reading.read_slice()
        if reading.condemned:
            return
        if reading is self._next:
            if reading.complete:
                self._adopt(reading)
            elif reading.offset >= size:
                reading.condemned = True  # it was put into place with its whole base
        elif reading.last != known:
            self.changes += 1
            self._last = reading.last

    def _adopt(self, reading: _Reading) -> None:
        if reading.last < self._last:
            reading.condemned = True
            return
        self._current, self._next = reading, None
        self._leaving, self.revoked = self.revoked, reading.revoked
        self._last = reading.last
        self.changes += 1
