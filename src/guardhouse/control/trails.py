"""Who asks control for something again and again: a rate for each, and each told of now and then.

Memory is bounded: `MOST` are remembered, and the one that asked longest ago goes first; who comes back after that
begins with a full bucket.
"""

from collections.abc import Callable
from typing import Final

from guardhouse.limits.bucket import Bucket
from guardhouse.limits.rate import Rate

MOST = 10_000  # remembered
TOLD_EVERY: Final = 60.0  # seconds


class Trail:
    __slots__ = ("_told_at", "bucket")

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        self._told_at = float("-inf")

    def is_news(self, now: float) -> bool:
        """Whether to tell of a refusal: once in TOLD_EVERY, also after a clock was set back."""
        if abs(now - self._told_at) < TOLD_EVERY:
            return False
        self._told_at = now
        return True


class Trails:
    def __init__(self, rate: Rate, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._clock = clock
        self._trails: dict[str, Trail] = {}  # who asked last stands last

    def __len__(self) -> int:
        return len(self._trails)

    def of(self, name: str) -> Trail:
        trail = self._trails.pop(name, None) or Trail(Bucket(self._rate, self._clock()))
        self._trails[name] = trail
        if len(self._trails) > MOST:
            del self._trails[next(iter(self._trails))]
        return trail
