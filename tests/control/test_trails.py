from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.control import trails
from guardhouse.control.trails import TOLD_EVERY, Trails
from guardhouse.limits.rate import Rate


def test_who_asked_longest_ago_is_forgotten_and_begins_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trails, "MOST", 2)
    known = Trails(Rate(1, 3600.0), lambda: 0.0)
    first, second = known.of("first"), known.of("second")
    assert known.of("first") is first
    known.of("third")
    assert len(known) == 2
    assert known.of("first") is first
    assert known.of("second") is not second


@given(st.lists(st.floats(0.0, 600.0), max_size=30))
def test_of_everything_that_happens_one_thing_a_minute_is_news(moments: list[float]) -> None:
    trail = Trails(Rate(1, 1.0), lambda: 0.0).of("somebody")
    told = [moment for moment in moments if trail.is_news(moment)]
    assert all(abs(later - before) >= TOLD_EVERY for before, later in pairwise(told))
    assert bool(told) == bool(moments)
