"""Makes what operators switch off known: to the workers as a file, to the journal as events.

Acts come from the command line, from the admin API and from rules that watch the journal; all of them only write to the
store (standing_store.py). `poll` finds out that somebody has, publishes what is in force and records what was done.
The file comes first: a suspension that cannot be recorded, as the disk is full, is in force all the same, and its event
follows when there is room. An end that has come is entered as an act by "expiry", so the journal tells it too.

A rule that finds its principal suspended already leaves it at that, unless its own suspension would last longer.
"""

from pathlib import Path

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Event
from guardhouse.control.standing_store import Act, Kind, StandingStore
from guardhouse.control.store import Store
from guardhouse.model.bulletin import publish
from guardhouse.policy.settings import SuspendRule
from guardhouse.policy.standing import Cap, Standing, over

EXPIRY = "expiry"  # who lifts what has ended
_EVENTS: dict[tuple[Kind, bool], str] = {
    ("principal", False): "principal.suspended",
    ("principal", True): "principal.unsuspended",
    ("model", False): "model.closed",
    ("model", True): "model.opened",
    ("tier", False): "tier.capped",
    ("tier", True): "tier.uncapped",
    ("target", False): "target.drained",
    ("target", True): "target.undrained",
}


class StandingPublisher:
    def __init__(self, store: Store, file: Path, journal: Journal) -> None:
        self._store = store
        self._acts = StandingStore(store.engine)
        self._file = file
        self._journal = journal
        self._version: int | None = None
        self._published: Standing | None = None
        self._next_end = float("inf")
        self._now = 0.0

    def __repr__(self) -> str:
        return f"<StandingPublisher {self._file.name}>"

    def poll(self, now: float) -> None:
        self._now = now
        version = self._store.version()
        if version == self._version and now < self._next_end:
            return
        self._end(now)
        latest = self._acts.latest()
        standing = in_force(latest, now)
        if standing != self._published:
            publish(self._file, standing)
            self._published = standing
        self._next_end = min((act.until for act in latest if act.until is not None), default=float("inf"))
        self._announce()
        self._version = version

    def answer(self, rule: SuspendRule, principal: str, count: int, at: float) -> None:
        """A rule of `suspend` is met: tell of it, and do what it says. What was read too late for that is only told."""
        until = None if rule.lasting is None else at + rule.lasting
        facts: dict[str, str | int | float | bool] = {"rule": rule.name, "refusals": count, "limit": str(rule.above)}
        self._journal.append(
            Event(at=at, name="principal.refused_often", severity="warning", principal=principal, facts=facts)
        )
        if until is not None and not over(until, self._now):
            because = f"more than {rule.above} refusals"
            self.suspend(principal, until, by=f"rule:{rule.name}", because=because, now=at)

    def suspend(self, principal: str, until: float | None, *, by: str, because: str, now: float) -> bool:
        """For rules; False when a suspension that lasts at least as long is in force."""
        for act in self._acts.latest():
            if act.kind == "principal" and act.name == principal and _lasts(act.until, until):
                return False
        self._acts.enter(Act(kind="principal", name=principal, at=now, by=by, because=because, until=until))
        return True

    def _end(self, now: float) -> None:
        for act in self._acts.latest():
            if over(act.until, now):
                self._acts.enter(Act(kind=act.kind, name=act.name, at=now, by=EXPIRY, lifted=True))

    def _announce(self) -> None:
        acts = self._acts.unannounced()
        for act in acts[:-1]:
            self._journal.append(event_of(act))
        if acts:
            numbers = [act.number for act in acts]
            self._journal.append(event_of(acts[-1]), lambda error: self._announced(numbers, error))

    def _announced(self, numbers: list[int], error: OSError | None) -> None:
        """All of one turn of the loop are written together or not at all."""
        if error is None:
            self._acts.note_announced(numbers)
        else:
            self._version = None  # once more at the next poll


def in_force(latest: list[Act], now: float) -> Standing:
    valid = [act for act in latest if not act.lifted and not over(act.until, now)]
    return Standing(
        suspended={act.name: act.until for act in valid if act.kind == "principal"},
        closed={act.name: act.until for act in valid if act.kind == "model"},
        drained={act.name: act.until for act in valid if act.kind == "target"},
        capped={act.name: Cap(act.cap, act.until) for act in valid if act.kind == "tier" and act.cap is not None},
    )


def publish_standing(store: Store, file: Path, now: float) -> None:
    """For a start, before there is a journal to announce anything in."""
    publish(file, in_force(StandingStore(store.engine).latest(), now))


def event_of(act: Act) -> Event:
    facts: dict[str, str | int | float | bool] = {}
    if act.kind in {"tier", "target"}:
        facts[act.kind] = act.name
    if act.cap is not None:
        facts["requests"] = str(act.cap)
    if act.until is not None:
        facts["until"] = act.until
    if act.because:
        facts["because"] = act.because
    return Event(
        at=act.at,
        name=_EVENTS[act.kind, act.lifted],
        severity="notice" if act.lifted else "warning",
        principal=act.name if act.kind == "principal" else "",
        model=act.name if act.kind == "model" else "",
        by=act.by,
        facts=facts,
    )


def _lasts(until: float | None, as_long_as: float | None) -> bool:
    return until is None or (as_long_as is not None and until >= as_long_as)
