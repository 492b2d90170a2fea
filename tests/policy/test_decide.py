from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import (
    FAILS,
    OWNERS,
    USES,
    caller,
    model_names,
    narrowings,
    policies,
    principals,
    requests,
    snapshot_of,
    uses,
)

from guardhouse.limits.rate import LimitRule, Rate
from guardhouse.model.entity import NO_ENTITIES, SECRETS, Entity
from guardhouse.model.operation import OF_ACCESS, Operation
from guardhouse.model.principal import Narrowing, Principal
from guardhouse.model.reason import Reason
from guardhouse.policy import decide as deciding
from guardhouse.policy.cel.expression import Expression, Scene
from guardhouse.policy.decide import may_operate
from guardhouse.policy.facts import NO_FACTS, Facts
from guardhouse.policy.snapshot import Approval, Grant, Policy, Refusal, Snapshot
from guardhouse.policy.uniting import unite
from guardhouse.policy.visible import visible_models


def shown(snapshot: Snapshot, principal: Principal) -> list[str]:
    return list(visible_models(snapshot, principal, "openai"))


def decide(
    snapshot: Snapshot, principal: Principal, operation: Operation, model: str | None, facts: Facts = NO_FACTS
) -> Grant | Reason:
    decision = deciding.decide(snapshot, principal, operation, model, facts)
    return decision.reason if isinstance(decision, Refusal) else decision


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
    assert shown(snapshot, caller("alice")) == ["llama-8b", "llama-70b"]
    assert shown(snapshot, caller("bob")) == ["llama-8b"]
    assert shown(snapshot_of([STRICT]), caller("bob")) == []


def by(decision: Grant | Refusal) -> tuple[Reason, tuple[str, ...]]:
    assert isinstance(decision, Refusal)
    return decision.reason, decision.policies


NO_QWEN = {"name": "no qwen", "effect": "deny", "who": {"groups": ["g"]}, "may": ["chat"], "models": ["qwen"]}
ALL = {"name": "all", "who": {"ids": ["*"]}, "may": ["infer", "read"], "models": ["*"]}


def test_a_denial_overrides_every_allowance_and_looks_like_an_unknown_model() -> None:
    for both in ([NO_QWEN, ALL], [ALL, NO_QWEN]):
        snapshot = snapshot_of(both)
        refused = deciding.decide(snapshot, caller("a", "g"), Operation.CHAT, "qwen", NO_FACTS)
        assert by(refused) == (Reason.MODEL_DENIED, ("no qwen",))
        assert granted(decide(snapshot, caller("a"), Operation.CHAT, "qwen")).policies == ("all",)
        assert granted(decide(snapshot, caller("a", "g"), Operation.EMBEDDINGS, "qwen")).policies == ("all",)
        assert granted(decide(snapshot, caller("a", "g"), Operation.CHAT, "llama-8b")).policies == ("all",)


def test_a_restriction_allows_nothing_and_adds_to_what_others_allow() -> None:
    careful = {**STRICT, "name": "careful", "effect": "restrict", "mask": {"entities": ["email"]}}
    snapshot = snapshot_of([careful, RESEARCH])
    assert decide(snapshot, caller("bob"), Operation.CHAT, "llama-8b") is Reason.OPERATION_DENIED
    grant = granted(decide(snapshot, caller("alice"), Operation.CHAT, "llama-8b"))
    assert grant.policies == ("careful", "research")
    assert grant.refuse_unknown_fields
    assert [rule.policy for rule in grant.limits] == ["careful", "research"]
    alone = granted(decide(snapshot, caller("alice"), Operation.CHAT, "llama-70b"))
    assert alone.policies == ("research",)


def test_a_restriction_masks_only_what_it_says() -> None:
    careful = {**STRICT, "name": "careful", "effect": "restrict"}
    snapshot = snapshot_of([careful, {**ALL, "mask": {"entities": []}}])
    assert granted(decide(snapshot, caller("bob"), Operation.CHAT, "llama-8b")).mask_request == 0


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


def test_the_list_of_models_is_denied_only_as_a_whole() -> None:
    some = {**NO_QWEN, "may": ["models.read"], "models": ["qwen"]}
    snapshot = snapshot_of([ALL, some, {**some, "name": "none", "who": {"groups": ["h"]}, "models": ["*"]}])
    assert granted(decide(snapshot, caller("a", "g"), Operation.MODELS_READ, None)).policies == ("all",)
    assert shown(snapshot, caller("a", "g")) == ["llama-8b", "llama-70b"]
    assert decide(snapshot, caller("a", "h"), Operation.MODELS_READ, None) is Reason.OPERATION_DENIED
    assert shown(snapshot, caller("a", "h")) == []


