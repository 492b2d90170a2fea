"""Follows the journals of all workers and hands out whole lines, each once.

A reader of the journal keeps a `Position` per worker directory: a segment and a byte offset in it. `Tail.read` gives
what has been written since, as blocks of whole lines. The caller stores `positions` together with what it made of the
lines, in one file, if each line is to count exactly once (checkpoint.py). A line without its newline is not there yet.

A segment is left when it is read to its end and its successor has a whole header: from then on the writer never returns
to it. What a failed write left for a moment can be taken back under the reader's feet (audit/segment.py cuts the file).
Reading then goes on at the next whole line, counted in `resynchronised`; an exchange of that moment may be counted once
too often or not at all. A segment that is gone is skipped, and a directory that was replaced is read from its beginning
(the inode tells): that is what an operator does with a damaged one. Directories are named w0, w1, … and `control` (the
control process's own); others are no journals in use.
"""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from guardhouse.audit.segment import list_segments, segment_number, segment_path

_WORKER = re.compile(r"w\d+|control")
_BLOCK = 256 * 1024


class Position(msgspec.Struct, frozen=True):
    segment: int = 0  # 0: before the first
    offset: int = 0
    inode: int = 0


class Block(msgspec.Struct, frozen=True):
    """Whole lines of one worker."""

    worker: str
    lines: bytes


class Tail:
    """All journals below `root`, from `positions` on."""

    def __init__(self, root: Path, positions: dict[str, Position] | None = None) -> None:
        self._root = root
        self._first = 0
        self._journals = {
            worker: _Journal(root / worker, position) for worker, position in sorted((positions or {}).items())
        }

    @property
    def positions(self) -> dict[str, Position]:
        return {worker: journal.position for worker, journal in self._journals.items()}

    @property
    def resynchronised(self) -> int:
        return sum(journal.resynchronised for journal in self._journals.values())

    def read(self, budget: int) -> Iterator[Block]:
        """What is new, about `budget` bytes at most; the workers take turns at being first."""
        self._discover()
        journals = list(self._journals.items())
        self._first = (self._first + 1) % max(len(journals), 1)
        for worker, journal in journals[self._first :] + journals[: self._first]:
            while budget > 0 and (lines := journal.read(min(budget, _BLOCK))):
                budget -= len(lines)
                yield Block(worker, lines)

    def lag(self) -> int:
        """Bytes that are written and not read."""
        self._discover()
        return sum(journal.lag() for journal in self._journals.values())

    def close(self) -> None:
        for journal in self._journals.values():
            journal.close()

    def _discover(self) -> None:
        if self._root.is_dir():
            for name in sorted(entry.name for entry in os.scandir(self._root) if entry.is_dir()):
                if _WORKER.fullmatch(name) and name not in self._journals:
                    self._journals[name] = _Journal(self._root / name, Position())


class _Journal:
    __slots__ = ("_descriptor", "_directory", "position", "resynchronised")

    def __init__(self, directory: Path, position: Position) -> None:
        self._directory = directory
        self._descriptor: int | None = None
        self.position = position
        self.resynchronised = 0

    def read(self, size: int) -> bytes:
        """The next whole lines: `size` bytes at most, but for a longer line."""
        while (descriptor := self._open()) is not None:
            if lines := self._lines(descriptor, size):
                return lines
            if self._replaced(descriptor):
                self.close()
            elif not self._succeeded():
                return b""
            elif lines := self._lines(descriptor, size):  # written before the successor was, after the look above
                return lines
            else:
                self.close()
                self.position = Position(self.position.segment + 1)
        return b""

    def lag(self) -> int:
        total = 0
        for path in self._segments():
            number = segment_number(path)
            if number >= self.position.segment:
                total += path.stat().st_size - (self.position.offset if number == self.position.segment else 0)
        return max(total, 0)

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _segments(self) -> list[Path]:
        return list_segments(self._directory) if self._directory.is_dir() else []

    def _open(self) -> int | None:
        """The segment of `position`; the oldest after it, or the first of all, where that is gone."""
        if self._descriptor is None and (numbers := [segment_number(path) for path in self._segments()]):
            position = self.position
            number = next((number for number in numbers if number >= position.segment), numbers[0])
            self._descriptor = os.open(segment_path(self._directory, number), os.O_RDONLY | os.O_CLOEXEC)
            inode = os.fstat(self._descriptor).st_ino
            same = number == position.segment and inode == (position.inode or inode)
            self.position = Position(number, position.offset if same else 0, inode)
        return self._descriptor

    def _lines(self, descriptor: int, size: int) -> bytes:
        position = self.position
        start = max(position.offset - 1, 0)  # the byte before must be the end of a line
        block = os.pread(descriptor, size + 1, start)
        first = position.offset - start
        if first and not block:  # the file was cut
            self._move(os.fstat(descriptor).st_size)
            self.resynchronised += 1
            return b""
        if first and block[:1] != b"\n":
            first = block.find(b"\n") + 1
            self.resynchronised += 1
            if not first:
                return b""
        while (end := block.rfind(b"\n", first) + 1) == 0:
            more = os.pread(descriptor, _BLOCK, start + len(block))
            if not more:
                return b""
            block += more
        self._move(start + end)
        return block[first:end]

    def _move(self, offset: int) -> None:
        self.position = Position(self.position.segment, offset, self.position.inode)

    def _replaced(self, descriptor: int) -> bool:
        try:
            inode = segment_path(self._directory, self.position.segment).stat().st_ino
        except FileNotFoundError:
            return True
        return inode != os.fstat(descriptor).st_ino

    def _succeeded(self) -> bool:
        try:
            with segment_path(self._directory, self.position.segment + 1).open("rb") as file:
                return file.readline().endswith(b"\n")
        except FileNotFoundError:
            return False
