"""A file that one process publishes as a whole and others follow: how the control process tells the workers things.

The writer puts a new file beside the old one and renames it into place, so a reader sees one state or the next and
never a half. The writer touches the file now and then (`beat`) to show that it is alive; how long a reader goes on with
what it last read, and what it does then, is the reader's own rule. Right for what is small and replaced as a whole;
what grows is published as a feed (identity/key_feed.py).

A file that cannot be decoded is no news: the reader keeps what it has and counts the fault, because half of the
processes going on with the old state is what an operator can understand. But it is no sign of life either: as long as
it lies there `age` grows, since what it would say could be what matters.
"""

import contextlib
import os
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

T = TypeVar("T")


def publish(path: Path, content: object, *, durable: bool = True) -> None:
    """Write `content`, a msgspec struct, as the new state. OSError leaves the old one in place.

    What is not `durable` may be lost with the power of the machine, and costs no wait for the disk.
    """
    fresh = path.with_suffix(".new")
    with contextlib.suppress(FileNotFoundError):
        fresh.unlink()
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(content))
        file.flush()
        if durable:
            os.fsync(file.fileno())
    fresh.replace(path)


def beat(path: Path, now: float) -> None:
    """Show that the publisher is alive; `now` is Unix time."""
    with contextlib.suppress(FileNotFoundError):
        os.utime(path, (now, now))


class Bulletin(Generic[T]):
    """The reading side. `current` is None until something was read."""

    def __init__(self, path: Path, kind: type[T]) -> None:
        self._path = path
        self._decode = msgspec.json.Decoder(kind).decode
        self._seen: tuple[int, int, int, int] | None = None  # inode, size, last change and last beat
        self._content: bytes | None = None
        self.touched = float("-inf")  # the writer's last sign of life that could be read
        self.current: T | None = None
        self.faults = 0
        self.unreadable = False  # what lies there now

    def __repr__(self) -> str:
        return f"<Bulletin {self._path.name}{'' if self.current is None else ', read'}>"

    def age(self, now: float) -> float:
        """Seconds since the writer's last sign of life that could be read; infinite before the first."""
        return now - self.touched

    def refresh(self) -> bool:
        """Look at the file; True when `current` is new. Costs one stat when nothing has happened."""
        try:
            status = self._path.stat()
        except FileNotFoundError:
            return False
        seen = (status.st_ino, status.st_size, status.st_ctime_ns, status.st_mtime_ns)
        if seen == self._seen:
            return False
        try:
            content = self._path.read_bytes()
        except OSError:
            self.faults += 1
            return False  # it is tried again at the next look: what could not be opened now may be so then
        self._seen = seen
        news = content != self._content  # a new file of the same content is told apart by nobody
        if news:
            self._take(content)
        if not self.unreadable:
            self.touched = status.st_mtime
        return news and not self.unreadable

    def _take(self, content: bytes) -> None:
        self._content = content
        try:
            self.current = self._decode(content)
            self.unreadable = False
        except (msgspec.MsgspecError, UnicodeDecodeError):
            self.faults += 1
            self.unreadable = True
