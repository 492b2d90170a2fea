"""A fallback has to be granted by the same policies, and may cost no more than what was reserved."""

import pytest
from hypothesis import given
from worlds import policies, principals, snapshot_of, uses

from guardhouse.limits.quota import Price, Quota
from guardhouse.limits.rate import LimitRule
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.policy.decide import decide, policies_for
from guardhouse.policy.facts import Facts
from guardhouse.policy.fallbacks import is_dearer, is_granted_alike
from guardhouse.policy.snapshot import Grant, Model

MONEY = LimitRule("p", quotas=(Quota("money", 1, "day", "EUR"),))
REQUESTS = LimitRule("p", quotas=(Quota("requests", 1, "day"),))


def grant(*limits: LimitRule, bounded: bool = False) -> Grant:
    return Grant(
        policies=("p",), mask_request=0, mask_response=0, refuse_unknown_fields=False, limits=limits, bounded=bounded
    )


def model(price: Price | None = None, max_input: int = 0, preamble: int = 0) -> Model:
    return Model(name="m", targets=(), upstream_name="m", price=price, max_input=max_input, preamble=preamble)


@pytest.mark.parametrize(
    ("granted", "asked", "other", "dearer"),
    [
        (grant(), model(), model(Price("EUR", 9, 9)), False),
        (grant(REQUESTS), model(), model(Price("EUR", 9, 9)), False),
        (grant(MONEY), model(), model(Price("EUR", 9, 9)), True),
        (grant(MONEY), model(Price("EUR", 9, 9)), model(), False),
        (grant(MONEY), model(Price("EUR", 9, 9)), model(Price("EUR", 9, 9)), False),
        (grant(MONEY), model(Price("EUR", 9, 9)), model(Price("EUR", 10, 0)), True),
        (grant(MONEY), model(Price("EUR", 9, 9)), model(Price("EUR", 0, 10)), True),
        (grant(), model(max_input=9), model(), False),
        (grant(bounded=True), model(max_input=9), model(), True),
        (grant(bounded=True), model(max_input=9), model(max_input=10), True),
        (grant(bounded=True), model(max_input=9), model(max_input=9), False),
        (grant(bounded=True), model(), model(preamble=1), True),
    ],
)
def test_it_is_dearer_where_more_could_be_charged_than_was_reserved(
    granted: Grant, asked: Model, other: Model, dearer: bool
) -> None:
    assert is_dearer(granted, asked, other) is dearer


@given(policies, principals, uses)
def test_the_same_policies_grant_a_model_alike_and_no_others(
    written: list[dict[str, object]], who: Principal, use: tuple[Operation, str, Facts]
) -> None:
    operation, name, facts = use
    snapshot = snapshot_of(written)
    given_ = policies_for(snapshot, who, operation)
    granted = decide(snapshot, who, operation, name, facts)
    if not isinstance(granted, Grant):
        return
    for other in snapshot.models:
        found = decide(snapshot, who, operation, other, facts)
        alike = isinstance(found, Grant) and found.policies == granted.policies
        assert is_granted_alike(snapshot, given_, who, operation, other, facts, granted) is alike
    assert is_granted_alike(snapshot, given_, who, operation, name, facts, granted)
