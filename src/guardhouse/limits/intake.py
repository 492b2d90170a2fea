"""How much one model server is given at a time: who goes now, who waits, who is turned away.

Rules:
- no more than `limit` exchanges are with the server; with `rate`, they go to it evenly spaced, without bursts;
- each worker of a gateway has its part of the limit, the rate and the queue (`Crew`);
- a tier's reserve is a share of the limit that others may not take, used or not;
- whoever cannot go waits in a fair queue (fair.py). Nobody goes past it: who comes while others wait, waits as well,
  unless it may use a reserve that they may not;
- with `adaptive`, `limit` moves between a floor and the configured number. An answer whose first byte came late, or a
  failure of the server, lowers it by a fifth, once per `latency`, because all that are under way then tell the same
  story; a good answer raises it by one part of itself, so a full round of good answers raises it by one. It rises only
  while it is being used up, or it would say nothing of what the server can take.

No clock and no input or output: `now` is given, and who waits is called by way of its slot. `pump` is to be called
whenever somebody came or left, and again after the seconds that it returns.
"""

from collections.abc import Callable
from typing import Final

from guardhouse.limits.capacity import ALONE, Adaptive, Capacity, Crew, Tiers, part_of
from guardhouse.limits.fair import FairQueue, Place

_LESS: Final = 0.8
_ROUNDING: Final = 1e-6  # so that a share of the places is that number of them again


class Slot(Place):
    """An exchange's way through: waiting until `inside`, then with the server until it leaves."""

    __slots__ = ("called", "came", "dismissed", "inside", "intake", "left", "since")

    def __init__(self, intake: "Intake", owner: str, rank: int) -> None:
        super().__init__(owner, rank)
        self.intake = intake
        self.called: Callable[[], object] | None = None  # told when it is inside, or that it has to leave
        self.inside = False
        self.left = False  # turned away, or gone
        self.dismissed = False  # left because nobody is served here any more
        self.came = 0.0  # when it began to wait, here or where it was dismissed
        self.since = 0.0  # when it went inside


class Intake:
    __slots__ = (
        "_configured",
        "_decreased",
        "_interval",
        "_next",
        "_of_tier",
        "_queue",
        "_reserved",
        "_tiers",
        "capacity",
        "in_use",
        "limit",
    )

    def __init__(self, configured: Capacity, tiers: Tiers, crew: Crew = ALONE) -> None:
        self._configured = configured
        self._tiers = tiers
        capacity = self.capacity = configured if crew.workers == 1 else part_of(configured, crew)
        self._queue = FairQueue([tier.weight for tier in tiers], capacity.queue.depth)
        self._interval = 0.0 if capacity.rate is None else capacity.rate.window / capacity.rate.amount
        self._next = 0.0  # when the rate lets the next one go
        self._decreased = float("-inf")
        self.limit = float(capacity.concurrent)
        self.in_use = 0
        self._of_tier = [0 for _ in tiers]
        self._reserved = _reserves(tiers, configured, capacity, crew)

    def __repr__(self) -> str:
        return f"<Intake {self.in_use} of {self.limit:.1f} in use, {len(self._queue)} waiting>"

    @property
    def waiting(self) -> int:
        return len(self._queue)

    def fits(self, capacity: Capacity, tiers: Tiers) -> bool:
        """Whether it is as the configuration says now."""
        return self._configured == capacity and self._tiers == tiers

    def has_room(self, rank: int, now: float) -> bool:
        """Whether somebody of this rank would go at once."""
        return now >= self._next and self._may_enter(rank) and (not len(self._queue) or self._privileged(rank))

    def enter(self, owner: str, rank: int, now: float) -> Slot:
        """A slot that is inside, that waits, or that has been turned away."""
        slot = Slot(self, owner, rank)
        slot.came = now
        if self.has_room(rank, now):
            self._admit(slot, now)
            return slot
        victim = self._queue.put(slot)
        if isinstance(victim, Slot):
            victim.left = True
            if victim.called is not None:
                victim.called()
        return slot

    def leave(self, slot: Slot, now: float, latency: float, *, failed: bool) -> None:
        """`latency` is the time to the first byte, 0 if there was none."""
        if slot.left:
            return
        slot.left = True
        if not slot.inside:
            self._queue.remove(slot)
            return
        self.in_use -= 1
        self._of_tier[slot.rank] -= 1
        if self.capacity.adaptive is not None:
            self._adapt(self.capacity.adaptive, now, latency, failed=failed)

    def dismiss(self) -> None:
        """All who wait have to look elsewhere."""
        for slot in self._queue.all():
            assert isinstance(slot, Slot)
            self._queue.remove(slot)
            slot.left = slot.dismissed = True
            if slot.called is not None:
                slot.called()

    def pump(self, now: float) -> float | None:
        """Let in whoever may go; the seconds after which the rate lets the next one go, if it is that they wait for."""
        while len(self._queue):
            if now < self._next:
                return self._next - now
            slot = self._queue.take([rank for rank in range(len(self._tiers)) if self._may_enter(rank)])
            if not isinstance(slot, Slot):
                return None
            self._admit(slot, now)
            if slot.called is not None:
                slot.called()
        return None

    def _admit(self, slot: Slot, now: float) -> None:
        slot.inside = True
        slot.since = now
        self.in_use += 1
        self._of_tier[slot.rank] += 1
        if self._interval:
            self._next = max(now, self._next) + self._interval

    def _may_enter(self, rank: int) -> bool:
        """Whether a slot is free that no other tier's reserve keeps. There is always one for somebody."""
        limit = max(1, int(self.limit))
        kept = 0
        for other, share in enumerate(self._reserved):
            if other != rank and share:
                kept += max(0, int(share * limit) - self._of_tier[other])
        return self.in_use + kept < limit

    def _privileged(self, rank: int) -> bool:
        """Whether this rank goes into its own reserve while all who wait may not go at all."""
        return self._of_tier[rank] < int(self._reserved[rank] * self.limit) and not self._queue.present(rank)

    def _adapt(self, adaptive: Adaptive, now: float, latency: float, *, failed: bool) -> None:
        if failed or latency > adaptive.latency:
            if now - self._decreased >= adaptive.latency:
                self._decreased = now
                self.limit = max(float(adaptive.floor), self.limit * _LESS)
        elif latency and self.in_use + 1 >= self.limit * _LESS:
            self.limit = min(float(self.capacity.concurrent), self.limit + 1.0 / self.limit)


def _reserves(tiers: Tiers, configured: Capacity, own: Capacity, crew: Crew) -> list[float]:
    """Shares of this worker's places. In sum the workers keep what the gateway is to keep, in whole places; but each
    has one that is anybody's, as who reaches it reaches no other."""
    if crew.workers == 1:
        return [tier.reserve for tier in tiers]
    shares: list[float] = []
    kept, before = 0, 0
    for tier in tiers:
        kept += int(tier.reserve * configured.concurrent)
        here = min(crew.part(kept), own.concurrent - 1)
        shares.append((here - before + _ROUNDING) / own.concurrent)
        before = here
    return shares
