"""Which nonces were used: one small file that all workers of a machine share, so that each counts once.

The file is mapped into memory. A nonce belongs to one of BUCKETS by its digest, and within a bucket of SLOTS to
whichever slot is free, that is, empty or past its time. A bucket is locked while it is looked through, by a record lock
of the system, which ends with the process that holds it. So of two requests with one nonce, at any two workers, exactly
one is told that it is the first. A full bucket refuses (FULL): what cannot be remembered has not been seen once.

A nonce begins with the bytes of the key that it was signed with, its owner. Of a bucket nobody may have more slots than
what would be left for everybody else: half of them alone, and however many signatures somebody makes, others have room.

The file begins with the time at which it was made. What was signed before that is refused (EARLY), because a memory
that was lost does not know it; deleting the file opens nothing. Entries are written to memory only: they survive the
death of a process, and a loss of power forgets those of its last seconds, for as long as a signature is fresh.
"""

import contextlib
import fcntl
import mmap
import os
import struct
from enum import Enum
from pathlib import Path
from typing import Final

BUCKETS: Final = 2048
SLOTS: Final = 64
OWNER: Final = 4  # bytes of a nonce
_SLOT: Final = struct.Struct("<16sd")
_HEAD: Final = struct.Struct("<8sd")
_MAGIC: Final = b"nonces02"
_BUCKET_BYTES: Final = SLOTS * _SLOT.size
_BEGIN: Final = 4096
_SIZE: Final = _BEGIN + BUCKETS * _BUCKET_BYTES


class Seen(Enum):
    FIRST = "first"
    AGAIN = "again"
    FULL = "full"
    EARLY = "early"


class Replays:
    """Opened when it is first asked: most gateways verify no signatures."""

    __slots__ = ("_descriptor", "_file", "_made", "_map")

    def __init__(self, file: Path) -> None:
        self._file = file
        self._descriptor = -1
        self._made = 0.0
        self._map: mmap.mmap | None = None

    def __repr__(self) -> str:
        return f"<Replays in {self._file}>"

    def use(self, nonce: bytes, created: float, until: float, now: float) -> Seen:
        """Remember a nonce of 16 bytes until that time, and say whether it is the first of its kind."""
        memory = self._map or self._open(now)
        if created < self._made:
            return Seen.EARLY
        begin = _BEGIN + int.from_bytes(nonce[OWNER : OWNER + 4]) % BUCKETS * _BUCKET_BYTES
        fcntl.lockf(self._descriptor, fcntl.LOCK_EX, _BUCKET_BYTES, begin)
        try:
            return _use(memory, begin, nonce, until, now)
        finally:
            fcntl.lockf(self._descriptor, fcntl.LOCK_UN, _BUCKET_BYTES, begin)

    def begin(self, now: float) -> None:
        """Open it before it is needed, so that the first signature is not older than the memory."""
        if self._map is None:
            with contextlib.suppress(OSError):  # asked again, and told, when it is needed
                self._open(now)

    def close(self) -> None:
        if self._map is not None:
            self._map.close()
            os.close(self._descriptor)
            self._map = None

    def _open(self, now: float) -> mmap.mmap:
        descriptor = os.open(self._file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        fcntl.lockf(descriptor, fcntl.LOCK_EX)
        try:
            if os.fstat(descriptor).st_size != _SIZE or os.pread(descriptor, len(_MAGIC), 0) != _MAGIC:
                os.ftruncate(descriptor, 0)
                os.posix_fallocate(descriptor, 0, _SIZE)  # a full disk shows here, not as a signal later
                os.pwrite(descriptor, _HEAD.pack(_MAGIC, now), 0)
        finally:
            fcntl.lockf(descriptor, fcntl.LOCK_UN)
        self._descriptor = descriptor
        self._map = memory = mmap.mmap(descriptor, _SIZE)
        self._made = float(_HEAD.unpack_from(memory, 0)[1])
        return memory


def _use(memory: mmap.mmap, begin: int, nonce: bytes, until: float, now: float) -> Seen:
    free, held, own, owner = -1, 0, 0, nonce[:OWNER]
    for at in range(begin, begin + _BUCKET_BYTES, _SLOT.size):
        known, ends = _SLOT.unpack_from(memory, at)
        if ends < now:
            free = at if free < 0 else free
        elif known == nonce:
            return Seen.AGAIN
        else:
            held += 1
            if known[:OWNER] == owner:
                own += 1
    if free < 0 or own + 1 > SLOTS - (held + 1):
        return Seen.FULL
    _SLOT.pack_into(memory, free, nonce, until)
    return Seen.FIRST
