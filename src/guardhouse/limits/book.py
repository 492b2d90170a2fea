"""The one interface to whatever counts limits: what an exchange asks of it, and what it may answer.

There are two books: `table.LimitTable` counts in this process, the one in `shared` counts for many processes in a
store. One suite (tests/limits/test_book.py) holds both to the same behaviour; what only one of them does is in its
own tests.

The life of a reservation:

    admit ──▶ Limited    refused by some rule; nothing was taken
          ──▶ Pending    not known yet; `admit` is asked again when the book calls `resume`, once
          ──▶ Admitted   taken under every rule, perhaps to begin only after `delay` seconds
                  │ extend, any number of times, while an answer flows
                  ▼
               settle    exactly once counts, however the exchange ended; gives back what was reserved too much

`now` is the clock of the loop, which nobody sets and on which rates run; `at` is Unix time, which windows of the
calendar need. A `Load` is an estimate and a bound when admitting and what was used when settling; money is in
billionths (quota.py). Nothing here waits: a book that has to ask elsewhere answers `Pending`, within a time of its own
choosing.

These are classes and abstract methods rather than structs and protocols, because the compiled build calls them directly
then; so an implementation has to be in a module that is compiled as well (setup.py).
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Literal

from guardhouse.limits.counter import Hold
from guardhouse.limits.load import Load
from guardhouse.limits.quota import Quota
from guardhouse.limits.rate import Concurrency, LimitRule, Rate
from guardhouse.model.denial import Denial

Kind = Literal["requests", "tokens", "money", "concurrent"]
Limit = Rate | Quota | Concurrency

NEVER = float("inf")
NO_LEVELS: list[float] = []  # replaced, never filled


class Limited:
    """A refusal, by the rule that asks for the longest wait; nothing was taken."""

    __slots__ = (
        *("away", "impossible", "kind", "levels", "limit", "load", "more", "policy"),
        *("retry_after", "rules", "until"),
    )

    def __init__(
        self,
        rules: tuple[LimitRule, ...],
        levels: list[float],
        *,
        policy: str,
        kind: Kind,
        limit: Limit,
        wait: float,
    ) -> None:
        self.rules = rules
        self.levels = levels
        self.more: list[int] | None = None
        self.load: Load | None = None  # that was asked for
        self.policy = policy
        self.kind: Kind = kind
        self.limit = limit
        self.impossible = wait == NEVER  # no wait helps: the request alone is larger than the limit
        self.retry_after = 0.0 if self.impossible else wait
        self.away = False  # refused because nobody could be asked
        self.until = 0.0  # Unix time at which a window of the calendar ends; 0 for other limits

    def __repr__(self) -> str:
        return f"<Limited by {self.policy!r} to {self.limit} {self.kind}, retry after {self.retry_after:g} s>"


class Pending:
    """Not decided yet. The path puts in `resume` and asks again when it is called, or after `wait` seconds."""

    __slots__ = ("_called", "otherwise", "places", "resume", "wait")

    def __init__(self, wait: float, otherwise: Limited | Denial | None = None) -> None:
        self.places: Places | None = None  # that it waits for
        self.wait = wait
        self.otherwise = otherwise  # the answer if nothing has called within that time; None: ask again
        self.resume: Callable[[], None] | None = None  # None again when nobody waits any more
        self._called = False

    def call(self) -> bool:
        """For the book; False when nobody waits. The path asks again on a later turn of the loop."""
        resume, self.resume = self.resume, None
        if resume is None:
            return False
        self._called = True
        resume()
        return True

    def asks(self) -> None:
        """From the path: whoever was called asks again now, and until `passed` nobody else does."""
        if self.places is not None and self._called:
            self.places.guest = True

    def passed(self) -> None:
        """From the path, when whoever was called has asked again or will not: what it left is the next one's."""
        if self.places is not None:
            self.places.guest = False
            if self._called:
                self._called = False
                self.places.promised -= 1
            self.places.pass_on()


