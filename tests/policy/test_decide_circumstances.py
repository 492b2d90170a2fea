"""Policies that hold under circumstances: conditions, and what an expression knows and fails of."""

import pytest
from rulings import ALL, NO_QWEN, STRICT, by, decide, granted
from worlds import FAILS, caller, snapshot_of

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.policy import decide as deciding
from guardhouse.policy.cel.expression import Expression, Scene
from guardhouse.policy.facts import Facts
from guardhouse.policy.snapshot import Grant, Refusal

RISKY = {**NO_QWEN, "name": "too risky", "who": {"ids": ["*"]}, "models": ["*"], "when": {"risk": {"at_least": 7}}}
SHORT = {**ALL, "name": "short", "may": ["chat"], "when": {"size": {"at_most": "1KiB"}}}


def test_a_denial_under_circumstances_says_so() -> None:
    snapshot = snapshot_of([ALL, RISKY])
    assert granted(decide(snapshot, caller("a"), Operation.CHAT, "qwen", Facts(risk=6))).policies == ("all",)
    refused = deciding.decide(snapshot, caller("a"), Operation.CHAT, "qwen", Facts(risk=7))
    assert by(refused) == (Reason.POLICY_DENIED, ("too risky",))


def test_an_allowance_whose_condition_is_not_met_is_none() -> None:
    snapshot = snapshot_of([SHORT])
    assert granted(decide(snapshot, caller("a"), Operation.CHAT, "qwen", Facts(size=1024))).policies == ("short",)
    refused = deciding.decide(snapshot, caller("a"), Operation.CHAT, "qwen", Facts(size=1025))
    assert by(refused) == (Reason.CONDITION_UNMET, ("short",))


def test_who_is_denied_a_model_for_good_is_not_told_of_circumstances() -> None:
    snapshot = snapshot_of([SHORT, NO_QWEN, RISKY])
    for facts in (Facts(), Facts(size=2000), Facts(risk=10)):
        assert decide(snapshot, caller("a", "g"), Operation.CHAT, "qwen", facts) is Reason.MODEL_DENIED


def test_an_expression_is_asked_only_where_everything_else_matches(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def holds(self: Expression, scene: Scene) -> bool:
        asked.append(scene.model)
        return True

    snapshot = snapshot_of([ALL, {**NO_QWEN, "when": {"stream": True, "cel": "risk > 5"}}])
    monkeypatch.setattr(Expression, "holds", holds)
    for principal, model, facts in (
        (caller("a"), "qwen", Facts(stream=True)),
        (caller("a", "g"), "llama-8b", Facts(stream=True)),
        (caller("a", "g"), "qwen", Facts(stream=False)),
    ):
        assert isinstance(decide(snapshot, principal, Operation.CHAT, model, facts), Grant)
    assert asked == []
    assert decide(snapshot, caller("a", "g"), Operation.CHAT, "qwen", Facts(stream=True)) is Reason.POLICY_DENIED
    assert asked == ["qwen"]


def test_an_expression_that_fails_counts_against_the_caller_and_is_told() -> None:
    when = {"cel": FAILS}
    allow = {**ALL, "name": "allow", "may": ["chat"], "when": when}
    strict = {**STRICT, "name": "strict", "effect": "restrict", "models": ["*"], "when": when}
    one = Facts(size=1)
    refused = deciding.decide(snapshot_of([allow]), caller("a"), Operation.CHAT, "qwen", one)
    assert refused == Refusal(Reason.CONDITION_UNMET, ("allow",), ("allow",))
    denied = deciding.decide(
        snapshot_of([ALL, {**NO_QWEN, "when": when}]), caller("a", "g"), Operation.CHAT, "qwen", one
    )
    assert denied == Refusal(Reason.POLICY_DENIED, ("no qwen",), ("no qwen",))
    grant = granted(decide(snapshot_of([ALL, allow, strict]), caller("a"), Operation.CHAT, "qwen", one))
    assert (grant.policies, grant.unevaluated) == (("all", "strict"), ("allow", "strict"))


def test_an_expression_knows_the_whole_scene() -> None:
    said = (
        "id == 'alice' && 'g' in groups && team == '' && method == 'api_key' && operation == 'chat' && model == 'qwen' "
        "&& size(tags) == 0 && client == '192.0.2.1' && networks == ['office'] && size(hours) == 0 "
        "&& at == timestamp('1970-01-01T00:01:00Z') && size == 5 && stream && !tools && risk == 3"
    )
    snapshot = snapshot_of([{**ALL, "may": ["chat"], "when": said}], networks={"office": ["192.0.2.0/24"]})
    facts = Facts("192.0.2.1", 60.0, 5, stream=True, tools=False, risk=3)
    assert isinstance(decide(snapshot, caller("alice", "g"), Operation.CHAT, "qwen", facts), Grant)
    assert decide(snapshot, caller("bob", "g"), Operation.CHAT, "qwen", facts) is Reason.CONDITION_UNMET
