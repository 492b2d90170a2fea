"""The files of one journal directory: their names, their lock, and appending to one so that it is all or nothing.

A segment is `00000001.jsonl` and so on, mode 0600 in a directory of mode 0700, opened with O_APPEND. `append` completes
short writes; if it cannot, it cuts the file back to where the last good append ended and raises. If even the cut fails
it is tried again before the next write, so nothing is ever written behind a torn line. The lock is an flock on the
directory itself: it needs no file and the system gives it back when its holder dies, however it dies.
"""

import contextlib
import errno
import fcntl
import os
import re
from pathlib import Path
from typing import Self

_NAME = re.compile(r"\d{8}\.jsonl")


class JournalInUseError(Exception):
    """Another process writes this journal."""

    def __init__(self, directory: Path) -> None:
        super().__init__(f"{directory} is being written by another process; each worker needs a directory of its own")


class JournalDamagedError(Exception):
    """A line that was once written whole is not what was written. Nothing was changed."""

    def __init__(self, path: Path, line: int, what: str) -> None:
        super().__init__(
            f"{path}:{line}: {what}. A crash does not do this. Move {path.parent} elsewhere and keep it as evidence; "
            "the next start begins a new journal"
        )
        self.path = path
        self.line = line


class Disk:
    """The system calls of a segment; a test replaces one to make it fail."""

    write = staticmethod(os.write)
    truncate = staticmethod(os.ftruncate)
    sync = staticmethod(os.fdatasync)


def segment_path(directory: Path, number: int) -> Path:
    return directory / f"{number:08d}.jsonl"


def segment_number(path: Path) -> int:
    return int(path.stem)


def list_segments(directory: Path) -> list[Path]:
    """In the order they were written."""
    return sorted(path for path in directory.iterdir() if _NAME.fullmatch(path.name))


def make_private(directory: Path) -> None:
    """Create a directory and what is missing above it, readable by nobody else."""
    if not directory.is_dir():
        make_private(directory.parent)
        directory.mkdir(mode=0o700, exist_ok=True)


def lock(directory: Path) -> int:
    """Take the directory for this process; closing the descriptor gives it back."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(descriptor)
        raise JournalInUseError(directory) from None
    return descriptor


class SegmentFile:
    __slots__ = ("_descriptor", "_disk", "_torn", "number", "size")

    def __init__(self, descriptor: int, number: int, size: int, disk: Disk) -> None:
        self._descriptor = descriptor
        self._disk = disk
        self._torn = os.fstat(descriptor).st_size != size
        self.number = number
        self.size = size  # up to here the file is good

    @classmethod
    def create(cls, directory: Path, number: int, disk: Disk) -> Self:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC | os.O_CREAT | os.O_EXCL
        return cls(os.open(segment_path(directory, number), flags, 0o600), number, 0, disk)

    @classmethod
    def resume(cls, directory: Path, number: int, size: int, disk: Disk) -> Self:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC
        return cls(os.open(segment_path(directory, number), flags), number, size, disk)

    def append(self, block: bytes, *, sync: bool) -> None:
        """Write it all, or raise OSError and leave the file as it was; `sync` waits for the device as well."""
        if self._torn:
            self._cut()
        try:
            written = self._disk.write(self._descriptor, block)
            if written != len(block):
                self._write_rest(memoryview(block)[written:])
            if sync:
                self._disk.sync(self._descriptor)
        except OSError:
            self._torn = True
            with contextlib.suppress(OSError):
                self._cut()
            raise
        self.size += len(block)

    def _write_rest(self, rest: memoryview) -> None:
        while rest:
            written = self._disk.write(self._descriptor, rest)
            if not written:
                raise OSError(errno.EIO, os.strerror(errno.EIO))
            rest = rest[written:]

    def _cut(self) -> None:
        self._disk.truncate(self._descriptor, self.size)
        self._torn = False

    def close(self) -> None:
        os.close(self._descriptor)
