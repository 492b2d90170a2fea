"""What was used of one quota in its current window, and what is reserved of it by exchanges under way.

Rules:
- used + reserved never exceeds the amount by a reservation: one that does not fit is not made;
- a reservation belongs to the window it was made in. When that has ended it is forgotten with its window, and what is
  settled of it then concerns nobody; what is reserved on top later (`extend`) belongs to the window of that moment;
- settling replaces a reservation by what was really used, which may be more: then the rest of the window is the less;
- windows only go forward: after a clock was set back the later window stays, and its use with it.
"""

from guardhouse.limits.calendar import window_at
from guardhouse.limits.quota import Quota


class Counter:
    __slots__ = ("begins", "ends", "quota", "reserved", "used")

    def __init__(self, quota: Quota, at: float) -> None:
        self.quota = quota
        self.begins, self.ends = window_at(quota.window, quota.zone, at)
        self.used = 0
        self.reserved = 0

    def __repr__(self) -> str:
        return f"<Counter {self.used} used and {self.reserved} reserved of {self.quota}>"

    def left(self, at: float) -> int:
        """What may still be reserved in the window of `at`; less than nothing after an overdraft."""
        if at >= self.ends:
            self.begins, self.ends = window_at(self.quota.window, self.quota.zone, at)
            self.used = self.reserved = 0
        return self.quota.amount - self.used - self.reserved

    def idle(self, at: float) -> bool:
        """Whether a new counter would say the same."""
        return self.left(at) == self.quota.amount

    def follow(self, quota: Quota, at: float) -> None:
        """Take over a changed amount; a changed window begins anew."""
        same = (quota.window, quota.zone) == (self.quota.window, self.quota.zone)
        self.quota = quota
        if not same:
            self.begins, self.ends = window_at(quota.window, quota.zone, at)
            self.used = self.reserved = 0


class Hold:
    """A reservation in one counter."""

    __slots__ = ("_before", "_ends", "amount", "counter")

    def __init__(self, counter: Counter, amount: int) -> None:
        """To be made only after `left` has said that it fits."""
        self.counter = counter
        self.amount = amount
        self._ends = counter.ends
        self._before = 0  # reserved in windows that have ended
        counter.reserved += amount

    def extend(self, more: int, at: float) -> bool:
        """Reserve more, if there is room for it."""
        counter = self.counter
        if counter.left(at) < more:
            return False
        if counter.ends != self._ends:
            self._before += self.amount
            self._ends = counter.ends
            self.amount = 0
        self.amount += more
        counter.reserved += more
        return True

    def settle(self, used: int) -> None:
        """Put what was really used, over all, in the place of what was reserved."""
        counter = self.counter
        if counter.ends == self._ends:
            counter.reserved -= self.amount
            counter.used += max(0, used - self._before)
        self.amount = 0
