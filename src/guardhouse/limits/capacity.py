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
    """Of one target, per worker."""

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


Tiers = tuple[Tier, ...]
ONE_TIER: Tiers = (Tier(name=""),)


def rank_of(tiers: Tiers, name: str) -> int:
    """Where a principal's tier stands; one that is not listed is among the last."""
    for rank, tier in enumerate(tiers):
        if tier.name == name:
            return rank
    return len(tiers) - 1
