"""A decision that somebody asks about: who, what, on which model, under which circumstances, and the answer with why.

The one form behind `guardhouse policy explain`, `guardhouse policy test` and `POST /api/v1/decide`. It is answered by
trace.py, which comes to the decision of the data path by its own way, and by outlook.py for what follows from a grant:
servers and their regions, names, contracts. What is not said of a principal it does not have, and what is not said of a
request is as for a small unsigned one without tools; the time is now.

Who leaves requests in a file, orders them or looks at them needs their own operation as well (`lines`), and who orders
them what uploading them needs: then all of that is asked, each is told in `besides`, and the answer is what all of it
grants together. Looking at a batch and cancelling it take no uploading.

Limits are told but not counted: how much of them is used up is known to the workers only. Whatever else a question
cannot tell is said in `untold`.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from guardhouse.limits.rate import LimitRule
from guardhouse.model.described import Described, as_described
from guardhouse.model.dialect import DialectName
from guardhouse.model.entity import Entity
from guardhouse.model.operation import DEFERRED, Operation
from guardhouse.model.principal import Principal
from guardhouse.policy import deferral
from guardhouse.policy.facts import Facts
from guardhouse.policy.outlook import Fallback, Kept, Outlook, Server, Use, outlook
from guardhouse.policy.snapshot import Grant, Model, Refusal, Snapshot
from guardhouse.policy.trace import Step, Trace, trace

Verdict = Literal["allowed", "denied"]


class Person(Described, frozen=True, kw_only=True, forbid_unknown_fields=True):
    id: str


class Circumstances(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    client: str = "127.0.0.1"
    at: Annotated[datetime, msgspec.Meta(tz=True)] | None = None  # None: now
    size: Annotated[int, msgspec.Meta(ge=0)] = 0  # bytes
    stream: bool = False
    tools: bool = False
    risk: Annotated[int, msgspec.Meta(ge=0, le=10)] = 0
    dialect: DialectName | None = None  # the API that it comes by; None: whichever the servers speak
    signed: bool = False
    lines: Operation | None = None  # of files and batches: what the requests in them are for; None: it is not known


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    who: Person
    may: Operation
    model: str | None = None  # None: for what concerns no single model
    request: Circumstances = Circumstances()


class Besides(msgspec.Struct, frozen=True, kw_only=True):
    """One operation of several that a use takes, for itself."""

    may: Operation
    decision: Verdict
    reason: str = ""
    policies: tuple[str, ...] = ()
    narrowed: str = ""
    unevaluated: tuple[str, ...] = ()
    steps: tuple[Step, ...] = ()


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    revision: str
    decision: Verdict
    reason: str = ""  # code of model.reason, of a denial
    policies: tuple[str, ...] = ()  # that grant it together, or that deny it
    masked: dict[str, tuple[str, ...]] = {}  # side -> entities
    limits: tuple[str, ...] = ()
    unknown_fields: Literal["pass", "refuse"] = "pass"
    route: tuple[str, ...] = ()  # the only targets that may serve it; none named: every one of the model
    flags: tuple[str, ...] = ()  # that go on the record
    narrowed: str = ""  # how the principal's own rights exclude it
    unevaluated: tuple[str, ...] = ()  # policies whose expression failed and that were taken against the caller
    model: str = ""  # by its own name, whatever it was asked for by
    version: str = ""
    sent: str = ""  # what model servers call it
    kept: Kept | None = None  # None: no rule of residency speaks of it
    servers: tuple[Server, ...] = ()  # every one of the model, in the order of the file
    first: str = ""  # the one that is asked first; empty: none, or it cannot be told
    fallbacks: tuple[Fallback, ...] = ()  # where none of them can be reached, in this order
    when_busy: bool = False  # whether the fallbacks serve this caller, too, where it would have to wait
    held_to: tuple[str, ...] = ()  # what requests have to fit
    untold: tuple[str, ...] = ()  # what would have to be known besides
    besides: tuple[Besides, ...] = ()
    steps: tuple[Step, ...] = ()  # every policy that was tried


def fault_in(question: Question) -> str:
    """Why it cannot be asked; empty if it can."""
    request = question.request
    return deferral.fault_in(question.may, request.lines, question.model, request.dialect)


def principal_in(person: Person) -> Principal:
    return as_described(person, Principal(id=person.id, credential_id=""))


def explain(snapshot: Snapshot, question: Question, now: float) -> Explanation:
    return explain_for(snapshot, principal_in(question.who), question, now)


def explain_for(snapshot: Snapshot, principal: Principal, question: Question, now: float) -> Explanation:
    """The same for a principal that is known from elsewhere; `question.who` is not looked at. `fault_in` is for who
    takes questions, to ask before."""
    request, name = question.request, question.model
    at = now if request.at is None else request.at.timestamp()
    facts = Facts(request.client, at, request.size, request.stream, request.tools, request.risk)
    if name is not None:
        name = snapshot.aliases.get(name, name)
    operations = deferral.operations_of(question.may, request.lines)
    traces = {operation: trace(snapshot, principal, operation, name, facts) for operation in operations}
    decisions = {operation: each.decision for operation, each in traces.items()}
    decision = deferral.together(snapshot, decisions, question.may, request.lines, name)
    first, *others = [_besides(operation, each) for operation, each in traces.items()]
    if isinstance(decision, Refusal):
        return Explanation(
            revision=snapshot.revision,
            decision="denied",
            reason=decision.reason.code,
            policies=decision.policies,
            narrowed=next((each.narrowed for each in (first, *others) if each.narrowed), ""),
            unevaluated=decision.unevaluated,
            besides=tuple(others),
            steps=first.steps,
        )
    if question.may in DEFERRED:
        request = msgspec.structs.replace(request, dialect=deferral.DIALECT)
    model = None if name is None or question.may.access != "infer" else snapshot.models[name]
    found = Outlook()
    if model is not None:
        found = outlook(Use(snapshot, principal, question.may, model, decision, facts, request))
    granted = _granted(snapshot, decision, model, found)
    untold = (*deferral.untold(question.may, request.lines), *found.untold)
    return msgspec.structs.replace(granted, untold=untold, besides=tuple(others), steps=first.steps)


def _granted(snapshot: Snapshot, grant: Grant, model: Model | None, found: Outlook) -> Explanation:
    return Explanation(
        revision=snapshot.revision,
        decision="allowed" if found.reason is None else "denied",
        reason="" if found.reason is None else found.reason.code,
        policies=grant.policies,
        masked={"request": _entities(grant.mask_request), "response": _entities(grant.mask_response)},
        limits=tuple(text for rule in grant.limits for text in _limits(rule)),
        unknown_fields="refuse" if grant.refuse_unknown_fields else "pass",
        route=tuple(sorted(grant.route or ())),
        flags=grant.flags,
        unevaluated=grant.unevaluated,
        model="" if model is None else model.name,
        version="" if model is None else next(iter(model.versions), model.version),
        sent="" if model is None else model.upstream_name,
        kept=found.kept,
        servers=found.servers,
        first="" if found.reason is not None else found.first,
        fallbacks=found.fallbacks,
        when_busy=found.when_busy,
        held_to=found.held_to,
    )


def _besides(operation: Operation, traced: Trace) -> Besides:
    decision = traced.decision
    return Besides(
        may=operation,
        decision="denied" if isinstance(decision, Refusal) else "allowed",
        reason=decision.reason.code if isinstance(decision, Refusal) else "",
        policies=decision.policies,
        narrowed=traced.narrowed,
        unevaluated=decision.unevaluated,
        steps=traced.steps,
    )


def _entities(bits: int) -> tuple[str, ...]:
    return tuple(entity.name.lower() for entity in Entity if entity & bits and entity.name)


def _limits(rule: LimitRule) -> list[str]:
    figures = [
        None if rule.requests is None else f"requests {rule.requests}",
        None if rule.tokens is None else f"tokens {rule.tokens}",
        None if rule.concurrent is None else str(rule.concurrent),
        *map(str, rule.quotas),
    ]
    return [f"{rule.policy}: {figure}" for figure in figures if figure is not None]
