"""Tables made of profiler stacks."""

from bench.flame import by_function, own_time, table

STACKS = [
    "run (a.py:1);step (a.py:7) 30",
    "run (a.py:1);step (a.py:8) 10",
    "run (a.py:1) 5",
    "run (a.py:1);step (a.py:7);[idle] 5",
]


def test_own_time_belongs_to_the_innermost_frame() -> None:
    assert own_time(STACKS) == {"step (a.py:7)": 30, "step (a.py:8)": 10, "run (a.py:1)": 5, "[idle]": 5}


def test_lines_of_one_function_are_added_up() -> None:
    assert by_function(own_time(STACKS)) == {"step (a.py)": 40, "run (a.py)": 5, "[idle]": 5}


def test_the_table_gives_shares_in_falling_order() -> None:
    rows = table(by_function(own_time(STACKS)), "title").splitlines()
    assert rows[4:] == ["| 80.0 % | step (a.py) |", "| 10.0 % | run (a.py) |", "| 10.0 % | [idle] |"]
