"""The intakes of a worker, by target, and the timers of those that have a rate.

A snapshot may change what a target can take: then it gets a new intake, and those who wait at the old one or are inside
of it leave there. For a moment the server may so be given what both allow; as long as a canary says otherwise than what
is active, each of them has its own intake, and for as long it may be given that.
"""

from asyncio import AbstractEventLoop, TimerHandle
from collections.abc import Iterable

from guardhouse.limits.capacity import ALONE, Capacity, Crew, Tiers
from guardhouse.limits.intake import Intake

_QUIET = 60.0  # seconds


class Intakes:
    __slots__ = ("_by_target", "_crew", "_loop", "_timers", "_told")

    def __init__(self, loop: AbstractEventLoop, crew: Crew = ALONE) -> None:
        self._loop = loop
        self._crew = crew
        self._by_target: dict[str, list[Intake]] = {}  # of a target, the newest last
        self._timers: dict[Intake, TimerHandle] = {}
        self._told: dict[str, float] = {}

    def of(self, target: str, capacity: Capacity, tiers: Tiers) -> Intake:
        known = self._by_target.get(target, [])
        for intake in known:
            if intake.fits(capacity, tiers):
                return intake
        intake = Intake(capacity, tiers, self._crew)
        self._by_target[target] = [*[each for each in known if each.in_use or each.waiting], intake]
        return intake

    def pump(self, intake: Intake, now: float) -> None:
        """Let in whoever may go, now and whenever the rate allows the next."""
        delay = intake.pump(now)
        if delay is not None and intake not in self._timers:
            self._timers[intake] = self._loop.call_later(delay, self._again, intake)

    def dismiss(self, targets: Iterable[str]) -> None:
        """Whoever waits for one of these has to choose again."""
        for target in targets:
            for intake in self._by_target.get(target, ()):
                intake.dismiss()

    def depths(self) -> dict[str, tuple[int, int, int]]:
        """Of each target: how many are with it, how many may be, how many wait."""
        return {
            name: (sum([each.in_use for each in known]), int(known[-1].limit), sum([each.waiting for each in known]))
            for name, known in self._by_target.items()
        }

    def is_news(self, target: str, now: float) -> bool:
        """Whether somebody is turned away here for the first time in a while."""
        before = self._told.get(target, -_QUIET)
        self._told[target] = now
        return now - before >= _QUIET

    def _again(self, intake: Intake) -> None:
        del self._timers[intake]
        self.pump(intake, self._loop.time())
