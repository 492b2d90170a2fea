"""The file by which the control process publishes key records, and how a worker follows it.

A feed is JSON lines: first a header that says how many records make up its base, then those records, then every
later change, each a whole record that replaces what was known of its id. One process writes it (control.publisher).

Reading is that of any feed (feed.py). A replaced (or shortened) one is read into a table of its own, which takes over
only when its base is complete; until then the old one answers, and then it is taken apart in slices too, because to
free 100,000 keys at once takes ten milliseconds. A line that cannot be understood may be the revocation that matters,
so it condemns the feed: its age is infinite until a new one takes its place.

Freshness. The publisher touches the file every second, so its modification time is the heartbeat; `age` is how long
ago that was by the wall clock. Whoever identifies asks `age` first, and beyond `identity.stale_after` identifies
nobody any more (path/identity.py), because a revocation could have been missed. A clock that jumps forward makes the
feed look old until the next heartbeat, a second later.

The file holds keyed hashes, never a key, and is readable by its owner only. 100,000 keys make about 25 MB.
"""

from pathlib import Path

import msgspec

from guardhouse.identity.api_keys import KeyRecord, key_of
from guardhouse.identity.feed import FREED, Feed, Reading
from guardhouse.identity.key_table import KeyTable
from guardhouse.model.secret import Secret

FORMAT = 1


class FeedHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: `base` records follow before the first change."""

    feed: int
    base: int


_decode_header = msgspec.json.Decoder(FeedHeader).decode


def header_line(base: int) -> bytes:
    return msgspec.json.encode(FeedHeader(FORMAT, base)) + b"\n"


def record_line(record: KeyRecord) -> bytes:
    return msgspec.json.encode(record) + b"\n"


class _Reading(Reading):
    def __init__(self, path: Path, pepper: bytes) -> None:
        super().__init__(path)
        self.pending: int | None = None  # records of the base that have not arrived; None before the header
        self.table = KeyTable(pepper)

    def take(self, line: bytes) -> bool:
        if self.pending is None:
            header = _decode_header(line)
            self.pending = header.base
            return header.feed == FORMAT
        self.table.put_line(line)
        self.pending = max(0, self.pending - 1)
        return True


class KeyFeed(Feed):
    """What a worker knows of the keys: `table` answers from memory, `refresh` keeps it up to date."""

    def __init__(self, path: Path, pepper: Secret) -> None:
        super().__init__(path)
        self._pepper = key_of(pepper)
        self._current: _Reading | None = None
        self._next: _Reading | None = None  # a replacement whose base is not complete yet
        self._leaving: KeyTable | None = None  # what the current table has replaced
        self.table = KeyTable(self._pepper)

    def __repr__(self) -> str:
        return f"<KeyFeed {self._path.name}: {len(self.table)} keys>"

    @property
    def reading(self) -> Reading | None:
        return self._next or self._current

    def refresh(self) -> bool:
        if self._free_some():
            return True
        reading = self._next or self._current
        try:
            status = self._path.stat()
            if reading is None or status.st_ino != reading.inode or status.st_size < reading.offset:
                reading = self._next = _Reading(self._path, self._pepper)
        except OSError:  # it is not there, or cannot be opened now: what is known only grows older
            return False
        if status.st_size > reading.offset:
            reading.read_slice()
        self._adopt(reading)
        self.touched = float("-inf") if reading.condemned else self._heartbeat(reading, status.st_mtime)
        return self._leaving is not None or (status.st_size > reading.offset and not reading.condemned)

    def _free_some(self) -> bool:
        """Of a table that was replaced; True when there is more of it."""
        if self._leaving is None or self._leaving.forget(FREED):
            return self._leaving is not None
        self._leaving = None
        return False

    def close(self) -> None:
        self._current = self._next = None

    def _adopt(self, reading: _Reading) -> None:
        if reading is self._current or reading.pending != 0 or reading.condemned:
            return
        self._current, self._next = reading, None
        self._leaving, self.table = self.table if len(self.table) else None, reading.table

    def _heartbeat(self, reading: _Reading, modified: float) -> float:
        return modified if reading is self._current else self.touched
