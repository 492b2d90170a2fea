"""The windows of a calendar: which minute, hour, day, week or month a moment lies in, in a named time zone.

A window begins and ends where a clock on a wall in that zone says so. A day is therefore 23 or 25 hours long when the
clocks change, and the first of a month is the first there and not in UTC. Weeks begin on Monday. Minutes and hours are
aligned by the offset of the moment itself, since half of the zones are not a whole number of hours from UTC.

Where midnight does not exist (clocks that skip from 24:00 to 01:00) the day begins with its first moment.
"""

from datetime import UTC, datetime, timedelta, tzinfo
from functools import lru_cache
from typing import Final, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Window = Literal["min", "h", "day", "week", "month"]

WINDOWS: Final[tuple[Window, ...]] = ("min", "h", "day", "week", "month")
LENGTHS: Final[dict[Window, int]] = {"min": 60, "h": 3600, "day": 86_400, "week": 604_800, "month": 2_592_000}


def window_at(window: Window, zone: str, at: float) -> tuple[float, float]:
    """Begin and end of the window that `at` lies in, as Unix time; the end is the next one's begin."""
    clock = datetime.fromtimestamp(at, _zone(zone))
    if window in ("min", "h"):
        length = LENGTHS[window]
        offset = clock.utcoffset()
        ahead = 0.0 if offset is None else offset.total_seconds()
        begin = (at + ahead) // length * length - ahead
        return begin, begin + length
    first = datetime(clock.year, clock.month, clock.day)  # noqa: DTZ001 - a date; the zone comes below
    if window == "day":
        last = first + timedelta(days=1)
    elif window == "week":
        first -= timedelta(days=first.weekday())
        last = first + timedelta(days=7)
    else:
        first = first.replace(day=1)
        last = (first + timedelta(days=31)).replace(day=1)
    return first.replace(tzinfo=clock.tzinfo).timestamp(), last.replace(tzinfo=clock.tzinfo).timestamp()


def written(zone: str, at: float) -> str:
    """A moment as the people of that zone write it: `2026-12-01T00:00:00+01:00`."""
    return datetime.fromtimestamp(at, _zone(zone)).isoformat(timespec="seconds")


def is_zone(name: str) -> bool:
    try:
        _zone(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):  # OSError: the name of a folder, such as "Europe"
        return False
    return True


@lru_cache(maxsize=256)
def _zone(name: str) -> tzinfo:
    return UTC if name == "UTC" else ZoneInfo(name)  # UTC needs no zone files on the machine
