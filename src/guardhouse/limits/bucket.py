"""A token bucket: a level that falls with each take and rises with time, never above its capacity.

Rules:
- over any stretch of time no more than capacity + rate x time is taken, whatever the order of calls;
- a take is whole or is not made at all;
- `settle` corrects a take once the real figure is known. What is given back never lifts the level above capacity; what
  is taken on top may press it below zero, and such a debt is paid by waiting, before anything else is admitted;
- time does not run backwards: after a clock was set back a bucket stands still until the clock has caught up, so give
  it a monotonic one.

The level is a float. A wait of less than `_INSTANT` counts as none, so that a caller who waited exactly as long as it
was told is not refused over a rounding error; the overdraft stays on the books, so nothing is gained by it.
"""

from guardhouse.limits.rate import Rate

_INSTANT = 1e-6  # seconds
NEVER = float("inf")


class Bucket:
    __slots__ = ("_at", "_slack", "capacity", "level", "per_second")

    def __init__(self, rate: Rate, now: float) -> None:
        self.capacity = rate.amount
        self.per_second = rate.amount / rate.window
        self.level = float(rate.amount)
        self._slack = self.per_second * _INSTANT
        self._at = now

    def __repr__(self) -> str:
        return f"<Bucket {self.level:g} of {self.capacity}>"

    def try_take(self, amount: int, now: float) -> float:
        """Take `amount` and return 0.0, or take nothing and return the seconds until it could be taken."""
        wait = self.wait_for(amount, now)
        if wait == 0.0:
            self.level -= amount
        return wait

    def wait_for(self, amount: int, now: float) -> float:
        """The seconds until `amount` could be taken; `NEVER` when it does not fit at all."""
        self.advance(now)
        missing = amount - self.level
        if missing <= self._slack:
            return 0.0
        return missing / self.per_second if amount <= self.capacity else NEVER

    def settle(self, delta: int, now: float) -> None:
        """Give back (`delta` > 0) or take more (`delta` < 0) than was taken before."""
        self.advance(now)
        self.level = min(float(self.capacity), self.level + delta)

    def remaining(self, now: float) -> int:
        """Whole tokens that can be taken at once; a debt counts as none."""
        self.advance(now)
        return max(0, int(self.level + self._slack))

    def reset_after(self, now: float) -> float:
        """Seconds until the bucket is full again."""
        self.advance(now)
        return (self.capacity - self.level) / self.per_second

    def resized(self, rate: Rate, now: float) -> "Bucket":
        """The same use under another rate: what was taken stays taken, but a smaller size alone makes no debt."""
        self.advance(now)
        other = Bucket(rate, now)
        other.level = max(min(self.level, 0.0), other.level - (self.capacity - self.level))
        return other

    def advance(self, now: float) -> None:
        elapsed = now - self._at
        if elapsed > 0.0:
            self._at = now
            level = self.level + elapsed * self.per_second
            self.level = level if level < self.capacity else float(self.capacity)
