"""Cases: what a policy is meant to decide, written down beside it and tried by `guardhouse policy test`.

A file of cases is read like the configuration, with the same strictness and the same kind of messages. A case asks one
question (question.py) and says the answer: allowed or denied, and as much of the rest as it cares for. It is tried
against the compiled policy, so cases that pass hold for the data path.
"""

from datetime import datetime
from pathlib import Path as FilePath
from typing import Literal

import msgspec

from guardhouse.model.dialect import NAMES
from guardhouse.model.entity import ENTITY_NAMES, Entity
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.policy import kinds
from guardhouse.policy.deferral import LINES
from guardhouse.policy.load import content_of
from guardhouse.policy.problem import Path, Problems, bounded
from guardhouse.policy.question import Circumstances, Explanation, Person, Question, Verdict, explain, fault_in
from guardhouse.policy.reading import Key, ListOf, MapOf, Reading, Shape, Unread
from guardhouse.policy.sections.who import METHODS, STRENGTHS
from guardhouse.policy.snapshot import Snapshot
from guardhouse.policy.source import line_of, parse

_OPERATIONS = {operation.word: operation for operation in Operation}
_VERDICTS: dict[str, Verdict] = {"allowed": "allowed", "denied": "denied"}
_REASONS = {reason.code: reason.code for reason in Reason}


class Masks(msgspec.Struct, frozen=True, kw_only=True):
    request: tuple[Entity, ...] | None = None
    response: tuple[Entity, ...] | None = None


