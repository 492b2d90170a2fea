"""`hours`: names for stretches of the week, for policies to speak of when a request comes.

Days and times are those of the wall clock in the named zone, so office hours stay office hours when summer time begins.
`begin` belongs to a stretch and `end` does not. One that ends before it begins goes on past midnight, and what is after
midnight belongs to the day on which it began.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from typing import Literal
from zoneinfo import ZoneInfo

import msgspec

from guardhouse.policy import kinds
from guardhouse.policy.problem import Path, quote
from guardhouse.policy.reading import Key, Kind, ListOf, MapOf, Shape

Day = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
DAYS: dict[str, Day] = {day: day for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")}

_MINUTES = 24 * 60
_TIME = re.compile(r"([01][0-9]|2[0-3]):([0-5][0-9])|24:00")


class HoursEntry(msgspec.Struct, frozen=True, kw_only=True):
    zone: str
    days: tuple[Day, ...] = tuple(DAYS.values())
    begin: int = 0  # minutes after midnight
    end: int = _MINUTES


def parse_time(text: str) -> int | None:
    """Minutes after midnight."""
    match = _TIME.fullmatch(text)
    if match is None:
        return None
    return _MINUTES if match[1] is None else int(match[1]) * 60 + int(match[2])


def show_time(minutes: int) -> str:
    return f"{minutes // 60:02}:{minutes % 60:02}"


TIME: Kind[int] = kinds.Figure(
    parse_time, show_time, f"({_TIME.pattern})", "a time; write hours and minutes, such as 08:30"
)

HOURS: Kind[dict[str, HoursEntry]] = MapOf(
    kinds.SECTION_NAME,
    Shape(
        HoursEntry,
        {
            "zone": Key(
                kinds.Text(r"[A-Za-z][A-Za-z0-9_+/-]{1,63}", "a time zone; write one such as Europe/Berlin or UTC"),
                "The time zone of the days and times, by its IANA name.",
            ),
            "days": Key(ListOf(kinds.Choice("day", DAYS)), "The days on which it begins."),
            "begin": Key(TIME, "The time at which it begins."),
            "end": Key(TIME, "The time at which it is over; before begin, that of the next day."),
        },
    ),
)


def findings(hours: dict[str, HoursEntry]) -> Iterator[tuple[Path, str]]:
    for name, entry in hours.items():
        if _zone(entry.zone) is None:
            yield (name, "zone"), f"{quote(entry.zone)} is no time zone that this machine knows"
        if entry.begin == entry.end:
            yield (name, "end"), "is the time of begin, so it is over at once; leave both out for the whole day"
        elif entry.begin == _MINUTES:
            yield (name, "begin"), "is the end of the day; write 00:00 and the next day"


def _zone(name: str) -> ZoneInfo | None:
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):  # no such zone; one that names a folder; a name that leads elsewhere
        return None


class Calendar:
    """Which of the named hours it is."""

    def __init__(self, hours: dict[str, HoursEntry]) -> None:
        self._hours = [
            (name, ZoneInfo(entry.zone), frozenset(list(DAYS).index(day) for day in entry.days), entry)
            for name, entry in hours.items()
        ]

    def __repr__(self) -> str:
        return f"<Calendar of {len(self._hours)} hours>"

    def names_at(self, at: float) -> frozenset[str]:
        """`at` is Unix time."""
        names: set[str] = set()
        for name, zone, days, entry in self._hours:
            there = datetime.fromtimestamp(at, zone)
            if _within(there.weekday(), there.hour * 60 + there.minute, days, entry):
                names.add(name)
        return frozenset(names)


def _within(day: int, minute: int, days: frozenset[int], entry: HoursEntry) -> bool:
    if entry.begin < entry.end:
        return day in days and entry.begin <= minute < entry.end
    return (day in days and minute >= entry.begin) or ((day - 1) % 7 in days and minute < entry.end)
