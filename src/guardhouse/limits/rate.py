"""How much in how long: the figures that a limit is made of, and the text they are written in.

A rate is `<amount>/<window>`: a whole amount, shortened by `k` (thousand) or `M` (million) if liked, and a window of
`s`, `min`, `h` or `day`. The amount is also the burst: a bucket of that size that refills over the window. Amounts are
kept far below 2**53, so that the arithmetic on levels stays exact enough to promise "never more than".

A new window needs its word here, in docs/configuration.md and in the published schema (which takes `RATE_PATTERN`).
"""

import re
from typing import Literal

import msgspec

from guardhouse.limits.quota import Quota

Away = Literal["open", "closed", "local"]  # see shared/away.py

RATE_PATTERN = r"([1-9][0-9]{0,11})([kM]?)/(s|min|h|day)"
MOST = 10**12

_RATE = re.compile(RATE_PATTERN)
_FACTORS = {"": 1, "k": 1_000, "M": 1_000_000}
_WINDOWS = {"s": 1.0, "min": 60.0, "h": 3600.0, "day": 86400.0}
_WORDS = {seconds: word for word, seconds in _WINDOWS.items()}


class Rate(msgspec.Struct, frozen=True, cache_hash=True):
    amount: int
    window: float  # seconds

    def __str__(self) -> str:
        word = _WORDS.get(self.window, f"{self.window:g}s")
        for unit in ("M", "k"):
            whole, rest = divmod(self.amount, _FACTORS[unit])
            if whole and not rest:
                return f"{whole}{unit}/{word}"
        return f"{self.amount}/{word}"


class Concurrency(msgspec.Struct, frozen=True, cache_hash=True):
    """How many exchanges at a time."""

    amount: int

    def __str__(self) -> str:
        return f"{self.amount} at a time"


class Queue(msgspec.Struct, frozen=True, cache_hash=True):
    """What comes too early for a rate waits its turn: `depth` exchanges at most, each `wait` seconds at most."""

    depth: int = 32
    wait: float = 10.0


class LimitRule(msgspec.Struct, frozen=True, cache_hash=True):
    """What one policy allows each principal; at least one thing is limited."""

    policy: str
    requests: Rate | None = None
    tokens: Rate | None = None
    concurrent: Concurrency | None = None
    quotas: tuple[Quota, ...] = ()  # and budgets
    queue: Queue | None = None  # for requests and tokens
    cap_output: bool = False  # shorten answers to what is left rather than refuse or overdraw
    away: Away | None = None  # what becomes of it while the store of shared limits is away; None: what holds for all

    @property
    def bounded(self) -> bool:
        """Whether it has a budget that reserves the most that an exchange may use."""
        return any(quota.bound for quota in self.quotas)


def parse_rate(text: str) -> Rate | None:
    """The rate that `text` says; None when it says none."""
    match = _RATE.fullmatch(text)
    if match is None:
        return None
    amount = int(match[1]) * _FACTORS[match[2]]
    return Rate(amount, _WINDOWS[match[3]]) if amount <= MOST else None
