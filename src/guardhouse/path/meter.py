"""Counts an answer that flows against the budgets it was admitted under, and says when they are at their end.

What was reserved may flow. What goes beyond is reserved in blocks, a little before it comes; when a budget has no room
for the next block and what was reserved has flowed, the answer is cut, with the terminator of its dialect and the
reason `budget_exhausted`. A budget is overrun by no more than what one read of the upstream brings. Tokens are
estimated from characters here, as long as nobody has reported them; what is settled in the end is the reported usage.

Where the most that can be used was reserved, the model server was told a length, and one that keeps to it needs no
more. There a token may be twice as long as usual before the answer counts as longer than it was told to be: no answer
is cut for being made of long words. What it has beyond that is reserved as if it were of usual ones.
"""

from typing import Self

from guardhouse.limits.book import Admitted
from guardhouse.limits.load import exactly
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange, Metering
from guardhouse.path.plane import DataPlane

_BLOCK = 64  # tokens
_CHARACTERS_PER_TOKEN = 4
_AHEAD = _BLOCK * _CHARACTERS_PER_TOKEN // 2  # a book that has to fetch more (Book.extend) needs a moment for it
_LONG_TOKEN = 8  # characters of a token, where the model server was told how many to make


class Meter(Metering):
    __slots__ = ("_admitted", "_allowed", "_more", "_plane")

    def __init__(self, admitted: Admitted, plane: DataPlane, made: int, per_token: int, price: int) -> None:
        self._admitted = admitted
        self._plane = plane
        self._allowed = made * per_token  # characters
        self._more = exactly(_BLOCK, _BLOCK * price)

    @classmethod
    def of(cls, admitted: Admitted, exchange: Exchange, plane: DataPlane) -> Self | None:
        """For an answer that is admitted; None if no budget is concerned."""
        budgets = [quota for rule in admitted.rules for quota in rule.quotas if quota.budget]
        size = exchange.size
        if not budgets or size is None:
            return None
        price = None if exchange.model is None else exchange.model.price
        of_a_token = 0 if price is None else price.output
        if all(budget.bound for budget in budgets):
            return cls(admitted, plane, size.most_made, _LONG_TOKEN, of_a_token)
        return cls(admitted, plane, size.made, _CHARACTERS_PER_TOKEN, of_a_token)

    def judge(self, characters: int) -> Verdict:
        """After `characters` of output in all."""
        while characters > self._allowed - _AHEAD:
            plane = self._plane
            if plane.limits.extend(self._admitted, self._more, plane.now()):
                self._allowed += _BLOCK * _CHARACTERS_PER_TOKEN
            elif characters > self._allowed:
                return Denial(Reason.BUDGET_EXHAUSTED, "The answer was cut where the budget ended.")
            else:
                return None
        return None
