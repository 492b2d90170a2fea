"""Who uses how much at present: requests, tokens and refusals of each principal in the last hour, minute by minute.

Handed what the metrics have decoded (tally.py), like signins.py. Figures live in memory and begin with the process: a
report over days is made of the journal, not of this. The rate per minute is taken over the last sixty seconds, the
older of the two minutes counted for its part. Only so many principals are followed; whoever was not seen for longest
is forgotten first. The time is that of the records.
"""

from typing import Final, Protocol

from guardhouse.readers.uses import PrincipalUsage

MOST = 10_000  # principals
_HOUR: Final = 60  # minutes
_RECENT: Final = 900.0  # seconds in which a credential counts as active


class Ended(Protocol):
    """Of the record of an exchange what is needed here."""

    at: float
    decision: str
    principal: str
    credential: str
    input_tokens: int
    output_tokens: int


class _Minute:
    __slots__ = ("given", "made", "refused", "requests")

    def __init__(self) -> None:
        self.requests = 0
        self.refused = 0
        self.given = 0  # tokens
        self.made = 0


class _Use:
    __slots__ = ("credentials", "last", "minutes")

    def __init__(self) -> None:
        self.minutes: dict[int, _Minute] = {}  # since the epoch
        self.credentials: dict[str, float] = {}
        self.last = 0.0


class UsageReader:
    def __init__(self) -> None:
        self._uses: dict[str, _Use] = {}  # the one seen in the latest minute comes last

    def __repr__(self) -> str:
        return f"<UsageReader of {len(self._uses)} principals>"

    def note(self, ended: Ended) -> None:
        if not ended.principal:
            return
        at = ended.at
        minute = int(at // 60)
        use = self._uses.get(ended.principal)
        if use is None:
            use = self._uses[ended.principal] = _Use()
        figures = use.minutes.get(minute)
        if figures is None:
            figures = use.minutes[minute] = _Minute()
            self._turn_over(ended.principal, use, minute)
        figures.requests += 1
        if ended.decision == "denied":
            figures.refused += 1
        figures.given += ended.input_tokens
        figures.made += ended.output_tokens
        use.last = max(use.last, at)
        use.credentials[ended.credential] = use.last

    def report(self, now: float) -> list[PrincipalUsage]:
        """Who was seen in the last hour, the busiest first."""
        found = [_usage(name, use, now) for name, use in self._uses.items() if now - use.last < _HOUR * 60]
        return sorted(found, key=lambda usage: (-usage.requests, usage.principal))

    def _turn_over(self, principal: str, use: _Use, minute: int) -> None:
        """Once a minute is early enough to see who was there last, and to drop what is over."""
        self._uses[principal] = self._uses.pop(principal)
        for old in [each for each in use.minutes if each <= minute - _HOUR]:
            del use.minutes[old]
        for idle in [name for name, at in use.credentials.items() if at < minute * 60 - _RECENT]:
            del use.credentials[idle]
        if len(self._uses) > MOST:
            del self._uses[next(iter(self._uses))]


def _usage(name: str, use: _Use, now: float) -> PrincipalUsage:
    minute = int(now // 60)
    recent = [figures for at, figures in use.minutes.items() if at > minute - _HOUR]
    nothing = _Minute()
    current, before = use.minutes.get(minute, nothing), use.minutes.get(minute - 1, nothing)
    part = 1.0 - (now % 60) / 60
    return PrincipalUsage(
        principal=name,
        requests_per_minute=round(current.requests + part * before.requests, 1),
        tokens_per_minute=round(current.given + current.made + part * (before.given + before.made), 1),
        requests=sum([each.requests for each in recent]),
        refused=sum([each.refused for each in recent]),
        input_tokens=sum([each.given for each in recent]),
        output_tokens=sum([each.made for each in recent]),
        credentials=sorted(each for each, at in use.credentials.items() if each and now - at < _RECENT),
        last=use.last,
    )
