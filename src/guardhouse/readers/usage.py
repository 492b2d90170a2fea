"""Who uses how much at present: requests, tokens and refusals of each principal in the last hour, minute by minute.

Handed what the metrics have decoded (tally.py), like signins.py. Figures live in memory and begin with the process: a
report over days is made of the journal, not of this. The rate per minute is taken over the last sixty seconds, the
older of the two minutes counted for its part. Only so many principals are followed; whoever was not seen for longest
is forgotten first. The time is that of the records.
"""

from typing import Protocol

import msgspec

MOST = 10_000  # principals
_HOUR = 60  # minutes
_RECENT = 900.0  # seconds in which a credential counts as active


class Ended(Protocol):
    """Of the record of an exchange what is needed here."""

    at: float
    decision: str
    principal: str
    credential: str
    input_tokens: int
    output_tokens: int


class PrincipalUsage(msgspec.Struct, frozen=True, kw_only=True):
    principal: str
    requests_per_minute: float
    tokens_per_minute: float
    requests: int  # in the last hour, as the rest
    refused: int
    input_tokens: int
    output_tokens: int
    credentials: list[str]  # active in the last quarter of an hour, by their public ids
    last: float


class _Use:
    __slots__ = ("credentials", "last", "minutes")

    def __init__(self) -> None:
        self.minutes: dict[int, list[int]] = {}  # minute -> requests, refused, input and output tokens
        self.credentials: dict[str, float] = {}
        self.last = 0.0


class UsageReader:
    def __init__(self) -> None:
        self._uses: dict[str, _Use] = {}  # the one seen last comes last

    def __repr__(self) -> str:
        return f"<UsageReader of {len(self._uses)} principals>"

    def note(self, ended: Ended) -> None:
        if not ended.principal:
            return
        use = self._uses.pop(ended.principal, None) or _Use()
        self._uses[ended.principal] = use
        minute = int(ended.at // 60)
        figures = use.minutes.get(minute)
        if figures is None:
            figures = use.minutes[minute] = [0, 0, 0, 0]
            self._prune(use, minute)
        figures[0] += 1
        figures[1] += ended.decision == "denied"
        figures[2] += ended.input_tokens
        figures[3] += ended.output_tokens
        use.credentials[ended.credential] = use.last = max(use.last, ended.at)

    def report(self, now: float) -> list[PrincipalUsage]:
        """Who was seen in the last hour, the busiest first."""
        found = [_usage(name, use, now) for name, use in self._uses.items() if now - use.last < _HOUR * 60]
        return sorted(found, key=lambda usage: (-usage.requests, usage.principal))

    def _prune(self, use: _Use, minute: int) -> None:
        for old in [each for each in use.minutes if each <= minute - _HOUR]:
            del use.minutes[old]
        for idle in [name for name, at in use.credentials.items() if at < minute * 60 - _RECENT]:
            del use.credentials[idle]
        if len(self._uses) > MOST:
            del self._uses[next(iter(self._uses))]


def _usage(name: str, use: _Use, now: float) -> PrincipalUsage:
    minute = int(now // 60)
    recent = [figures for at, figures in use.minutes.items() if at > minute - _HOUR]
    sums = [sum(column) for column in zip(*recent, strict=True)] if recent else [0, 0, 0, 0]
    nothing = [0, 0, 0, 0]
    current, before = use.minutes.get(minute, nothing), use.minutes.get(minute - 1, nothing)
    part = 1.0 - (now % 60) / 60
    return PrincipalUsage(
        principal=name,
        requests_per_minute=round(current[0] + part * before[0], 1),
        tokens_per_minute=round(current[2] + current[3] + part * (before[2] + before[3]), 1),
        requests=sums[0],
        refused=sums[1],
        input_tokens=sums[2],
        output_tokens=sums[3],
        credentials=sorted(each for each, at in use.credentials.items() if each and now - at < _RECENT),
        last=use.last,
    )
