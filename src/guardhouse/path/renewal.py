"""How a worker follows the published policy: it compiles a new edition beside the traffic and swaps it in as a whole.

`poll` costs one stat when nothing has happened, and for a new edition a look over its text, in which the documents are
left as they are: some milliseconds where there are thousands of policies. They are decoded and compiled in a thread,
and what comes out replaces the old in one turn of the loop, between two reads of any connection: exchanges that have
begun keep the snapshot they began with, those that begin later have the new one. An edition whose secrets cannot be had
here, or with which anything else goes wrong, changes nothing. Either is an event in this worker's journal. Settings of
the process (listen, upstream, …) stay as they were at its start; the control process tells which of them wait for the
next one.
"""

import asyncio
import os
from pathlib import Path

from guardhouse.audit.record import Event
from guardhouse.model.bulletin import Bulletin
from guardhouse.path.canary import Canary
from guardhouse.path.fault import describe
from guardhouse.path.plane import DataPlane
from guardhouse.policy.edition import Edition, InForce, in_force
from guardhouse.policy.problem import Problems
from guardhouse.policy.shares import Shares
from guardhouse.residency.bounds import Residency


class Renewal:
    def __init__(self, plane: DataPlane, published: Path, shares: Shares) -> None:
        self._plane = plane
        self._shares = shares
        self._bulletin = Bulletin(published, Edition)
        self._bulletin.refresh()  # the edition that the worker was started with
        self._under_way: asyncio.Task[None] | None = None

    def __repr__(self) -> str:
        return f"<Renewal of {self._plane.snapshot.revision}{', under way' if self._under_way else ''}>"

    def poll(self) -> None:
        """Begin to take a new edition, if there is one; one at a time, and of several the last."""
        if self._under_way is not None:
            return
        faults = self._bulletin.faults
        if self._bulletin.refresh():
            assert self._bulletin.current is not None
            self._under_way = self._plane.loop.create_task(self._take(self._bulletin.current))
        elif self._bulletin.faults > faults:
            self._tell_failure("unknown", "policy.json cannot be read")

    async def _take(self, edition: Edition) -> None:
        plane, revision = self._plane, edition.active.revision
        try:
            compiled = await plane.loop.run_in_executor(None, in_force, edition, os.environ, self._shares)
            if isinstance(compiled, InForce):
                put_in_force(plane, compiled, self._shares)
        except Exception as error:  # noqa: BLE001 - whatever it is, what was in force goes on, and that has to be seen
            self._tell_failure(revision, describe(error))
            return
        finally:
            self._under_way = None
        if not isinstance(compiled, InForce):
            self._tell_failure(revision, _places(compiled))
            return
        plane.policy_taken = True
        plane.journal.append(Event(at=plane.now(), name="policy.taken", facts={"revision": compiled.snapshot.revision}))
        if compiled.left_out:
            self._tell_failure(revision, _places(compiled.left_out))

    def _tell_failure(self, revision: str, places: str) -> None:
        """Until an edition is taken as a whole, the figures say so too."""
        self._plane.policy_taken = False
        self._plane.journal.append(
            Event(
                at=self._plane.now(),
                name="policy.not_taken",
                severity="alert",
                facts={"revision": revision, "places": places},
            )
        )


def _places(problems: Problems) -> str:
    return ", ".join(problem.path for problem in problems)


def put_in_force(plane: DataPlane, compiled: InForce, shares: Shares) -> None:
    """The swap. Nothing in it waits, so no exchange sees half of it."""
    canary = None if compiled.canary is None else Canary(compiled.canary, compiled.share, shares)
    snapshots = (compiled.snapshot, compiled.canary)
    for snapshot in snapshots:
        if snapshot is not None and snapshot.residency is not None:
            plane.journal.append(_places_of(snapshot.revision, snapshot.residency, plane.now()))
    targets = {target for snapshot in snapshots if snapshot is not None for target in snapshot.targets.values()}
    plane.snapshot = compiled.snapshot
    plane.shadow = compiled.shadow
    if any(snapshot is not None and snapshot.signatures is not None for snapshot in snapshots):
        plane.replays.begin(plane.now())
    plane.canary = canary
    plane.tokens.believe(compiled.vouchers)
    plane.upstreams.keep_only(targets)


def _places_of(revision: str, residency: Residency, now: float) -> Event:
    """Where everything is that keeps bytes of exchanges of this revision: a report is made of the journal alone."""
    facts: dict[str, str | int | float | bool] = {"revision": revision}
    facts.update({place.name: place.region for place in residency.places})
    return Event(at=now, name="residency.places", facts=facts)