def test_administering_is_decided_without_a_model() -> None:
    admins = {"name": "admins", "who": {"roles": ["admin"]}, "may": ["administer"]}
    not_eve = {"name": "not eve", "effect": "deny", "who": {"ids": ["eve"]}, "may": ["keys.write"]}
    snapshot = snapshot_of([ALL, admins, not_eve])
    admin = Principal(id="adam", roles=frozenset({"admin"}), credential_id="c")
    eve = Principal(id="eve", roles=frozenset({"admin"}), credential_id="c")
    assert granted(decide(snapshot, admin, Operation.KEYS_WRITE, None)).policies == ("admins",)
    assert decide(snapshot, caller("bob"), Operation.KEYS_READ, None) is Reason.OPERATION_DENIED
    assert decide(snapshot, eve, Operation.KEYS_WRITE, None) is Reason.OPERATION_DENIED
    assert granted(decide(snapshot, eve, Operation.KEYS_READ, None)).policies == ("admins",)


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


def test_a_join_asks_for_something_in_common() -> None:
    attributes = {"qwen": {"owner": ["blue", "green"]}, "llama-8b": {"owner": ["red"]}}
    owners = {**ALL, "name": "owners", "join": {"team": "owner"}}
    members = {**NO_QWEN, "who": {"ids": ["*"]}, "may": ["embeddings"], "models": ["*"], "join": {"groups": "owner"}}
    snapshot = snapshot_of([owners, members], attributes=attributes)
    blue = Principal(id="a", team="blue", groups=frozenset({"green"}), credential_id="c")
    assert granted(decide(snapshot, blue, Operation.CHAT, "qwen")).policies == ("owners",)
    assert decide(snapshot, blue, Operation.CHAT, "llama-8b") is Reason.MODEL_DENIED
    assert decide(snapshot, blue, Operation.CHAT, "llama-70b") is Reason.MODEL_DENIED
    assert decide(snapshot, caller("a"), Operation.CHAT, "qwen") is Reason.MODEL_DENIED
    assert decide(snapshot, blue, Operation.EMBEDDINGS, "qwen") is Reason.MODEL_DENIED
    assert shown(snapshot, blue) == ["qwen"]


def test_what_comes_with_several_policies_adds_up() -> None:
    asks = {**ALL, "name": "asks", "effect": "restrict", "approve": {"by": ["security"]}, "route": ["local"]}
    more = {**asks, "name": "more", "approve": {"by": ["law"]}, "route": ["spare", "local"], "flag": ["b", "a"]}
    grant = unite((), [policy.grant for policy in snapshot_of([ALL, {**more, "flag": ["a"]}, asks]).policies])
    assert grant.approvals == (Approval("more", ("law",)), Approval("asks", ("security",)))
    assert grant.route == frozenset({"local"})
    grant = unite((), [policy.grant for policy in snapshot_of([ALL, {**more, "route": ["spare"]}, asks]).policies])
    assert (grant.route, grant.flags) == (frozenset(), ("b", "a"))


def test_what_nobody_can_consent_to_or_serve_is_refused() -> None:
    asks = {**ALL, "name": "asks", "effect": "restrict", "who": {"ids": ["a"]}, "approve": {"by": ["security"]}}
    away = {**ALL, "name": "away", "effect": "restrict", "who": {"ids": ["b"]}, "route": ["spare"]}
    here = {**ALL, "name": "here", "effect": "restrict", "who": {"ids": ["c"]}, "route": ["local"]}
    snapshot = snapshot_of([ALL, asks, away, here])
    asked = deciding.decide(snapshot, caller("a"), Operation.CHAT, "qwen", NO_FACTS)
    assert by(asked) == (Reason.APPROVAL_UNAVAILABLE, ("asks",))
    assert by(deciding.decide(snapshot, caller("b"), Operation.CHAT, "qwen", NO_FACTS)) == (
        Reason.NO_TARGET_LEFT,
        ("all", "away"),
    )
    assert granted(decide(snapshot, caller("c"), Operation.CHAT, "qwen")).route == frozenset({"local"})
    assert granted(decide(snapshot, caller("a"), Operation.MODELS_READ, None)).policies == ("all", "asks")


def test_the_grant_of_several_policies_is_united_once() -> None:
    snapshot = snapshot_of([RESEARCH, STRICT])
    first = decide(snapshot, caller("alice"), Operation.CHAT, "llama-8b")
    assert decide(snapshot, caller("x", "research"), Operation.CHAT, "llama-8b") is first


