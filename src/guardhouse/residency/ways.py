"""A way that an exchange can take to a model server, spelled out, and what a rule says of it."""

from collections.abc import Iterable
from typing import Literal

import msgspec

from guardhouse.residency.keeping import BARRING, PARTS, Keep
from guardhouse.residency.regions import Regions

# closed: it is not taken by whom the rule speaks of; caller: admitted or not by who calls; masked: parts are taken out
Verdict = Literal["stays", "leaves", "closed", "caller", "masked"]


class Way(msgspec.Struct, frozen=True, kw_only=True):
    who: str
    policy: str  # that allows the use
    models: tuple[str, ...]  # the one that is asked for, then its fallbacks up to the one that serves
    target: str
    region: str

    def spelled(self, regions: Regions) -> str:
        asked, *others = self.models
        steps = [self.who, f'policy "{self.policy}"', f"model {asked}", *(f"fallback {name}" for name in others)]
        return " -> ".join([*steps, f"target {self.target} ({regions.describe(self.region)})"])


class Ruling(msgspec.Struct, frozen=True, kw_only=True):
    by: str
    verdict: Verdict
    within: tuple[str, ...] = ()
    masked: tuple[str, ...] = ()  # the kinds of bytes that are taken out on this way


def rule(by: str, keep: Keep, region: str, *, closed: bool) -> Ruling | None:
    """What the rule says of a way to something in `region`; None if it speaks of no content."""
    about = [requirement for requirement in keep if requirement.of in BARRING or requirement.of in PARTS]
    if not about:
        return None
    content = [requirement for requirement in about if requirement.of in BARRING]
    within = _common(requirement.within for requirement in content)
    if closed:
        return Ruling(by=by, verdict="closed", within=within)
    outside = [requirement for requirement in about if region not in requirement.within]
    if any(requirement.of in BARRING and not requirement.own for requirement in outside):
        return Ruling(by=by, verdict="leaves", within=within)
    if any(requirement.own for requirement in outside):
        return Ruling(by=by, verdict="caller", within=within)
    masked = tuple(sorted(requirement.of for requirement in outside))
    return Ruling(by=by, verdict="masked" if masked else "stays", within=within, masked=masked)


def _common(sets: Iterable[frozenset[str]]) -> tuple[str, ...]:
    found = list(sets)
    return tuple(sorted(frozenset.intersection(*found))) if found else ()
