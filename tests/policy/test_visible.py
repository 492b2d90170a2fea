"""A list of models promises nothing that no request could have, and nothing less."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import MODELS, policies, principals, requests, snapshot_of

from guardhouse.model.dialect import DialectName
from guardhouse.model.operation import OF_ACCESS, Operation
from guardhouse.model.principal import Principal
from guardhouse.policy.decide import decide
from guardhouse.policy.facts import Facts
from guardhouse.policy.servers import serving
from guardhouse.policy.snapshot import Grant, Snapshot
from guardhouse.policy.visible import visible_models

EVERYBODY: dict[str, Any] = {"who": {"ids": ["*"]}, "models": ["*"]}
ALL: dict[str, Any] = {**EVERYBODY, "name": "all", "may": ["infer", "read"], "mask": {"entities": []}}
REGIONS = {"frankfurt": {"jurisdiction": "EU"}, "virginia": {"jurisdiction": "US"}}
WORLD: dict[str, Any] = {
    "targets": {
        "eu": {"kind": "openai", "url": "http://127.0.0.1:1", "region": "frankfurt"},
        "us": {"kind": "ollama", "url": "http://127.0.0.1:2", "region": "virginia"},
        "claude": {"kind": "anthropic", "url": "http://127.0.0.1:3", "region": "virginia"},
    },
    "models": {
        "near": {"targets": ["eu"]},
        "both": {"targets": ["us", "eu"]},
        "far": {"targets": ["us"]},
        "opus": {"targets": ["claude"]},
    },
    "regions": REGIONS,
    "residency": {"here": "frankfurt"},
}


def somebody(**attributes: frozenset[str]) -> Principal:
    return Principal(id="a", groups=frozenset({"g"}), attributes=attributes, credential_id="c")


def world(*more: dict[str, Any]) -> Snapshot:
    return snapshot_of([ALL, *({**EVERYBODY, "may": ["infer"], **each} for each in more)], **WORLD)


def seen(snapshot: Snapshot, dialect: DialectName, principal: Principal | None = None) -> list[str]:
    return list(visible_models(snapshot, principal or somebody(), dialect))


@pytest.mark.parametrize(
    ("dialect", "names"),
    [
        ("openai", ["near", "both", "far"]),
        ("ollama", ["both", "far"]),
        ("anthropic", ["opus"]),
        ("kserve", []),
        ("kserve-grpc", []),
        ("generic", []),
    ],
)
def test_each_dialect_lists_what_is_served_in_it(dialect: DialectName, names: list[str]) -> None:
    assert seen(world(), dialect) == names


def test_a_route_that_leaves_no_server_of_the_dialect_hides_the_model() -> None:
    snapshot = world({"name": "route", "effect": "restrict", "route": ["eu"]})
    assert seen(snapshot, "openai") == ["near", "both"]
    assert seen(snapshot, "ollama") == []


def test_a_route_that_depends_on_the_request_hides_nothing() -> None:
    snapshot = world({"name": "route", "effect": "restrict", "route": ["eu"], "when": {"risk": {"at_least": 5}}})
    assert seen(snapshot, "openai") == ["near", "both", "far"]


def test_residency_that_leaves_no_server_for_the_caller_hides_the_model() -> None:
    snapshot = world({"name": "keep", "effect": "restrict", "keep_in": {"servers": ["caller:region"]}})
    assert seen(snapshot, "openai", somebody(region=frozenset({"EU"}))) == ["near", "both"]
    assert seen(snapshot, "ollama", somebody(region=frozenset({"US"}))) == ["both", "far"]
    assert seen(snapshot, "openai") == []


def test_what_is_shown_is_kept_for_the_principal_that_a_credential_stands_for() -> None:
    snapshot = world({"name": "keep", "effect": "restrict", "keep_in": {"servers": ["caller:region"]}})
    before, after = somebody(region=frozenset({"EU"})), somebody()
    assert visible_models(snapshot, before, "openai") is visible_models(snapshot, before, "openai")
    assert seen(snapshot, "openai", after) == []
    assert seen(snapshot, "openai", before) == ["near", "both"]


def test_lists_that_are_kept_are_bounded() -> None:
    snapshot = world()
    for number in range(3000):
        visible_models(snapshot, Principal(id="a", credential_id=str(number)), "openai")
    assert len(snapshot.lists) <= 1024


@given(policies, principals, requests, st.sampled_from(["openai", "ollama"]))
def test_what_can_be_used_and_read_is_shown(
    policies: list[dict[str, Any]], principal: Principal, facts: Facts, dialect: DialectName
) -> None:
    snapshot = snapshot_of(policies)
    shown = visible_models(snapshot, principal, dialect)
    for name in MODELS:
        uses = [decide(snapshot, principal, operation, name, facts) for operation in OF_ACCESS["infer"]]
        readable = isinstance(decide(snapshot, principal, Operation.MODELS_READ, name, facts), Grant)
        served = any(
            isinstance(use, Grant) and serving(snapshot.models[name], dialect, use.route) != () for use in uses
        )
        if readable and served:
            assert name in shown
        if dialect == "ollama":
            assert name not in shown