def speaks_of(policy: Policy, principal: Principal) -> bool:
    who = policy.who
    return who.everybody or principal.id in who.ids or bool(principal.groups.intersection(who.groups))


def shares(policy: Policy, principal: Principal, model: str) -> bool:
    owners = set(OWNERS.get(model, {}).get("owner", []))
    held = {"id": {principal.id}, "groups": principal.groups}
    return all(not owners.isdisjoint(held[name]) for name, _ in policy.join)


def holds(policy: Policy, facts: Facts) -> bool:
    when = policy.when
    expressions = {None: True, "risk >= 5 && stream": facts.risk >= 5 and facts.stream, FAILS: policy.effect != "allow"}
    return expressions[when.cel] and (
        (when.risk is None or when.risk.holds(facts.risk))
        and (when.size is None or when.size.holds(facts.size))
        and when.stream in (None, facts.stream)
    )


@given(policies, principals, st.sampled_from(USES), model_names, requests)
def test_the_indexed_decision_is_the_plain_one(
    policies: list[dict[str, Any]], principal: Principal, operation: Operation, model: str, facts: Facts
) -> None:
    snapshot = snapshot_of(policies)
    own = [policy for policy in snapshot.policies if speaks_of(policy, principal) and operation in policy.operations]
    matching = [policy for policy in own if model in policy.models and shares(policy, principal, model)]
    holding = [policy for policy in matching if holds(policy, facts)]
    effects = [policy.effect for policy in holding]
    decision = decide(snapshot, principal, operation, model, facts)
    assert may_operate(snapshot, principal, operation) == any(policy.effect == "allow" for policy in own)
    if "allow" not in effects or "deny" in effects:
        assert not isinstance(decision, Grant)
        assert (decision is Reason.OPERATION_DENIED) == (not may_operate(snapshot, principal, operation))
        return
    grant = granted(decision)
    assert grant.policies == tuple(policy.name for policy in holding)
    for policy in holding:
        assert policy.grant.mask_request & ~grant.mask_request == NO_ENTITIES


@given(policies, principals)
def test_what_is_visible_can_be_used(policies: list[dict[str, Any]], principal: Principal) -> None:
    snapshot = snapshot_of([{key: value for key, value in policy.items() if key != "when"} for policy in policies])
    for model in shown(snapshot, principal):
        uses = [operation for operation in USES if operation is not Operation.MODELS_READ]
        assert any(isinstance(decide(snapshot, principal, operation, model), Grant) for operation in uses)


@given(policies, principals, st.lists(narrowings, min_size=1, max_size=3), uses)
def test_a_delegate_may_do_no_more_than_its_grantor(
    policies: list[dict[str, Any]],
    principal: Principal,
    narrowed: list[Narrowing],
    use: tuple[Operation, str, Facts],
) -> None:
    snapshot = snapshot_of(policies)
    operation, model, facts = use
    administers = operation.access == "administer"
    grantor = msgspec.structs.replace(principal, narrowings=tuple(narrowed[:-1]))
    delegate = msgspec.structs.replace(principal, narrowings=tuple(narrowed))
    for name in (model, None):
        mine = decide(snapshot, delegate, operation, name, facts)
        within = all(
            (one.operations is None or operation in one.operations)
            and (one.models is None or (name in one.models if name is not None else one.models and not administers))
            for one in narrowed
        )
        assert isinstance(mine, Grant) == (
            within and isinstance(decide(snapshot, grantor, operation, name, facts), Grant)
        )
        if isinstance(mine, Grant):
            assert mine == decide(snapshot, grantor, operation, name, facts)
    assert set(shown(snapshot, delegate)) <= set(shown(snapshot, grantor))


def test_who_is_narrowed_to_models_lists_them_and_administers_nothing() -> None:
    everything = {"name": "all", "who": {"ids": ["*"]}, "may": ["infer", "read", "administer"], "models": ["*"]}
    snapshot = snapshot_of([everything])
    root = Principal(id="olga", credential_id="k")
    delegate = msgspec.structs.replace(root, narrowings=(Narrowing(models=frozenset({"qwen"})),))
    assert isinstance(decide(snapshot, delegate, Operation.MODELS_READ, None, NO_FACTS), Grant)
    for operation in OF_ACCESS["administer"]:
        assert isinstance(decide(snapshot, root, operation, None, NO_FACTS), Grant)
        assert decide(snapshot, delegate, operation, None, NO_FACTS) is Reason.OPERATION_DENIED
