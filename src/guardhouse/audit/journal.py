"""The writer of one worker's journal: JSON lines in segments, one write(2) per turn of the event loop.

`append` encodes and queues; the first append of a turn schedules one flush, which seals all queued lines (chain.py),
writes them, and calls each record's `then`. Until that call nothing may happen that rests on the record: the request
does not go upstream, the last bytes of the answer do not leave. write(2) survives the death of the process. Under
`durability: power` the flush also waits for fdatasync, in the loop: one wait is shared by all records of a turn, and a
turn costs what the device takes.

A flush is all or nothing. If it fails, the file is cut back to the last good line, the chain stays at its last durable
digest, and every `then` of the flush gets the OSError. The journal is then not `healthy`, and each later flush tries
again: it first writes what is owed, an `outage` with the number of records lost, and a `closed` for each exchange whose
own could not be written (it was not answered), so the chain never has a hole that nothing speaks of. Whoever turns away
traffic while `healthy` is false has to call `retry` now and then, as without appends there is no flush.

Between segments the header carries what is still open; the Opened records of open exchanges are kept for that, by
reference. Limits: the write is a blocking call, so a disk that hangs without an error hangs the worker with it. Nothing
leaves unrecorded then, and the supervisor notices by its silence and kills it (control/supervisor.py); where even that
has to wait for the disk, so does its successor. Old segments are never deleted here.

One directory has one writer (segment.py holds the lock). Creating a Journal mends what a predecessor left (recovery.py)
and raises OSError, JournalInUseError or JournalDamagedError if there is nothing that can be written to.
"""

import asyncio
import errno
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final, Literal

import msgspec

from guardhouse.audit import chain, upkeep
from guardhouse.audit.record import FEW, Closed, Event, Opened, Record
from guardhouse.audit.recovery import Owed, Recovered, recover
from guardhouse.audit.segment import Disk, SegmentFile, lock, make_private, segment_path
from guardhouse.audit.upkeep import Carried, Outage, Segment
from guardhouse.model.reason import Reason

Then = Callable[[OSError | None], None]

_encode: Final = msgspec.json.Encoder().encode


