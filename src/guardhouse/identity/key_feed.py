"""The file by which the control process publishes key records, and how a worker follows it.

A feed is JSON lines: first a header that says how many records make up its base, then those records, then every
later change, each a whole record that replaces what was known of its id. One process writes it (control.publisher);
any number read. A new feed is written beside the old one and renamed into its place, so an inode has one history.

Reading. `refresh` is for a timer: one `stat`, and only when the file has grown or was replaced a bounded read, so the
loop it runs in is never held for long; it returns True when more waits. A last line without its newline is still
being written and is left for the next time. A replaced (or shortened) feed is read into a table of its own, which
takes over only when its base is complete; until then the old one answers, and then it is taken apart in slices too,
because to free 100,000 keys at once takes ten milliseconds. A line that cannot be understood may be the revocation that
matters, so it condemns the feed: its age is infinite until a new one takes its place.

Freshness. The publisher touches the file every second, so its modification time is the heartbeat; `age` is how long
ago that was by the wall clock. Whoever identifies asks `age` first, and beyond `identity.stale_after` identifies
nobody any more (path/identity.py), because a revocation could have been missed. A clock that jumps forward makes the
feed look old until the next heartbeat, a second later.

The file holds keyed hashes, never a key, and is readable by its owner only. 100,000 keys make about 25 MB.
"""

import os
from pathlib import Path

import msgspec

from guardhouse.identity.api_keys import KeyRecord, KeyTable, key_of
from guardhouse.model.secret import Secret

FORMAT = 1
SLICE = 128 * 1024  # about 500 records, one or two milliseconds
_FREED = 5000  # records of a replaced table that are freed at a time


class FeedHeader(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The first line: `base` records follow before the first change."""

    feed: int
    base: int


_decode_header = msgspec.json.Decoder(FeedHeader).decode


def header_line(base: int) -> bytes:
    return msgspec.json.encode(FeedHeader(FORMAT, base)) + b"\n"


def record_line(record: KeyRecord) -> bytes:
    return msgspec.json.encode(record) + b"\n"


class _Reading:
    """One inode, read from its beginning on. The descriptor stays open, so the inode number cannot be given again."""

    __slots__ = ("_file", "_pepper", "_rest", "condemned", "inode", "offset", "pending", "table")

    def __init__(self, path: Path, pepper: bytes) -> None:
        self._file = path.open("rb", buffering=0)
        self._pepper = pepper
        self._rest = b""
        self.inode = os.fstat(self._file.fileno()).st_ino
        self.offset = 0
        self.pending: int | None = None  # records of the base that have not arrived; None before the header
        self.table = KeyTable(pepper)
        self.condemned = False

    def read_slice(self) -> None:
        chunk = self._file.read(SLICE)
        self.offset += len(chunk)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        try:
            for line in lines:
                self._take(line)
        except msgspec.MsgspecError:
            self.condemned = True

    def _take(self, line: bytes) -> None:
        if self.pending is None:
            header = _decode_header(line)
            self.pending = header.base
            self.condemned = header.feed != FORMAT
            return
        self.table.put_line(line)
        self.pending = max(0, self.pending - 1)

    def close(self) -> None:
        self._file.close()


class KeyFeed:
    """What a worker knows of the keys: `table` answers from memory, `refresh` keeps it up to date."""

    def __init__(self, path: Path, pepper: Secret) -> None:
        self._path = path
        self._pepper = key_of(pepper)
        self._current: _Reading | None = None
        self._next: _Reading | None = None  # a replacement whose base is not complete yet
        self._touched = float("-inf")
        self._leaving: KeyTable | None = None  # what the current table has replaced
        self.table = KeyTable(self._pepper)

    def __repr__(self) -> str:
        return f"<KeyFeed {self._path.name}: {len(self.table)} keys>"

    def age(self, now: float) -> float:
        """Seconds since the publisher's last sign of life; infinite when there is no feed that can be trusted."""
        return now - self._touched

    @property
    def condemned(self) -> bool:
        """Whether what lies there cannot be what the publisher has written."""
        reading = self._next or self._current
        return reading is not None and reading.condemned

    def load(self) -> None:
        """Reads everything there is, for a start."""
        while self.refresh():
            pass

    def refresh(self) -> bool:
        """Reads at most one slice; True when there is more to do."""
        if self._free_some():
            return True
        reading = self._next or self._current
        try:
            status = self._path.stat()
            if reading is None or status.st_ino != reading.inode or status.st_size < reading.offset:
                reading = self._begin()
        except OSError:  # it is not there, or cannot be opened now: what is known only grows older
            return False
        if status.st_size > reading.offset:
            reading.read_slice()
        self._adopt(reading)
        self._touched = float("-inf") if reading.condemned else self._heartbeat(reading, status.st_mtime)
        return self._leaving is not None or (status.st_size > reading.offset and not reading.condemned)

    def _free_some(self) -> bool:
        """Of a table that was replaced; True when there is more of it."""
        if self._leaving is None or self._leaving.forget(_FREED):
            return self._leaving is not None
        self._leaving = None
        return False

    def close(self) -> None:
        for reading in (self._current, self._next):
            if reading is not None:
                reading.close()
        self._current = self._next = None

    def _begin(self) -> _Reading:
        reading = _Reading(self._path, self._pepper)
        if self._next is not None:
            self._next.close()
        self._next = reading
        return reading

    def _adopt(self, reading: _Reading) -> None:
        if reading is self._current or reading.pending != 0 or reading.condemned:
            return
        if self._current is not None:
            self._current.close()
        self._current, self._next = reading, None
        self._leaving, self.table = self.table if len(self.table) else None, reading.table

    def _heartbeat(self, reading: _Reading, modified: float) -> float:
        return modified if reading is self._current else self._touched