class Places:
    """How many exchanges are under way under one rule of one principal, and who waits for one of them to end.

    First come, first served: who comes while somebody waits, waits as well, and a place that somebody was called for is
    kept for it until it has asked again.
    """

    __slots__ = ("guest", "in_use", "most", "promised", "waiting")

    def __init__(self) -> None:
        self.in_use = 0
        self.most = 0  # as far as anybody has asked; 0 where that is not known here
        self.promised = 0  # places of those who were called and have not asked again
        self.guest = False  # who asks now is one of them
        self.waiting: deque[Pending] | None = None

    def may_enter(self, most: int) -> bool:
        """Whether who asks now gets one of `most` places."""
        self.most = most
        if self.guest:
            return self.in_use < most
        if self.waiting:
            self.pass_on()  # there may be more places than there were
        return self.in_use + self.promised < most and not self.is_waited_for()

    def must_wait(self) -> bool:
        """Whether others come first, however many places there are."""
        return not self.guest and (self.promised > 0 or self.is_waited_for())

    def is_waited_for(self) -> bool:
        waiting = self.waiting
        while waiting and waiting[0].resume is None:
            waiting.popleft()
        return bool(waiting)

    def is_idle(self) -> bool:
        return not self.in_use and not self.promised and not self.is_waited_for()

    def free(self) -> None:
        """One exchange has ended: whoever waits longest may ask again."""
        self.in_use -= 1
        self.pass_on()

    def pass_on(self) -> None:
        """Call those whose turn it is for what is free."""
        while self.in_use + self.promised < self.most and self.call_next():
            pass

    def call_next(self) -> bool:
        """Whoever waits longest; False if nobody waits."""
        while self.waiting:
            if self.waiting.popleft().call():
                self.promised += 1
                return True
        return False

    def wait(self, pending: Pending, depth: int) -> bool:
        """Whether there is room for one more to wait; who had been called already stays the first."""
        self.waiting = deque([each for each in self.waiting or () if each.resume is not None])
        if len(self.waiting) >= depth:
            return False
        pending.places = self
        if self.guest:
            self.waiting.appendleft(pending)
        else:
            self.waiting.append(pending)
        return True


class Admitted:
    """A reservation: one request and `load` under each of `rules`."""

    __slots__ = ("delay", "holds", "levels", "load", "more", "places", "principal_id", "rules", "settled", "tokens")

    def __init__(self, principal_id: str, rules: tuple[LimitRule, ...], load: Load) -> None:
        self.principal_id = principal_id
        self.rules = rules
        self.load = load
        self.tokens = load.tokens  # as rates count them
        self.levels: list[float] = NO_LEVELS  # left of rates: per rule, requests if limited, tokens if limited
        self.more: list[int] | None = None  # of the rest: see headers.py
        self.delay = 0.0  # seconds to hold the exchange before it begins: its place in a rule's queue
        self.holds: tuple[Hold, ...] = ()  # the local book's own, as is the next
        self.places: tuple[Places, ...] = ()
        self.settled = False

    def __repr__(self) -> str:
        return f"<Admitted {self.tokens} tokens under {len(self.rules)} rules{', settled' if self.settled else ''}>"


Admission = Admitted | Limited
Answer = Admitted | Limited | Pending


class Book(ABC):
    __slots__ = ()

    @abstractmethod
    def admit(self, principal_id: str, rules: tuple[LimitRule, ...], load: Load, now: float, at: float) -> Answer:
        """Reserve one request, a place and the load under every rule, or nothing at all."""

    @abstractmethod
    def settle(self, admitted: Admitted, used: Load, now: float) -> None:
        """Put what was used in the place of what was reserved and free the place. Only the first call counts."""

    @abstractmethod
    def extend(self, admitted: Admitted, more: Load, at: float) -> bool:
        """Reserve more of every budget for an answer that is longer than reserved; False when one has no room."""

    @abstractmethod
    def room(
        self, principal_id: str, rules: tuple[LimitRule, ...], given: Load, now: float, at: float
    ) -> tuple[int, int]:
        """The tokens and the money that are left for an answer beside `given`; `UNLIMITED` where no rule says. Rules
        that cap answers are asked, and budgets that reserve the most that can be used."""


UNLIMITED = 2**62
