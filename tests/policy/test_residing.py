"""The check of the ways by itself: what it lets pass cannot break a rule, even where nothing else holds one.

Configurations are drawn at random, most of them hopeless. Of those that the check finds sound, every principal asks for
every model, and whatever fails on the way, each server that the routes alone would let in must be where the rules let
content be. The second line, the data path's own, is not asked here; tests/residency/test_residency_bounds.py is about
that one.
"""

from itertools import combinations
from typing import Any

import msgspec
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.policy.compile import compile_snapshot
from guardhouse.policy.decide import decide
from guardhouse.policy.document import Document
from guardhouse.policy.facts import Facts
from guardhouse.policy.residing import broken
from guardhouse.policy.schema import decode
from guardhouse.policy.snapshot import Grant, Snapshot
from guardhouse.policy.source import parse
from guardhouse.policy.survey import ways_in
from guardhouse.residency.keeping import BARRING

TARGETS = {"f": "frankfurt", "d": "dublin", "v": "virginia", "n": None}
MODELS = ["one", "two", "three"]
GROUPS = ["a", "b", "c"]
USES = [Operation.CHAT, Operation.EMBEDDINGS]

words = st.lists(st.sampled_from(["EU", "EU", "frankfurt", "US", "caller:site"]), unique=True, min_size=1, max_size=2)
keeps = st.one_of(words, st.fixed_dictionaries({"servers": words}), st.just({"email": ["EU"]}))
routes = st.lists(st.sampled_from(["region:EU", "region:EU", "f", "d", "v", "n"]), unique=True, min_size=1, max_size=2)
policies = st.fixed_dictionaries(
    {
        "effect": st.sampled_from(["allow", "allow", "restrict", "restrict", "deny"]),
        "who": st.just({"ids": ["*"]})
        | st.fixed_dictionaries({"groups": st.lists(st.sampled_from(GROUPS), unique=True, min_size=1)}),
        "may": st.sampled_from([["chat"], ["embeddings"], ["chat", "embeddings"]]),
        "models": st.just(["*"]) | st.lists(st.sampled_from(MODELS), unique=True, min_size=1),
    },
    optional={"keep_in": keeps, "route": routes, "when": st.just({"stream": True})},
)
models = st.fixed_dictionaries(
    {"targets": st.lists(st.sampled_from([*TARGETS]), unique=True, min_size=1, max_size=3)},
    optional={"fallback": st.lists(st.sampled_from(MODELS), unique=True, min_size=1, max_size=2), "keep_in": keeps},
)
worlds = st.tuples(
    st.lists(policies, min_size=1, max_size=5),
    st.fixed_dictionaries(dict.fromkeys(MODELS, models)),
    st.sampled_from([None, None, ["EU"], {"servers": ["EU", "US"]}]),
)


def document_of(drawn: tuple[list[dict[str, Any]], dict[str, Any], Any]) -> Document:
    rules, served, everywhere = drawn
    written = {
        "regions": {
            "frankfurt": {"jurisdiction": "EU"},
            "dublin": {"jurisdiction": "EU"},
            "virginia": {"jurisdiction": "US"},
        },
        "residency": {"here": "frankfurt", **({"keep_in": everywhere} if everywhere else {})},
        "targets": {
            name: {
                "kind": "openai",
                "url": f"http://127.0.0.1:{8000 + number}",
                **({"region": region} if region else {}),
            }
            for number, (name, region) in enumerate(TARGETS.items())
        },
        "models": served,
        "policies": [{"name": f"p{number}", **_settled(rule)} for number, rule in enumerate(rules)],
    }
    decoded = decode(parse(msgspec.json.encode(written), "f").root, "f")
    assert decoded.document is not None
    assert decoded.problems == ()
    return decoded.document


def _settled(rule: dict[str, Any]) -> dict[str, Any]:
    if rule["effect"] == "deny":
        return {key: value for key, value in rule.items() if key not in ("keep_in", "route")}
    return rule


def reached(snapshot: Snapshot, grant: Grant, asked: str) -> set[tuple[str, str]]:
    """Every model and server that may come to have it: whichever fail, and whatever a fallback takes."""
    names = [asked, *snapshot.models[asked].fallback]
    return {
        (name, target.name)
        for name in names
        for target in snapshot.models[name].targets
        if grant.route is None or target.name in grant.route
    }


@settings(max_examples=150, deadline=None)
@given(drawn=worlds)
def test_in_what_is_found_sound_no_exchange_can_leave_whatever_fails(drawn: Any) -> None:
    document = document_of(drawn)
    found = list(broken(document))
    event("sound" if not found else "refused")
    if found:
        return
    snapshot = compile_snapshot(document, {})
    for size in range(len(GROUPS) + 1):
        for groups in combinations(GROUPS, size):
            principal = Principal(id="p", groups=frozenset(groups), credential_id="c")
            for stream in (False, True):
                hold(document, snapshot, principal, Facts(stream=stream))


def hold(document: Document, snapshot: Snapshot, principal: Principal, facts: Facts) -> None:
    everywhere = snapshot.residency.everywhere if snapshot.residency is not None else ()
    for asked in MODELS:
        for operation in USES:
            grant = decide(snapshot, principal, operation, asked, facts)
            if not isinstance(grant, Grant):
                continue
            for name, target in reached(snapshot, grant, asked):
                other = decide(snapshot, principal, operation, name, facts)
                if not isinstance(other, Grant):
                    continue  # a fallback is taken only by who may use it
                rules = (*everywhere, *grant.keep, *snapshot.models[asked].keep, *snapshot.models[name].keep)
                for rule in rules:
                    if rule.of in BARRING and not rule.own:
                        assert TARGETS[target] in rule.within, (principal.groups, asked, name, target, rule)


@settings(max_examples=60, deadline=None)
@given(drawn=worlds)
def test_what_the_command_shows_as_leaving_is_what_makes_the_configuration_refused(drawn: Any) -> None:
    document = document_of(drawn)
    leaving = any(ruling.verdict == "leaves" for seen in ways_in(document) for ruling in seen.rulings)
    refused = any("could be broken" in message for _, message in broken(document))
    assert leaving == refused


@pytest.mark.parametrize(
    ("rule", "closed"),
    [
        ({"effect": "restrict", "who": {"groups": ["a"]}, "route": ["region:EU"]}, True),
        ({"effect": "restrict", "who": {"ids": ["*"]}, "route": ["region:EU"]}, True),
        ({"effect": "restrict", "who": {"groups": ["b"]}, "route": ["region:EU"]}, False),
        ({"effect": "restrict", "who": {"groups": ["a"]}, "route": ["region:EU"], "when": {"stream": True}}, False),
        ({"effect": "deny", "who": {"groups": ["a"]}}, True),
        ({"effect": "deny", "who": {"groups": ["a"]}, "when": {"stream": True}}, False),
        ({"effect": "deny", "who": {"groups": ["a"], "tiers": ["gold"]}}, False),
    ],
)
def test_a_third_policy_closes_a_way_if_it_applies_wherever_the_rule_does(rule: dict[str, Any], closed: bool) -> None:
    everybody = {"effect": "allow", "who": {"ids": ["*"]}, "may": ["chat"], "models": ["*"]}
    kept = {"effect": "restrict", "who": {"groups": ["a"]}, "may": ["chat"], "models": ["one"], "keep_in": ["EU"]}
    third = {"may": ["chat"], "models": ["*"], **rule}
    served = {name: {"targets": ["f", "v"]} for name in MODELS}
    found = list(broken(document_of(([everybody, kept, third], served, None))))
    assert (found == []) is closed
