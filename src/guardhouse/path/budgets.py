"""Keeps a worker's quotas and budgets: brought up at the start, saved now and then and at the end (limits/ledger.py).

Saving writes every counter in use at once, and nothing else happens in the worker meanwhile. So it is done only when
the journal has grown by so much that reading it again would take a moment, and never so often that it would take more
than a thousandth of the time. If it fails the last file stands, and more of the journal is read at the next start;
nothing is lost by that, so a full disk is no reason to stop. What a shared book counts is kept by its store.
"""

import logging
import time
from pathlib import Path

from guardhouse.limits import ledger
from guardhouse.limits.table import LimitTable
from guardhouse.path.fault import describe
from guardhouse.path.plane import DataPlane

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
        table, snapshot = self._plane.limits, self._plane.snapshot
        if isinstance(table, LimitTable):
            rules = {rule.policy: rule for policy in snapshot.policies for rule in policy.grant.limits}
            prices = {name: model.price for name, model in snapshot.models.items() if model.price is not None}
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
