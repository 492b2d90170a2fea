"""What a journal reader must not forget, in one file that is replaced as a whole.

Positions and everything derived from the lines before them stand in the same file, so a reader that is killed at any
moment goes on with a pair that fits: no line counts twice and none is left out. There is no fsync: after a power loss
the file may be the one before, or unreadable. `load` gives None for whatever is not a checkpoint of this shape, and the
reader begins at the start of the journal, which holds the truth.
"""

import os
from pathlib import Path
from typing import TypeVar

import msgspec

T = TypeVar("T", bound=msgspec.Struct)


def load(path: Path, shape: type[T]) -> T | None:
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except (FileNotFoundError, msgspec.DecodeError, UnicodeDecodeError):
        return None


def save(path: Path, state: msgspec.Struct) -> None:
    fresh = path.with_name(path.name + ".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(msgspec.json.encode(state))
    fresh.replace(path)
