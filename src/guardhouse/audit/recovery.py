"""What a journal's last writer left behind, and what is owed to it before new records follow.

The last segment is read from its header on and every seal is checked; earlier segments are not touched, since the
header carries what was open when it was written. Three things can be found:

- A torn tail: bytes after the last newline. A killed writer leaves that, and nobody was ever answered on its account
  (answers wait for the whole write). It is cut off, and a `mended` record says how much and its hash. A last segment
  with no whole line is a rotation that was interrupted: it is removed and its predecessor goes on.
- Exchanges that were opened and not closed: each is owed a `closed`, aborted, `worker_died`.
- A whole line that does not follow the one before it. No crash of this process makes that: it is tampering, a failing
  disk, or a power loss under `durability: process`. It raises. Starting beside it would be convenient and would bury
  the finding in a log; moving the directory away is one deliberate act of an operator, and keeps the evidence.

`recover` runs under the directory's lock and writes nothing: the journal pays what is owed with its first write, and if
the disk is full at that time, with the first that succeeds. The torn header of a very first segment leaves no note, as
there is nothing that it could have held.
"""

import hashlib
from pathlib import Path

import msgspec

from guardhouse.audit import chain, upkeep
from guardhouse.audit.record import Closed
from guardhouse.audit.segment import JournalDamagedError, list_segments, segment_number
from guardhouse.audit.upkeep import Carried, Mended, Segment
from guardhouse.model.reason import Reason

Owed = Mended | Closed


class Recovered(msgspec.Struct):
    """Where to go on: append to `segment` at `size`, following `digest`; first of all what is `owed`."""

    segment: int
    size: int
    digest: bytes
    open: dict[str, Carried]
    owed: list[Owed] = []


class _Ended(msgspec.Struct, gc=False):
    id: str


_decode_header = msgspec.json.Decoder(Segment).decode
_decode_opened = msgspec.json.Decoder(Carried).decode
_decode_closed = msgspec.json.Decoder(_Ended).decode


def recover(directory: Path, now: float) -> Recovered | None:
    """None when there is no journal yet."""
    torn: list[Mended] = []
    for path in reversed(list_segments(directory)):
        state, tail = read_segment(path)
        if tail:
            size = 0 if state is None else state.size
            torn.append(_mended(segment_number(path), size, tail, now))
        if state is None:
            path.unlink()
            continue
        lost = [upkeep.end(carried, now, "aborted", Reason.WORKER_DIED) for carried in state.open.values()]
        state.owed = [*torn, *lost]
        return state
    return None


def _mended(segment: int, offset: int, tail: bytes, now: float) -> Mended:
    digest = hashlib.sha256(tail).hexdigest()
    return Mended(at=now, segment=segment, offset=offset, dropped=len(tail), sha256=digest)


def read_segment(path: Path) -> tuple[Recovered | None, bytes]:
    """The state after the last whole line (None: there is none), and the bytes behind it."""
    state: Recovered | None = None
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if not line.endswith(b"\n"):
                return state, line
            try:
                state = _begin(path, line) if state is None else _step(state, line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                raise JournalDamagedError(path, number, "the line cannot be read") from None
            if state is None:
                raise JournalDamagedError(path, number, "the line does not follow the one before it")
    return state, b""


def _begin(path: Path, line: bytes) -> Recovered | None:
    header = _decode_header(line)
    try:
        digest = chain.follow(bytes.fromhex(header.previous), line)
    except ValueError:
        return None
    if digest is None or header.segment != segment_number(path):
        return None
    return Recovered(header.segment, len(line), digest, {carried.id: carried for carried in header.open})


def _step(state: Recovered, line: bytes) -> Recovered | None:
    digest = chain.follow(state.digest, line)
    if digest is None:
        return None
    state.digest = digest
    state.size += len(line)
    if line.startswith(b'{"kind":"opened"'):
        opened = _decode_opened(line)
        state.open[opened.id] = opened
    elif line.startswith(b'{"kind":"closed"'):
        state.open.pop(_decode_closed(line).id, None)
    return state
