"""How a process follows a file that another one appends to and now and then replaces: what all feeds have in common.

A feed is lines of JSON, written by one process and read by any number. A new one is written beside the old one and
renamed into its place, so an inode has one history. What the lines say, and what condemns a feed, is said by who builds
on this: key_feed.py and revocation_feed.py.

Reading costs one `stat` when nothing has happened, and else one slice at a time, so that the loop it runs in is never
held for long. A last line without its end is still being written and is left for the next time. A new file is read into
a table of its own, which takes over when its base is complete. The file's time is the publisher's heartbeat; a feed
that is condemned is infinitely old, whatever its time, until another one takes its place.
"""

import os
from abc import ABC, abstractmethod
from pathlib import Path

import msgspec

SLICE = 128 * 1024  # bytes; one or two milliseconds
FREED = 5000  # entries of a replaced table that are freed at a time


class Reading(ABC):
    """One inode, read from its beginning on. The descriptor is kept as long as this is, so that the inode number cannot
    be given again."""

    def __init__(self, path: Path) -> None:
        self._descriptor = -1
        self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        self.rest = b""
        self.inode = os.fstat(self._descriptor).st_ino
        self.offset = 0
        self.condemned = False

    def read_slice(self) -> None:
        chunk = os.read(self._descriptor, SLICE)
        self.offset += len(chunk)
        *lines, self.rest = (self.rest + chunk).split(b"\n")
        try:
            for line in lines:
                if not self.take(line):
                    self.condemned = True
                    return
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.condemned = True

    @abstractmethod
    def take(self, line: bytes) -> bool:
        """False for a line that cannot stand here."""

    def __del__(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)


class Feed(ABC):
    def __init__(self, path: Path) -> None:
        self._path = path
        self.touched = float("-inf")  # the publisher's last sign of life, if this can be trusted

    @property
    @abstractmethod
    def reading(self) -> Reading | None:
        """Of the file that is followed now."""

    @abstractmethod
    def refresh(self) -> bool:
        """Reads at most one slice; True when there is more to do."""

    def age(self, now: float) -> float:
        """Seconds since the publisher's last sign of life; infinite when there is no feed that can be trusted."""
        return now - self.touched

    @property
    def condemned(self) -> bool:
        """Whether what lies there cannot be what the publisher has written."""
        reading = self.reading
        return reading is not None and reading.condemned

    def load(self) -> None:
        """Reads everything there is, for a start."""
        while self.refresh():
            pass