class Journal:
    __slots__ = (
        "_clock",
        "_closed",
        "_digest",
        "_directory",
        "_disk",
        "_file",
        "_lines",
        "_lock",
        "_open",
        "_outage",
        "_owed",
        "_records",
        "_schedule",
        "_scheduled",
        "_segment",
        "_sync",
        "_thens",
        "_turn",
        "_worker",
        "failures",
        "flushes",
        "lost",
        "written",
    )

    def __init__(
        self,
        directory: Path,
        *,
        worker: str,
        schedule: Callable[[Callable[[], None]], object],
        segment: int = 64 * 1024 * 1024,
        durability: Literal["process", "power"] = "process",
        clock: Callable[[], float] = time.time,
        disk: Disk | None = None,
    ) -> None:
        self._directory = directory
        self._worker = worker
        self._schedule = schedule
        self._segment = segment
        self._sync = durability == "power"
        self._clock = clock
        self._disk = disk or Disk()
        self._records: list[Record] = []
        self._lines: list[bytes] = []
        self._thens: list[Then | None] = []
        self._turn: asyncio.Future[OSError | None] | None = None
        self._scheduled = False
        self._open: dict[str, Opened | Carried] = {}
        self._owed: list[Owed] = []
        self._outage: Outage | None = None
        self._closed = False
        self.written = 0  # records, without the journal's own
        self.lost = 0
        self.flushes = 0
        self.failures = 0
        make_private(directory)
        self._lock = lock(directory)
        try:
            self._begin(recover(directory, clock()))
        except BaseException:  # whatever it was, the lock must not outlive a Journal that does not exist
            os.close(self._lock)
            raise

    def _begin(self, state: Recovered | None) -> None:
        if state is None:
            self._file, self._digest = self._create(1, chain.GENESIS)
            return
        self._file = SegmentFile.resume(self._directory, state.segment, state.size, self._disk)
        self._digest = state.digest
        self._open.update(state.open)
        self._owed = state.owed
        if self._owed:
            self.flush()

    @property
    def healthy(self) -> bool:
        """False from a failed write until one succeeds."""
        return self._outage is None

    @property
    def position(self) -> tuple[int, int] | None:
        """The segment and its size up to which everything is written; None while something is still queued."""
        return None if self._records or self._outage is not None else (self._file.number, self._file.size)

    @property
    def open_count(self) -> int:
        return len(self._open)

    def append(self, record: Record, then: Then | None = None) -> None:
        """Queue a record; `then` is called when it is written, or with the error if it cannot be."""
        line = _encode(record)
        if not self._scheduled:
            self._scheduled = True
            self._schedule(self.flush)
        self._records.append(record)
        self._lines.append(line)
        self._thens.append(then)

    async def durable(self) -> OSError | None:
        """Wait until everything appended so far is written; the error if it was not.

        All who wait in one turn share a future, each behind a shield: one of them being cancelled concerns no other.
        """
        if not self._scheduled:
            return None
        if self._turn is None:
            self._turn = asyncio.get_running_loop().create_future()
        return await asyncio.shield(self._turn)

    def retry(self) -> None:
        """Try again if the last write failed, without waiting for a record."""
        if self._outage is not None and not self._scheduled:
            self._scheduled = True
            self._schedule(self.flush)

    def flush(self) -> None:
        """Write what is queued now and tell those who wait. Scheduled by `append`; does no harm when called early."""
        records, lines, thens, turn = self._records, self._lines, self._thens, self._turn
        self._records, self._lines, self._thens, self._turn = [], [], [], None
        self._scheduled = False
        error = self._write(records, lines)
        broken: Exception | None = None
        for then in thens:
            if then is not None:
                try:
                    then(error)
                except Exception as raised:  # noqa: BLE001 - the others of this flush are waiting too; raised below
                    broken = raised
        if turn is not None:
            turn.set_result(error)
        if broken is not None:
            raise broken

    def close(self) -> None:
        """Write what is queued, then let go of the directory."""
        if self._closed:
            return
        try:
            self.flush()
        finally:
            self._closed = True
            self._file.close()
            os.close(self._lock)

    def _write(self, records: list[Record], lines: list[bytes]) -> OSError | None:
        if self._owed or self._outage is not None:
            lines = [*map(_encode, self._debts()), *lines]
        if not lines:
            return None
        if self._closed:
            return OSError(errno.EBADF, "the journal is closed")
        self.flushes += 1
        try:
            if self._file.size >= self._segment:
                self._rotate()
            block, digest = chain.link(self._digest, lines)
            self._file.append(block, sync=self._sync)
        except OSError as error:
            self._fail(error, records)
            return error
        self._digest = digest
        self.written += len(records)
        self._note(records)
        return None

    def _note(self, records: list[Record]) -> None:
        exchanges = self._open
        for record in records:
            if type(record) is Opened:
                exchanges[record.id] = record if len(record.message_hashes) <= FEW else Carried.from_opened(record)
            elif type(record) is Closed:
                exchanges.pop(record.id, None)
        if self._owed:
            for owed in self._owed:
                if type(owed) is Closed:
                    exchanges.pop(owed.id, None)
            self._owed = []
        self._outage = None

    def _debts(self) -> list[Owed | Outage]:
        if self._outage is None:
            return [*self._owed]
        self._outage.at = self._clock()
        return [self._outage, *self._owed]

    def _fail(self, error: OSError, records: list[Record]) -> None:
        now = self._clock()
        self.failures += 1
        self.lost += len(records)
        if self._outage is None:
            name = errno.errorcode.get(error.errno or 0, "unknown")
            self._outage = Outage(at=now, since=now, records=0, error=name)
        self._outage.records += len(records)
        for record in records:
            opened = None if isinstance(record, Event) else self._open.get(record.id)
            if opened is not None:
                self._owed.append(upkeep.end(opened, now, "failed", Reason.AUDIT_UNAVAILABLE))

    def _rotate(self) -> None:
        fresh, digest = self._create(self._file.number + 1, self._digest)
        self._file.close()
        self._file, self._digest = fresh, digest

    def _create(self, number: int, previous: bytes) -> tuple[SegmentFile, bytes]:
        """A segment with its header, or no segment. The header is synced with the first records that follow it."""
        carried = [Carried.from_opened(each) if isinstance(each, Opened) else each for each in self._open.values()]
        header = Segment(segment=number, previous=previous.hex(), worker=self._worker, at=self._clock(), open=carried)
        block, digest = chain.link(previous, [_encode(header)])
        fresh = SegmentFile.create(self._directory, number, self._disk)
        try:
            if self._sync:
                os.fsync(self._lock)  # the lock's descriptor is the directory's
            fresh.append(block, sync=False)
        except OSError:
            fresh.close()
            segment_path(self._directory, number).unlink()
            raise
        return fresh, digest
