"""The circuit breaker of one model server: a state machine without a clock of its own, and without input or output.

    closed     everybody may go. Too many failures, one after the other or as a share of ten seconds: open.
    open       nobody may go until the pause is over; then the next one that asks is let in on trial: half open.
    half open  one is on trial and nobody else may go. It succeeds: closed. It fails: open, for twice as long. One that
               is not heard of for ten minutes is forgotten: no mistake elsewhere may shut a server out for good.

A failure may be *doubtful*: the caller's own request may have brought it about. Those of several callers are taken for
the server's doing when the callers are two at least, and either more than were answered of late and are not among them,
or as many as `failures`. In a row they open it only then, or with a failure among them that is nobody's doing. Of a
share none of them are counted until then, and then all but those of the caller that has most. So principals take a
server from others only if they outnumber those whom it answers or are `failures`, and one that fails everybody is found
out by the first few. Who was answered is kept for a minute or two, as many as can make a difference.

On trial, doubtful failures double the pause only when the trial before failed under somebody else; and while one
caller's trial lasts longer than the pause, another may have one too. Who had the failures meets a breaker of its own
(by_caller.py), for which nothing is doubtful.

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
_UNASKED: Final = 60.0  # seconds
_LATELY: Final = 60.0  # seconds that who was answered is remembered for at least, and about twice as long at most
_ENOUGH: Final = 20  # exchanges of a window, before a share of them means anything

Ticket = int  # the number of changes of state at which it was given; REFUSED: it may not go


class Breaker:
    __slots__ = (
        "_answered",
        "_answered_before",
        "_by_caller",
        "_changes",
        "_crowd",
        "_doubtful",
        "_failed",
        "_in_a_row",
        "_in_row",
        "_most",
        "_pause",
        "_rules",
        "_seen",
        "_shared",
        "_since",
        "_sure",
        "_suspect",
        "_trials",
        "_tried",
        "_until",
        "_window",
        "state",
        "trips",
    )

    def __init__(self, rules: Breaking, *, of_all: bool = True) -> None:
        """`of_all`: many callers meet it, and failures may be doubtful."""
        self._rules = rules
        self.state = CLOSED
        self.trips = 0  # how often it has opened
        self._changes = 0
        self._in_a_row = 0
        self._in_row: dict[str, int] = {}  # who had the doubtful ones of them
        self._sure = False  # whether others are among them
        self._suspect = ""  # whose doing the trials that failed may be
        self._seen = 0
        self._failed = 0
        self._by_caller: dict[str, int] = {}  # doubtful failures of the window
        self._doubtful = 0  # all of them
        self._most = 0  # of them, one caller's
        self._crowd = 2 * rules.failures if of_all else 0  # as many who were answered as can make a difference
        self._answered: dict[str, int] = {}
        self._answered_before: dict[str, int] = {}
        self._since = 0.0  # when the first of these was begun
        self._window = 0.0  # when the ten seconds began
        self._pause = rules.pause
        self._until = 0.0
        self._trials = 0  # under way
        self._tried = ""  # who began the last of them
        self._shared = 0.0  # from when on another caller may have one too

    def __repr__(self) -> str:
        return f"<Breaker {STATES[self.state]}, {self._in_a_row} failures in a row>"

    def admits(self, now: float, caller: str) -> bool:
        """Whether `enter` would let somebody go."""
        if self.state == CLOSED or now >= self._until:
            return True
        return self.state == HALF_OPEN and caller != self._tried and now >= self._shared

    def wait(self, now: float) -> float:
        """Seconds until somebody may be let in on trial."""
        return max(0.0, self._until - now) if self.state == OPEN else 0.0

    def is_quiet(self, now: float) -> bool:
        """Nothing speaks against the server, and nothing has for a while; or nobody asked again after a pause."""
        if self.state == CLOSED:
            return now - self._window >= _WINDOW
        return self.state == OPEN and now - self._until >= _UNASKED

    def enter(self, now: float, caller: str) -> Ticket:
        if self.state == CLOSED:
            return self._changes
        if now >= self._until:  # of a pause, or of a trial that was never heard of again
            self._change(HALF_OPEN)
        elif not self.admits(now, caller):
            return REFUSED
        self._trials += 1
        self._tried = caller
        self._until = now + _FORGOTTEN
        self._shared = now + self._pause
        return self._changes

    def tries(self, ticket: Ticket) -> bool:
        """Whether the ticket is that of a trial under way."""
        return self.state == HALF_OPEN and ticket == self._changes

    def leave(self, ticket: Ticket, now: float, caller: str, *, failed: bool, doubtful: bool = False) -> bool:
        """Whether the state has changed."""
        if ticket != self._changes:
            return False
        if self.state == CLOSED:
            return self._count(now, caller, failed=failed, doubtful=doubtful)
        self._trials -= 1
        if not failed:
            self._pause = self._rules.pause
            self._suspect = ""
            self._change(CLOSED)
            return True
        before, self._suspect = self._suspect, caller if doubtful else ""
        if not doubtful or before not in ("", caller):
            self._pause = min(self._pause * 2, self._rules.longest)
        if doubtful and self._trials > 0:
            return False  # the other trial will tell
        self._open(now)
        return True

    def give_up(self, ticket: Ticket, now: float) -> bool:
        """Nothing was learnt; the next one may try at once, if this one was on trial."""
        if not self.tries(ticket):
            return False
        self._trials -= 1
        if self._trials > 0:
            self._tried, self._shared = "", now
            return False
        self._until = now
        self._change(OPEN)
        return True

    def trip(self, now: float) -> None:
        """It is to open whatever it has counted itself, and for longer than one that has begun to count."""
        self._pause = min(self._pause * 2, self._rules.longest)
        self._open(now)

    def hasten(self, now: float) -> None:
        """Something else has shown that the server is back: it may be tried now."""
        if self.state == OPEN:
            self._until = min(self._until, now)

    def _count(self, now: float, caller: str, *, failed: bool, doubtful: bool) -> bool:
        if now - self._window >= _WINDOW:
            self._window = now
            self._forget()
            self._forget_answered(now)
        self._seen += 1
        if not failed:
            self._in_a_row = 0
            if len(self._answered) < self._crowd:
                self._answered[caller] = 1
            return False
        self._note(caller, doubtful=doubtful)
        if self._too_many_in_a_row() or self._too_large_a_share():
            self._suspect = ""
            self._open(now)
            return True
        return False

    def _note(self, caller: str, *, doubtful: bool) -> None:
        """A failure."""
        self._failed += 1
        self._in_a_row += 1
        if self._in_a_row == 1:
            self._sure = False
            self._in_row = {}
        if not doubtful:
            self._sure = True
            return
        self._in_row[caller] = 1
        of_caller = self._by_caller[caller] = self._by_caller.get(caller, 0) + 1
        self._doubtful += 1
        self._most = max(self._most, of_caller)

    def _too_many_in_a_row(self) -> bool:
        return self._in_a_row >= self._rules.failures and (self._sure or self._are_too_many(self._in_row))

    def _too_large_a_share(self) -> bool:
        if not self._is_share_without(self._most):
            return False
        return self._are_too_many(self._by_caller) or self._is_share_without(self._doubtful)

    def _is_share_without(self, failures: int) -> bool:
        seen, failed = self._seen - failures, self._failed - failures
        return seen >= _ENOUGH and failed * 100 >= self._rules.share * seen

    def _are_too_many(self, failing: dict[str, int]) -> bool:
        """Whether doubtful failures of all these callers are the server's doing."""
        if len(failing) < 2:
            return False
        if len(failing) >= self._rules.failures:
            return True
        answered = self._answered.keys() | self._answered_before.keys()
        return len(failing) > len(answered - failing.keys())

    def _open(self, now: float) -> None:
        self._until = now + self._pause
        self.trips += 1
        self._change(OPEN)

    def _change(self, state: int) -> None:
        self.state = state
        self._changes += 1
        self._in_a_row = 0
        self._trials = 0
        self._forget()

    def _forget(self) -> None:
        self._seen = 0
        self._failed = 0
        self._doubtful = 0
        self._most = 0
        if self._by_caller:
            self._by_caller = {}

    def _forget_answered(self, now: float) -> None:
        if now - self._since >= _LATELY:
            self._since = now
            self._answered_before, self._answered = self._answered, {}
