"""Who of the workers is up, as the supervisor knows it, told to the control process for its `/readyz`.

It travels through the pipe that is the control process's standard input, one line per change, and all of it again for a
control process that is started anew. Nothing of it lies on a disk, because a disk that hangs is one of the things to be
told. `silent` is a worker that has not been heard of for a while and will be killed if that goes on.
"""

import asyncio
import contextlib
import os
import stat
from collections.abc import Iterable
from typing import Literal

Standing = Literal["down", "up", "silent"]

_STDIN = 0
_WORDS: dict[str, Standing] = {"down": "down", "up": "up", "silent": "silent"}


class Caller:
    """The supervisor's side: it keeps the roll and tells it."""

    def __init__(self, names: Iterable[str]) -> None:
        self.standings: dict[str, Standing] = dict.fromkeys(names, "down")
        self._pipe = -1

    def begin(self) -> int:
        """A new pipe with the whole roll in it; its reading end, to be given to the listener and then closed."""
        self.close()
        reading, self._pipe = os.pipe()
        os.set_blocking(self._pipe, False)
        for name, standing in self.standings.items():
            self._tell(name, standing)
        return reading

    def note(self, name: str, standing: Standing) -> None:
        if self.standings.get(name, standing) != standing:
            self.standings[name] = standing
            self._tell(name, standing)

    def close(self) -> None:
        if self._pipe >= 0:
            os.close(self._pipe)
            self._pipe = -1

    def _tell(self, name: str, standing: Standing) -> None:
        if self._pipe >= 0:
            with contextlib.suppress(BrokenPipeError, BlockingIOError):  # its listener has ended, or hangs
                os.write(self._pipe, f"{name} {standing}\n".encode())


class Roll:
    """The control process's side. Until it has been told anything, no worker is up."""

    def __init__(self, names: Iterable[str]) -> None:
        self._standings: dict[str, Standing] = dict.fromkeys(names, "down")
        self._rest = b""

    def listen(self, loop: asyncio.AbstractEventLoop, descriptor: int = _STDIN) -> None:
        """From now on, as lines come in. Whoever was started by hand is told nothing."""
        if stat.S_ISFIFO(os.fstat(descriptor).st_mode):
            os.set_blocking(descriptor, False)
            loop.add_reader(descriptor, self._read, loop, descriptor)

    def problems(self) -> list[str]:
        told = {"down": "is not up", "silent": "hangs"}
        return [f"worker {name} {told[standing]}" for name, standing in self._standings.items() if standing != "up"]

    def take(self, part: bytes) -> None:
        *lines, self._rest = (self._rest + part).split(b"\n")
        for line in lines:
            name, _, word = line.decode(errors="replace").partition(" ")
            if name in self._standings and word in _WORDS:
                self._standings[name] = _WORDS[word]

    def _read(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        part = os.read(descriptor, 4096)
        if part:
            self.take(part)
        else:  # the supervisor is gone, and soon this process is
            loop.remove_reader(descriptor)
