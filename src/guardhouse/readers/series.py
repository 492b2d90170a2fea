"""Figures per user and per user and model, as plain state: it is written to the checkpoint as it is.

A `User` holds what is labelled by user alone, a `Pair` what is labelled by user and model, and a `Cost` what a user has
spent on a model under the policies that allowed it, one series each, in billionths, so that sums stay exact. Rows are
found and made by rows.py.
"""

from bisect import bisect_left

import msgspec

OTHER = "other"
DURATIONS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
RATIOS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0)

_OPENAI = {"stop", "length", "tool_calls", "function_call", "content_filter", "incomplete", "max_output_tokens"}
_ELSEWHERE = {"abort", "end_turn", "eos_token", "max_tokens", "pause_turn", "refusal", "stop_sequence", "tool_use"}
_OUTCOMES = {"completed", "denied", "failed", "cancelled", "aborted"}
FINISHES = frozenset(_OPENAI | _ELSEWHERE | _OUTCOMES)


class Histogram(msgspec.Struct):
    counts: list[int]  # per bucket, not cumulated; the last one is +Inf
    total: float = 0.0

    def observe(self, bounds: tuple[float, ...], value: float) -> None:
        self.counts[bisect_left(bounds, value)] += 1
        self.total += value


class User(msgspec.Struct):
    label: str
    durations: Histogram
    ratios: Histogram
    rate_limit_hits: int = 0


class Pair(msgspec.Struct):
    user: str
    model: str
    finishes: dict[str, int] = {}
    violations: dict[str, int] = {}
    input_tokens: int = 0
    output_tokens: int = 0
    high_risk: int = 0


class Cost(msgspec.Struct):
    user: str
    model: str
    policy: str
    currency: str
    amount: int = 0  # billionths


class SeriesTable(msgspec.Struct):
    ceiling: int
    users: dict[str, User] = {}
    pairs: list[Pair] = []
    costs: list[Cost] = []
    used: int = 0
    folded: int = 0
