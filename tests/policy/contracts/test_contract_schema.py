import time
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from schemas import documents, schemas

from guardhouse.policy.contracts.schema import MOST_NODES, Requirement, faults_in


@settings(max_examples=150)
@given(schemas, documents)
def test_the_verdict_is_that_of_another_implementation(schema: Any, document: Any) -> None:
    assert faults_in(schema) == []
    assert (Requirement(schema).fault(document) is None) == Draft202012Validator(schema).is_valid(document)


@pytest.mark.parametrize(
    ("schema", "place", "said"),
    [
        ({"$ref": "https://elsewhere.example/x"}, ("$ref",), "nothing is ever fetched"),
        ({"$ref": "#/properties/a"}, ("$ref",), "a definition of this schema"),
        ({"$ref": "#"}, ("$ref",), "a definition"),
        ({"$ref": "#/$defs/a"}, ("$ref",), "leads nowhere"),
        ({"$id": "https://x.example"}, ("$id",), "unknown keyword"),
        ({"$dynamicRef": "#a"}, ("$dynamicRef",), "unknown keyword"),
        ({"properties": {"a": {"typ": "string"}}}, ("properties", "a", "typ"), 'did you mean "type"?'),
        ({"properties": {"a": {"type": "strin"}}}, ("properties", "a", "type"), "no valid JSON Schema"),
        ({"minLength": -1}, ("minLength",), "no valid JSON Schema"),
        ({"pattern": "(?=a)b"}, ("pattern",), "linear engine"),
        ({"pattern": r"(a)\1"}, ("pattern",), "linear engine"),
        ({"pattern": "((a{1,999}){1,999}){1,999}"}, ("pattern",), "linear engine"),
        ({"patternProperties": {"(": True}}, ("patternProperties", "("), "linear engine"),
        ({"format": "regex"}, ("format",), "unknown format"),
        ({"$schema": "http://json-schema.org/draft-07/schema#"}, ("$schema",), "the only one"),
        ({"items": [{}]}, ("items",), "must be a schema"),
        ({"anyOf": {}}, ("anyOf",), "a list of schemas"),
        ({"properties": []}, ("properties",), "a mapping of schemas"),
        ([], (), "must be a schema"),
        ({"$defs": {"a": {"items": {"$ref": "#/$defs/a"}}}}, ("$defs", "a", "items", "$ref"), "contains it"),
        (
            {"$defs": {"a": {"not": {"$ref": "#/$defs/b"}}, "b": {"$ref": "#/$defs/a"}}, "$ref": "#/$defs/a"},
            ("not", "$ref"),
            "contains it",
        ),
    ],
)
def test_a_fault_is_told_with_its_place(schema: Any, place: tuple[str, ...], said: str) -> None:
    told = dict(faults_in(schema))
    assert said in told[place] if place in told else any(said in message for message in told.values()), told


def test_references_that_double_are_refused_in_time() -> None:
    doubling = {f"d{n}": {"anyOf": [{"$ref": f"#/$defs/d{n + 1}"}] * 2} for n in range(20)}
    started = time.process_time()
    told = faults_in({"$defs": {**doubling, "d20": True}, "$ref": "#/$defs/d0"})
    assert str(MOST_NODES) in told[0][1]
    assert time.process_time() - started < 5


def test_a_chain_of_references_that_is_too_long_is_refused_and_ends_nothing() -> None:
    chain = {f"d{n}": {"$ref": f"#/$defs/d{n + 1}"} for n in range(5000)}
    assert "nested too deeply" in faults_in({"$defs": {**chain, "d5000": True}, "$ref": "#/$defs/d0"})[0][1]


SCHEMA = {
    "properties": {"messages": {"items": {"properties": {"content": {"maxLength": 3}}}}, "a/b~": {"type": "string"}},
    "additionalProperties": {"type": "integer"},
}


@pytest.mark.parametrize(
    ("document", "fault"),
    [
        ({"messages": [{"content": "ok"}, {"content": "secret"}]}, "at /messages/1/content: maxLength"),
        ({"a/b~": 1}, "at /a~1b~0: type"),
        ({"my-secret-name": "x"}, "at /*: type"),
        ({"messages": [], "n": 3}, None),
    ],
)
def test_a_fault_names_place_and_keyword_and_none_of_the_callers_words(document: Any, fault: str | None) -> None:
    assert Requirement(SCHEMA).fault(document) == fault


@given(st.dictionaries(st.text(max_size=8), st.text(max_size=8), max_size=4))
def test_no_fault_repeats_what_a_caller_has_made_up(document: dict[str, str]) -> None:
    fault = Requirement({"additionalProperties": False, "propertyNames": {"maxLength": 3}}).fault(document)
    assert fault in (
        None,
        "at (document): additionalProperties",
        "at (document): maxLength",
        "at (document): propertyNames",
    )


def test_a_pattern_costs_no_more_than_the_text_is_long() -> None:
    requirement = Requirement({"pattern": "^(a|a)*(a|aa)+$"})
    started = time.process_time()
    assert requirement.fault("a" * 200_000 + "b") == "at (document): pattern"
    assert time.process_time() - started < 2


def test_a_document_with_very_many_faults_costs_no_more_than_to_find_the_first() -> None:
    started = time.process_time()
    large = "at (document): too large to say where"
    for schema in ({"items": {"type": "string"}}, {"anyOf": [{"items": {"type": "string"}}] * 50}):
        assert Requirement(schema).fault(list(range(100_000))) == large
    assert Requirement({"items": {"anyOf": [{"required": ["a"]}] * 100}}).fault([{"b": 1}] * 20_000) == large
    assert Requirement({"items": {"anyOf": [{"required": ["a"]}] * 100}}).fault([{"b": 1}] * 80) == "at /0: anyOf"
    assert (
        Requirement({"anyOf": [{"items": {"type": "string"}}] * 50}).fault(list(range(390))) == "at (document): anyOf"
    )
    assert time.process_time() - started < 3


@pytest.mark.parametrize("number", [10**40, -(10**40), 1e308, 2**64, 2**63])
def test_numbers_of_any_size_are_judged(number: float) -> None:
    assert Requirement({"type": "number", "minimum": -5, "maximum": 5}).fault(number) is not None
    assert Requirement({"type": "number"}).fault(number) is None


def test_what_cannot_be_represented_does_not_fit() -> None:
    assert (
        Requirement({"properties": {"x": {"type": "string"}}}).fault({"x": object()}) == "at (document): representation"
    )


def test_a_requirement_shows_nothing_of_its_schema() -> None:
    assert repr(Requirement({"properties": {"password": True}})) == "<Requirement with 1 names>"
