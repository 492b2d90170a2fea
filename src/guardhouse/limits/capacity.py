"""What a model server can take, and who comes first when that is less than what is asked of it."""

import msgspec

from guardhouse.limits.rate import Rate


class Adaptive(msgspec.Struct, frozen=True, kw_only=True):
    """The number of exchanges at a time follows the server's answers: down when they are slow, up again when not."""

    latency: float  # seconds to the first byte of an answer that are still good
    floor: int = 1


class Waiters(msgspec.Struct, frozen=True, kw_only=True):
    """Whom it keeps waiting: `depth` exchanges at most, each `wait` seconds at most."""

    depth: int = 128
    wait: float = 10.0


class Capacity(msgspec.Struct, frozen=True, kw_only=True):
    """Of one target, for all workers of a gateway together; see `part_of`."""

    concurrent: int
    rate: Rate | None = None  # as a leaky bucket: evenly, without bursts
    adaptive: Adaptive | None = None
    queue: Waiters = Waiters()


class Tier(msgspec.Struct, frozen=True, kw_only=True):
    """One rank of callers. What stands first in the configuration is shed last."""

    name: str
    weight: int = 1
    reserve: float = 0.0  # the share of a capacity that is kept for it
    fallback: bool = False


class Crew(msgspec.Struct, frozen=True):
    """Which of a gateway's workers this is, and how many there are."""

    worker: int = 0
    workers: int = 1

    def part(self, number: int) -> int:
        """Its part of a whole number: those of all workers add up to it exactly, the first ones have what is left."""
        return number // self.workers + (self.worker < number % self.workers)

    def pace(self, rate: Rate) -> Rate:
        """Its part of an even flow."""
        return Rate(rate.amount, rate.window * self.workers)


ALONE = Crew()


def part_of(capacity: Capacity, crew: Crew) -> Capacity:
    """What one worker may give the server. The configuration is held to parts that are none of them empty, but may be
    of another number of workers than the one that runs."""
    adaptive, queue = capacity.adaptive, capacity.queue
    if adaptive is not None:
        adaptive = Adaptive(latency=adaptive.latency, floor=max(1, crew.part(adaptive.floor)))
    return Capacity(
        concurrent=max(1, crew.part(capacity.concurrent)),
        rate=None if capacity.rate is None else crew.pace(capacity.rate),
        adaptive=adaptive,
        queue=Waiters(depth=max(1, crew.part(queue.depth)), wait=queue.wait),
    )


Tiers = tuple[Tier, ...]
ONE_TIER: Tiers = (Tier(name=""),)


def rank_of(tiers: Tiers, name: str) -> int:
    """Where a principal's tier stands; one that is not listed is among the last."""
    for rank, tier in enumerate(tiers):
        if tier.name == name:
            return rank
    return len(tiers) - 1
