"""What a candidate policy would have decided, beside what was decided: the shadow decides nothing.

It is asked in the same moment and of the same circumstances as the policy that is in force, when that has authorised
the exchange or refused to: then nothing of the request has been changed yet. What would become of it is found by a
rehearsal: a second exchange with the same request under the shadow's revision, of which the path's own functions are
asked, in the order of the stages. Told is the difference, and only when it is known what became of the exchange itself:
both may refuse it, at stages far apart.

Rehearsed is what follows from the request and the revision alone: who may do what with which model, version, API and
server; signatures that are asked for, fields, contracts, parameters, features, URLs, what is stored, injections, parts
that nobody can read, and requests that are larger than a limit as a whole. Not played through is what depends on others
or on the moment: how much of a limit is used up, which servers are well, what operators have switched off; nor what
comes before (routes and keys of signatures that are declared, whom issuers vouch for), nor answers. A limit, mask or
model that differs is told as such. A failure in here is logged and leaves the request alone.
"""

import logging
from typing import Final

from guardhouse.audit.record import Shadow
from guardhouse.limits.book import Limited
from guardhouse.limits.table import LimitTable
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.grounds import OF_RULES
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.path import admission, contracts, deferred
from guardhouse.path.exchange import Exchange, Foreseen
from guardhouse.path.fault import describe
from guardhouse.path.targets import bounds_for, permitted, why_none
from guardhouse.path.versions import version_for
from guardhouse.policy import decide
from guardhouse.policy.facts import Facts
from guardhouse.policy.snapshot import Grant, Model, Refusal, Snapshot
from guardhouse.wire import json

# the reasons that a revision has by itself; what is refused for another one, the rules have let pass that far
COMPARED: Final = OF_RULES | {Reason.DIALECT_UNSUPPORTED}
_NOT_COMPARED: Final = ("policies", "unevaluated")  # who decided is not what was decided

log = logging.getLogger("guardhouse.path")


def foresee(exchange: Exchange, verdict: Verdict, shadow: Snapshot, facts: Facts) -> Foreseen | None:
    """What `shadow` says of an exchange, which is authorised by now or refused; None if that is not to be compared.

    Asked at the head, where no model is known yet, or when a grant was given or refused.
    """
    if verdict is not None and verdict.reason not in COMPARED:  # an operator has closed something
        return None
    try:
        rehearsal = _rehearsal_of(exchange, shadow)
        reason = _reason(rehearsal, facts)
        changed = _changed(exchange, rehearsal) if reason is None and verdict is None else []
    except Exception as error:  # noqa: BLE001 - a candidate on trial must not touch the request
        log.error("the shadow %s failed: %s", shadow.revision, describe(error))
        return None
    return Foreseen(shadow.revision, reason, changed)


def told(exchange: Exchange, foreseen: Foreseen, denial: Denial | None) -> Shadow | None:
    """The difference between what has become of the exchange and what was foreseen; None if there is none."""
    reason = None if denial is None or exchange.opened or denial.reason not in COMPARED else denial.reason
    would = foreseen.reason
    changed = foreseen.changed if would is None and reason is None else []
    if would is reason and not changed:
        return None
    return Shadow(
        revision=foreseen.revision,
        would="change" if (would is None) == (reason is None) else "allow" if would is None else "deny",
        reason="" if would is None else would.code,
        changed=changed,
    )


def _rehearsal_of(exchange: Exchange, shadow: Snapshot) -> Exchange:
    again = Exchange(exchange.caller, exchange.client, exchange.at, exchange.started, exchange.id, shadow)
    again.route, again.operation, again.principal = exchange.route, exchange.operation, exchange.principal
    again.signed_by, again.asked, again.stream = exchange.signed_by, exchange.asked, exchange.stream
    again.document, again.encoded = exchange.document, exchange.encoded
    again.found, again.signals, again.opaque = exchange.found, exchange.signals, exchange.opaque
    return again


def _reason(rehearsal: Exchange, facts: Facts) -> Reason | None:
    """Why it would be refused; None if it would not, as far as the rules go."""
    principal, operation, shadow = rehearsal.principal, rehearsal.operation, rehearsal.snapshot
    assert principal is not None
    assert operation is not None
    if not decide.may_operate(shadow, principal, operation):
        return Reason.OPERATION_DENIED
    concerns_all = operation is Operation.MODELS_READ
    if not concerns_all and rehearsal.document is None:
        return None  # the head: as far as can be told
    name = None if concerns_all else shadow.aliases.get(rehearsal.asked, rehearsal.asked)
    model = None if name is None else shadow.models.get(name)
    route = rehearsal.route
    assert route is not None
    if name is not None and (model is None or version_for(route, model) is None):
        return Reason.MODEL_DENIED
    decision = decide.decide(shadow, principal, operation, name, facts)
    if route.deferred:
        decision = deferred.granted(rehearsal, shadow, decision, facts)
    if isinstance(decision, Refusal):
        return decision.reason
    if decision.signed and not rehearsal.signed_by:
        return Reason.SIGNATURE_REQUIRED
    return None if model is None else _reason_on(rehearsal, decision, model)


def _reason_on(rehearsal: Exchange, grant: Grant, model: Model) -> Reason | None:
    """The same from where model and grant are known."""
    route, principal = rehearsal.route, rehearsal.principal
    assert route is not None
    assert principal is not None
    rehearsal.model, rehearsal.grant, rehearsal.keep = model, grant, grant.keep + model.keep
    served = bool(permitted(rehearsal, model))
    if not served and bounds_for(rehearsal, model) is not None:
        return why_none(rehearsal, model).reason
    if grant.refuse_unknown_fields and route.dialect.unknown_fields(rehearsal.document, route):
        return Reason.FIELD_FORBIDDEN
    if model.rules.parameters is not None or grant.cap_output or grant.bounded:
        rehearsal.document = json.copied(rehearsal.document)  # these would write into it
    denial = contracts.would_refuse(rehearsal)
    if denial is not None:
        return denial.reason
    if grant.limits:
        answer = admission.ask(rehearsal, grant, LimitTable(), 0.0)  # of which nothing is used up
        if isinstance(answer, Denial):
            return answer.reason
        if isinstance(answer, Limited) and answer.impossible:
            return admission.refusal(answer).reason
    if grant.mask_request and route.dialect.unreadable(rehearsal.document, route):
        return Reason.CONTENT_UNREADABLE
    return None if served else why_none(rehearsal, model).reason


def _changed(exchange: Exchange, rehearsal: Exchange) -> list[str]:
    """What comes with the allowance and would be otherwise."""
    grant, model, would = exchange.grant, exchange.model, rehearsal.grant
    if grant is None or model is None or would is None or rehearsal.model is None:
        return []
    fields = (name for name in grant.__struct_fields__ if name not in _NOT_COMPARED)
    changed = [name for name in fields if getattr(grant, name) != getattr(would, name)]
    if rehearsal.model != model:
        changed.append("model")
    if _servers(exchange, model) != _servers(rehearsal, rehearsal.model):
        changed.append("servers")
    return changed


def _servers(exchange: Exchange, model: Model) -> dict[str, object]:
    """The names of those that may have it, and what each must not see."""
    bounds = bounds_for(exchange, model)
    leaving = {} if bounds is None else bounds.leaving
    return {target.name: leaving.get(target.name) for target in permitted(exchange, model)}
