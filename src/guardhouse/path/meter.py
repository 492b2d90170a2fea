"""Counts an answer that flows against the budgets it was admitted under, and says when they are at their end.

What was reserved may flow. What goes beyond is reserved in blocks, a little before it comes; when a budget has no room
for the next block and what was reserved has flowed, the answer is cut, with the terminator of its dialect and the
reason `budget_exhausted`. A budget is overrun by no more than what one read of the upstream brings. Tokens are
estimated from characters here, as long as nobody has reported them; what is settled in the end is the reported usage.
"""

from typing import Self

from guardhouse.limits.book import Admitted
from guardhouse.limits.rate import LimitRule
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange, Metering
from guardhouse.path.plane import DataPlane

_BLOCK = 64  # tokens
_CHARACTERS_PER_TOKEN = 4
_AHEAD = _BLOCK * _CHARACTERS_PER_TOKEN // 2  # a book that has to fetch more (Book.extend) needs a moment for it


class Meter(Metering):
    __slots__ = ("_admitted", "_allowed", "_plane", "_price")

    def __init__(self, admitted: Admitted, plane: DataPlane, allowed: int, price: int) -> None:
        self._admitted = admitted
        self._plane = plane
        self._allowed = allowed  # characters
        self._price = price  # of a token

    @classmethod
    def of(cls, admitted: Admitted, exchange: Exchange, plane: DataPlane, made: int) -> Self | None:
        """For an answer of which `made` tokens are reserved; None if no budget is concerned."""
        if not any(has_budget(rule) for rule in admitted.rules):
            return None
        price = None if exchange.model is None else exchange.model.price
        return cls(admitted, plane, made * _CHARACTERS_PER_TOKEN, 0 if price is None else price.output)

    def judge(self, characters: int) -> Verdict:
        """After `characters` of output in all."""
        while characters > self._allowed - _AHEAD:
            plane = self._plane
            if plane.limits.extend(self._admitted, _BLOCK, _BLOCK * self._price, plane.now()):
                self._allowed += _BLOCK * _CHARACTERS_PER_TOKEN
            elif characters > self._allowed:
                return Denial(Reason.BUDGET_EXHAUSTED, "The answer was cut where the budget ended.")
            else:
                return None
        return None


def has_budget(rule: LimitRule) -> bool:
    return any(quota.budget for quota in rule.quotas)
