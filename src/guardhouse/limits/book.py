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
calendar need. `tokens` and `money` are estimates when admitting and real figures when settling; money is in billionths
(quota.py). Nothing here waits: a book that has to ask elsewhere answers `Pending`, within a time of its own choosing.

These are classes and abstract methods rather than structs and protocols, because the compiled build calls them directly
then; so an implementation has to be in a module that is compiled as well (setup.py).
"""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Literal

from guardhouse.limits.counter import Hold
from guardhouse.limits.quota import Quota
from guardhouse.limits.rate import Concurrency, LimitRule, Rate
from guardhouse.model.denial import Denial

Kind = Literal["requests", "tokens", "money", "concurrent"]
Limit = Rate | Quota | Concurrency

NEVER = float("inf")
NO_LEVELS: list[float] = []  # replaced, never filled


class Limited:
    """A refusal, by the rule that asks for the longest wait; nothing was taken."""

    __slots__ = ("away", "impossible", "kind", "levels", "limit", "more", "policy", "retry_after", "rules", "until")

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

    __slots__ = ("otherwise", "places", "resume", "wait")

    def __init__(self, wait: float, otherwise: Limited | Denial | None = None) -> None:
        self.places: Places | None = None  # that it waits for
        self.wait = wait
        self.otherwise = otherwise  # the answer if nothing has called within that time; None: ask again
        self.resume: Callable[[], None] | None = None  # None again when nobody waits any more

    def call(self) -> bool:
        """For the book; False when nobody waits. The path asks again on a later turn of the loop."""
        resume, self.resume = self.resume, None
        if resume is None:
            return False
        resume()
        return True

    def passed(self) -> None:
        """From the path, when whoever was called has asked again or will not: what it left is the next one's."""
        if self.places is not None:
            self.places.pass_on()


class Places:
    """How many exchanges are under way under one rule of one principal, and who waits for one of them to end."""

    __slots__ = ("in_use", "most", "waiting")

    def __init__(self) -> None:
        self.in_use = 0
        self.most = 0  # as far as anybody has waited; 0 where that is not known here
        self.waiting: deque[Pending] | None = None

    def free(self) -> None:
        """One exchange has ended: whoever waits longest may ask again."""
        self.in_use -= 1
        self._call_next()

    def pass_on(self) -> None:
        """Who was called has not taken the place, refused by something else or gone: it is the next one's."""
        if self.in_use < self.most:
            self._call_next()

    def _call_next(self) -> None:
        while self.waiting and not self.waiting.popleft().call():
            pass

    def wait(self, pending: Pending, depth: int, most: int = 0) -> bool:
        """Whether there is room for one more to wait. `most`: how many places there are."""
        self.most = most
        self.waiting = deque([each for each in self.waiting or () if each.resume is not None])
        if len(self.waiting) >= depth:
            return False
        pending.places = self
        self.waiting.append(pending)
        return True


class Admitted:
    """A reservation: one request, `tokens` and `money` under each of `rules`."""

    __slots__ = ("delay", "holds", "levels", "money", "more", "places", "principal_id", "rules", "settled", "tokens")

    def __init__(self, principal_id: str, rules: tuple[LimitRule, ...], tokens: int, money: int) -> None:
        self.principal_id = principal_id
        self.rules = rules
        self.tokens = tokens
        self.money = money
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
    def admit(  # noqa: PLR0917 - on the path of every limited request, where names cost
        self, principal_id: str, rules: tuple[LimitRule, ...], tokens: int, money: int, now: float, at: float
    ) -> Answer:
        """Reserve one request, a place, the estimated tokens and money under every rule, or nothing at all."""

    @abstractmethod
    def settle(self, admitted: Admitted, tokens: int, money: int, now: float) -> None:
        """Replace the estimate by what was used and free the place. Only the first call counts."""

    @abstractmethod
    def extend(self, admitted: Admitted, tokens: int, money: int, at: float) -> bool:
        """Reserve more of every budget for an answer that is longer than estimated; False when one has no room."""

    @abstractmethod
    def room(self, principal_id: str, rules: tuple[LimitRule, ...], now: float, at: float) -> tuple[int, int]:
        """The tokens and the money that an exchange may use at most now; `UNLIMITED` where no rule says."""


UNLIMITED = 2**62
