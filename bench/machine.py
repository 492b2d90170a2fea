"""The machine of a run: what it is, and who runs on which core.

Contenders get core 0 for all their processes; the load generator (this process) and the upstream share core 1. With a
single core everything shares it, and the report says so.
"""

import os
import platform
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from bench.interpreter import chosen

CONTENDER_CORE = 0
LOAD_CORE = 1


class Machine(msgspec.Struct, frozen=True):
    processor: str
    cores: int
    memory_gib: float
    kernel: str
    python: str
    pinning: str


def _field(path: str, name: str) -> str:
    for line in Path(path).read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return "unknown"


def _can_pin() -> bool:
    return {CONTENDER_CORE, LOAD_CORE} <= os.sched_getaffinity(0)


def describe() -> Machine:
    """Call before `settle_on_load_core`, which narrows what this process may use."""
    pinned = f"contender on core {CONTENDER_CORE}, load generator and upstream on core {LOAD_CORE}"
    return Machine(
        processor=_field("/proc/cpuinfo", "model name"),
        cores=len(os.sched_getaffinity(0)),
        memory_gib=round(int(_field("/proc/meminfo", "MemTotal").split()[0]) / 1024**2, 1),
        kernel=platform.release(),
        python=str(chosen()),
        pinning=pinned if _can_pin() else "none: the machine offers a single core, shared by all",
    )


def settle_on_load_core() -> None:
    if _can_pin():
        os.sched_setaffinity(0, {LOAD_CORE})


@contextmanager
def contender_core() -> Iterator[None]:
    """Processes started inside inherit the contender's core."""
    mine = os.sched_getaffinity(0)
    if len(mine) == 1 and LOAD_CORE in mine:
        os.sched_setaffinity(0, {CONTENDER_CORE})
    try:
        yield
    finally:
        os.sched_setaffinity(0, mine)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
