"""What holds of every decision: it is that of a plain reading, what is shown can be used, and rights only shrink."""

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from rulings import decide, granted, shown
from worlds import FAILS, OWNERS, USES, model_names, narrowings, policies, principals, requests, snapshot_of, uses

from guardhouse.model.entity import NO_ENTITIES
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Narrowing, Principal
from guardhouse.model.reason import Reason
from guardhouse.policy.decide import may_operate
from guardhouse.policy.facts import Facts
from guardhouse.policy.snapshot import Grant, Policy


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
