"""A feature is on for the same principals each time, and a policy that waits for it speaks of nobody else."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.policy.decide import decide
from guardhouse.policy.document import Document
from guardhouse.policy.facts import NO_FACTS
from guardhouse.policy.load import load_content, read_document, rules_of
from guardhouse.policy.sections.features import Features, parse_flag, show_flag
from guardhouse.policy.shares import Shares
from guardhouse.policy.snapshot import Grant, Snapshot
from guardhouse.policy.trace import trace

SHARES = Shares(b"k" * 32)
PEOPLE = [f"p{number}" for number in range(200)]
EVERYBODY: dict[str, Any] = {"who": {"ids": ["*"]}, "may": ["chat"], "models": ["small"]}


def rules(features: dict[str, str], *policies: dict[str, Any]) -> Snapshot:
    return rules_of(document(features, *policies), SHARES)


def document(features: dict[str, str], *policies: dict[str, Any]) -> Document:
    read = read_document(text(features, *policies), Path("guardhouse.yaml"), Path())
    assert isinstance(read, Document), read
    return read


def text(features: dict[str, str], *policies: dict[str, Any]) -> bytes:
    return msgspec.json.encode(
        {
            "targets": {"local": {"kind": "openai", "url": "http://127.0.0.1:8000"}},
            "models": {"small": {"targets": ["local"]}},
            "features": features,
            "policies": policies,
        }
    )


def allowed(snapshot: Snapshot, name: str) -> bool:
    principal = Principal(id=name, credential_id="c")
    decision = decide(snapshot, principal, Operation.CHAT, "small", NO_FACTS)
    assert trace(snapshot, principal, Operation.CHAT, "small", NO_FACTS).decision == decision
    return isinstance(decision, Grant)


@pytest.mark.parametrize(
    ("written", "share"), [("on", 100.0), ("off", 0.0), ("5%", 5.0), ("0.1%", 0.1), ("99.9%", 99.9)]
)
def test_a_switch_is_written_as_on_off_or_a_share(written: str, share: float) -> None:
    assert parse_flag(written) == share
    assert show_flag(share) == written


@pytest.mark.parametrize("written", ["yes", "5", "100%", "0%", "0.0%", "5.55%", "-1%", "%", ""])
def test_anything_else_is_no_switch(written: str) -> None:
    assert parse_flag(written) is None


@pytest.mark.parametrize(("switch", "expected"), [("on", len(PEOPLE)), ("off", 0)])
def test_a_policy_follows_its_switch(switch: str, expected: int) -> None:
    snapshot = rules({"new": switch}, {"name": "all", **EVERYBODY, "if_feature": "new"})
    assert sum(allowed(snapshot, name) for name in PEOPLE) == expected


def test_a_share_is_the_same_people_each_time_and_a_larger_one_keeps_them() -> None:
    shares = []
    for switch in ("10%", "10%", "40%"):
        snapshot = rules({"new": switch}, {"name": "all", **EVERYBODY, "if_feature": "new"})
        shares.append({name for name in PEOPLE if allowed(snapshot, name)})
    assert shares[0] == shares[1] < shares[2]
    assert 5 < len(shares[0]) < 40 < len(shares[2]) < 120


def test_a_denial_can_wait_for_a_feature_too() -> None:
    deny = {"name": "not yet", "effect": "deny", **EVERYBODY, "if_feature": "closed"}
    for switch, expected in (("on", False), ("off", True)):
        assert allowed(rules({"closed": switch}, {"name": "all", **EVERYBODY}, deny), "ann") is expected


def test_an_expression_can_ask_for_a_feature() -> None:
    policy = {"name": "all", **EVERYBODY, "when": "'new' in features"}
    assert allowed(rules({"new": "on"}, policy), "ann")
    assert not allowed(rules({"new": "off"}, policy), "ann")


def test_the_trace_says_that_a_feature_is_off() -> None:
    snapshot = rules({"new": "off"}, {"name": "all", **EVERYBODY, "if_feature": "new"})
    traced = trace(snapshot, Principal(id="ann", credential_id="c"), Operation.CHAT, "small", NO_FACTS)
    assert traced.steps[0].why == 'if_feature: new is off, and off for "ann"'


@given(st.dictionaries(st.sampled_from("abc"), st.sampled_from([0.0, 5.0, 50.0, 100.0])), st.text(max_size=8))
def test_what_is_switched_off_is_what_is_not_on(flags: dict[str, float], name: str) -> None:
    asked = [*flags, None]
    features = Features(flags, asked, SHARES)
    on = features.on_for(name)
    off = features.switched_off(name)
    assert [bool(off >> number & 1) for number, flag in enumerate(asked)] == [
        flag is not None and flag not in on for flag in asked
    ]


@pytest.mark.parametrize(
    ("features", "policy", "problem"),
    [
        ({"new": "on"}, {**EVERYBODY, "if_feature": "newer"}, 'policies[0].if_feature: unknown feature "newer"'),
        ({"new": "on"}, EVERYBODY, "features.new: no policy asks for this feature"),
        ({"new": "on"}, {**EVERYBODY, "when": "'old' in features"}, 'policies[0].when.cel: unknown feature "old"'),
        ({"new": "perhaps"}, {**EVERYBODY, "if_feature": "new"}, 'features.new: "perhaps" is not a switch'),
    ],
)
def test_a_feature_that_does_nothing_or_is_not_there_is_refused(
    features: dict[str, str], policy: dict[str, Any], problem: str
) -> None:
    said = load_content(text(features, {"name": "all", **policy}), Path("guardhouse.yaml"), {})
    assert isinstance(said, tuple)
    assert problem in "\n".join(map(str, said))


def test_a_policy_that_waits_for_a_feature_covers_none_that_does_not() -> None:
    waiting = {"name": "closed to bob", "effect": "deny", **EVERYBODY, "who": {"ids": ["bob"]}, "if_feature": "new"}
    bob = {"name": "bob may", **EVERYBODY, "who": {"ids": ["bob"]}}
    document({"new": "on"}, waiting, bob)
    said = load_content(text({"new": "on"}, waiting, {**bob, "if_feature": "new"}), Path("guardhouse.yaml"), {})
    assert isinstance(said, tuple)
    assert "closed to bob" in str(said[0])
