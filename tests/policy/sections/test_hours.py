from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.problem import dotted
from guardhouse.policy.sections.hours import Calendar, Day, HoursEntry, findings, parse_time, show_time

WEEKDAYS: tuple[Day, ...] = ("mon", "tue", "wed", "thu", "fri")
CALENDAR = Calendar(
    {
        "office": HoursEntry(zone="Europe/Berlin", days=WEEKDAYS, begin=8 * 60, end=18 * 60),
        "night": HoursEntry(zone="Europe/Berlin", days=("fri",), begin=22 * 60, end=6 * 60),
        "always": HoursEntry(zone="UTC"),
    }
)


def names(text: str, zone: str = "Europe/Berlin") -> set[str]:
    return set(CALENDAR.names_at(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).timestamp())) - {"always"}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-01-05 07:59", set()),
        ("2026-01-05 08:00", {"office"}),
        ("2026-01-05 17:59:59", {"office"}),
        ("2026-01-05 18:00", set()),
        ("2026-01-10 12:00", set()),  # a Saturday
        ("2026-01-09 22:00", {"night"}),  # a Friday
        ("2026-01-10 05:59", {"night"}),
        ("2026-01-10 06:00", set()),
        ("2026-01-09 05:00", set()),  # the night before did not begin on a Friday
        ("2026-01-10 23:00", set()),
    ],
)
def test_it_is_these_hours(text: str, expected: set[str]) -> None:
    assert names(text) == expected


def test_office_hours_follow_the_clock_on_the_wall() -> None:
    assert names("2026-01-05 07:00", "UTC") == {"office"}  # winter: one hour ahead
    assert names("2026-07-06 06:00", "UTC") == {"office"}  # summer: two
    assert names("2026-01-05 06:00", "UTC") == set()


@given(st.floats(0, 4e9))
def test_the_whole_day_is_always(at: float) -> None:
    assert "always" in CALENDAR.names_at(at)


@given(st.integers(0, 24 * 60))
def test_a_time_is_read_as_it_is_shown(minutes: int) -> None:
    assert parse_time(show_time(minutes)) == minutes


@pytest.mark.parametrize("text", ["8:00", "24:01", "25:00", "08:60", "08", "", "08:00 "])
def test_nothing_else_is_a_time(text: str) -> None:
    assert parse_time(text) is None


@pytest.mark.parametrize(
    ("entry", "place"),
    [
        (HoursEntry(zone="Europe/Atlantis"), "h.zone"),
        (HoursEntry(zone="Europe"), "h.zone"),
        (HoursEntry(zone="UTC", begin=60, end=60), "h.end"),
        (HoursEntry(zone="UTC", begin=24 * 60, end=60), "h.begin"),
    ],
)
def test_what_can_never_be_is_found(entry: HoursEntry, place: str) -> None:
    assert [dotted(path) for path, _ in findings({"h": entry})] == [place]