class Case(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    who: Person
    may: Operation
    expect: Verdict
    model: str | None = None
    request: Circumstances = Circumstances()
    reason: str | None = None
    policies: tuple[str, ...] | None = None
    servers: tuple[str, ...] | None = None
    fallbacks: tuple[str, ...] | None = None
    masks: Masks | None = None


class Cases(msgspec.Struct, frozen=True, kw_only=True):
    cases: tuple[Case, ...]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    wrong: tuple[str, ...] = ()  # what is otherwise than expected
    explanation: Explanation


def _parse_moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else None


_WORD = kinds.Text(r"[^\s*\x00-\x1f\x7f]{1,128}", "a name without blanks")
_MOMENT = kinds.Figure(
    _parse_moment, datetime.isoformat, r"[0-9T:.Z+-]+", "a time; write it with its offset, as 2026-03-01T09:30:00+01:00"
)
_ENTITIES = ListOf(kinds.Choice("entity", ENTITY_NAMES), may_be_empty=True)

_PERSON = Shape(
    Person,
    {
        "id": Key(_WORD, "Who asks."),
        "groups": Key(ListOf(kinds.GROUP), "Its groups."),
        "roles": Key(ListOf(_WORD), "Its roles."),
        "scopes": Key(ListOf(_WORD), "Its scopes."),
        "team": Key(_WORD, "Its team."),
        "tier": Key(_WORD, "Its tier."),
        "attributes": Key(MapOf(kinds.ATTRIBUTE, ListOf(kinds.ATTRIBUTE_VALUE)), "Its attributes."),
        "method": Key(kinds.Choice("method", METHODS), "How it was identified."),
        "strength": Key(kinds.Choice("strength", STRENGTHS), "How strongly."),
        "issuer": Key(_WORD, "Who vouches for it."),
    },
)

_REQUEST = Shape(
    Circumstances,
    {
        "client": Key(kinds.Text(r"[0-9A-Fa-f.:]{2,45}", "an IP address"), "Where it comes from."),
        "at": Key(_MOMENT, "When; now, if it is not said."),
        "size": Key(kinds.SIZE, "How large it is."),
        "stream": Key(kinds.FLAG, "Whether the answer is streamed."),
        "tools": Key(kinds.FLAG, "Whether it brings tools."),
        "risk": Key(kinds.Whole(0, 10), "Its risk score."),
        "dialect": Key(kinds.Choice("dialect", {name: name for name in NAMES}), "The API that it comes by."),
        "signed": Key(kinds.FLAG, "Whether it has a signature that holds."),
        "lines": Key(kinds.Choice("operation of lines", LINES), "Of files and batches: what their requests are for."),
    },
)

_CASE = Shape(
    Case,
    {
        "name": Key(kinds.Text(r"[^\x00-\x1f\x7f]{1,200}", "a name of one line"), "What it shows."),
        "who": Key(_PERSON, "Who asks."),
        "may": Key(kinds.Choice("operation", _OPERATIONS), "For which operation."),
        "model": Key(kinds.UPSTREAM_NAME, "On which model; without it, for what concerns none."),
        "request": Key(_REQUEST, "Under which circumstances."),
        "expect": Key(kinds.Choice("verdict", _VERDICTS), "What is to be decided."),
        "reason": Key(kinds.Choice("reason", _REASONS), "Why it is to be denied."),
        "policies": Key(ListOf(kinds.POLICY_NAME, may_be_empty=True), "Which policies are to have decided."),
        "servers": Key(
            ListOf(kinds.TARGET_NAME, may_be_empty=True), "Which targets exactly may have it, wherever they stand."
        ),
        "fallbacks": Key(
            ListOf(kinds.MODEL_NAME, may_be_empty=True), "Which models exactly may take its place, in their order."
        ),
        "masks": Key(
            Shape(Masks, {"request": Key(_ENTITIES, "Going in."), "response": Key(_ENTITIES, "Coming back.")}),
            "What exactly is to be masked.",
        ),
    },
)

_CASES = Shape(Cases, {"cases": Key(ListOf(_CASE, partial=True), "What the policy is to decide.")})


def read_cases(path: FilePath) -> tuple[Case, ...] | Problems:
    content = content_of(path)
    if not isinstance(content, bytes):
        return content
    source, reading = parse(content, str(path)), Reading(str(path))
    read = _CASES.read(source.root, (), reading)
    for number, case in enumerate(() if isinstance(read, Unread) else read.cases):
        fault = fault_in(_question(case))
        if fault:
            place: Path = ("cases", number, "request")
            reading.tell(line_of(source.root, place), place, fault)
    problems = (*source.problems, *reading.problems)
    if problems or isinstance(read, Unread):
        return bounded(str(path), problems, source.more + reading.told.more)
    return read.cases


def try_case(snapshot: Snapshot, case: Case, now: float) -> Outcome:
    found = explain(snapshot, _question(case), now)
    return Outcome(name=case.name, wrong=tuple(_wrong(case, found)), explanation=found)


def _question(case: Case) -> Question:
    return Question(who=case.who, may=case.may, model=case.model, request=case.request)


def _wrong(case: Case, found: Explanation) -> list[str]:
    wrong: list[str] = []
    if found.decision != case.expect:
        because = f" ({found.reason})" if found.reason else ""
        wrong.append(f"expected {case.expect}, found {found.decision}{because}")
    elif case.reason is not None and found.reason != case.reason:
        wrong.append(f"expected the reason {case.reason}, found {found.reason or 'none'}")
    if case.policies is not None and set(case.policies) != set(found.policies):
        wrong.append(f"expected the policies {_listed(case.policies)}, found {_listed(found.policies)}")
    serving = tuple(server.name for server in found.servers if not server.barred)
    if case.servers is not None and set(case.servers) != set(serving):
        wrong.append(f"expected the servers {_listed(case.servers)}, found {_listed(serving)}")
    if case.fallbacks is not None and case.fallbacks != _taking_over(found):
        wrong.append(f"expected the fallbacks {_listed(case.fallbacks)}, found {_listed(_taking_over(found))}")
    if case.masks is not None:
        wrong += _wrong_masks(case.masks, found)
    return wrong


def _taking_over(found: Explanation) -> tuple[str, ...]:
    """The models that nothing is in the way of, nor of one of their servers."""
    return tuple(
        each.model for each in found.fallbacks if not each.barred and any(not server.barred for server in each.servers)
    )


def _wrong_masks(masks: Masks, found: Explanation) -> list[str]:
    sides: tuple[tuple[Literal["request", "response"], tuple[Entity, ...] | None], ...] = (
        ("request", masks.request),
        ("response", masks.response),
    )
    wrong: list[str] = []
    for side, wanted in sides:
        names = {entity.name.lower() for group in wanted or () for entity in Entity if entity & group and entity.name}
        masked = found.masked.get(side, ())
        if wanted is not None and names != set(masked):
            wrong.append(f"expected {_listed(sorted(names))} masked in the {side}, found {_listed(masked)}")
    return wrong


def _listed(names: tuple[str, ...] | list[str]) -> str:
    return ", ".join(names) or "none"
