"""How much may be tried again, so that a fault of a few does not become a load on all.

What adds no load needs no permission: going on to a server that was not asked yet, with a request of which nothing was
sent. What does add load, a request sent a second time, or another round over servers that all failed, is paid from a
budget: a share of the requests, and `LEAST` a second besides, so that a quiet gateway may try again as well. It holds
no more than `MOST`, so that a day of good answers does not save up for a bad minute.
"""

from typing import Final

from guardhouse.policy.resilience import Retries

LEAST: Final = 1.0  # a second
MOST: Final = 100.0
_LONGEST: Final = 1.0  # seconds of one pause


class RetryBudget:
    __slots__ = ("_balance", "_counted", "_rules", "_seen", "refused", "requests", "taken")

    def __init__(self, rules: Retries, now: float) -> None:
        self._rules = rules
        self._balance = MOST / 10
        self._counted = 0
        self._seen = now
        self.requests = 0  # counted up by whoever begins one
        self.taken = 0
        self.refused = 0

    def __repr__(self) -> str:
        return f"<RetryBudget {self.taken} taken, {self.refused} refused>"

    def take(self, now: float) -> bool:
        """Whether something may be tried once more."""
        earned = (self.requests - self._counted) * self._rules.share / 100 + max(0.0, now - self._seen) * LEAST
        self._balance = min(MOST, self._balance + earned)
        self._counted = self.requests
        self._seen = now
        if self._balance < 1.0:
            self.refused += 1
            return False
        self._balance -= 1.0
        self.taken += 1
        return True


def pause(rules: Retries, round_: int, draw: float) -> float:
    """Seconds before the n-th further round, `draw` being a random number below 1: never none, never in step."""
    return min(_LONGEST, float(rules.pause * 2**round_)) * (0.5 + draw / 2)
