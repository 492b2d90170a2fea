"""What the failures of single callers say of one model server: nothing of anybody's requests but their own.

A request can bring about most failures by itself: it is so long that no answer comes in time, or a server breaks off
over it. So whoever had such failures meets a breaker of its own, which counts what becomes of its requests and nobody
else's: it goes elsewhere when the server is gone, as if there were no other caller, and others are not kept away by it.
What takes the server away from all is the common breaker's to say (breaker.py).

Only callers that failed lately have one, and no more than MOST; who has none is judged by the common one alone.
"""

from typing import Final

from guardhouse.path.breaker import CLOSED, Breaker, Ticket
from guardhouse.policy.resilience import Breaking

MOST: Final = 1000
UNCHANGED: Final = -1


class ByCaller:
    __slots__ = ("_breakers", "_rules", "kept_away")

    def __init__(self, rules: Breaking) -> None:
        self._rules = rules
        self._breakers: dict[str, Breaker] = {}
        self.kept_away = 0  # callers that may not go now, or on trial only

    def __repr__(self) -> str:
        return f"<ByCaller: {len(self._breakers)} had failures, {self.kept_away} kept away>"

    def __len__(self) -> int:
        return len(self._breakers)

    def admits(self, now: float, caller: str) -> bool:
        own = self._breakers.get(caller)
        return own is None or own.admits(now, caller)

    def wait(self, now: float, caller: str) -> float:
        own = self._breakers.get(caller)
        return 0.0 if own is None else own.wait(now)

    def enter(self, now: float, caller: str) -> Ticket:
        """0, which is what a breaker begins with, for who has none."""
        own = self._breakers.get(caller)
        return 0 if own is None else own.enter(now, caller)

    def tries(self, ticket: Ticket, caller: str) -> bool:
        own = self._breakers.get(caller)
        return own is not None and own.tries(ticket)

    def leave(self, ticket: Ticket, now: float, caller: str, *, failed: bool, on_trial: bool) -> int:
        """The state that the caller's breaker has changed to, or UNCHANGED. `on_trial`: for all, so that one failure is
        enough to let others have the next trial."""
        own = self._breakers.get(caller)
        if own is None:
            if not failed or len(self._breakers) >= MOST:
                return UNCHANGED
            own = self._breakers[caller] = Breaker(self._rules, of_all=False)
        before = own.state
        if failed and on_trial and before == CLOSED:
            own.trip(now)
        else:
            own.leave(ticket, now, caller, failed=failed)
        return self._count(before, own.state)

    def give_up(self, ticket: Ticket, now: float, caller: str) -> None:
        own = self._breakers.get(caller)
        if own is not None:
            own.give_up(ticket, now)

    def hasten(self, now: float) -> None:
        for own in self._breakers.values():
            own.hasten(now)

    def sweep(self, now: float) -> None:
        """Forget those of whom there is nothing left to say."""
        for caller in [caller for caller, own in self._breakers.items() if own.is_quiet(now)]:
            own = self._breakers.pop(caller)
            self._count(own.state, CLOSED)

    def _count(self, before: int, after: int) -> int:
        self.kept_away += (after != CLOSED) - (before != CLOSED)
        return after if after != before else UNCHANGED
