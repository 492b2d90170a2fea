"""Refusals as a signal, as the control process counts them: alone, or together with others where there is a store.

Without a rule of `suspend` nothing is counted and nobody is asked. That the store is away, and that it is back, stands
in the journal under the same names as when a worker notices; `worker` is then `control`. Meanwhile this machine's count
goes on, and rules are met by that alone.
"""

import asyncio
import time
from collections.abc import Callable
from pathlib import Path

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Event, Severity
from guardhouse.path.sharing import place_of
from guardhouse.policy.settings import Settings
from guardhouse.readers.hits import HitReader, Met, Refused
from guardhouse.readers.joint_hits import JointHits

_WHO = "control"


class Refusals:
    def __init__(self, settings: Settings, file: Path, journal: Journal, met: Met, say: Callable[[str], None]) -> None:
        self._journal = journal
        self._say = say
        self._hits = HitReader(settings.suspend, met, file)
        self._joint: JointHits | None = None
        if settings.suspend and settings.limits_store is not None:
            place = place_of(settings.limits_store, _WHO)
            self._joint = JointHits(place, asyncio.get_running_loop(), self._hits, self._tell)
            self._joint.open(time.time())

    def __repr__(self) -> str:
        return f"<Refusals: {self._joint or 'counted alone'}>"

    def note(self, refused: Refused) -> None:
        self._hits.note(refused)

    def poll(self, now: float) -> None:
        if self._joint is not None:
            self._joint.turn(now)
        self._hits.save()

    def alone(self) -> bool | None:
        """Whether the store that others count in cannot be asked; None: there is none to ask."""
        return None if self._joint is None else self._joint.away

    async def end(self, now: float) -> None:
        if self._joint is not None:
            await self._joint.end()
        self.poll(now)

    def _tell(self, name: str, why: str) -> None:
        severity: Severity = "alert" if why else "notice"
        self._say(
            f"the store of limits is away ({why}): refusals are counted on this machine alone"
            if why
            else "the store of limits is back: refusals are counted with the other machines again"
        )
        facts: dict[str, str | int | float | bool] = {"worker": _WHO}
        if why:
            facts["why"] = why
        self._journal.append(Event(at=time.time(), name=name, severity=severity, facts=facts))
