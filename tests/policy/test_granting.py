from typing import Any

import pytest
from worlds import document_of

from guardhouse.limits.rate import LimitRule, Rate
from guardhouse.model.entity import SECRETS, Entity
from guardhouse.policy.granting import grant_of
from guardhouse.policy.snapshot import Approval, Grant

BUNDLES: dict[str, Any] = {
    "masks": {"mask": {"entities": ["email"], "where": ["request"]}, "flag": ["a", "b"]},
    "opens": {"mask": {"entities": []}},
    "slow": {"limits": {"requests": "1/s"}, "unknown_fields": "refuse"},
    "asks": {"approve": {"by": ["law"]}, "route": ["local", "spare"]},
}
POLICY: dict[str, Any] = {"name": "p", "who": {"ids": ["*"]}, "may": ["chat"], "models": ["*"]}


def granted(**keys: Any) -> Grant:
    document = document_of([{**POLICY, **keys}], bundles=BUNDLES)
    return grant_of(document.policies[0], document)


def test_the_default_mask_stands_where_nobody_says_one() -> None:
    assert (granted().mask_request, granted().mask_response) == (SECRETS, SECRETS)
    assert granted(use=["slow"]).mask_request == SECRETS
    assert granted(use=["opens"]).mask_request == 0
    assert (granted(use=["masks"]).mask_request, granted(use=["masks"]).mask_response) == (Entity.EMAIL, 0)


def test_a_restriction_has_no_default_mask() -> None:
    assert granted(effect="restrict", use=["slow"]).mask_request == 0


def test_masks_and_flags_of_a_policy_and_its_bundles_add_up() -> None:
    grant = granted(use=["masks"], mask={"entities": ["iban"], "where": ["response"]}, flag=["b", "c"])
    assert (grant.mask_request, grant.mask_response) == (Entity.EMAIL, Entity.IBAN)
    assert grant.flags == ("b", "c", "a")


def test_the_limits_of_a_bundle_are_those_of_the_policy_that_uses_it() -> None:
    grant = granted(use=["slow"])
    assert grant.limits == (LimitRule("p", Rate(1, 1.0)),)
    assert grant.refuse_unknown_fields


@pytest.mark.parametrize(
    ("keys", "route"),
    [
        ({}, None),
        ({"use": ["asks"]}, {"local", "spare"}),
        ({"use": ["asks"], "route": ["local", "third"]}, {"local"}),
        ({"use": ["asks"], "route": ["third"]}, set()),
    ],
)
def test_only_targets_that_all_routes_admit_are_left(keys: dict[str, Any], route: set[str] | None) -> None:
    assert granted(**keys).route == route


def test_every_approval_is_asked_for() -> None:
    grant = granted(use=["asks"], approve={"by": ["security"]})
    assert grant.approvals == (Approval("p", ("security",)), Approval("p", ("law",)))
