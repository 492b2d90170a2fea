"""The circuit breaker of one model server: a state machine without a clock of its own, and without input or output.

    closed     everybody may go. Too many failures, one after the other or as a share of ten seconds: open.
    open       nobody may go until the pause is over; then the next one that asks is let in on trial: half open.
    half open  one is on trial and nobody else may go. It succeeds: closed. It fails: open, for twice as long. One that
               is not heard of for ten minutes is forgotten: no mistake elsewhere may shut a server out for good.

`enter` gives a ticket, and each ticket is handed in once, by `leave` with how it went, or by `give_up` when nobody can
say, as the caller left. A ticket from before a change of state says nothing of the state after it and is not counted:
an answer that began before the server broke must not mend it, nor a late failure break it again. So the same holds for
many processes, or for one that keeps a stream open for an hour.
"""

from typing import Final

from guardhouse.policy.resilience import Breaking

CLOSED: Final = 0
HALF_OPEN: Final = 1
OPEN: Final = 2
STATES: Final = ("closed", "half_open", "open")

REFUSED: Final = -1
_WINDOW: Final = 10.0  # seconds
_FORGOTTEN: Final = 600.0  # seconds after which another trial may begin
_ENOUGH: Final = 20  # exchanges of a window, before a share of them means anything

Ticket = int  # the number of changes of state at which it was given; REFUSED: it may not go


class Breaker:
    __slots__ = (
        "_changes",
        "_failed",
        "_in_a_row",
        "_pause",
        "_rules",
        "_seen",
        "_until",
        "_window",
        "state",
        "trips",
    )

    def __init__(self, rules: Breaking) -> None:
        self._rules = rules
        self.state = CLOSED
        self.trips = 0  # how often it has opened
        self._changes = 0
        self._in_a_row = 0
        self._seen = 0
        self._failed = 0
        self._window = 0.0  # when the ten seconds began
        self._pause = rules.pause
        self._until = 0.0

    def __repr__(self) -> str:
        return f"<Breaker {STATES[self.state]}, {self._in_a_row} failures in a row>"

    def admits(self, now: float) -> bool:
        """Whether `enter` would let somebody go."""
        return self.state == CLOSED or now >= self._until

    def wait(self, now: float) -> float:
        """Seconds until somebody may be let in on trial."""
        return max(0.0, self._until - now) if self.state == OPEN else 0.0

    def enter(self, now: float) -> Ticket:
        if self.state == CLOSED:
            return self._changes
        if now >= self._until:  # of a pause, or of a trial that was never heard of again
            self._until = now + _FORGOTTEN
            self._change(HALF_OPEN)
            return self._changes
        return REFUSED

    def leave(self, ticket: Ticket, now: float, *, failed: bool) -> bool:
        """Whether the state has changed."""
        if ticket != self._changes:
            return False
        if self.state == CLOSED:
            return self._count(now, failed=failed)
        if failed:
            self._pause = min(self._pause * 2, self._rules.longest)
            self._open(now)
        else:
            self._pause = self._rules.pause
            self._change(CLOSED)
        return True

    def give_up(self, ticket: Ticket, now: float) -> bool:
        """Nothing was learnt; the next one may try at once, if this one was on trial."""
        if ticket != self._changes or self.state != HALF_OPEN:
            return False
        self._until = now
        self._change(OPEN)
        return True

    def hasten(self, now: float) -> None:
        """Something else has shown that the server is back: it may be tried now."""
        if self.state == OPEN:
            self._until = min(self._until, now)

    def _count(self, now: float, *, failed: bool) -> bool:
        if now - self._window >= _WINDOW:
            self._window = now
            self._seen = 0
            self._failed = 0
        self._seen += 1
        if not failed:
            self._in_a_row = 0
            return False
        self._in_a_row += 1
        self._failed += 1
        too_many = self._seen >= _ENOUGH and self._failed * 100 >= self._rules.share * self._seen
        if self._in_a_row >= self._rules.failures or too_many:
            self._open(now)
            return True
        return False

    def _open(self, now: float) -> None:
        self._until = now + self._pause
        self.trips += 1
        self._change(OPEN)

    def _change(self, state: int) -> None:
        self.state = state
        self._changes += 1
        self._in_a_row = 0
        self._seen = 0
        self._failed = 0
