"""CPU time of a process tree: reading /proc, finding the members, and what counts between two readings."""

import os
import subprocess
import sys
import time

from hypothesis import given
from hypothesis import strategies as st

from bench import cpu
from bench.cpu import TICK_NS, Reading, Stat


def stat(pid: int, parent: int = 1, session: int = 1, own: int = 0, reaped: int = 0) -> Stat:
    return Stat(pid=pid, name="x", parent=parent, session=session, own=own, reaped=reaped)


def reading(threads: dict[int, dict[int, int]], *stats: Stat) -> Reading:
    return Reading({one.pid: one for one in stats}, threads)


@given(st.text(st.characters(exclude_characters="\0"), max_size=15), st.integers(0, 1 << 40), st.integers(0, 1 << 40))
def test_a_stat_line_is_read_whatever_the_process_calls_itself(name: str, user: int, system: int) -> None:
    line = f"42 ({name}) S 7 42 9 0 -1 4194304 1 2 3 4 {user} {system} 5 6 20 0 1 0 100 0 0\n"
    assert cpu.parse_stat(line) == Stat(pid=42, name=name, parent=7, session=9, own=user + system, reaped=11)


def test_members_are_descendants_and_whoever_shares_the_session() -> None:
    child, grandchild, orphan = stat(11, parent=10), stat(12, parent=11, session=12), stat(13, parent=1, session=10)
    below_orphan, stranger = stat(14, parent=13, session=14), stat(15)
    everyone = (stat(10), child, grandchild, orphan, below_orphan, stranger)
    assert cpu.members({one.pid: one for one in everyone}, 10) == {10, 11, 12, 13, 14}


def test_threads_of_all_processes_count_in_nanoseconds_and_new_ones_count_whole() -> None:
    before = reading({1: {1: 100, 2: 50}}, stat(1))
    after = reading({1: {1: 150, 2: 50, 3: 7}, 5: {5: 1000}}, stat(1), stat(5, parent=1))
    assert cpu.by_process(before, after) == {1: 57, 5: 1000}
    assert cpu.between(before, after) == 1057


def test_a_process_that_lost_a_thread_is_counted_by_its_own_clock_ticks() -> None:
    before = reading({1: {1: 100, 2: 50}}, stat(1, own=10))
    after = reading({1: {1: 150}}, stat(1, own=13))
    assert cpu.between(before, after) == 3 * TICK_NS


def test_a_child_that_came_and_went_is_counted_by_what_its_parent_reaped() -> None:
    before = reading({1: {1: 100}}, stat(1, reaped=5))
    after = reading({1: {1: 100}}, stat(1, reaped=9))
    assert cpu.between(before, after) == 4 * TICK_NS


def test_what_a_child_had_run_before_the_first_reading_is_not_counted_when_it_ends() -> None:
    before = reading({1: {1: 100}, 2: {2: 70}}, stat(1), stat(2, parent=1, own=6))
    after = reading({1: {1: 100}}, stat(1, reaped=8))
    assert cpu.between(before, after) == 2 * TICK_NS


def test_the_running_time_of_this_very_process_is_seen() -> None:
    before, start = cpu.read(os.getpid()), time.process_time()
    while time.process_time() - start < 0.1:
        pass
    spent = cpu.between(before, cpu.read(os.getpid()))
    assert spent >= 0.05 * 1e9


def test_a_child_process_and_its_memory_are_seen_under_the_one_that_leads_the_session() -> None:
    grandchild = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'input()'])"
    command = [sys.executable, "-c", f"{grandchild}"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True) as child:
        while len(cpu.read(child.pid).stats) < 2:
            assert child.poll() is None
        assert cpu.resident(child.pid) > 2 * 1024**2
        child.communicate(b"\n")
    assert cpu.resident(child.pid) == 0
