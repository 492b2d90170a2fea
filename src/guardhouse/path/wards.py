"""What a worker knows of the model servers' health, one ward for each: its breaker, and how much is under way there.

Whoever asks says for which caller: most failures may be the doing of a single one's requests, which then concern nobody
else (by_caller.py). Those of SURE, before anything was sent, cannot be.

A ward belongs to a place (name, host, port and the rules for its health), not to a revision of the configuration: what
has been learnt of a server outlives a reload. It knows nothing of how exchanges travel: whoever sends
one says `enter` before and exactly once `leave` or `give_up` after.

`calm` is true as long as every server may be used, so that the choice of a target need not ask any of them. What has
happened is kept as news, which the sweep takes to the journal as events: the path does not wait for it.
"""

from typing import Final

from guardhouse.audit.record import Event, Severity
from guardhouse.model.grounds import UNREACHED
from guardhouse.model.reason import Reason
from guardhouse.path.breaker import CLOSED, OPEN, REFUSED, STATES, Breaker, Ticket
from guardhouse.path.by_caller import UNCHANGED, ByCaller
from guardhouse.policy.resilience import Breaking, Checking
from guardhouse.policy.snapshot import Target

Place = tuple[str, str, int, Breaking, Checking | None]

# what speaks against the server; the rest is the caller's doing, or ours
FAULTS: Final = UNREACHED | {
    Reason.UPSTREAM_WRITE_TIMEOUT,
    Reason.UPSTREAM_FIRST_BYTE_TIMEOUT,
    Reason.UPSTREAM_BETWEEN_BYTES_TIMEOUT,
    Reason.UPSTREAM_PROTOCOL_ERROR,
    Reason.UPSTREAM_CLOSED_EARLY,
}
SURE: Final = frozenset(reason.code for reason in UNREACHED)

_RADIX: Final = 1 << 30  # more changes than a breaker will ever see: two tickets in one number
_EVENTS: Final[dict[int, tuple[str, Severity]]] = {
    OPEN: ("target.broken", "warning"),
    CLOSED: ("target.mended", "notice"),
}
_MOST_NEWS: Final = 1000
_QUIET: Final = 60.0  # seconds


