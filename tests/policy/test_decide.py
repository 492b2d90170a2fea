from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.rate import LimitRule, Rate
from guardhouse.model.entity import NO_ENTITIES, SECRETS, Entity
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.policy.decide import decide, may_operate, visible_models
from guardhouse.policy.load import Loaded, load_content
from guardhouse.policy.snapshot import Grant, Policy, Snapshot

MODELS = ["llama-8b", "llama-70b", "qwen"]


def snapshot_of(policies: list[dict[str, Any]]) -> Snapshot:
    """Through the whole of loading; a closing policy keeps every model reachable, for a group nobody is in."""
    keeper = {"name": "keeper", "who": {"groups": ["nobody"]}, "may": ["chat"], "models": ["*"]}
    document = {
        "targets": {"local": {"kind": "openai", "url": "http://127.0.0.1:8000"}},
        "models": {name: {"targets": ["local"]} for name in MODELS},
        "policies": [*policies, keeper],
    }
    loaded = load_content(msgspec.json.encode(document), Path("guardhouse.yaml"), {})
    assert isinstance(loaded, Loaded), loaded
    return loaded.snapshot


def caller(name: str, *groups: str) -> Principal:
    return Principal(id=name, groups=frozenset(groups), credential_id="c")


def granted(decision: Grant | Reason) -> Grant:
    assert isinstance(decision, Grant)
    return decision


RESEARCH = {
    "name": "research",
    "who": {"ids": ["alice"], "groups": ["research"]},
    "may": ["chat", "models.read"],
    "models": ["llama-*"],
    "limits": {"requests": "60/min"},
    "mask": {"entities": ["email"], "where": ["request"]},
}
STRICT = {
    "name": "strict",
    "who": {"ids": ["*"]},
    "may": ["chat"],
    "models": ["llama-8b"],
    "limits": {"tokens": "200k/day"},
    "unknown_fields": "refuse",
}


@pytest.mark.parametrize("principal", [caller("alice"), caller("bob", "research"), caller("bob", "other", "research")])
def test_a_policy_speaks_of_its_ids_and_of_its_groups(principal: Principal) -> None:
    assert decide(snapshot_of([RESEARCH]), principal, Operation.CHAT, "llama-70b") == Grant(
        policies=("research",),
        mask_request=Entity.EMAIL,
        mask_response=NO_ENTITIES,
        refuse_unknown_fields=False,
        limits=(LimitRule("research", Rate(60, 60.0), None),),
    )


def test_without_a_policy_for_the_operation_it_is_denied_as_such() -> None:
    snapshot = snapshot_of([RESEARCH])
    assert decide(snapshot, caller("bob"), Operation.CHAT, "llama-8b") is Reason.OPERATION_DENIED
    assert decide(snapshot, caller("alice"), Operation.EMBEDDINGS, "llama-8b") is Reason.OPERATION_DENIED


def test_a_forbidden_model_and_an_unknown_one_look_the_same() -> None:
    snapshot = snapshot_of([RESEARCH])
    assert decide(snapshot, caller("alice"), Operation.CHAT, "qwen") is Reason.MODEL_DENIED
    assert decide(snapshot, caller("alice"), Operation.CHAT, "no-such-model") is Reason.MODEL_DENIED
    assert decide(snapshot, caller("alice"), Operation.CHAT, "") is Reason.MODEL_DENIED


def test_an_id_is_not_a_group_and_the_star_is_nobodys_name() -> None:
    snapshot = snapshot_of([RESEARCH])
    assert decide(snapshot, caller("research"), Operation.CHAT, "llama-8b") is Reason.OPERATION_DENIED
    assert decide(snapshot, caller("bob", "alice", "*"), Operation.CHAT, "llama-8b") is Reason.OPERATION_DENIED
    assert decide(snapshot, caller("*"), Operation.CHAT, "llama-8b") is Reason.OPERATION_DENIED


def test_several_policies_unite_masks_keep_every_limit_and_the_strictest_rest() -> None:
    grant = granted(decide(snapshot_of([RESEARCH, STRICT]), caller("alice"), Operation.CHAT, "llama-8b"))
    assert grant.policies == ("research", "strict")
    assert grant.mask_request == Entity.EMAIL | SECRETS
    assert grant.mask_response == SECRETS
    assert grant.refuse_unknown_fields
    assert grant.limits == (LimitRule("research", Rate(60, 60.0)), LimitRule("strict", None, Rate(200_000, 86400.0)))


