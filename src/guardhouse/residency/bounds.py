"""Where the bytes of one exchange may go: the decision of the data path, made once for each kind of use.

This is the second line. The first is the check of the configuration, which refuses one with a way that breaks a rule
(policy/residing.py). What is decided here rests on nothing that was concluded there, only on the labels and the
requirements: should a way have been overlooked, or depend on who calls, no bytes take it.

A model server outside of where content may be gets nothing. One outside of where some part of content may be gets the
rest: that part is taken out for it alone (`Leaving`).
"""

from collections.abc import Mapping, Sequence

import msgspec

from guardhouse.model.entity import ENTITY_NAMES
from guardhouse.residency.keeping import BARRING, ROLES, Keep, Values
from guardhouse.residency.places import Place, misplaced_for
from guardhouse.residency.regions import Regions

_MOST_KEPT = 4096


class Leaving(msgspec.Struct, frozen=True):
    """What is taken out of a request on its way to a server that may not have it."""

    entities: int = 0  # bits of Entity
    roles: frozenset[str] = frozenset()  # whose texts are taken out as a whole


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    within: tuple[str, ...]  # the regions where content may be
    by: tuple[str, ...]  # the rules that were looked at
    targets: frozenset[str]  # the names of those that may have it
    leaving: dict[str, Leaving]  # of those, the ones that may not have all of it
    misplaced: str = ""  # a place that would hold what it may not; nothing may be served then


class Residency:
    """The labels and rules of one configuration. There is none where no rule is said."""

    __slots__ = ("_kept", "_targets", "everywhere", "places", "regions")

    def __init__(self, regions: Regions, targets: Mapping[str, str], places: Sequence[Place], everywhere: Keep) -> None:
        """`targets` says where each is; `everywhere` is required of every exchange."""
        self.regions = regions
        self.places = tuple(places)
        self.everywhere = everywhere
        self._targets = dict(targets)
        self._kept: dict[tuple[Keep, tuple[frozenset[str], ...]], Bounds] = {}

    def __repr__(self) -> str:
        return f"<Residency of {len(self._targets)} targets in {self.regions!r}>"

    def bounds(self, keep: Keep, values: Values) -> Bounds | None:
        """What `keep` and the rules for everything mean for a caller of these attributes; None: nothing is required."""
        keep = self.everywhere + keep
        if not keep:
            return None
        own = tuple([values.get(name, frozenset()) for requirement in keep for name in requirement.own])
        known = self._kept.get((keep, own))
        if known is None:
            if len(self._kept) >= _MOST_KEPT:
                self._kept.clear()
            known = self._kept[keep, own] = self._decide(keep, values)
        return known

    def _decide(self, keep: Keep, values: Values) -> Bounds:
        within = self.regions.names
        for requirement in keep:
            if requirement.of in BARRING:
                within &= requirement.admitted(values, self.regions.meant_by)
        bounded = any(requirement.of in BARRING for requirement in keep)
        targets = frozenset(name for name, region in self._targets.items() if not bounded or region in within)
        misplaced = misplaced_for(self.places, keep, values, self.regions)
        leaving = {name: self._leaving(self._targets[name], keep, values) for name in targets}
        return Bounds(
            within=tuple(sorted(within)) if bounded else (),
            by=tuple(dict.fromkeys(requirement.by for requirement in keep)),
            targets=targets if misplaced is None else frozenset(),
            leaving={name: taken for name, taken in leaving.items() if taken != Leaving()},
            misplaced="" if misplaced is None else misplaced.words,
        )

    def _leaving(self, region: str, keep: Keep, values: Values) -> Leaving:
        entities, roles = 0, set[str]()
        for requirement in keep:
            if region in requirement.admitted(values, self.regions.meant_by):
                continue
            if requirement.of in ENTITY_NAMES:
                entities |= int(ENTITY_NAMES[requirement.of])
            elif requirement.of in ROLES:
                roles.add(ROLES[requirement.of])
        return Leaving(entities, frozenset(roles))
