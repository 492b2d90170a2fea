"""A child of the supervisor does not outlive it, however the supervisor ends.

A worker without its supervisor would go on serving with keys that nobody publishes any more, and would hold the port
and the journal against its successor. On Linux the kernel is asked to kill this process when its parent ends. The
supervisor also hands its children a pipe as standard input, whose other end only it holds: when that is closed, it is
gone. Whether something is in the pipe does not matter here; to the control process it tells something (roll.py). The
pipe closes the moment before the kernel was asked, and it is what other systems have instead. The end is SIGKILL in
both cases, since the journal stands a kill and an orderly end would be a second process at the same port for half a
minute. A process whose standard input is no pipe was started by hand and stays.
"""

import ctypes
import os
import select
import signal
import stat
import sys
import threading

_STDIN = 0
_PR_SET_PDEATHSIG = 1


def die_with_parent() -> None:
    if not stat.S_ISFIFO(os.fstat(_STDIN).st_mode):
        return
    if not kernel_watches():
        threading.Thread(target=_watch, name="parent", daemon=True).start()
    elif _closed(0):
        _end()


def kernel_watches() -> bool:
    """Asks the kernel for SIGKILL at the parent's end; False where there is no such request."""
    if sys.platform != "linux":
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    return int(libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)) == 0


def _watch() -> None:
    _closed(None)
    _end()


def _closed(patience: int | None) -> bool:
    """Whether the other end is closed, or becomes so within `patience` milliseconds; None waits for it."""
    hung_up = select.poll()
    hung_up.register(_STDIN, 0)
    return bool(hung_up.poll(patience))


def _end() -> None:
    os.kill(os.getpid(), signal.SIGKILL)