def test_a_policy_on_another_model_adds_nothing() -> None:
    grant = granted(decide(snapshot_of([RESEARCH, STRICT]), caller("alice"), Operation.CHAT, "llama-70b"))
    assert grant.policies == ("research",)


def test_an_operation_without_a_model_is_granted_by_the_policies_that_give_it() -> None:
    snapshot = snapshot_of([RESEARCH, STRICT])
    assert granted(decide(snapshot, caller("alice"), Operation.MODELS_READ, None)).policies == ("research",)
    assert decide(snapshot, caller("bob"), Operation.MODELS_READ, None) is Reason.OPERATION_DENIED


def test_the_head_of_a_request_is_judged_by_operation_alone() -> None:
    snapshot = snapshot_of([RESEARCH])
    assert may_operate(snapshot, caller("alice"), Operation.CHAT)
    assert not may_operate(snapshot, caller("alice"), Operation.RESPONSES)
    assert not may_operate(snapshot, caller("bob"), Operation.CHAT)


def test_models_are_visible_to_those_who_may_read_and_use_them() -> None:
    look = {"name": "look", "who": {"ids": ["*"]}, "may": ["models.read"], "models": ["*"]}
    snapshot = snapshot_of([look, STRICT, {**RESEARCH, "may": ["chat"]}])
    assert visible_models(snapshot, caller("alice")) == ["llama-8b", "llama-70b"]
    assert visible_models(snapshot, caller("bob")) == ["llama-8b"]
    assert visible_models(snapshot_of([STRICT]), caller("bob")) == []


words = st.lists(st.sampled_from(["a", "b", "c"]), unique=True, min_size=1)
policies = st.lists(
    st.fixed_dictionaries(
        {
            "who": st.just({"ids": ["*"]}) | st.fixed_dictionaries({"ids": words}, optional={"groups": words}),
            "may": st.lists(st.sampled_from([operation.value for operation in Operation]), unique=True, min_size=1),
            "models": st.lists(st.sampled_from([*MODELS, "llama-*", "?wen"]), unique=True, min_size=1),
            "mask": st.just({"entities": []}) | st.just({"entities": ["email"]}),
        }
    ).filter(lambda policy: policy["may"] != ["models.read"]),
    max_size=6,
).map(lambda drawn: [{**policy, "name": f"p{number}"} for number, policy in enumerate(drawn)])
principals = st.builds(caller, st.sampled_from(["a", "b", "z"]), st.sampled_from(["a", "c", "z"]))


def speaks_of(policy: Policy, principal: Principal) -> bool:
    return policy.everybody or principal.id in policy.ids or bool(policy.groups & principal.groups)


@given(policies, principals, st.sampled_from(list(Operation)), st.sampled_from([*MODELS, "unknown"]))
def test_the_indexed_decision_is_the_plain_one(
    policies: list[dict[str, Any]], principal: Principal, operation: Operation, model: str
) -> None:
    snapshot = snapshot_of(policies)
    own = [policy for policy in snapshot.policies if speaks_of(policy, principal) and operation in policy.operations]
    matching = [policy for policy in own if model in policy.models]
    decision = decide(snapshot, principal, operation, model)
    assert may_operate(snapshot, principal, operation) == bool(own)
    if not matching:
        assert decision is (Reason.MODEL_DENIED if own else Reason.OPERATION_DENIED)
        return
    grant = granted(decision)
    assert grant.policies == tuple(policy.name for policy in matching)
    for policy in matching:
        assert policy.grant.mask_request & ~grant.mask_request == NO_ENTITIES


@given(policies, principals)
def test_what_is_visible_can_be_used(policies: list[dict[str, Any]], principal: Principal) -> None:
    snapshot = snapshot_of(policies)
    for model in visible_models(snapshot, principal):
        uses = [operation for operation in Operation if operation is not Operation.MODELS_READ]
        assert any(isinstance(decide(snapshot, principal, operation, model), Grant) for operation in uses)
