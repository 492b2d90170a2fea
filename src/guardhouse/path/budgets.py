"""Keeps a worker's quotas and budgets: brought up at the start, saved now and then and at the end (limits/ledger.py).

Saving writes every counter in use at once, and nothing else happens in the worker meanwhile. So it is done only when
the journal has grown by so much that reading it again would take a moment, and never so often that it would take more
than a thousandth of the time. If it fails the last file stands, and more of the journal is read at the next start;
nothing is lost by that, so a full disk is no reason to stop. What a shared book counts is kept by its store.
"""

import logging
import time
from pathlib import Path

from msgspec.structs import replace

from guardhouse.limits import ledger
from guardhouse.limits.account import alike
from guardhouse.limits.rate import LimitRule
from guardhouse.limits.table import LimitTable
from guardhouse.path.fault import describe
from guardhouse.path.plane import DataPlane
from guardhouse.policy.snapshot import Snapshot

_EVERY = 5.0  # seconds
_SHARE = 1000  # how many times as long as the last saving took
_GROWTH = 4 * 1024 * 1024  # bytes of journal: some thousands of exchanges
_MANY = 10_000  # records that a start should not have to read twice

log = logging.getLogger("guardhouse.path")


class Budgets:
    __slots__ = ("_file", "_journal", "_next", "_plane", "_saved")

    def __init__(self, plane: DataPlane, file: Path, journal: Path) -> None:
        self._plane = plane
        self._file = file
        self._journal = journal
        self._next = 0.0
        self._saved = (0, 0)  # up to where in the journal

    def restore(self) -> None:
        table, canary = self._plane.limits, self._plane.canary
        if isinstance(table, LimitTable):
            snapshots = [self._plane.snapshot, *([] if canary is None else [canary.snapshot])]
            rules = _rules(snapshots)
            models = [model for snapshot in reversed(snapshots) for model in snapshot.models.values()]
            prices = {model.name: model.price for model in models if model.price is not None}
            read = ledger.restore(self._file, self._journal, table, rules, prices, self._plane.now())
            if read > _MANY:
                self.save()

    def sweep(self, now: float) -> None:
        position = self._plane.journal.position
        if now < self._next or position is None:
            return
        segment, size = self._saved
        if position[0] == segment and position[1] < size + _GROWTH:
            return
        began = time.perf_counter()
        self.save()
        self._next = now + max(_EVERY, _SHARE * (time.perf_counter() - began))

    def save(self) -> None:
        """Nothing to do while no rule has a quota, or while the journal has lines to write: then another time."""
        plane = self._plane
        table = plane.limits
        if not isinstance(table, LimitTable) or table.plain:
            return
        plane.journal.flush()
        position = plane.journal.position
        if position is None:
            return
        try:
            ledger.save(self._file, table, position, plane.now())
            self._saved = position
        except OSError as error:
            log.error("the quotas could not be saved: %s", describe(error))


def _rules(snapshots: list[Snapshot]) -> dict[str, LimitRule]:
    """By policy, with the quotas of all snapshots: which of them count for whom is known when they ask."""
    rules: dict[str, LimitRule] = {}
    for rule in [rule for snapshot in snapshots for policy in snapshot.policies for rule in policy.grant.limits]:
        known = rules.get(rule.policy)
        if known is None:
            rules[rule.policy] = rule
        else:
            more = [quota for quota in rule.quotas if not any(alike(quota, other) for other in known.quotas)]
            rules[rule.policy] = replace(known, quotas=(*known.quotas, *more))
    return rules
