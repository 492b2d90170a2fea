"""What counts while the limits' store cannot be asked: for each rule what it says itself.

`local`: an equal part of the limit, counted in this process as table.py does. All parts together are the limit, so at
most as much is let through as with the store, and less where the load is uneven. `open`: the rule does not count.
`closed`: the request is refused. A rule with a budget is closed whatever it says: nobody could know what is left of it.
"""

import msgspec

from guardhouse.limits.book import Answer, Limit, Limited
from guardhouse.limits.load import Load
from guardhouse.limits.quota import Quota
from guardhouse.limits.rate import Away, Concurrency, LimitRule, Rate
from guardhouse.limits.table import LimitTable

_KEPT = 4096  # rules whose parts are remembered


class Substitute:
    __slots__ = ("_otherwise", "_parts", "_shares", "table")

    def __init__(self, otherwise: Away, shares: int) -> None:
        self.table = LimitTable()
        self._otherwise: Away = otherwise  # what a rule says that says nothing
        self._shares = shares  # workers of all machines
        self._parts: dict[LimitRule, LimitRule] = {}

    def admit(  # noqa: PLR0917 - as Book.admit, with the moment the store is tried again
        self,
        principal_id: str,
        rules: tuple[LimitRule, ...],
        load: Load,
        now: float,
        at: float,
        wait: float,
    ) -> Answer:
        counted: list[LimitRule] = []
        for rule in rules:
            meaning = self.meaning(rule)
            if meaning == "closed":
                return _closed(rule, wait)
            if meaning == "local":
                counted.append(self._part(rule))
        return self.table.admit(principal_id, tuple(counted), load, now, at)

    def meaning(self, rule: LimitRule) -> Away:
        if any(quota.budget for quota in rule.quotas):
            return "closed"
        return rule.away or self._otherwise

    def _part(self, rule: LimitRule) -> LimitRule:
        part = self._parts.get(rule)
        if part is None:
            if len(self._parts) >= _KEPT:
                self._parts.clear()
            part = self._parts[rule] = part_of(rule, self._shares)
        return part


def part_of(rule: LimitRule, shares: int) -> LimitRule:
    """One of `shares` equal parts; rounded down, but never to nothing, for then nobody could be served at all."""
    return msgspec.structs.replace(
        rule,
        requests=_rate(rule.requests, shares),
        tokens=_rate(rule.tokens, shares),
        concurrent=None if rule.concurrent is None else Concurrency(max(1, rule.concurrent.amount // shares)),
        quotas=tuple(_quota(quota, shares) for quota in rule.quotas),
    )


def _rate(rate: Rate | None, shares: int) -> Rate | None:
    return None if rate is None else Rate(max(1, rate.amount // shares), rate.window)


def _quota(quota: Quota, shares: int) -> Quota:
    return msgspec.structs.replace(quota, amount=max(1, quota.amount // shares))


def _closed(rule: LimitRule, wait: float) -> Limited:
    limits: list[Limit | None] = [*rule.quotas, rule.requests, rule.tokens, rule.concurrent]
    limit = next(each for each in limits if each is not None)
    limited = Limited((), [], policy=rule.policy, kind="requests", limit=limit, wait=max(wait, 0.1))
    limited.away = True
    return limited