class Ward:
    __slots__ = ("_alike", "_told", "_wards", "breaker", "callers", "failures", "name", "pending", "well")

    def __init__(self, name: str, rules: Breaking, wards: "Wards") -> None:
        self.name = name
        self.breaker = Breaker(rules)
        self.callers = ByCaller(rules)
        self.pending = 0  # exchanges that are with it
        self.failures = 0
        self.well = True  # as far as it was asked
        self._alike = 0  # answers in a row that say otherwise
        self._told: dict[str, float] = {}
        self._wards = wards

    def __repr__(self) -> str:
        return f"<Ward {self.name}: {STATES[self.breaker.state]}, {self.pending} pending>"

    def admits(self, now: float, caller: str) -> bool:
        return self.well and self.breaker.admits(now, caller) and self.callers.admits(now, caller)

    def wait(self, now: float, caller: str) -> float:
        return max(self.breaker.wait(now), self.callers.wait(now, caller))

    def enter(self, now: float, caller: str) -> Ticket:
        """To be asked before anything is sent; REFUSED means that nothing may be."""
        if not self.well or (self.callers and not self.callers.admits(now, caller)):
            return REFUSED
        ticket = self.breaker.enter(now, caller)
        if ticket != REFUSED:
            self.pending += 1
            if self.callers:
                ticket += self.callers.enter(now, caller) * _RADIX
        return ticket

    def tries(self, ticket: Ticket, caller: str) -> bool:
        """Whether an exchange with that ticket is on trial."""
        return self.breaker.tries(ticket % _RADIX) or self.callers.tries(ticket // _RADIX, caller)

    def leave(self, ticket: Ticket, now: float, caller: str, why: str) -> None:
        """`why` is the code of what the server failed with; empty after a success."""
        self.pending -= 1
        if why:
            self.failures += 1
        self._judge(ticket, now, caller, why)

    def judge(self, ticket: Ticket, now: float, caller: str, why: str) -> None:
        """What a trial has shown before the exchange has left."""
        if self.breaker.tries(ticket % _RADIX):
            self._judge(ticket, now, caller, why)
        elif self.callers.tries(ticket // _RADIX, caller):
            self._judge_caller(ticket // _RADIX, now, caller, why, on_trial=False)

    def _judge(self, ticket: Ticket, now: float, caller: str, why: str) -> None:
        common = ticket % _RADIX
        on_trial = self.breaker.tries(common)
        doubtful = bool(why) and why not in SURE
        if self.breaker.leave(common, now, caller, failed=bool(why), doubtful=doubtful):
            self._wards.note(self.name, self.breaker.state, why)
        if doubtful or self.callers:
            self._judge_caller(ticket // _RADIX, now, caller, why, on_trial=on_trial)

    def _judge_caller(self, ticket: Ticket, now: float, caller: str, why: str, *, on_trial: bool) -> None:
        if why in SURE:
            self.callers.give_up(ticket, now, caller)  # says nothing of its requests
            return
        state = self.callers.leave(ticket, now, caller, failed=bool(why), on_trial=on_trial)
        if state != UNCHANGED:
            self._wards.note(self.name, state, why, caller)

    def checked(self, rules: Checking, why: str, now: float) -> None:
        """It was asked how it is; `why` is empty if it is well."""
        if not why:
            self.breaker.hasten(now)
            self.callers.hasten(now)
        if self.well != bool(why):
            self._alike = 0
            return
        self._alike += 1
        if self._alike >= (rules.failures if why else rules.successes):
            self._alike = 0
            self.well = not why
            self._wards.settle()
            self._wards.tell("target.unwell" if why else "target.well", "warning" if why else "notice", self.name, why)

    def tell(self, event: str, wrong: str) -> None:
        """Something of its files is new, or is `wrong`."""
        self._wards.tell(event, "alert" if wrong else "notice", self.name, wrong)

    def report(self, event: str, severity: Severity, why: str, now: float) -> None:
        """What may happen with every request is told once in a while."""
        if now - self._told.get(event, -_QUIET) >= _QUIET:
            self._told[event] = now
            self._wards.tell(event, severity, self.name, why)

    def give_up(self, ticket: Ticket, now: float, caller: str) -> None:
        self.pending -= 1
        self.breaker.give_up(ticket % _RADIX, now)
        self.callers.give_up(ticket // _RADIX, now, caller)


class Wards:
    __slots__ = ("_by_place", "_news", "calm")

    def __init__(self) -> None:
        self._by_place: dict[Place, Ward] = {}
        self._news: list[tuple[str, Severity, str, str, str]] = []
        self.calm = True

    def __repr__(self) -> str:
        return f"<Wards {list(self._by_place.values())}>"

    def of(self, target: Target) -> Ward:
        place = _place(target)
        ward = self._by_place.get(place)
        if ward is None:
            ward = self._by_place[place] = Ward(target.name, target.breaker, self)
        return ward

    def all(self) -> list[Ward]:
        return list(self._by_place.values())

    def keep_only(self, targets: set[Target]) -> None:
        kept = {_place(target) for target in targets}
        self._by_place = {place: ward for place, ward in self._by_place.items() if place in kept}
        self.settle()

    def sweep(self, now: float) -> None:
        """Forget what callers had to do with servers that nobody asks for any more."""
        for ward in self._by_place.values():
            if ward.callers:
                ward.callers.sweep(now)
                self.settle()

    def note(self, target: str, state: int, why: str, caller: str = "") -> None:
        """A breaker has changed, for one caller or for all; a trial by itself is no news."""
        self.settle()
        name, severity = _EVENTS[state]
        self.tell(name, severity, target, why, caller)

    def tell(self, event: str, severity: Severity, target: str, why: str, caller: str = "") -> None:
        if len(self._news) < _MOST_NEWS:
            self._news.append((event, severity, target, why, caller))

    def take_news(self, at: float) -> list[Event]:
        news, self._news = self._news, []
        return [
            Event(
                at=at,
                name=name,
                severity=severity,
                principal=caller,
                facts={"target": target, "why": why} if why else {"target": target},
            )
            for name, severity, target, why, caller in news
        ]

    def settle(self) -> None:
        self.calm = all(
            ward.well and ward.breaker.state == CLOSED and not ward.callers.kept_away
            for ward in self._by_place.values()
        )


def _place(target: Target) -> Place:
    return target.name, target.host, target.port, target.breaker, target.health
