"""Refusals as a signal: who was refused how often of late, and which rule of `suspend` that is too much for.

Every refusal counts, however many there are in a moment, and each at the time of its record. For each rule and
principal the times are kept that still matter, so the window slides exactly: more than `above` of them within its
window, and the rule is met. It is met once per window, not with every refusal more. What is counted is this machine's.

Handed what the metrics have decoded, like usage.py. Memory is bounded: `_MOST` principals per rule, the one refused
longest ago goes first. After a restart counting begins anew.
"""

from collections import deque
from collections.abc import Callable, Sequence
from typing import Protocol

from guardhouse.policy.settings import SuspendRule

_MOST = 10_000  # principals with refusals, per rule


class Refused(Protocol):
    """Of the record of an exchange what is needed here."""

    at: float
    decision: str
    reason: str
    principal: str


Met = Callable[[SuspendRule, str, int, float], None]  # the rule, the principal, how many, and when


class HitReader:
    def __init__(self, rules: Sequence[SuspendRule], met: Met) -> None:
        self._met = met
        self._watches = [_Watch(rule) for rule in rules]

    def __repr__(self) -> str:
        return f"<HitReader of {len(self._watches)} rules>"

    def note(self, refused: Refused) -> None:
        if refused.decision != "denied" or not refused.principal:
            return
        for watch in self._watches:
            if refused.reason in watch.reasons:
                count = watch.count(refused.principal, refused.at)
                if count:
                    self._met(watch.rule, refused.principal, count, refused.at)


class _Watch:
    def __init__(self, rule: SuspendRule) -> None:
        self.rule = rule
        self.reasons = frozenset(rule.reasons)
        self._hits: dict[str, deque[float]] = {}
        self._quiet: dict[str, float] = {}  # until when it is not told again

    def count(self, principal: str, at: float) -> int:
        """How many there are in the window, if that is too many and was not told yet; otherwise 0."""
        above, window = self.rule.above.amount, self.rule.above.window
        hits = self._hits.pop(principal, None)
        if hits is None:
            hits = deque(maxlen=above + 1)  # one more than is borne says it all
            if len(self._hits) >= _MOST:
                del self._hits[next(iter(self._hits))]
        self._hits[principal] = hits
        hits.append(at)
        if len(hits) <= above or at - hits[0] >= window or at < self._quiet.get(principal, 0.0):
            return 0
        self._quiet = {name: until for name, until in self._quiet.items() if until > at}
        self._quiet[principal] = at + window
        return len(hits)
