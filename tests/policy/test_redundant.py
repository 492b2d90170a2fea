from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from worlds import document_of, policies, principals, uses

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.policy.compile import compile_snapshot
from guardhouse.policy.decide import decide
from guardhouse.policy.facts import Facts
from guardhouse.policy.redundant import redundant
from guardhouse.policy.sections.effects import Effects
from guardhouse.policy.snapshot import Grant


def told(policies: list[dict[str, Any]]) -> list[int]:
    document = document_of(policies)
    own = list(enumerate(document.policies))[: len(policies)]  # without the keeper of this world
    return [int(place[1]) for place, _ in redundant(own, document)]


ALL: dict[str, Any] = {"name": "all", "who": {"ids": ["*"]}, "may": ["infer"], "models": ["*"]}
SOME: dict[str, Any] = {"name": "some", "who": {"groups": ["g"]}, "may": ["chat"], "models": ["qwen"]}


def test_of_two_equal_policies_the_later_one_is_told() -> None:
    assert told([ALL, {**ALL, "name": "again"}]) == [1]
    assert told([SOME, {**SOME, "name": "again"}, {**SOME, "name": "and again"}]) == [1, 2]


def test_a_part_is_told_wherever_it_stands() -> None:
    assert told([SOME, ALL]) == [0]
    assert told([ALL, SOME]) == [1]


ADDITIONS: list[dict[str, Any]] = [
    {"limits": {"requests": "1/s"}},
    {"mask": {"entities": ["email"]}},
    {"unknown_fields": "refuse"},
    {"approve": {"by": ["law"]}},
    {"route": ["local"]},
    {"keep_in": {"servers": ["caller:region"]}},
    {"flag": ["seen"]},
    {"require": ["signature"]},
    {"injection": "flag"},
    {"injection": "block"},
]


def test_there_is_an_addition_of_every_kind() -> None:
    assert {key for addition in ADDITIONS for key in addition} == {
        field.name for field in msgspec.structs.fields(Effects)
    }


@pytest.mark.parametrize("addition", ADDITIONS, ids=str)
def test_what_adds_something_is_left_alone(addition: dict[str, Any]) -> None:
    for effect in ("allow", "restrict"):
        assert told([ALL, {**SOME, **addition, "effect": effect}]) == []
        if "limits" not in addition and "approve" not in addition:  # which count for each policy that says them
            assert told([{**ALL, **addition}, {**SOME, **addition, "effect": effect}]) == [1]


def test_to_note_injections_adds_nothing_where_they_are_blocked() -> None:
    assert told([{**ALL, "injection": "block"}, {**SOME, "injection": "flag"}]) == [1]
    assert told([{**ALL, "injection": "flag"}, {**SOME, "injection": "block"}]) == []


def test_a_condition_or_a_join_covers_only_its_like() -> None:
    short = {"when": {"size": {"at_most": "1KiB"}}}
    assert told([{**ALL, **short}, SOME]) == []
    assert told([{**ALL, **short}, {**SOME, **short}]) == [1]
    assert told([{**ALL, "join": {"team": "owner"}}, SOME]) == []
    assert told([{**ALL, "join": {"team": "owner"}}, {**SOME, "join": {"team": "owner", "id": "owner"}}]) == [1]


def test_who_is_narrowed_more_is_covered_by_who_is_narrowed_less() -> None:
    wide = {"groups": ["g", "h"], "scopes": ["a"], "tiers": ["gold", "silver"]}
    narrow = {"groups": ["g"], "scopes": ["a", "b"], "tiers": ["gold"], "attributes": {"x": ["y"]}}
    assert told([{**ALL, "who": wide}, {**SOME, "who": narrow}]) == [1]
    assert told([{**ALL, "who": narrow}, {**SOME, "who": wide}]) == []
    assert told([{**ALL, "who": {"groups": ["g"], "strength": "strong"}}, SOME]) == []


@given(policies, principals, uses)
def test_without_a_policy_that_was_told_nothing_changes(
    policies: list[dict[str, Any]], principal: Principal, use: tuple[Operation, str, Facts]
) -> None:
    document = document_of(policies)
    operation, model, facts = use
    before = decide(compile_snapshot(document, {}), principal, operation, model, facts)
    for place, _ in redundant(enumerate(document.policies), document):
        rest = tuple(policy for number, policy in enumerate(document.policies) if number != place[1])
        after = decide(
            compile_snapshot(msgspec.structs.replace(document, policies=rest), {}), principal, operation, model, facts
        )
        assert isinstance(after, Grant) == isinstance(before, Grant)
        if isinstance(before, Grant) and isinstance(after, Grant):
            effects = {"policies": (), "unevaluated": ()}
            assert msgspec.structs.replace(after, **effects) == msgspec.structs.replace(before, **effects)


many = st.integers(2, 40)


@given(many)
def test_as_many_as_there_are_copies_of_are_told(copies: int) -> None:
    assert told([{**SOME, "name": f"p{number}"} for number in range(copies)]) == list(range(1, copies))
