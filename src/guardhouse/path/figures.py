"""Tells of the worker's present state: connections, exchanges under way and held, queues, the limits' store.

The file is for people and dashboards (`guardhouse usage`, the gauges of the admin port). It is written at most once a
second and only when something has changed, without waiting for the disk; if it cannot be written, nothing is lost.
"""

from contextlib import suppress
from pathlib import Path

from guardhouse.model.bulletin import publish
from guardhouse.model.figures import MemoryFigures, TargetFigures, UpstreamFigures, WorkerFigures
from guardhouse.path.breaker import STATES
from guardhouse.path.plane import DataPlane
from guardhouse.policy.snapshot import Target

_EVERY = 1.0  # seconds


class Figures:
    __slots__ = ("_file", "_next", "_told")

    def __init__(self, run: Path, worker: int) -> None:
        self._file = run / f"w{worker}.figures.json"
        self._next = 0.0
        self._told: WorkerFigures | None = None

    def sweep(self, plane: DataPlane, now: float) -> None:
        if now < self._next:
            return
        self._next = now + _EVERY
        figures = figures_of(plane)
        if figures != self._told:
            with suppress(OSError):
                publish(self._file, figures, durable=False)
                self._told = figures


def figures_of(plane: DataPlane) -> WorkerFigures:
    sharing = plane.sharing
    state = "" if sharing is None else ("away" if sharing.courier.away else "there")
    return WorkerFigures(
        connections=len(plane.connections),
        exchanges=plane.journal.open_count,
        held=plane.held,
        paused=plane.memory.waiting,
        memory={each.name: MemoryFigures(each.held, each.limit) for each in (plane.memory, plane.answers)},
        targets={name: TargetFigures(*depths) for name, depths in plane.intakes.depths().items()},
        upstreams={target.name: _upstream(plane, target) for target in plane.snapshot.targets.values()},
        retries=plane.retries.taken,
        retries_refused=plane.retries.refused,
        policy_taken=plane.policy_taken,
        limits_store=state,
        journeys=0 if sharing is None else sharing.courier.journeys,
    )


def _upstream(plane: DataPlane, target: Target) -> UpstreamFigures:
    ward = plane.upstreams.wards.of(target)
    return UpstreamFigures(
        breaker=STATES[ward.breaker.state],
        pending=ward.pending,
        failures=ward.failures,
        breaks=ward.breaker.trips,
        well=ward.well,
        callers_kept_away=ward.callers.kept_away,
        drained=bool(plane.gates.drained) and plane.gates.is_drained(target.name, plane.now()),
    )
