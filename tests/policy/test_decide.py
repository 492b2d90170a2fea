"""Who may do what with which model, and what comes with it."""

import msgspec
import pytest
from rulings import ALL, NO_QWEN, RESEARCH, STRICT, by, decide, granted, shown
from worlds import caller, snapshot_of

from guardhouse.limits.rate import LimitRule, Rate
from guardhouse.model.entity import NO_ENTITIES, SECRETS, Entity
from guardhouse.model.operation import OF_ACCESS, Operation
from guardhouse.model.principal import Narrowing, Principal
from guardhouse.model.reason import Reason
from guardhouse.policy import decide as deciding
from guardhouse.policy.decide import may_operate
from guardhouse.policy.facts import NO_FACTS
from guardhouse.policy.snapshot import Grant


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


def test_who_is_narrowed_to_models_lists_them_and_administers_nothing() -> None:
    everything = {"name": "all", "who": {"ids": ["*"]}, "may": ["infer", "read", "administer"], "models": ["*"]}
    snapshot = snapshot_of([everything])
    root = Principal(id="olga", credential_id="k")
    delegate = msgspec.structs.replace(root, narrowings=(Narrowing(models=frozenset({"qwen"})),))
    assert isinstance(decide(snapshot, delegate, Operation.MODELS_READ, None, NO_FACTS), Grant)
    for operation in OF_ACCESS["administer"]:
        assert isinstance(decide(snapshot, root, operation, None, NO_FACTS), Grant)
        assert decide(snapshot, delegate, operation, None, NO_FACTS) is Reason.OPERATION_DENIED
