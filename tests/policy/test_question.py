"""The answer to a question is the decision of the data path, and the question is read strictly."""

from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import given
from worlds import policies, principals, snapshot_of, uses

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.policy.decide import decide
from guardhouse.policy.facts import Facts
from guardhouse.policy.question import Circumstances, Person, Question, explain, explain_for, principal_in
from guardhouse.policy.snapshot import Refusal

ALL: dict[str, Any] = {"name": "all", "who": {"ids": ["*"]}, "may": ["infer"], "models": ["*"]}
NOW = 1_800_000_000.0


@given(policies, principals, uses)
def test_a_question_is_answered_as_the_request_would_be(
    policies: list[dict[str, Any]], principal: Principal, use: tuple[Operation, str, Facts]
) -> None:
    snapshot = snapshot_of(policies)
    operation, model, facts = use
    request = Circumstances(
        client=facts.client,
        at=datetime.fromtimestamp(facts.at, UTC),
        size=facts.size,
        stream=facts.stream,
        tools=facts.tools,
        risk=facts.risk,
    )
    question = Question(who=Person(id=principal.id), may=operation, model=model, request=request)
    found = explain_for(snapshot, principal, question, NOW)
    decision = decide(snapshot, principal, operation, model, facts)
    assert found.decision == ("denied" if isinstance(decision, Refusal) else "allowed")
    assert found.policies == decision.policies
    assert found.revision == snapshot.revision
    if not isinstance(decision, Refusal):
        assert (found.flags, found.route) == (decision.flags, tuple(sorted(decision.route or ())))


def test_flags_are_told() -> None:
    snapshot = snapshot_of([{**ALL, "flag": ["watched"]}])
    question = Question(who=Person(id="ann"), may=Operation.CHAT, model="qwen")
    assert explain(snapshot, question, NOW).flags == ("watched",)


def test_what_is_said_of_a_person_is_what_it_has() -> None:
    person = Person(
        id="ann", groups=("g",), roles=("r",), scopes=("s",), team="t", tier="u", attributes={"a": ("1", "2")}
    )
    principal = principal_in(person)
    assert (principal.id, principal.team, principal.tier) == ("ann", "t", "u")
    assert [*principal.groups, *principal.roles, *principal.scopes] == ["g", "r", "s"]
    assert principal.attributes == {"a": frozenset({"1", "2"})}


def test_without_a_time_it_is_now() -> None:
    snapshot = snapshot_of([{**ALL, "when": "at == timestamp('2027-01-15T08:00:00Z')"}])
    question = Question(who=Person(id="ann"), may=Operation.CHAT, model="qwen")
    assert explain(snapshot, question, NOW).decision == "allowed"
    assert explain(snapshot, question, NOW + 1).decision == "denied"


@pytest.mark.parametrize(
    "text",
    [
        b'{"who": {"id": "ann"}, "may": "chat", "models": "small"}',
        b'{"who": {"id": "ann", "group": ["x"]}, "may": "chat"}',
        b'{"who": {"id": "ann"}, "may": "chatt"}',
        b'{"who": {"id": "ann"}, "may": "chat", "request": {"risk": 11}}',
        b'{"who": {"id": "ann"}, "may": "chat", "request": {"at": "2026-01-01T00:00:00"}}',
        b'{"may": "chat"}',
    ],
)
def test_a_question_that_says_something_unknown_is_refused(text: bytes) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.json.decode(text, type=Question)


def test_a_question_is_read_from_json() -> None:
    text = b'{"who": {"id": "ann", "groups": ["x"]}, "may": "models.read", "request": {"at": "2026-01-01T00:00:00Z"}}'
    question = msgspec.json.decode(text, type=Question)
    assert question.may is Operation.MODELS_READ
    assert question.request.at == datetime(2026, 1, 1, tzinfo=UTC)
