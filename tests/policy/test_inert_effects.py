from typing import Any

import pytest
from worlds import document_of

from guardhouse.policy.inert_effects import bundle_findings, inert_routes, inert_uses
from guardhouse.policy.problem import dotted

POLICY: dict[str, Any] = {"name": "p", "who": {"ids": ["*"]}, "may": ["chat"], "models": ["*"]}


def uses(policy: dict[str, Any], **bundles: Any) -> list[str]:
    document = document_of([{**POLICY, **policy}], bundles=bundles)
    return [f"{dotted(path)}: {message}" for path, message in inert_uses(document.policies[0], document)]


def routes(route: list[str], may: str = "chat") -> list[str]:
    document = document_of([{**POLICY, "may": [may], "route": route}])
    policy = document.policies[0]
    return [dotted(path) for path, _ in inert_routes(policy, policy, document)]


def test_bundles_that_act_are_left_alone() -> None:
    assert uses({"use": ["a", "b"]}, a={"limits": {"requests": "1/s"}}, b={"mask": {"entities": ["email"]}}) == []


@pytest.mark.parametrize(
    ("policy", "bundles", "expected"),
    [
        ({"use": ["x"]}, {"a": {"flag": ["f"]}}, 'use[0]: unknown bundle "x"; known: a'),
        (
            {"use": ["a"], "limits": {"requests": "1/s"}},
            {"a": {"limits": {"requests": "1/s"}}},
            "use[0]: both it and the policy say limits; keep one",
        ),
        (
            {"use": ["a", "b"]},
            {"a": {"limits": {"requests": "1/s"}}, "b": {"limits": {"requests": "2/s"}}},
            'use[1]: both it and the bundle "a" say limits; keep one',
        ),
        (
            {"use": ["a"], "may": ["read"]},
            {"a": {"flag": ["f"]}},
            "use[0]: its flag: has no effect: models.read has nothing that goes to a model server",
        ),
    ],
)
def test_what_of_a_bundle_cannot_act_is_told_where_it_is_used(
    policy: dict[str, Any], bundles: dict[str, Any], expected: str
) -> None:
    assert uses(policy, **bundles) == [expected]


def test_bundles_that_say_nothing_or_are_not_used_are_told() -> None:
    document = document_of([{**POLICY, "use": ["a"]}], bundles={"a": {"flag": ["f"]}, "b": {"flag": ["f"]}, "c": {}})
    assert [dotted(path) for path, _ in bundle_findings(document)] == ["bundles.b", "bundles.c"]


@pytest.mark.parametrize(
    ("route", "places"),
    [(["local"], ["route"]), (["nowhere"], ["route[0]"]), (["local", "nowhere"], ["route[1]"])],
)
def test_a_route_that_leads_nowhere_else_is_told(route: list[str], places: list[str]) -> None:
    assert routes(route) == places
