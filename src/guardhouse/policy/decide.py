"""Who may do what: the one decision that the data path, the dry run and the tests share.

Deny is the default, every allowance comes from a policy that allows, and a policy that denies overrides them all.
Policies that allow or restrict tighten what comes with an allowance (masks are united, each limit applies, unknown
fields are refused if one policy refuses them), so the order of the file never matters. A principal whose rights were
narrowed needs, beside all that, the use to be within every narrowing.

A model that does not exist, one that is not permitted and one that a policy denies whatever the circumstances get the
same answer. Only who might use a model is told that the circumstances of this request are against it.

An expression that cannot be evaluated is taken against the caller: a policy that allows does not, one that denies or
restricts does. The decision names the policies for which that was so.

Pure and cheap: a few look-ups and one `&` per question. Grants are kept by the set of policies they unite, so uniting
is done once for each set that occurs.
"""

from collections.abc import Sequence
from typing import Final

from msgspec.structs import replace

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.policy.callers import values_of
from guardhouse.policy.cel.expression import Scene
from guardhouse.policy.facts import Facts
from guardhouse.policy.snapshot import Grant, Model, Policies, Refusal, Snapshot
from guardhouse.policy.uniting import unite

_NONE: Final[dict[Operation, Policies]] = {}
_NO_MODEL: Final = Model(name="", targets=(), upstream_name="")
_MOST_KEPT: Final = 4096  # grants


def decide(
    snapshot: Snapshot, principal: Principal, operation: Operation, model_name: str | None, facts: Facts
) -> Grant | Refusal:
    """What `principal` is granted for this operation; `model_name` is None for one that concerns no single model."""
    given = policies_for(snapshot, principal, operation)
    return decide_among(snapshot, given, principal, operation, model_name, facts)


def policies_for(snapshot: Snapshot, principal: Principal, operation: Operation) -> Policies:
    """The policies that speak of this principal and operation; none if no allowance is among them."""
    given = snapshot.operations.get(operation, 0) & snapshot.callers.policies_of(principal)
    if not given & snapshot.allows:
        return 0
    if principal.narrowings:
        for narrowing in principal.narrowings:
            if narrowing.operations is not None and operation not in narrowing.operations:
                return 0
    return given


def decide_among(  # noqa: PLR0917 - on the path, where names would cost what they say
    snapshot: Snapshot,
    given: Policies,
    principal: Principal,
    operation: Operation,
    model_name: str | None,
    facts: Facts,
) -> Grant | Refusal:
    """The second half of `decide`, for who has asked `policies_for` before the model was known."""
    if not given:
        return Refusal(Reason.OPERATION_DENIED)
    given = concerning(snapshot, given, principal, operation, model_name)
    conditions = snapshot.conditions
    if not given & conditions.conditional:
        return conclude(snapshot, True, given, given, model_name)
    holding = conditions.holding(given, facts)
    if not holding & conditions.by_expression:
        return conclude(snapshot, True, given, holding, model_name)
    scene = scene_of(snapshot, principal, operation, model_name, facts)
    holding, failed = _judged(snapshot, holding, scene)
    decision = conclude(snapshot, True, given, holding, model_name)
    return decision if not failed else replace(decision, unevaluated=_names(snapshot, failed))


def scene_of(
    snapshot: Snapshot, principal: Principal, operation: Operation, model_name: str | None, facts: Facts
) -> Scene:
    """What expressions may ask about."""
    model = snapshot.models.get(model_name or "", _NO_MODEL)
    return Scene(
        principal=principal,
        operation=operation,
        model=model.name,
        version=model.version,
        tags=model.tags,
        model_attributes=model.attributes,
        regions=tuple(sorted({target.region for target in model.targets if target.region})),
        facts=facts,
        networks=snapshot.conditions.atlas.names_at(facts.client),
        hours=snapshot.conditions.calendar.names_at(facts.at),
        features=snapshot.features.on_for(principal.id),
    )


def _judged(snapshot: Snapshot, holding: Policies, scene: Scene) -> tuple[Policies, Policies]:
    """Those of `holding` whose expressions hold too, and those whose expressions cannot be evaluated."""
    failed = 0
    for number in numbers(holding & snapshot.conditions.by_expression):
        outcome = snapshot.conditions.expressions[number].holds(scene)
        bit = 1 << number
        if outcome is None:
            failed |= bit
        if not outcome and (outcome is False or bit & snapshot.allows):
            holding &= ~bit
    return holding, failed


