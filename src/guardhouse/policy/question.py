"""A decision that somebody asks about: who, what, on which model, under which circumstances, and the answer with why.

The one form behind `guardhouse policy explain`, `guardhouse policy test` and `POST /api/v1/decide`. It is answered by
trace.py, which comes to the decision of the data path by its own way, and by outlook.py for what follows from a grant:
servers and their regions, names, contracts. What is not said of a principal it does not have, and what is not said of a
request is as for a small unsigned one without tools; the time is now.

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
from guardhouse.policy.facts import Facts
from guardhouse.policy.outlook import Kept, Outlook, Server, outlook
from guardhouse.policy.snapshot import Refusal, Snapshot
from guardhouse.policy.trace import Step, trace

Verdict = Literal["allowed", "denied"]

_OF_REQUESTS = "whether the operation of the requests in it is allowed, which it needs as well, and what holds for that"


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


class Question(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    who: Person
    may: Operation
    model: str | None = None  # None: for what concerns no single model
    request: Circumstances = Circumstances()


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
    held_to: tuple[str, ...] = ()  # what requests have to fit
    untold: tuple[str, ...] = ()  # what would have to be known besides
    steps: tuple[Step, ...] = ()  # every policy that was tried


def principal_in(person: Person) -> Principal:
    return as_described(person, Principal(id=person.id, credential_id=""))


def explain(snapshot: Snapshot, question: Question, now: float) -> Explanation:
    return explain_for(snapshot, principal_in(question.who), question, now)


def explain_for(snapshot: Snapshot, principal: Principal, question: Question, now: float) -> Explanation:
    """The same for a principal that is known from elsewhere; `question.who` is not looked at."""
    request, name = question.request, question.model
    at = now if request.at is None else request.at.timestamp()
    facts = Facts(request.client, at, request.size, request.stream, request.tools, request.risk)
    if name is not None:
        name = snapshot.aliases.get(name, name)
    traced = trace(snapshot, principal, question.may, name, facts)
    decision = traced.decision
    if isinstance(decision, Refusal):
        return Explanation(
            revision=snapshot.revision,
            decision="denied",
            reason=decision.reason.code,
            policies=decision.policies,
            narrowed=traced.narrowed,
            unevaluated=decision.unevaluated,
            steps=traced.steps,
        )
    model = None if name is None or question.may.access != "infer" else snapshot.models[name]
    found = Outlook() if model is None else outlook(snapshot, principal, decision, model, request)
    if question.may in DEFERRED:
        found = msgspec.structs.replace(found, untold=(_OF_REQUESTS, *found.untold))
    return Explanation(
        revision=snapshot.revision,
        decision="allowed" if found.reason is None else "denied",
        reason="" if found.reason is None else found.reason.code,
        policies=decision.policies,
        masked={"request": _entities(decision.mask_request), "response": _entities(decision.mask_response)},
        limits=tuple(text for rule in decision.limits for text in _limits(rule)),
        unknown_fields="refuse" if decision.refuse_unknown_fields else "pass",
        route=tuple(sorted(decision.route or ())),
        flags=decision.flags,
        unevaluated=decision.unevaluated,
        model="" if model is None else model.name,
        version="" if model is None else next(iter(model.versions), model.version),
        sent="" if model is None else model.upstream_name,
        kept=found.kept,
        servers=found.servers,
        first="" if found.reason is not None else found.first,
        held_to=found.held_to,
        untold=found.untold,
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
