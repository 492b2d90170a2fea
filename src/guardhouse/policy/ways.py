"""Every way that a configuration opens: from whom a policy allows, through a model and its fallbacks, to a server.

A way exists where a policy that allows speaks of the model that is asked for and of each fallback on the way, and its
route admits the server. A rule of a policy speaks of it if both may apply to one use (reach.py). It is closed for whom
the rule speaks of if a route of the rule's own policy, or one that applies wherever either of the two does, leaves the
server out, or if a denial does so with the use. Where it cannot be told whether a third policy applies, it is taken not
to: a way too many is found rather than one too few. More policies on the same use only close ways, so pairs tell all.

Fallbacks are followed whatever it takes to get one, although the data path has conditions of its own for them: this
check does not rest on what that one concludes, nor that one on this.
"""

from collections.abc import Iterator, Mapping

import msgspec

from guardhouse.model.operation import Operation
from guardhouse.policy.document import Document
from guardhouse.policy.labels import regions_of
from guardhouse.policy.problem import Path
from guardhouse.policy.reach import EVERYBODY, Reach, covers, may_meet, names_in, reaches_of
from guardhouse.policy.sections.regions import barring_words, keep_of
from guardhouse.policy.sections.who import describe
from guardhouse.residency.keeping import Keep
from guardhouse.residency.regions import UNLABELLED
from guardhouse.residency.ways import Way

_INFER = sum(1 << number for number, operation in enumerate(Operation) if operation.access == "infer")


class Rule(msgspec.Struct, frozen=True, kw_only=True):
    by: str
    place: Path  # of its keep_in
    words: tuple[str, ...]  # where model servers may be, as it is written
    keep: Keep
    reach: Reach | None = None  # None: it speaks of every caller
    model: str = ""  # the only model that it speaks of; empty: of all


class Leg(msgspec.Struct, frozen=True):
    """From a model that is asked for to a server."""

    models: tuple[str, ...]
    target: str
    region: str


