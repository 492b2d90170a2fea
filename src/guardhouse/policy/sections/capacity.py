"""`capacity` of a target, and `tiers`: how much a model server is given at a time, and who comes first.

The order of `tiers` is the order of degradation: what stands first is shed last. Although it is written as a mapping it
counts for the revision therefore, and is kept as a list. Whoever is of no listed tier counts as one of the last.
"""

import re
from collections.abc import Iterator

import msgspec

from guardhouse.limits.capacity import Adaptive, Capacity, Tier, Tiers, Waiters
from guardhouse.policy import kinds
from guardhouse.policy.problem import Path, unknown
from guardhouse.policy.reading import Key, Kind, MapOf, Reading, Schema, Shape, Unread
from guardhouse.policy.source import Node

Finding = tuple[Path, str]

_PERCENT = r"([1-9][0-9]?)%"


class TierEntry(msgspec.Struct, frozen=True, kw_only=True):
    weight: int = 1
    reserve: int | None = None  # percent
    fallback: bool = False


def _parse_percent(text: str) -> int | None:
    match = re.fullmatch(_PERCENT, text)
    return int(match[1]) if match else None


_TIER = Shape(
    TierEntry,
    {
        "weight": Key(kinds.Whole(1, 100), "How many turns its callers get for one of a caller with weight 1."),
        "reserve": Key(
            kinds.Figure(_parse_percent, lambda share: f"{share}%", _PERCENT, "a share; write 1% to 99%, such as 20%"),
            "The share of each target's capacity that only this tier may use.",
        ),
        "fallback": Key(
            kinds.FLAG,
            "Say true to send its requests to a model's fallback where the model itself would make them wait.",
        ),
    },
)


class _Order(Kind[Tiers]):
    """A mapping whose order counts."""

    def __init__(self) -> None:
        name = kinds.Text(r"[^\s*\x00-\x1f\x7f]{1,128}", "a tier; one has no blanks")
        self._entries = MapOf(name, _TIER)

    def read(self, node: Node, path: Path, reading: Reading) -> Tiers | Unread:
        entries = self._entries.read(node, path, reading)
        if isinstance(entries, Unread):
            return entries
        return tuple(
            Tier(name=name, weight=entry.weight, reserve=(entry.reserve or 0) / 100, fallback=entry.fallback)
            for name, entry in entries.items()
        )

    def schema(self) -> Schema:
        return self._entries.schema()


TIERS = _Order()

CAPACITY = Shape(
    Capacity,
    {
        "concurrent": Key(kinds.Whole(1, 65_535), "Requests that are with it at a time, divided among the workers."),
        "rate": Key(kinds.RATE, "How many it is given in how long, evenly and without bursts; divided too."),
        "adaptive": Key(
            Shape(
                Adaptive,
                {
                    "latency": Key(kinds.DURATION, "How long its first byte may take; slower, and it is given less."),
                    "floor": Key(kinds.Whole(1, 65_535), "What it is given at a time at least."),
                },
            ),
            "Let the number at a time follow its answers, up to concurrent; without this key it is fixed.",
        ),
        "queue": Key(
            Shape(
                Waiters,
                {
                    "depth": Key(kinds.Whole(1, 100_000), "Requests that may wait for it at a time."),
                    "wait": Key(kinds.DURATION, "How long one of them may wait at most."),
                },
            ),
            "Where requests wait that it cannot be given yet.",
        ),
    },
)


def capacity_findings(capacity: Capacity, workers: int) -> Iterator[Finding]:
    """What a capacity says of itself, and whether each worker can have a part of it."""
    adaptive = capacity.adaptive
    for path, number in (
        (("concurrent",), capacity.concurrent),
        (("adaptive", "floor"), workers if adaptive is None or adaptive.floor == 1 else adaptive.floor),
        (("queue", "depth"), capacity.queue.depth),
    ):
        if number < workers:
            yield path, f"must be at least workers ({workers}): each of them gets a part of it"
    if capacity.adaptive is not None and capacity.adaptive.floor >= capacity.concurrent:
        yield ("adaptive", "floor"), "must be less than concurrent, or there is nothing to adapt"


def tier_findings(tiers: Tiers, *, bounded: bool, fallbacks: bool) -> Iterator[Finding]:
    """`bounded`: some target has a capacity; `fallbacks`: some model has a fallback."""
    if tiers and not bounded:
        yield ("tiers",), "has no effect: no target has a capacity"
    if sum(tier.reserve for tier in tiers) > 0.9:
        yield ("tiers",), "reserve more than 90% together; the others need something too"
    for tier in tiers:
        if tier.fallback and not fallbacks:
            yield ("tiers", tier.name, "fallback"), "has no effect: no model has a fallback"


def fallback_findings(name: str, chain: tuple[str, ...], known: set[str]) -> Iterator[Finding]:
    """Of one model."""
    for number, fallback in enumerate(chain):
        place: Path = ("fallback", number) if len(chain) > 1 else ("fallback",)
        if fallback == name:
            yield place, "is the model itself"
        elif fallback not in known:
            yield place, unknown("model", fallback, known)
