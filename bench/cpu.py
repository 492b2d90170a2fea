"""CPU time and memory of a contender: every process of its tree, from /proc, without privileges.

The clock is /proc/PID/task/TID/schedstat, the scheduler's own nanoseconds on CPU, summed over all threads of all
processes that descend from the one we started or belong to its session (a daemon that forks away stays in it).
User and system time are both in it, and so is the network work that the kernel does inside the contender's calls.

Two things schedstat cannot see are added from /proc/PID/stat at clock-tick precision (10 ms): a process one of whose
threads has ended is counted by its own utime + stime, and processes that came and went by their parent's reaped
time. Neither happens with any contender in its steady state; they are here so that nothing can hide.
Where the kernel has no schedstat everything falls back to ticks, and `clock()` says so in the report.
"""

import os
from pathlib import Path

import msgspec

TICK_NS = 1_000_000_000 // os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
PROC = Path("/proc")


class Stat(msgspec.Struct, frozen=True):
    """What /proc/PID/stat tells of one process; times in clock ticks."""

    pid: int
    name: str
    parent: int
    session: int
    own: int
    reaped: int


class Reading(msgspec.Struct, frozen=True):
    """The counters of one process tree at one moment."""

    stats: dict[int, Stat]
    threads: dict[int, dict[int, int]]  # pid -> thread -> ns on CPU


def parse_stat(line: str) -> Stat:
    """The name stands in parentheses and may itself hold spaces and parentheses, so fields count from the last one."""
    opening, closing = line.index("("), line.rindex(")")
    fields = line[closing + 2 :].split()
    return Stat(
        pid=int(line[:opening]),
        name=line[opening + 1 : closing],
        parent=int(fields[1]),
        session=int(fields[3]),
        own=int(fields[11]) + int(fields[12]),
        reaped=int(fields[13]) + int(fields[14]),
    )


def members(stats: dict[int, Stat], root: int) -> set[int]:
    """The pids of `root`, its descendants, and whoever else is in the session that `root` leads."""
    tree = {pid for pid, stat in stats.items() if root in (pid, stat.session)}
    children: dict[int, list[int]] = {}
    for pid, stat in stats.items():
        children.setdefault(stat.parent, []).append(pid)
    frontier = list(tree)
    while frontier:
        for child in children.get(frontier.pop(), ()):
            if child not in tree:
                tree.add(child)
                frontier.append(child)
    return tree


def _every_stat() -> dict[int, Stat]:
    stats = {}
    for entry in PROC.iterdir():
        if entry.name.isdigit():
            try:
                stats[int(entry.name)] = parse_stat((entry / "stat").read_text())
            except (FileNotFoundError, ProcessLookupError):
                continue
    return stats


def _thread_times(pid: int) -> dict[int, int]:
    times = {}
    try:
        for thread in (PROC / str(pid) / "task").iterdir():
            times[int(thread.name)] = int((thread / "schedstat").read_text().split()[0])
    except (FileNotFoundError, ProcessLookupError):
        return times
    return times


def read(root: int) -> Reading:
    """All counters of the tree under `root` now."""
    stats = _every_stat()
    tree = members(stats, root)
    return Reading({pid: stats[pid] for pid in tree}, {pid: _thread_times(pid) for pid in tree})


def _process_ns(before: Reading, after: Reading, pid: int) -> int:
    old, new = before.threads.get(pid, {}), after.threads[pid]
    if not new or not old.keys() <= new.keys():
        earlier = before.stats.get(pid)
        return (after.stats[pid].own - (earlier.own if earlier else 0)) * TICK_NS
    return sum(time - old.get(thread, 0) for thread, time in new.items())


def by_process(before: Reading, after: Reading) -> dict[int, int]:
    """Nanoseconds on CPU between two readings, per process that is alive at the second."""
    return {pid: _process_ns(before, after, pid) for pid in after.stats}


def between(before: Reading, after: Reading) -> int:
    """Nanoseconds on CPU between two readings, all processes together."""
    reaped = sum(
        stat.reaped - (before.stats[pid].reaped if pid in before.stats else 0) for pid, stat in after.stats.items()
    )
    already = sum(stat.own + stat.reaped for pid, stat in before.stats.items() if pid not in after.stats)
    return sum(by_process(before, after).values()) + max(0, reaped - already) * TICK_NS


def resident(root: int) -> int:
    """Bytes of memory resident, summed over the tree; pages that processes share count once for each of them."""
    total = 0
    for pid in members(_every_stat(), root):
        try:
            total += int((PROC / str(pid) / "statm").read_text().split()[1]) * PAGE
        except (FileNotFoundError, ProcessLookupError):
            continue
    return total


def clock() -> str:
    if _thread_times(os.getpid()):
        return "/proc/PID/task/TID/schedstat (ns), all threads of all processes"
    return "/proc/PID/stat utime + stime (10 ms ticks), all processes"
