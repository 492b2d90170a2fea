"""Why a decision is as it is: every policy that was tried, and the first thing that keeps it from applying.

For people, so it may cost what it costs: each policy is read as it is written, selector by selector, without the
indexes that decide.py uses. What follows from the policies that apply is concluded by the same function as there. Two
ways to one answer keep each other honest: a property test holds that they agree, for random policies and requests.
"""

from collections.abc import Iterator

import msgspec

from guardhouse.model.operation import ON_MODELS, Operation
from guardhouse.model.principal import Narrowing, Principal
from guardhouse.policy.callers import values_of
from guardhouse.policy.decide import conclude, scene_of, within
from guardhouse.policy.facts import Facts
from guardhouse.policy.problem import quote
from guardhouse.policy.sections.when import Range, When
from guardhouse.policy.sections.who import Who
from guardhouse.policy.snapshot import Effect, Grant, Policy, Refusal, Snapshot


class Step(msgspec.Struct, frozen=True, kw_only=True):
    """One policy that was tried."""

    policy: str
    effect: Effect
    applies: bool
    why: str = ""  # where it does not: the key of the policy that is not met, and what it found instead


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    decision: Grant | Refusal
    steps: tuple[Step, ...]
    narrowed: str = ""  # which narrowing of the principal's rights excludes the use, if one does


def trace(
    snapshot: Snapshot, principal: Principal, operation: Operation, model_name: str | None, facts: Facts
) -> Trace:
    """The decision that `decide` takes, with every policy on the way to it."""
    steps: list[Step] = []
    spoken = meant = holding = 0  # of the caller and operation; of the model as well; under the circumstances as well
    failed: list[str] = []
    scene = scene_of(snapshot, principal, operation, model_name, facts)
    for number, policy in enumerate(snapshot.policies):
        unspoken = next(_unspoken(snapshot, policy, principal, operation), "")
        unmeant = unspoken or _unmeant(snapshot, policy, operation, model_name)
        unmeant = unmeant or next(_unjoined(snapshot, policy, principal, model_name), "")
        unmet = unmeant or next(_unmet(snapshot, policy.when, facts), "")
        if not unmet and number in snapshot.conditions.expressions:
            outcome = snapshot.conditions.expressions[number].holds(scene)
            if outcome is None:
                failed.append(policy.name)
            unmet = _unmet_expression(policy, outcome)
        spoken |= (not unspoken) << number
        meant |= (not unmeant) << number
        holding |= (not unmet) << number
        steps.append(Step(policy=policy.name, effect=policy.effect, applies=not unmet, why=unmet))
    beyond = _beyond(principal.narrowings, operation, model_name)
    operable = bool(spoken & snapshot.allows) and not beyond.startswith("operations")
    if beyond:
        meant = holding = 0
    decision = conclude(snapshot, operable, meant, holding, model_name)
    if failed and operable and not beyond:
        decision = msgspec.structs.replace(decision, unevaluated=tuple(failed))
    return Trace(decision=decision, steps=tuple(steps), narrowed=beyond)


def _unspoken(snapshot: Snapshot, policy: Policy, principal: Principal, operation: Operation) -> Iterator[str]:
    """What of `may` and `who` is not met."""
    if operation not in policy.operations:
        yield f"may: {operation.word} is not among its operations"
    who = policy.who
    yield from _unnamed(who, principal)
    name = policy.if_feature
    if name is not None and not snapshot.features.is_on(name, principal.id):
        yield f"if_feature: {name} is {snapshot.features.show(name)}, and off for {quote(principal.id)}"
    for scope in who.scopes:
        if scope not in principal.scopes:
            yield f"who.scopes: {quote(scope)} is missing"
    for key, name, wanted in _narrowing(who):
        held = values_of(principal, name)
        if held.isdisjoint(wanted):
            found = _listed(held) if held else "nothing"
            yield f"who.{key}: {_listed(wanted)} is asked for, {found} is known"


def _unnamed(who: Who, principal: Principal) -> Iterator[str]:
    named = (
        who.everybody
        or (principal.id in who.ids and principal.id != "*")
        or not principal.groups.isdisjoint(who.groups)
        or not principal.roles.isdisjoint(who.roles)
        or (principal.team != "" and principal.team in who.teams)
    )
    if not named:
        yield f"who: {quote(principal.id)} is not among its ids, groups, roles and teams"