def conclude(
    snapshot: Snapshot, operable: bool, given: Policies, holding: Policies, model_name: str | None
) -> Grant | Refusal:
    """What follows from the policies that speak of a use, `given`, and from those of them that hold for a request.

    `operable`: an allowance speaks of the principal and the operation, whatever the model.
    """
    if not operable:
        return Refusal(Reason.OPERATION_DENIED)
    if holding & snapshot.denies or not holding & snapshot.allows:
        return _refusal(snapshot, given, holding, model_name)
    grant = grant_of(snapshot, holding)
    if model_name is not None and (grant.approvals or grant.route is not None):
        return _asked_more(grant, snapshot.models[model_name])
    return grant


def _asked_more(grant: Grant, model: Model) -> Grant | Refusal:
    """A use that needs a person's consent does not happen as long as nobody can be asked, nor one that has no way."""
    if grant.approvals:
        return Refusal(Reason.APPROVAL_UNAVAILABLE, tuple([approval.policy for approval in grant.approvals]))
    route = grant.route
    if route is not None and not any(target.name in route for target in model.targets):
        return Refusal(Reason.NO_TARGET_LEFT, grant.policies)
    return grant


def together(snapshot: Snapshot, grants: Sequence[Grant], model_name: str) -> Grant | Refusal:
    """For one use that takes several operations, each of them granted: what all these policies say together."""
    names = {name for grant in grants for name in grant.policies}
    holding = sum([1 << number for number, policy in enumerate(snapshot.policies) if policy.name in names])
    united = _asked_more(grant_of(snapshot, holding), snapshot.models[model_name])
    failed = tuple({name: None for grant in grants for name in grant.unevaluated})
    return replace(united, unevaluated=failed) if failed else united


def both(snapshot: Snapshot, one: Grant | Refusal, other: Grant | Refusal, model_name: str) -> Grant | Refusal:
    """What is granted where one operation takes another one as well; what refuses is told in that order."""
    if isinstance(one, Refusal):
        return one
    return other if isinstance(other, Refusal) else together(snapshot, (one, other), model_name)


def may_operate(snapshot: Snapshot, principal: Principal, operation: Operation) -> bool:
    return bool(policies_for(snapshot, principal, operation))


def concerning(
    snapshot: Snapshot, given: Policies, principal: Principal, operation: Operation, model_name: str | None
) -> Policies:
    """Those that speak of this use; none if it is beyond a narrowing."""
    if model_name is None:
        given &= snapshot.at_large.get(operation, 0)
    else:
        given &= snapshot.uses.get(model_name, _NONE).get(operation, 0)
        if snapshot.joins and given:
            given = _joined(snapshot, given, principal, snapshot.models[model_name])
    if principal.narrowings:
        for narrowing in principal.narrowings:
            if narrowing.models is not None and not within(narrowing.models, operation, model_name):
                return 0
    return given


def within(models: frozenset[str], operation: Operation, model_name: str | None) -> bool:
    """Whether a use is one of these models. Administration is not: it reaches beyond whatever they are."""
    if model_name is not None:
        return model_name in models
    return bool(models) and operation.access != "administer"


def _joined(snapshot: Snapshot, given: Policies, principal: Principal, model: Model) -> Policies:
    """Those that ask for nothing in common, and those that ask for what this principal and model have in common."""
    for name, attribute, asking in snapshot.joins:
        if given & asking:
            values = model.attributes.get(attribute)
            if values is None or values.isdisjoint(values_of(principal, name)):
                given &= ~asking
    return given


def _refusal(snapshot: Snapshot, given: Policies, holding: Policies, model_name: str | None) -> Refusal:
    denied = Reason.OPERATION_DENIED if model_name is None else Reason.MODEL_DENIED
    if not given & snapshot.allows:
        return Refusal(denied)
    denying = holding & snapshot.denies
    if not denying:
        return Refusal(Reason.CONDITION_UNMET, _names(snapshot, given & snapshot.allows))
    always = denying & ~snapshot.conditions.conditional
    return Refusal(denied if always else Reason.POLICY_DENIED, _names(snapshot, always or denying))


def _names(snapshot: Snapshot, policies: Policies) -> tuple[str, ...]:
    return tuple([snapshot.policies[number].name for number in numbers(policies)])


def numbers(policies: Policies) -> list[int]:
    found: list[int] = []
    while policies:
        lowest = policies & -policies
        policies ^= lowest
        found.append(lowest.bit_length() - 1)
    return found


def grant_of(snapshot: Snapshot, holding: Policies) -> Grant:
    """What these policies say together, none of which denies."""
    grants = snapshot.grants
    grant = grants.get(holding)
    if grant is None:
        if len(grants) >= _MOST_KEPT:
            grants.clear()
        united = [snapshot.policies[number].grant for number in numbers(holding)]
        grant = united[0] if len(united) == 1 else unite(_names(snapshot, holding), united)
        grants[holding] = grant
    return grant