class Survey:
    """One document, looked at from all sides; made once for each question about the whole."""

    def __init__(self, document: Document) -> None:
        self.document = document
        self.regions = regions_of(document)
        self.reaches = list(reaches_of(enumerate(document.policies), document))
        self._bits = {name: 1 << number for number, name in enumerate(document.models)}
        self.legs = {name: list(_legs(document, name)) for name in document.models}
        self._named: dict[tuple[str, str], list[Reach]] = {}
        for reach in self.reaches:
            if reach.entry.effect == "deny" or reach.grant.route is not None:
                for key in names_in(reach.entry.who):
                    self._named.setdefault(key, []).append(reach)
        self._shut: dict[tuple[int, str], tuple[bool, frozenset[str] | None]] = {}
        self._open = [(reach, list(self._legs_of(reach))) for reach in self.reaches if reach.entry.effect == "allow"]
        self._out: dict[frozenset[str], list[tuple[Reach, list[Leg]]]] = {}

    def __repr__(self) -> str:
        return f"<Survey of {len(self.reaches)} policies>"

    def rules(self) -> Iterator[Rule]:
        document, regions = self.document, self.regions
        written = document.residency.keep_in
        if written:
            keep = keep_of(written, "residency", regions)
            words = barring_words(written)
            yield Rule(by="residency", place=("residency", "keep_in"), words=words, keep=keep)
        for name, model in document.models.items():
            if model.keep_in:
                keep = keep_of(model.keep_in, f"model {name}", regions)
                words = barring_words(model.keep_in)
                place: Path = ("models", name, "keep_in")
                yield Rule(by=f"model {name}", place=place, words=words, keep=keep, model=name)
        for reach in self.reaches:
            if reach.entry.effect != "deny" and reach.grant.keep:
                yield self._rule_of(reach)

    def _rule_of(self, reach: Reach) -> Rule:
        entry, bundles = reach.entry, self.document.bundles
        place: Path = ("policies", reach.number, "keep_in")
        written = entry.keep_in
        for number, name in enumerate(entry.use):
            if written is None and name in bundles and bundles[name].keep_in:
                written, place = bundles[name].keep_in, ("policies", reach.number, "use", number)
        words = barring_words(written or {})
        return Rule(by=f"policy {entry.name}", place=place, words=words, keep=reach.grant.keep, reach=reach)

    def open_ways(self) -> Iterator[tuple[Reach, Leg]]:
        """Every way, for whoever takes it."""
        for reach, legs in self._open:
            for leg in legs:
                yield reach, leg

    def leading_out(self, within: frozenset[str], rule: Rule) -> Iterator[tuple[Reach, list[Leg]]]:
        """The policies that allow what may be a use that the rule speaks of, with their ways out of the regions.

        What does not depend on the rule is found once for all rules that name the same regions, and the rest in the
        order of what rules out most: most rules end at their own route.
        """
        out = self._out.get(within)
        if out is None:
            left = [(reach, [leg for leg in legs if leg.region not in within]) for reach, legs in self._open]
            out = self._out[within] = [(reach, legs) for reach, legs in left if legs]
        route = None if rule.reach is None else rule.reach.grant.route
        for reach, legs in out:
            admitted = legs if route is None else [leg for leg in legs if leg.target in route]
            if admitted and self._meet(rule, reach):
                yield reach, admitted

    def is_taken(self, rule: Rule, allowing: Reach, leg: Leg) -> bool:
        """Whether the rule speaks of the way, and it is not closed for those whom both speak of."""
        return self.speaks_of(rule, leg) and not self.is_closed(rule, allowing, leg)

    def may_speak(self, rule: Rule, allowing: Reach, leg: Leg) -> bool:
        """Whether the rule may speak of somebody's way there."""
        return self._meet(rule, allowing) and self.speaks_of(rule, leg)

    def speaks_of(self, rule: Rule, leg: Leg) -> bool:
        if rule.reach is not None:
            return self._speaks(rule.reach, leg.models[0])
        return not rule.model or rule.model in (leg.models[0], leg.models[-1])

    def _meet(self, rule: Rule, allowing: Reach) -> bool:
        return rule.reach is None or allowing is rule.reach or may_meet(allowing, rule.reach)

    def _legs_of(self, reach: Reach) -> Iterator[Leg]:
        """Where the policy alone leads to."""
        if reach.operations & _INFER:
            for legs in self.legs.values():
                for leg in legs:
                    if all(self._bits[name] & reach.models for name in leg.models) and self._admits(reach, leg):
                        yield leg

    def is_closed(self, rule: Rule, allowing: Reach, leg: Leg) -> bool:
        """Whether the way is not taken by whom both speak of."""
        reaches = [allowing] if rule.reach is None else [allowing, rule.reach]
        for reach in reaches:
            if not self._admits(reach, leg):
                return True
            denied, route = self._certain(reach, leg.models[0])
            if denied or (route is not None and leg.target not in route):
                return True
        return False

    def way(self, rule: Rule | None, allowing: Reach, leg: Leg) -> Way:
        who = [reach.entry.who for reach in (None if rule is None else rule.reach, allowing) if reach is not None]
        said = [describe(each) for each in who if not each.everybody or each.narrowed]
        return Way(
            who=" and ".join(dict.fromkeys(said)) or "everybody",
            policy=allowing.entry.name,
            models=leg.models,
            target=leg.target,
            region=leg.region,
        )

    def _admits(self, reach: Reach, leg: Leg) -> bool:
        return reach.grant.route is None or leg.target in reach.grant.route

    def _speaks(self, reach: Reach, model: str) -> bool:
        return bool(reach.models & self._bits[model] and reach.operations & _INFER)

    def _certain(self, reach: Reach, model: str) -> tuple[bool, frozenset[str] | None]:
        """What others do to every use of the model that `reach` speaks of: deny it, or leave it only these targets."""
        known = self._shut.get((reach.number, model))
        if known is not None:
            return known
        denied, route = False, None
        narrow = msgspec.structs.replace(reach, models=self._bits[model], operations=reach.operations & _INFER)
        first = next(iter(names_in(reach.entry.who)), EVERYBODY)
        for other in {id(one): one for key in (EVERYBODY, first) for one in self._named.get(key, [])}.values():
            if other.number == reach.number or not covers(other, narrow):
                continue
            if other.entry.effect == "deny":
                denied = True
            elif other.grant.route is not None:
                route = other.grant.route if route is None else route & other.grant.route
        self._shut[reach.number, model] = denied, route
        return denied, route


def trails_of(document: Document, name: str) -> Iterator[tuple[str, ...]]:
    """The model that is asked for, then that with each of its fallbacks; a fallback's own are not taken from there."""
    yield (name,)
    for fallback in document.models[name].fallback:
        if fallback in document.models:
            yield name, fallback


def _legs(document: Document, name: str) -> Iterator[Leg]:
    targets: Mapping[str, object] = document.targets
    for trail in trails_of(document, name):
        for target in document.models[trail[-1]].targets:
            if target in targets:
                yield Leg(trail, target, document.targets[target].region or UNLABELLED)
