from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.calendar import WINDOWS, Window, is_zone, window_at, written

ZONES = ["UTC", "Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "America/Havana"]
BERLIN = ZoneInfo("Europe/Berlin")


def moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


@pytest.mark.parametrize(
    ("window", "zone", "at", "begin", "end"),
    [
        ("min", "UTC", "2026-03-01T10:20:30+00:00", "2026-03-01T10:20:00+00:00", "2026-03-01T10:21:00+00:00"),
        ("h", "Asia/Kolkata", "2026-03-01T10:20:00+05:30", "2026-03-01T10:00:00+05:30", "2026-03-01T11:00:00+05:30"),
        ("day", "Europe/Berlin", "2026-03-28T23:30:00+00:00", "2026-03-29T00:00+01:00", "2026-03-30T00:00+02:00"),
        ("day", "Europe/Berlin", "2026-10-25T12:00:00+01:00", "2026-10-25T00:00+02:00", "2026-10-26T00:00+01:00"),
        ("week", "UTC", "2026-01-01T00:00:00+00:00", "2025-12-29T00:00+00:00", "2026-01-05T00:00+00:00"),
        ("month", "UTC", "2026-02-28T23:59:59+00:00", "2026-02-01T00:00+00:00", "2026-03-01T00:00+00:00"),
        ("month", "Europe/Berlin", "2025-12-31T23:30:00+00:00", "2026-01-01T00:00+01:00", "2026-02-01T00:00+01:00"),
    ],
)
def test_a_window_is_what_a_clock_on_the_wall_says(window: Window, zone: str, at: str, begin: str, end: str) -> None:
    assert window_at(window, zone, moment(at)) == (moment(begin), moment(end))


def test_the_days_on_which_clocks_change_have_23_and_25_hours() -> None:
    begin, end = window_at("day", "Europe/Berlin", moment("2026-03-29T12:00+02:00"))
    assert end - begin == 23 * 3600
    begin, end = window_at("day", "Europe/Berlin", moment("2026-10-25T12:00+01:00"))
    assert end - begin == 25 * 3600


def test_a_day_whose_midnight_does_not_exist_begins_with_its_first_moment() -> None:
    begin, _ = window_at("day", "Africa/Cairo", moment("2026-04-24T12:00+03:00"))
    assert begin == moment("2026-04-24T01:00+03:00")


def test_a_moment_is_written_in_its_zone() -> None:
    assert written("Europe/Berlin", moment("2026-12-01T00:00+01:00")) == "2026-12-01T00:00:00+01:00"


@pytest.mark.parametrize(
    ("name", "known"), [("UTC", True), ("Europe/Berlin", True), ("Europe", False), ("Mars", False), ("../x", False)]
)
def test_only_zones_are_zones(name: str, known: bool) -> None:
    assert is_zone(name) is known


@given(st.sampled_from(WINDOWS), st.sampled_from(ZONES), st.floats(0, 4e9, allow_nan=False))
def test_every_moment_lies_in_its_window_and_windows_of_days_follow_each_other(
    window: Window, zone: str, at: float
) -> None:
    begin, end = window_at(window, zone, at)
    assert begin <= at < end
    if window not in ("min", "h"):
        assert window_at(window, zone, end)[0] == end
        assert window_at(window, zone, begin) == (begin, end)
