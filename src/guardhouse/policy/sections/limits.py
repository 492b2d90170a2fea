"""`limits` of a policy: how much each principal may use under it.

Rates refill evenly, quotas and budgets are whole again when a window of the calendar begins, places are free again when
an exchange ends. What they are at run time stands in guardhouse.limits; `rule` is the way there.
"""

from collections.abc import Iterator
from typing import Literal

import msgspec

from guardhouse.limits.calendar import is_zone
from guardhouse.limits.quota import BUDGET_PATTERN, QUOTA_PATTERN, Quota, parse_budget, parse_quota
from guardhouse.limits.rate import Away, Concurrency, LimitRule, Queue, Rate
from guardhouse.policy import kinds
from guardhouse.policy.problem import Path, quote
from guardhouse.policy.reading import Key, Kind, OneOrMore, Shape

Finding = tuple[Path, str]
Reserve = Literal["bound", "estimate"]


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    requests: Rate | None = None
    tokens: Rate | None = None
    concurrent: int | None = None
    quota: tuple[Quota, ...] = ()
    budget: tuple[Quota, ...] = ()
    zone: str = "UTC"
    queue: Queue | None = None
    cap_output: bool = False
    away: Away | None = None
    reserve: Reserve = "bound"


RESERVE: dict[str, Reserve] = {"bound": "bound", "estimate": "estimate"}
AWAY: dict[str, Away] = {"open": "open", "closed": "closed", "local": "local"}

_QUOTA: Kind[Quota] = kinds.Figure(
    parse_quota,
    str,
    QUOTA_PATTERN,
    "a quota; write an amount of requests or tokens per min, h, day, week or month, such as 10k requests/day",
)
_BUDGET: Kind[Quota] = kinds.Figure(
    parse_budget,
    str,
    BUDGET_PATTERN,
    "a budget; write an amount of tokens or of money per min, h, day, week or month, such as 50 EUR/month",
)
_QUEUE = Shape(
    Queue,
    {
        "depth": Key(kinds.Whole(1, 10_000), "Requests of one principal that may wait at a time."),
        "wait": Key(kinds.DURATION, "How long one of them may wait at most."),
    },
)

LIMITS = Shape(
    Limits,
    {
        "requests": Key(kinds.RATE, "Requests of each principal."),
        "tokens": Key(kinds.RATE, "Tokens of each principal: estimated before, settled after each request."),
        "concurrent": Key(kinds.Whole(1, 1_000_000), "Requests of each principal that are under way at a time."),
        "quota": Key(OneOrMore(_QUOTA), "Requests or tokens of each principal in a window of the calendar."),
        "budget": Key(OneOrMore(_BUDGET), "Tokens or money of each principal in such a window, never overrun."),
        "zone": Key(kinds.ZONE, "The time zone in which the windows of quota and budget begin and end."),
        "queue": Key(_QUEUE, "What comes too early waits for its turn instead of being refused."),
        "cap_output": Key(kinds.FLAG, "Say true to shorten answers to what is left of tokens, quotas and budgets."),
        "away": Key(
            kinds.Choice("treatment", AWAY), "What becomes of these limits while limits_store is away, if it differs."
        ),
        "reserve": Key(
            kinds.Choice("reservation", RESERVE),
            "What budgets reserve for a request: the most that it can use, or an estimate that can be overrun.",
        ),
    },
)


def findings(limits: Limits, *, uses_tokens: bool) -> Iterator[Finding]:
    """What can have no effect."""
    windows = (*limits.quota, *limits.budget)
    tokens = limits.tokens is not None or any(quota.unit != "requests" for quota in windows)
    if not (limits.requests or limits.tokens or limits.concurrent or windows):
        yield (), "limits nothing; name requests, tokens, concurrent, quota or budget"
        return
    if not uses_tokens:
        yield from _without_tokens(limits)
    if limits.zone != "UTC" and not windows:
        yield ("zone",), "has no effect: there is neither quota nor budget"
    elif not is_zone(limits.zone):
        yield ("zone",), f"{quote(limits.zone)} is not a time zone that this machine knows"
    if limits.queue is not None and not (limits.requests or limits.tokens or limits.concurrent):
        yield ("queue",), "has no effect: only requests, tokens and concurrent can be waited for"
    if limits.cap_output and not tokens:
        yield ("cap_output",), "has no effect: there is no limit of tokens or money"
    if limits.reserve != "bound" and not limits.budget:
        yield ("reserve",), "has no effect: there is no budget, and all other limits reserve an estimate"
    if limits.away not in (None, "closed") and limits.budget:
        yield ("away",), "has no effect: a policy with a budget is closed while limits_store is away"
    for key, quotas in (("quota", limits.quota), ("budget", limits.budget)):
        names = [(quota.what, quota.window) for quota in quotas]
        for index, name in enumerate(names):
            if name in names[:index]:
                yield (key, index), f"limits {name[0]} per {name[1]} once more"


def _without_tokens(limits: Limits) -> Iterator[Finding]:
    message = "has no effect: models.read uses no tokens"
    if limits.tokens is not None:
        yield ("tokens",), message
    for key, quotas in (("quota", limits.quota), ("budget", limits.budget)):
        for index, quota in enumerate(quotas):
            if quota.unit != "requests":
                yield (key, index), message


def rule(policy: str, limits: Limits) -> LimitRule:
    """What the data path counts by."""
    bound = limits.reserve == "bound"
    budgets = [msgspec.structs.replace(budget, bound=bound) for budget in limits.budget]
    windows = (*limits.quota, *budgets)
    return LimitRule(
        policy,
        limits.requests,
        limits.tokens,
        None if limits.concurrent is None else Concurrency(limits.concurrent),
        tuple(msgspec.structs.replace(quota, zone=limits.zone) for quota in windows),
        limits.queue,
        limits.cap_output,
        limits.away,
    )
