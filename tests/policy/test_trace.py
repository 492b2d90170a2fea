from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import caller, narrowings, policies, principals, snapshot_of, uses

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Narrowing, Principal
from guardhouse.model.reason import Reason
from guardhouse.policy.decide import decide
from guardhouse.policy.facts import NO_FACTS, Facts
from guardhouse.policy.snapshot import Grant, Refusal
from guardhouse.policy.trace import Trace, trace

ALL: dict[str, Any] = {"name": "all", "who": {"ids": ["*"]}, "may": ["infer"], "models": ["*"]}
ALICE = Principal(
    id="alice",
    groups=frozenset({"research"}),
    roles=frozenset({"engineer"}),
    scopes=frozenset({"inference"}),
    team="blue",
    tier="silver",
    attributes={"department": frozenset({"it"})},
    credential_id="c",
)


@given(policies, principals, st.lists(narrowings, max_size=2), uses, st.booleans())
def test_the_trace_comes_to_the_decision(
    policies: list[dict[str, Any]],
    principal: Principal,
    narrowed: list[Narrowing],
    use: tuple[Operation, str, Facts],
    at_large: bool,
) -> None:
    snapshot = snapshot_of(policies)
    principal = msgspec.structs.replace(principal, narrowings=tuple(narrowed))
    operation, model, facts = use
    name = None if at_large else model
    traced = trace(snapshot, principal, operation, name, facts)
    decision = decide(snapshot, principal, operation, name, facts)
    assert traced.decision == decision
    if isinstance(decision, Grant):
        assert tuple(step.policy for step in traced.steps if step.applies) == decision.policies
        assert not traced.narrowed


def explained(policy: dict[str, Any], principal: Principal = ALICE, facts: Facts = NO_FACTS) -> str:
    snapshot = snapshot_of([{**ALL, **policy, "name": "it"}])
    return why(trace(snapshot, principal, Operation.CHAT, "llama-8b", facts))


def why(traced: Trace) -> str:
    return next(step.why for step in traced.steps if step.policy == "it")


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ({}, ""),
        ({"may": ["embeddings"]}, "may: chat is not among its operations"),
        ({"who": {"groups": ["sales"]}}, 'who: "alice" is not among its ids, groups, roles and teams'),
        ({"who": {"groups": ["research"], "scopes": ["inference", "batch"]}}, 'who.scopes: "batch" is missing'),
        ({"who": {"ids": ["*"], "tiers": ["gold"]}}, 'who.tiers: "gold" is asked for, "silver" is known'),
        ({"who": {"ids": ["*"], "issuers": ["idp"]}}, 'who.issuers: "idp" is asked for, nothing is known'),
        ({"who": {"ids": ["*"], "strength": "strong"}}, 'who.strength: "strong" is asked for, "single" is known'),
        (
            {"who": {"ids": ["*"], "attributes": {"department": ["hr", "law"]}}},
            'who.attributes.department: "hr", "law" is asked for, "it" is known',
        ),
        ({"models": ["qwen"]}, 'models: "llama-8b" is not among its models'),
        ({"when": {"size": {"at_most": "1KiB"}}}, "when.size: 2000 is not at most 1024"),
        ({"when": {"risk": {"at_least": 7}}}, "when.risk: 3 is not at least 7"),
        ({"when": {"stream": True}}, "when.stream: it is false"),
        ({"when": {"tools": True}}, "when.tools: it is false"),
        ({"when": "risk > 5"}, "when.cel: is false"),
        ({"when": "risk < 5"}, ""),
        ({"when": "'x' in attributes.nothing"}, "when.cel: cannot be evaluated for this, so it does not allow"),
    ],
)
def test_the_first_thing_that_is_not_met_is_told(policy: dict[str, Any], expected: str) -> None:
    assert explained(policy, facts=Facts(size=2000, risk=3)) == expected


def test_where_and_when_are_told_by_their_names() -> None:
    sections: dict[str, Any] = {
        "networks": {"office": ["192.0.2.0/24"]},
        "hours": {"day": {"zone": "UTC", "begin": "08:00", "end": "18:00"}},
    }
    noon, there, here = 12 * 3600.0, "198.51.100.1", "192.0.2.1"

    def told(when: dict[str, Any], facts: Facts) -> str:
        snapshot = snapshot_of([{**ALL, "name": "it", "when": when}], **sections)
        return why(trace(snapshot, ALICE, Operation.CHAT, "llama-8b", facts))

    assert told({"network": ["office"]}, Facts(there)) == f'when.network: the address "{there}" is in none of "office"'
    assert told({"not_network": ["office"]}, Facts(here)) == f'when.not_network: the address "{here}" is in "office"'
    assert told({"time": ["day"]}, Facts(at=0.0)) == 'when.time: it is in none of "day"'
    assert told({"not_time": ["day"]}, Facts(at=noon)) == 'when.not_time: it is in "day"'
    assert told({"time": ["day"], "network": ["office"]}, Facts(here, noon)) == ""


def test_a_denial_of_some_models_is_no_denial_of_the_list() -> None:
    some = {"name": "it", "effect": "deny", "who": {"ids": ["*"]}, "may": ["models.read"], "models": ["qwen"]}
    snapshot = snapshot_of([{**ALL, "may": ["infer", "read"]}, some])
    traced = trace(snapshot, ALICE, Operation.MODELS_READ, None, NO_FACTS)
    assert why(traced) == "models: it denies some models, not the list of them"
    assert isinstance(traced.decision, Grant)


def test_a_narrowing_that_leaves_out_the_use_is_told() -> None:
    snapshot = snapshot_of([{**ALL, "name": "it"}])
    for narrowing, expected, reason in (
        (Narrowing(operations=frozenset({Operation.EMBEDDINGS})), "operations: chat", Reason.OPERATION_DENIED),
        (Narrowing(models=frozenset({"qwen"})), "models: this credential", Reason.MODEL_DENIED),
    ):
        delegate = msgspec.structs.replace(ALICE, narrowings=(narrowing,))
        traced = trace(snapshot, delegate, Operation.CHAT, "llama-8b", NO_FACTS)
        assert traced.narrowed.startswith(expected)
        assert traced.decision == Refusal(reason)
        assert traced.steps[0].applies


def test_nobody_is_called_by_the_star() -> None:
    snapshot = snapshot_of([{**ALL, "name": "it", "who": {"ids": ["alice"]}}])
    assert why(trace(snapshot, caller("*"), Operation.CHAT, "qwen", NO_FACTS)).startswith("who:")
