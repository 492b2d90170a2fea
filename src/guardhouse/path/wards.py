"""What a worker knows of the model servers' health, one ward for each: its breaker, and how much is under way there.

A ward belongs to a place (name, host, port and the rules for its health), not to a revision of the configuration: what
has been learnt of a server outlives a reload. It knows nothing of how exchanges travel: whoever sends
one says `enter` before and exactly once `leave` or `give_up` after.

`calm` is true as long as every server may be used, so that the choice of a target need not ask any of them. What has
happened is kept as news, which the sweep takes to the journal as events: the path does not wait for it.
"""

from typing import Final

from guardhouse.audit.record import Event, Severity
from guardhouse.model.reason import Reason
from guardhouse.path.breaker import CLOSED, HALF_OPEN, OPEN, REFUSED, STATES, Breaker, Ticket
from guardhouse.policy.resilience import Breaking, Checking
from guardhouse.policy.snapshot import Target

Place = tuple[str, str, int, Breaking, Checking | None]

# what speaks against the server; the rest is the caller's doing, or ours
FAULTS: Final = frozenset(
    (
        Reason.UPSTREAM_UNREACHABLE,
        Reason.UPSTREAM_CONNECT_TIMEOUT,
        Reason.UPSTREAM_ADDRESS_REFUSED,
        Reason.UPSTREAM_TLS_FAILED,
        Reason.UPSTREAM_TLS_TIMEOUT,
        Reason.UPSTREAM_WRITE_TIMEOUT,
        Reason.UPSTREAM_FIRST_BYTE_TIMEOUT,
        Reason.UPSTREAM_BETWEEN_BYTES_TIMEOUT,
        Reason.UPSTREAM_PROTOCOL_ERROR,
        Reason.UPSTREAM_CLOSED_EARLY,
    )
)

_EVENTS: Final[dict[int, tuple[str, Severity]]] = {
    OPEN: ("target.broken", "warning"),
    CLOSED: ("target.mended", "notice"),
}
_MOST_NEWS: Final = 1000
_QUIET: Final = 60.0  # seconds


class Ward:
    __slots__ = ("_alike", "_told", "_wards", "breaker", "failures", "name", "pending", "well")

    def __init__(self, name: str, rules: Breaking, wards: "Wards") -> None:
        self.name = name
        self.breaker = Breaker(rules)
        self.pending = 0  # exchanges that are with it
        self.failures = 0
        self.well = True  # as far as it was asked
        self._alike = 0  # answers in a row that say otherwise
        self._told: dict[str, float] = {}
        self._wards = wards

    def __repr__(self) -> str:
        return f"<Ward {self.name}: {STATES[self.breaker.state]}, {self.pending} pending>"

    def admits(self, now: float) -> bool:
        return self.well and self.breaker.admits(now)

    def enter(self, now: float) -> Ticket:
        """To be asked before anything is sent; REFUSED means that nothing may be."""
        ticket = self.breaker.enter(now) if self.well else REFUSED
        if ticket != REFUSED:
            self.pending += 1
        return ticket

    def on_trial(self) -> bool:
        return self.breaker.state == HALF_OPEN

    def leave(self, ticket: Ticket, now: float, why: str) -> None:
        """`why` is the code of what the server failed with; empty after a success."""
        self.pending -= 1
        self.judge(ticket, now, why)

    def judge(self, ticket: Ticket, now: float, why: str) -> None:
        """What is known of the server before the exchange has left."""
        if why:
            self.failures += 1
        if self.breaker.leave(ticket, now, failed=bool(why)):
            self._wards.note(self, why)

    def checked(self, rules: Checking, why: str, now: float) -> None:
        """It was asked how it is; `why` is empty if it is well."""
        if not why:
            self.breaker.hasten(now)
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

    def give_up(self, ticket: Ticket, now: float) -> None:
        self.pending -= 1
        self.breaker.give_up(ticket, now)


class Wards:
    __slots__ = ("_by_place", "_news", "calm")

    def __init__(self) -> None:
        self._by_place: dict[Place, Ward] = {}
        self._news: list[tuple[str, Severity, str, str]] = []
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

    def note(self, ward: Ward, why: str) -> None:
        """The state of the ward has changed; a trial by itself is no news."""
        self.settle()
        name, severity = _EVENTS[ward.breaker.state]
        self.tell(name, severity, ward.name, why)

    def tell(self, event: str, severity: Severity, target: str, why: str) -> None:
        if len(self._news) < _MOST_NEWS:
            self._news.append((event, severity, target, why))

    def take_news(self, at: float) -> list[Event]:
        news, self._news = self._news, []
        return [
            Event(
                at=at, name=name, severity=severity, facts={"target": target, "why": why} if why else {"target": target}
            )
            for name, severity, target, why in news
        ]

    def settle(self) -> None:
        self.calm = all(ward.well and ward.breaker.state == CLOSED for ward in self._by_place.values())


def _place(target: Target) -> Place:
    return target.name, target.host, target.port, target.breaker, target.health
