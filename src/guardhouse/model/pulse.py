"""How a child process shows that its loop turns: lines on its standard output, which the supervisor reads.

`ready` once, when it can do its work, and from then on `beat` about once a second, written by the loop that serves. A
loop that hangs, in a disk that does not answer or in a mistake of ours, falls silent without having to notice anything,
and the supervisor draws the conclusion (control/supervisor.py).

Showing it must cost nothing and stop nothing: the pipe does not block, and a line for which a supervisor that does not
read leaves no room is lost. A process whose standard output is no pipe was started by hand and does not beat.
"""

import contextlib
import os
import stat

READY = b"ready"
BEAT = b"beat"


class Pulse:
    __slots__ = ("_beats", "_descriptor")

    def __init__(self, descriptor: int = 1) -> None:
        self._descriptor = descriptor
        self._beats = False

    def ready(self) -> None:
        os.write(self._descriptor, READY + b"\n")
        if stat.S_ISFIFO(os.fstat(self._descriptor).st_mode):
            os.set_blocking(self._descriptor, False)
            self._beats = True

    def beat(self) -> None:
        if self._beats:
            with contextlib.suppress(OSError):  # full: nobody listens now; broken: the end has come already
                os.write(self._descriptor, BEAT + b"\n")
