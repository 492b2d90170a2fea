"""Publishes the key store to the workers: the writing side of identity/key_feed.py.

At its start the publisher writes the whole store as a new feed beside the old one and renames it into place, which
also compacts what had been appended. From then on `poll`, called every `INTERVAL`, appends what has changed, and
touches the file once per `HEARTBEAT`, so that workers know it is alive. Should somebody have moved or removed the feed,
the next heartbeat publishes it anew. There is one publisher per state directory: the supervisor holds a lock on that
(control/state.py).

Revocation is visible to a worker after at most one interval of `poll` and one of `KeyFeed.refresh`.
"""

import os
from itertools import islice
from pathlib import Path

from guardhouse.control.store import Store
from guardhouse.identity.key_feed import header_line, record_line

HEARTBEAT = 1.0  # seconds
INTERVAL = 0.4  # seconds between two polls
_PART = 1000  # records written at once


class Publisher:
    def __init__(self, store: Store, feed: Path) -> None:
        self._store = store
        self._feed = feed
        self._descriptor = -1
        self._sequence = 0
        self._version = 0
        self._beaten = float("-inf")

    def publish(self, now: float) -> None:
        """Writes the whole feed, a part at a time; after a crash half-way the old one is still in place."""
        self._version = self._store.version()
        base = self._store.count()  # rows are never deleted: there are at least as many when they are read
        fresh = self._feed.with_suffix(".new")
        fresh.unlink(missing_ok=True)
        descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o600)
        self.close()
        self._descriptor = descriptor
        _write(descriptor, header_line(base))
        self._sequence = 0
        self._append()
        os.fsync(descriptor)
        fresh.replace(self._feed)
        self._beaten = now

    def poll(self, now: float) -> None:
        version = self._store.version()
        if version != self._version:
            self._append()
            self._version = version
        if abs(now - self._beaten) >= HEARTBEAT:
            self._beat(now)

    def _append(self) -> None:
        changes = self._store.changes_since(self._sequence)
        while part := list(islice(changes, _PART)):
            _write(self._descriptor, b"".join(record_line(record) for _, record in part))
            self._sequence = part[-1][0]

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def _beat(self, now: float) -> None:
        if not self._in_place():
            self.publish(now)
        os.utime(self._descriptor, (now, now))
        self._beaten = now

    def _in_place(self) -> bool:
        try:
            return self._feed.stat().st_ino == os.fstat(self._descriptor).st_ino
        except FileNotFoundError:
            return False


def _write(descriptor: int, content: bytes) -> None:
    """All of it; a reader copes with a line that is cut, but the rest must follow."""
    view = memoryview(content)
    while view:
        view = view[os.write(descriptor, view) :]