def _narrowing(who: Who) -> Iterator[tuple[str, str, tuple[str, ...]]]:
    """The keys of `who` that narrow: as written, the member or attribute they are about, and what it is to be."""
    members = (
        ("tiers", "tier", who.tiers),
        ("methods", "method", who.methods),
        ("strength", "strength", (who.strength,) if who.strength else ()),
        ("issuers", "issuer", who.issuers),
    )
    for key, name, wanted in members:
        if wanted:
            yield key, name, wanted
    for name, wanted in who.attributes.items():
        yield f"attributes.{name}", name, wanted


def _unmeant(snapshot: Snapshot, policy: Policy, operation: Operation, model_name: str | None) -> str:
    """Why it is not about this model; an empty text if it is."""
    if model_name is None:
        some = bool(policy.join) or policy.models != snapshot.models.keys()
        part = policy.effect == "deny" and operation in ON_MODELS and some
        return "models: it denies some models, not the list of them" if part else ""
    if operation in ON_MODELS and model_name in policy.models:
        return ""
    return f"models: {quote(model_name)} is not among its models"


def _unjoined(snapshot: Snapshot, policy: Policy, principal: Principal, model_name: str | None) -> Iterator[str]:
    """What of `join` principal and model do not have in common."""
    if model_name is None:
        return
    attributes = snapshot.models[model_name].attributes
    for name, attribute in policy.join:
        held, wanted = values_of(principal, name), attributes.get(attribute, frozenset())
        if held.isdisjoint(wanted):
            yield f"join.{name}: {_listed(held) or 'nothing'} is not the model's {attribute}"


def _unmet(snapshot: Snapshot, when: When, facts: Facts) -> Iterator[str]:
    """What of `when` is not met. Where a model's servers are has gone into the models of the policy."""
    networks = snapshot.conditions.atlas.names_at(facts.client) if when.network or when.not_network else frozenset()
    hours = snapshot.conditions.calendar.names_at(facts.at) if when.time or when.not_time else frozenset()
    for key, wanted, unwanted, found, what in (
        ("network", when.network, when.not_network, networks, f"the address {quote(facts.client)} is"),
        ("time", when.time, when.not_time, hours, "it is"),
    ):
        if wanted and found.isdisjoint(wanted):
            yield f"when.{key}: {what} in none of {_listed(wanted)}"
        if not found.isdisjoint(unwanted):
            yield f"when.not_{key}: {what} in {_listed(found.intersection(unwanted))}"
    yield from _out_of_range("size", when.size, facts.size)
    yield from _out_of_range("risk", when.risk, facts.risk)
    for key, wanted_flag, flag in (("stream", when.stream, facts.stream), ("tools", when.tools, facts.tools)):
        if wanted_flag is not None and wanted_flag is not flag:
            yield f"when.{key}: it is {str(flag).lower()}"


def _unmet_expression(policy: Policy, outcome: bool | None) -> str:
    if outcome is None:
        return "when.cel: cannot be evaluated for this, so it does not allow" if policy.effect == "allow" else ""
    return "" if outcome else "when.cel: is false"


def _out_of_range(key: str, wanted: Range | None, figure: int) -> Iterator[str]:
    if wanted is not None and not wanted.holds(figure):
        yield f"when.{key}: {figure} is not {wanted}"


def _beyond(narrowings: tuple[Narrowing, ...], operation: Operation, model_name: str | None) -> str:
    """Which narrowing leaves out the use; an empty text if none does."""
    for narrowing in narrowings:
        if narrowing.operations is not None and operation not in narrowing.operations:
            return f"operations: {operation.word} is not among those that this credential was narrowed to"
    for narrowing in narrowings:
        if narrowing.models is not None and not within(narrowing.models, operation, model_name):
            return "models: this credential was narrowed to others"
    return ""


def _listed(words: tuple[str, ...] | frozenset[str]) -> str:
    return ", ".join(quote(word) for word in sorted(words))
