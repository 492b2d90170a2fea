from typing import Any

import pytest
from hypothesis import example, given, settings
from schemas import documents, pairs, schemas

from guardhouse.policy.contracts.compatible import unproven
from guardhouse.policy.contracts.schema import Requirement

TEXT = {"type": "string"}


@settings(max_examples=400)
@given(pairs(), documents)
@example(({"properties": {"a": {"type": "string"}}}, {"properties": {"a": {"type": "string"}}}), {"a": 1})
def test_what_is_proven_holds_for_every_document(pair: tuple[Any, Any], document: Any) -> None:
    old, new = pair
    if not unproven(old, new) and Requirement(old).fault(document) is None:
        assert Requirement(new).fault(document) is None


@settings(max_examples=100)
@given(schemas)
def test_a_schema_follows_from_itself(schema: Any) -> None:
    assert unproven(schema, schema) == []


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ({"maxLength": 5, "type": "string"}, {"maxLength": 6}),
        ({"type": "integer"}, {"type": ["number", "null"]}),
        ({"enum": ["a", "b"]}, {"enum": ["a", "b", "c"]}),
        ({"const": 3}, {"minimum": 1, "multipleOf": 3}),
        ({"properties": {"a": TEXT}, "required": ["a"]}, {"properties": {"a": TEXT, "b": True}}),
        ({"properties": {"a": TEXT}, "additionalProperties": False}, {"properties": {"a": TEXT, "b": TEXT}}),
        (
            {"properties": {"a": TEXT}, "additionalProperties": False},
            {"properties": {"a": TEXT, "b": TEXT}, "additionalProperties": False},
        ),
        ({"anyOf": [{"const": 1}, {"type": "string"}]}, {"type": ["integer", "string"]}),
        ({"$defs": {"t": TEXT}, "items": {"$ref": "#/$defs/t"}}, {"items": {"type": ["string", "null"]}}),
        ({"type": "array", "maxItems": 2, "items": TEXT}, {"prefixItems": [TEXT, TEXT, False]}),
        ({"type": "object"}, {"maxLength": 0, "maximum": 0, "maxItems": 0}),
        ({"exclusiveMinimum": 3}, {"minimum": 3}),
        ({"allOf": [{"required": ["a"]}, {"required": ["b"]}]}, {"required": ["a", "b"]}),
        (False, {"type": "string"}),
        ({"title": "one", "minimum": 1}, {"description": "other", "minimum": 0}),
    ],
)
def test_what_widens_is_proven(old: Any, new: Any) -> None:
    assert unproven(old, new) == []


@pytest.mark.parametrize(
    ("old", "new", "place"),
    [
        ({"maxLength": 6}, {"maxLength": 5}, ("maxLength",)),
        ({}, {"required": ["a"]}, ("required",)),
        ({"properties": {"a": TEXT}}, {"properties": {"a": {"type": "integer"}}}, ("properties", "a", "type")),
        ({"properties": {"a": TEXT}}, {"additionalProperties": False}, ("additionalProperties",)),
        ({"enum": ["a", "b"]}, {"enum": ["a"]}, ()),
        ({"type": "number"}, {"type": "integer"}, ("type",)),
        ({"pattern": "^a"}, {"pattern": "a"}, ("pattern",)),
        (True, False, ()),
        ({"minimum": 3}, {"exclusiveMinimum": 3}, ("exclusiveMinimum",)),
        ({"not": {"const": 1}}, {"not": {"type": "integer"}}, ("not",)),
    ],
)
def test_what_narrows_or_is_not_understood_is_named(old: Any, new: Any, place: tuple[str, ...]) -> None:
    assert place in unproven(old, new)


def test_a_proof_that_would_take_too_long_is_none() -> None:
    branches = [{"anyOf": [{"minimum": number + 10 * part} for number in range(8)]} for part in range(9)]
    assert unproven({"allOf": branches}, {"multipleOf": 7}) == [()]
