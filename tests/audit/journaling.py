"""Records to write, a loop that turns when told, a disk that fails when told, and short ways to look at a journal."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Closed, Opened
from guardhouse.audit.segment import Disk
from guardhouse.audit.verify import Report, verify

AT = 1_700_000_000.0


def opened(name: str, **members: Any) -> Opened:
    return Opened(
        **{
            "at": AT,
            "id": name,
            "principal": "alice",
            "credential": "k1",
            "client": "10.0.0.1",
            "operation": "chat",
            "model": "small",
            "target": "local",
            "policies": ("all",),
            "revision": "0123456789abcdef",
            **members,
        }
    )


def closed(name: str, **members: Any) -> Closed:
    return Closed(
        **{
            "at": AT + 1,
            "id": name,
            "decision": "allowed",
            "outcome": "completed",
            "status": 200,
            "principal": "alice",
            "operation": "chat",
            "model": "small",
            "target": "local",
            "finish_reason": "stop",
            "input_tokens": 10,
            "output_tokens": 5,
            "duration": 0.25,
            **members,
        }
    )


def denied(name: str, reason: str = "model_denied", **members: Any) -> Closed:
    settled = {"at": AT, "principal": "alice", **members}
    return Closed(id=name, decision="denied", outcome="denied", reason=reason, **settled)


class Turns:
    """An event loop's `call_soon`, and its next turn."""

    def __init__(self) -> None:
        self.scheduled: list[Callable[[], None]] = []

    def call_soon(self, call: Callable[[], None]) -> None:
        self.scheduled.append(call)

    def turn(self) -> None:
        calls, self.scheduled = self.scheduled, []
        for call in calls:
            call()


class FaultyDisk(Disk):
    """Real system calls with faults: `room` bytes may be written in all, in pieces of `piece`; `broken` calls fail."""

    def __init__(self, room: int | None = None, piece: int | None = None) -> None:
        self.room = room
        self.piece = piece
        self.broken: set[str] = set()
        self.calls: list[str] = []

    def write(self, descriptor: int, block: Any) -> int:
        self._call("write")
        length = len(block) if self.piece is None else min(len(block), self.piece)
        if self.room is not None:
            if not self.room:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            length = min(length, self.room)
            self.room -= length
        return os.write(descriptor, bytes(block[:length]))

    def truncate(self, descriptor: int, size: int) -> None:
        self._call("truncate")
        os.ftruncate(descriptor, size)

    def sync(self, descriptor: int) -> None:  # type: ignore[override]
        self._call("sync")
        os.fdatasync(descriptor)

    def _call(self, name: str) -> None:
        self.calls.append(name)
        if name in self.broken:
            raise OSError(errno.EIO, os.strerror(errno.EIO))


def journal_in(directory: Path, turns: Turns | None = None, **options: Any) -> Journal:
    return Journal(directory, worker="w0", schedule=(turns or Turns()).call_soon, **{"clock": lambda: AT, **options})


@contextmanager
def writing(directory: Path, **options: Any) -> Iterator[Journal]:
    journal = journal_in(directory, **options)
    try:
        yield journal
    finally:
        journal.close()


def write(directory: Path, *records: Opened | Closed, **options: Any) -> None:
    """Each record in a turn of its own."""
    with writing(directory, **options) as journal:
        for record in records:
            journal.append(record)
            journal.flush()


def exchanges(count: int, start: int = 0) -> list[Opened | Closed]:
    return [record for n in range(start, start + count) for record in (opened(f"x{n}"), closed(f"x{n}"))]


def segments(directory: Path) -> list[Path]:
    return sorted(directory.glob("*.jsonl"))


def records(directory: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for path in segments(directory) for line in path.read_bytes().splitlines()]


def kinds(directory: Path) -> list[str]:
    return [record["kind"] for record in records(directory)]


def check(directory: Path) -> Report:
    (report,) = verify(directory)
    return report
