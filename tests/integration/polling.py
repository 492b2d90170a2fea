"""Waiting without sleeping: a condition is asked for until it holds or a bound has passed.

The bound only decides how long a failing test takes; it never decides the result of one that passes.
"""

import socket
import time
from collections.abc import Callable
from pathlib import Path

LOOPBACK = "127.0.0.1"


def eventually(condition: Callable[[], bool], within: float, what: str) -> float:
    """Seconds until `condition` held; AssertionError naming `what` when it did not hold in time."""
    start = time.monotonic()
    while True:
        if condition():
            return time.monotonic() - start
        if time.monotonic() - start > within:
            raise AssertionError(f"not within {within} s: {what}")
        time.sleep(0.01)


def free_port() -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
        return port


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex((LOOPBACK, port)) == 0


def _state_and_parent(pid: int) -> tuple[str, int]:
    """From /proc/<pid>/stat; the name of the program, in parentheses, may hold anything."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return "Z", 0
    return fields[0], int(fields[1])


def alive(pid: int) -> bool:
    return _state_and_parent(pid)[0] not in "ZX"


def descendants(pid: int) -> list[int]:
    """Every living process below `pid`, nearest first."""
    parents = {int(entry.name): _state_and_parent(int(entry.name)) for entry in Path("/proc").glob("[0-9]*")}
    found = [pid]
    for ancestor in found:
        found += [child for child, (state, parent) in parents.items() if parent == ancestor and state not in "ZX"]
    return found[1:]


def resident_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="utf-8").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    return 0
