"""Medians, spreads, percentiles and ratios, as the report understands them.

A ratio compares two contenders inside one round, because only those figures saw the same machine in the same minute;
the median is then taken over the rounds' ratios, not the ratio over the medians.
"""

import math
import statistics
from collections.abc import Sequence

import msgspec


class Spread(msgspec.Struct, frozen=True):
    median: float
    low: float
    high: float


def spread(values: Sequence[float]) -> Spread:
    return Spread(statistics.median(values), min(values), max(values))


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of all values do not exceed (nearest rank)."""
    if not values:
        raise ValueError("a percentile of nothing")
    return sorted(values)[max(0, math.ceil(share * len(values)) - 1)]


def ratios(values: Sequence[float | None], base: Sequence[float | None]) -> list[float]:
    """Round by round `values / base`; a round in which either is missing has no ratio."""
    return [value / other for value, other in zip(values, base, strict=False) if value is not None and other]
