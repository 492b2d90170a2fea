import os
from pathlib import Path

import pytest

from guardhouse.control.process import LATE, find_problems
from guardhouse.control.roll import Roll
from guardhouse.control.state import State, prepare
from guardhouse.policy.settings import Settings

NOW = 1_800_000_000.0


@pytest.fixture
def state(tmp_path: Path) -> State:
    """A gateway of two workers that is up."""
    state = State(tmp_path)
    prepare(state)
    for worker in ("w0", "w1"):
        (state.journal / worker).mkdir()
    for feed in (state.feed, state.revoked):
        feed.touch()
        os.utime(feed, (NOW, NOW))
    return state


@pytest.fixture
def roll() -> Roll:
    roll = Roll(("w0", "w1"))
    roll.take(b"w0 up\nw1 up\n")
    return roll


@pytest.fixture
def settings(state: State) -> Settings:
    return Settings(state=state.root, workers=2, limits_scope="process")


def test_a_gateway_that_is_up_has_no_problem(settings: Settings, state: State, roll: Roll) -> None:
    assert find_problems(settings, state, roll, NOW) == []


def test_a_worker_that_is_not_up_is_named(settings: Settings, state: State, roll: Roll) -> None:
    roll.take(b"w1 down\n")
    assert find_problems(settings, state, roll, NOW) == ["worker w1 is not up"]


def test_a_journal_that_is_not_there_is_named(settings: Settings, state: State, roll: Roll) -> None:
    (state.journal / "w0").rmdir()
    assert find_problems(settings, state, roll, NOW) == ["the journal of w0 cannot be read"]


def test_a_feed_without_heartbeat_is_a_problem(settings: Settings, state: State, roll: Roll) -> None:
    assert find_problems(settings, state, roll, NOW + LATE) == []
    assert find_problems(settings, state, roll, NOW + LATE + 1) == [
        "the key feed is 6 s old",
        "the feed of revocations is 6 s old",
    ]


def test_a_missing_feed_is_a_problem(settings: Settings, state: State, roll: Roll) -> None:
    state.feed.unlink()
    assert find_problems(settings, state, roll, NOW) == ["the key feed is missing"]
    state.revoked.unlink()
    assert find_problems(settings, state, roll, NOW)[1:] == ["the feed of revocations is missing"]
