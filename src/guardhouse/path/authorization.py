"""May this principal do this? Asked twice of the same policies.

`may_operate` runs at the head: a principal with no policy for the operation is refused before its body is read.
`authorize` runs when the model and the circumstances are known, and yields the Grant: what is masked, limited and
refused. Default is deny, and a model that does not exist answers exactly as one that is not permitted.

The circumstances are put together only if a policy that speaks of this caller has a condition. What an operator has
suspended, closed or capped (gates.py) is refused here too; that a model is closed is told only to who may use it.
"""

from typing import Final

from guardhouse.audit.record import Event
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.path import deferred
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.path.shadow import foresee
from guardhouse.path.targets import permitted, why_none
from guardhouse.path.versions import version_for
from guardhouse.policy import decide
from guardhouse.policy.facts import NO_FACTS, Facts
from guardhouse.policy.snapshot import Grant, Model, Refusal
from guardhouse.residency.bounds import Residency

_MODELS_READ: Final = Operation.MODELS_READ


def may_operate(exchange: Exchange, plane: DataPlane) -> Verdict:
    assert exchange.principal is not None
    assert exchange.operation is not None
    if plane.gates.suspended:
        refusal = plane.gates.refuse_principal(exchange.principal.id, exchange.at)
        if refusal is not None:
            return refusal
    canary = plane.canary
    if canary is not None and exchange.grant is None and canary.takes(exchange.principal.id):
        exchange.snapshot = canary.snapshot  # never after something was granted: one revision decides all
    exchange.policies = decide.policies_for(exchange.snapshot, exchange.principal, exchange.operation)
    if exchange.policies:
        return None
    denial = Denial(Reason.OPERATION_DENIED)
    if plane.shadow is not None:
        exchange.foreseen = exchange.foreseen or foresee(exchange, denial, plane.shadow, NO_FACTS)
    return denial


def authorize(exchange: Exchange, plane: DataPlane) -> Verdict:
    verdict = _authorize(exchange, plane)
    if plane.shadow is not None:
        exchange.foreseen = foresee(exchange, verdict, plane.shadow, facts_of(exchange))
    return verdict


def still_open(exchange: Exchange, plane: DataPlane) -> Verdict:
    """After a wait: a model that was closed meanwhile gets nothing any more. A cap has counted the exchange already."""
    if exchange.model is None or not plane.gates.closed:
        return None
    return plane.gates.refuse_model(exchange.model.name, exchange.at)


def _authorize(exchange: Exchange, plane: DataPlane) -> Verdict:
    operation, principal, snapshot = exchange.operation, exchange.principal, exchange.snapshot
    assert operation is not None
    assert principal is not None
    name: str | None = None
    if operation is not _MODELS_READ:  # which concerns all models; the answer itself is filtered
        name = exchange.asked
        name = snapshot.aliases.get(name, name)
        exchange.model = snapshot.models.get(name)
        if exchange.model is None:
            return Denial(Reason.MODEL_DENIED, param="model")
        assert exchange.route is not None
        if version_for(exchange.route, exchange.model) is None:
            return Denial(Reason.MODEL_DENIED, param="model")
    facts = facts_of(exchange) if exchange.policies & snapshot.conditions.conditional else NO_FACTS
    grant: Grant | Refusal | Denial
    grant = decide.decide_among(snapshot, exchange.policies, principal, operation, name, facts)
    if exchange.route is not None and exchange.route.deferred:
        grant = deferred.judged(exchange, snapshot, grant, facts_of(exchange))
        if isinstance(grant, Denial):
            return grant
    if grant.unevaluated:
        _tell_unevaluated(exchange, plane, grant.unevaluated)
    if type(grant) is Refusal:
        return _refuse(exchange, grant)
    if name is not None and (plane.gates.closed or plane.gates.capped):
        refusal = _gated(exchange, plane, name)
        if refusal is not None:
            return refusal
    if grant.signed and not exchange.signed_by:
        return Denial(Reason.SIGNATURE_REQUIRED)
    exchange.grant = grant
    if snapshot.residency is not None and exchange.model is not None:
        refusal = _bound(exchange, snapshot.residency, grant, exchange.model)
        if refusal is not None:
            return refusal
    if grant.refuse_unknown_fields and name is not None:
        return judge_fields(exchange, plane)
    return None


def facts_of(exchange: Exchange) -> Facts:
    route, document, signals = exchange.route, exchange.document, exchange.signals
    tools = document is not None and route is not None and route.dialect.uses_tools(document)
    risk = 0 if signals is None else signals.risk
    facts = Facts(exchange.client, exchange.at, len(exchange.encoded), exchange.stream, tools, risk)
    return facts if route is None or not route.deferred else deferred.facts_of(route, facts)


def _tell_unevaluated(exchange: Exchange, plane: DataPlane, policies: tuple[str, ...]) -> None:
    """An expression failed and was taken against the caller. Somebody has to mend it."""
    exchange.controls["authorization"] = "unevaluated"
    assert exchange.principal is not None
    for policy in policies:
        plane.journal.append(
            Event(
                at=exchange.at,
                name="policy.condition_failed",
                severity="warning",
                principal=exchange.principal.id,
                model="" if exchange.model is None else exchange.model.name,
                facts={"policy": policy, "exchange": exchange.id},
            )
        )


def _refuse(exchange: Exchange, refusal: Refusal) -> Denial:
    exchange.refused_by = refusal.policies
    reason = refusal.reason
    told = reason is not Reason.MODEL_DENIED and reason is not Reason.OPERATION_DENIED
    detail = f"By the policy {refusal.policies[0]!r}." if told else ""
    return Denial(reason, detail, param=None if exchange.operation is Operation.MODELS_READ else "model")


def _gated(exchange: Exchange, plane: DataPlane, model: str) -> Verdict:
    assert exchange.principal is not None
    refusal = plane.gates.refuse_model(model, exchange.at)
    return refusal or plane.gates.refuse_tier(exchange.principal.tier, exchange.at, plane.loop_time())


def _bound(exchange: Exchange, residency: Residency, grant: Grant, model: Model) -> Verdict:
    """Where the bytes may go, by the rules of the policies, of the model that was asked for, and for everything."""
    assert exchange.principal is not None
    exchange.keep = grant.keep + model.keep
    bounds = residency.bounds(exchange.keep, exchange.principal.attributes)
    return None if bounds is None or permitted(exchange, model) else why_none(exchange, model)


def judge_fields(exchange: Exchange, plane: DataPlane) -> Verdict:
    """Of fields that the dialect does not know, if a policy refuses those."""
    route, grant = exchange.route, exchange.grant
    assert route is not None
    if grant is None or not grant.refuse_unknown_fields:
        return None
    unknown = route.dialect.unknown_fields(exchange.document, route)
    if unknown:
        return Denial(
            Reason.FIELD_FORBIDDEN, "The request has a field that this policy does not know.", unknown[0][:64]
        )
    return None
