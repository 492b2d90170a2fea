"""Refusals as a signal: who was refused how often of late, and which rule of `suspend` that is too much for.

Every refusal counts, however many there are in a moment, and each at the time of its record. For each rule and
principal the refusals are kept that still matter, so the window slides exactly: more than `above` of them within its
window, and the rule is met. It is met once per window, not with every refusal more.

What is counted here is this machine's. Where machines count together (joint_hits.py), `newly` is told of each window
that has grown, and what they have counted comes back by `see`; that can only add to what is known here, so while nobody
can be asked nothing has to change.

Handed what the metrics have decoded, like usage.py. Memory is bounded: `MOST` principals per rule, the one refused
longest ago goes first. After a restart counting begins anew, but for what the store of all machines knows. Which rules
were met is kept in a file, so that refusals that are read again after a crash do not meet them again.
"""

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

import msgspec

from guardhouse.policy.settings import SuspendRule
from guardhouse.readers import checkpoint

MOST = 10_000  # principals with refusals, per rule


class Refused(Protocol):
    """Of the record of an exchange what is needed here."""

    at: float
    id: str
    decision: str
    reason: str
    principal: str


Met = Callable[[SuspendRule, str, int, float], None]  # the rule, the principal, how many, and when


class Window:
    """The latest refusals of one principal that one rule counts."""

    __slots__ = ("hits", "principal", "rule")

    def __init__(self, rule: SuspendRule, principal: str) -> None:
        self.rule = rule
        self.principal = principal
        self.hits: deque[tuple[float, str]] = deque(maxlen=rule.above.amount + 1)  # one more than is borne says it all

    def add(self, at: float, exchange: str) -> int:
        """How many there are within the rule's time now, as far as they can matter."""
        self.hits.append((at, exchange))
        full = len(self.hits) > self.rule.above.amount
        return len(self.hits) if full and at - self.hits[0][0] < self.rule.above.window else 0


class _Told(msgspec.Struct):
    until: dict[str, dict[str, float]]  # rule -> principal -> until when it is not told again


class HitReader:
    def __init__(self, rules: Sequence[SuspendRule], met: Met, file: Path) -> None:
        self.newly: Callable[[Window], None] | None = None  # told of each window that has grown by one
        self._met = met
        self._file = file
        self._watches = [_Watch(rule) for rule in rules]
        saved = checkpoint.load(file, _Told) or _Told({})
        self._told = _Told({rule.name: saved.until.get(rule.name, {}) for rule in rules})
        self._saved = True

    def __repr__(self) -> str:
        return f"<HitReader of {len(self._watches)} rules>"

    def note(self, refused: Refused) -> None:
        if refused.decision != "denied" or not refused.principal:
            return
        for watch in self._watches:
            if refused.reason in watch.reasons:
                window = watch.window(refused.principal)
                self.see(window, window.add(refused.at, refused.id), refused.at)
                if self.newly is not None:
                    self.newly(window)

    def see(self, window: Window, count: int, at: float) -> None:
        """So many there were when `at` was the latest."""
        rule = window.rule
        told = self._told.until[rule.name]
        if count <= rule.above.amount or at < told.get(window.principal, 0.0):
            return
        for name in [name for name, until in told.items() if until <= at]:
            del told[name]
        told[window.principal] = at + rule.above.window
        self._saved = False
        self._met(rule, window.principal, count, at)

    def windows(self) -> Iterator[Window]:
        for watch in self._watches:
            yield from watch.windows.values()

    def save(self) -> None:
        """Only if a rule was met since the last time."""
        if not self._saved:
            checkpoint.save(self._file, self._told)
            self._saved = True


class _Watch:
    def __init__(self, rule: SuspendRule) -> None:
        self.reasons = frozenset(rule.reasons)
        self.windows: dict[str, Window] = {}  # the one refused last comes last
        self._rule = rule

    def window(self, principal: str) -> Window:
        window = self.windows.pop(principal, None)
        if window is None:
            window = Window(self._rule, principal)
            if len(self.windows) >= MOST:
                del self.windows[next(iter(self.windows))]
        self.windows[principal] = window
        return window
