"""The rows that a record counts in, with a ceiling on how many time series they can become.

Creating a row reserves all the series it can ever be exported as, so the ceiling is hard: what would pass it is counted
under "other" instead, and `folded` counts each record for which that happened. The rows for "other" always exist and
stand beside the ceiling. An exchange's cost is counted once: where several policies allowed it, the label names them
all.

Labels come from the journal only: users are those who identified themselves, models those of the configuration, reasons
those of the enum. A finish reason is the model server's word; one that no API documents is "other". The user label
follows `metrics.user`: the id itself, one of N buckets (a plain hash: the same in every process and after every
restart), or the empty label. Empty means not known or not told.
"""

import hashlib
from typing import Final

from guardhouse.policy.settings import UserLabel
from guardhouse.readers.series import (
    DURATIONS,
    FINISHES,
    OTHER,
    RATIOS,
    Cost,
    Histogram,
    Pair,
    SeriesTable,
    User,
)

# a histogram is its buckets, +Inf, _count and _sum; a user has two and a counter
_SERIES_OF_USER: Final = len(DURATIONS) + 3 + len(RATIOS) + 3 + 1
# two token counters, the high-risk counter, and "other" as finish reason and as category
_SERIES_OF_PAIR: Final = 5
_MEMORY: Final = 100_000  # label sets remembered by their unlabelled names


class Series:
    def __init__(self, label: UserLabel, table: SeriesTable) -> None:
        self.table = table
        self._label = label
        self._rows: dict[tuple[str, str], tuple[User, Pair]] = {}
        self._pairs = {(pair.user, pair.model): pair for pair in table.pairs}
        self._costs = {(each.user, each.model, each.policy, each.currency): each for each in table.costs}
        if OTHER not in table.users:
            table.users[OTHER] = _new_user(OTHER)
        if (OTHER, OTHER) not in self._pairs:
            self._add(Pair(OTHER, OTHER))
        self._other = table.users[OTHER], self._pairs[OTHER, OTHER]

    def rows(self, principal: str, model: str) -> tuple[User, Pair]:
        found = self._rows.get((principal, model))
        return self._find(principal, model) if found is None else found

    def count_finish(self, pair: Pair, finish: str) -> None:
        if finish in pair.finishes:
            pair.finishes[finish] += 1
        else:
            self._count_new(pair.finishes, finish if finish in FINISHES else OTHER)

    def count_violation(self, pair: Pair, category: str) -> None:
        self._count_new(pair.violations, category)

    def count_cost(self, pair: Pair, policies: tuple[str, ...], currency: str, amount: int) -> None:
        policy = ":".join(policies)  # which no name of a policy has in it
        name = (pair.user, pair.model, policy, currency)
        cost = self._costs.get(name)
        if cost is None:
            cost = self._new_cost(name)
        cost.amount += amount

    def _new_cost(self, name: tuple[str, str, str, str]) -> Cost:
        rest = (OTHER, OTHER, OTHER, name[3])
        if name != rest and not self._reserve(1):
            self.table.folded += 1
            return self._costs.get(rest) or self._new_cost(rest)
        cost = self._costs[name] = Cost(*name)
        self.table.costs.append(cost)
        return cost

    def _find(self, principal: str, model: str) -> tuple[User, Pair]:
        name = user_label(self._label, principal)
        rows = self._user(name), self._pair(name, model)
        if rows[0] is None or rows[1] is None:
            self.table.folded += 1
            return self._other
        if len(self._rows) >= _MEMORY:
            self._rows.clear()
        self._rows[principal, model] = rows[0], rows[1]
        return rows[0], rows[1]

    def _user(self, name: str) -> User | None:
        users = self.table.users
        if name not in users and self._reserve(_SERIES_OF_USER):
            users[name] = _new_user(name)
        return users.get(name)

    def _pair(self, name: str, model: str) -> Pair | None:
        if (name, model) not in self._pairs and name in self.table.users and self._reserve(_SERIES_OF_PAIR):
            self._add(Pair(name, model))
        return self._pairs.get((name, model))

    def _add(self, pair: Pair) -> None:
        self.table.pairs.append(pair)
        self._pairs[pair.user, pair.model] = pair

    def _count_new(self, counts: dict[str, int], key: str) -> None:
        if key not in counts and key != OTHER and not self._reserve(1):
            self.table.folded += 1
            key = OTHER
        counts[key] = counts.get(key, 0) + 1

    def _reserve(self, series: int) -> bool:
        if self.table.used + series > self.table.ceiling:
            return False
        self.table.used += series
        return True


def user_label(label: UserLabel, principal: str) -> str:
    if not principal or label.kind == "none":
        return ""
    if label.kind == "id":
        return principal
    bucket = int.from_bytes(hashlib.sha256(principal.encode()).digest()[:8]) % label.buckets
    return f"bucket-{bucket}"


def _new_user(label: str) -> User:
    return User(label, Histogram([0] * (len(DURATIONS) + 1)), Histogram([0] * (len(RATIOS) + 1)))
