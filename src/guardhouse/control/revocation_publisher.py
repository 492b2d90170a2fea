"""Publishes revoked credentials to the workers: the writing side of identity/revocation_feed.py.

At a start the whole is written as a new feed and renamed into place. From then on `poll`, called a few times a second,
appends what has come, which costs the same however much there is already, and touches the file once per `HEARTBEAT`.
What no longer matters is left out when the feed is made anew: once as much was appended as its base held, or once the
greater part of it has ended. That is done in parts, one per poll, beside the feed that is in use; so nobody waits for
it, and what it costs per revocation stays constant.

Should the file be another than the one that was written, or of another length, it is published anew at the next
heartbeat. Nothing here waits for the disk: the store keeps the revocations, and a feed that lost its end with the power
is one that no reader takes. There is one publisher per state directory.
"""

import os
from collections.abc import Sequence
from pathlib import Path

from guardhouse.audit.record import Event
from guardhouse.control.issuer_keys import Note
from guardhouse.control.publisher import HEARTBEAT
from guardhouse.control.revocations import Revocation, Revocations
from guardhouse.control.store import Store
from guardhouse.identity.revocation_feed import end_line, header_line, revocation_line

PART = 5000  # revocations written at a stretch: some 20 ms
SLACK = 1000  # lines that are appended before it is worth making the feed anew
REVIEWED = 3600.0  # seconds between two looks at how much of the feed has ended

_EVENT = "identity.token_revoked"


class RevocationPublisher:
    def __init__(self, store: Store, file: Path, note: Note) -> None:
        self._store = store
        self._revocations = Revocations(store.engine)
        self._file = file
        self._note = note
        self._feed: _Feed | None = None
        self._fresh: _Feed | None = None  # the next one, as far as it is written
        self._version = -1
        self._beaten = float("-inf")
        self._reviewed = float("-inf")

    def __repr__(self) -> str:
        return f"<RevocationPublisher of {self._file.name}{'' if self._fresh is None else ', made anew'}>"

    def revoke(self, credential: str, by: str, now: float, until: float | None = None) -> None:
        """Published at the next poll."""
        self._revocations.revoke(credential, by, now, until)

    def publish(self, now: float) -> None:
        """All of it at once, as a new feed."""
        self.close()
        feed = _Feed(self._file)
        while self._write_part(feed):
            pass
        self._put_in_place(feed, now)

    def poll(self, now: float) -> None:
        version = self._store.version()
        if self._feed is None:
            self.publish(now)
        elif version != self._version:
            while self._write_part(self._feed):
                pass
        if version != self._version:
            self._version = version
            self._announce()
        self._renew(now)
        if abs(now - self._beaten) >= HEARTBEAT:
            self._beat(now)

    def close(self) -> None:
        for feed in (self._feed, self._fresh):
            if feed is not None:
                feed.close()
        self._feed = self._fresh = None

    def _write_part(self, feed: "_Feed") -> bool:
        """What the feed does not have yet; True when there may be more."""
        latest = self._revocations.latest()
        part = self._revocations.since(feed.last, PART)
        feed.append(part)
        if len(part) < PART:
            feed.last = max(feed.last, latest)  # those that have ended are not told, but were
        return len(part) == PART

    def _put_in_place(self, feed: "_Feed", now: float) -> None:
        feed.end_base()
        feed.touch(now)
        feed.put_in_place(self._file)
        if self._feed is not None:
            self._feed.close()
        self._feed, self._fresh = feed, None
        self._beaten = self._reviewed = now

    def _renew(self, now: float) -> None:
        if self._fresh is None and self._is_worth_renewing(now):
            self._fresh = _Feed(self._file)
        if self._fresh is not None and not self._write_part(self._fresh):
            self._put_in_place(self._fresh, now)

    def _is_worth_renewing(self, now: float) -> bool:
        assert self._feed is not None
        if self._feed.lines - self._feed.base > max(SLACK, self._feed.base):
            return True
        if abs(now - self._reviewed) < REVIEWED:
            return False
        self._reviewed = now
        return self._feed.lines > max(SLACK, 2 * self._revocations.count(now))

    def _announce(self) -> None:
        told = self._revocations.unannounced()
        for revocation in told:
            self._note(Event(at=revocation.at, name=_EVENT, credential=revocation.credential, by=revocation.by))
        if told:
            self._revocations.note_announced(revocation.number for revocation in told)  # and look for more at the next

    def _beat(self, now: float) -> None:
        assert self._feed is not None
        if not self._feed.is_in(self._file):
            self.publish(now)
        self._feed.touch(now)
        self._beaten = now


class _Feed:
    """One file, from its first line on."""

    def __init__(self, file: Path) -> None:
        self._path = file.with_suffix(".new")
        self._path.unlink(missing_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        self._descriptor = os.open(self._path, flags, 0o600)
        self._size = 0
        self.lines = 0
        self.base = 0  # how many of them are the base
        self.last = 0  # number of the last revocation
        self._write(header_line())

    def append(self, revocations: Sequence[Revocation]) -> None:
        lines = [
            revocation_line(self.lines + place, revocation.number, revocation.credential, revocation.until)
            for place, revocation in enumerate(revocations, 1)
        ]
        if revocations:
            self._write(b"".join(lines))
            self.lines += len(lines)
            self.last = revocations[-1].number

    def end_base(self) -> None:
        self._write(end_line(self.lines, self.last))
        self.base = self.lines

    def put_in_place(self, file: Path) -> None:
        self._path.replace(file)

    def is_in(self, file: Path) -> bool:
        try:
            there, ours = file.stat(), os.fstat(self._descriptor)
        except FileNotFoundError:
            return False
        return there.st_ino == ours.st_ino and there.st_size == self._size

    def touch(self, now: float) -> None:
        os.utime(self._descriptor, (now, now))

    def close(self) -> None:
        os.close(self._descriptor)

    def _write(self, content: bytes) -> None:
        view = memoryview(content)
        while view:
            written = os.write(self._descriptor, view)
            self._size += written
            view = view[written:]
