"""A decision that somebody asks about: who, what, on which model, under which circumstances, and the answer with why.

The one form behind `guardhouse policy explain`, `guardhouse policy test` and `POST /api/v1/decide`. It is answered by
trace.py, which comes to the decision of the data path by its own way. What is not said of a principal it does not have,
and what is not said of a request is as for a small one without tools; the time is now.

Limits are told but not counted: how much of them is used up is known to the workers only.
"""

from datetime import datetime
from typing import Annotated, Literal

import msgspec

from guardhouse.limits.rate import LimitRule
from guardhouse.model.described import Described, as_described
from guardhouse.model.entity import Entity
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.policy.facts import Facts
from guardhouse.policy.snapshot import Refusal, Snapshot
from guardhouse.policy.trace import Step, trace

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
    steps: tuple[Step, ...] = ()  # every policy that was tried


def principal_in(person: Person) -> Principal:
    return as_described(person, Principal(id=person.id, credential_id=""))


def explain(snapshot: Snapshot, question: Question, now: float) -> Explanation:
    return explain_for(snapshot, principal_in(question.who), question, now)


def explain_for(snapshot: Snapshot, principal: Principal, question: Question, now: float) -> Explanation:
    """The same for a principal that is known from elsewhere; `question.who` is not looked at."""
    request = question.request
    at = now if request.at is None else request.at.timestamp()
    facts = Facts(request.client, at, request.size, request.stream, request.tools, request.risk)
    traced = trace(snapshot, principal, question.may, question.model, facts)
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
    return Explanation(
        revision=snapshot.revision,
        decision="allowed",
        policies=decision.policies,
        masked={"request": _entities(decision.mask_request), "response": _entities(decision.mask_response)},
        limits=tuple(text for rule in decision.limits for text in _limits(rule)),
        unknown_fields="refuse" if decision.refuse_unknown_fields else "pass",
        route=tuple(sorted(decision.route or ())),
        flags=decision.flags,
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
