"""What a candidate policy would have decided, beside what was decided: the shadow decides nothing.

It is asked in the same moment and of the same circumstances as the policy that is in force, and only the difference is
recorded. How much of its limits would be used up is not played through, since nothing is taken from them: a limit that
differs is told as such. A failure in here is logged and leaves the request alone.
"""

import logging

from guardhouse.audit.record import Shadow
from guardhouse.model.denial import Verdict
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.fault import describe
from guardhouse.policy import decide
from guardhouse.policy.facts import Facts
from guardhouse.policy.snapshot import Grant, Refusal, Snapshot

# the reasons that a policy has; what is refused for another one was not a policy's to decide
_OF_POLICY = (
    Reason.OPERATION_DENIED,
    Reason.MODEL_DENIED,
    Reason.POLICY_DENIED,
    Reason.CONDITION_UNMET,
    Reason.FIELD_FORBIDDEN,
)
_NOT_COMPARED = ("policies", "unevaluated")  # who decided is not what was decided

log = logging.getLogger("guardhouse.path")


def beside(exchange: Exchange, verdict: Verdict, shadow: Snapshot, facts: Facts) -> Shadow | None:
    """The difference between what has just been decided of the exchange and what `shadow` says; None if there is none.

    Asked at the head, where no model is known yet, or when a grant was given or refused.
    """
    try:
        reason = None if verdict is None else verdict.reason
        if reason is not None and reason not in _OF_POLICY:
            return None
        assert exchange.principal is not None
        assert exchange.operation is not None
        would, grant = _judged(exchange, exchange.principal, exchange.operation, shadow, facts)
        changed = _changed(exchange, grant, shadow) if would is None and verdict is None else []
    except Exception as error:  # noqa: BLE001 - a candidate on trial must not touch the request
        log.error("the shadow %s failed: %s", shadow.revision, describe(error))
        return None
    if would is reason and not changed:
        return None
    return Shadow(
        revision=shadow.revision,
        would="change" if (would is None) == (reason is None) else "allow" if would is None else "deny",
        reason="" if would is None else would.code,
        changed=changed,
    )


def _judged(
    exchange: Exchange, principal: Principal, operation: Operation, shadow: Snapshot, facts: Facts
) -> tuple[Reason | None, Grant | None]:
    if not decide.may_operate(shadow, principal, operation):
        return Reason.OPERATION_DENIED, None
    if operation is not Operation.MODELS_READ and exchange.document is None:
        return None, None  # the head: as far as can be told
    name = None if operation is Operation.MODELS_READ else shadow.aliases.get(exchange.asked, exchange.asked)
    decision = decide.decide(shadow, principal, operation, name, facts)
    if isinstance(decision, Refusal):
        return decision.reason, None
    route = exchange.route
    assert route is not None
    if decision.refuse_unknown_fields and name is not None and route.dialect.unknown_fields(exchange.document, route):
        return Reason.FIELD_FORBIDDEN, None
    return None, decision


def _changed(exchange: Exchange, grant: Grant | None, shadow: Snapshot) -> list[str]:
    """What comes with the allowance and would be otherwise."""
    if grant is None or exchange.grant is None:
        return []
    fields = (name for name in grant.__struct_fields__ if name not in _NOT_COMPARED)
    changed = [name for name in fields if getattr(grant, name) != getattr(exchange.grant, name)]
    if exchange.model is not None and shadow.models.get(exchange.model.name) != exchange.model:
        changed.append("model")
    return changed
