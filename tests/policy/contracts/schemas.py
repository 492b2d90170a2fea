"""Schemas and documents at random, small enough that they meet."""

from typing import Any

from hypothesis import strategies as st

NAMES = ("a", "b", "ab", "c")
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-3, 5),
    st.sampled_from((0.5, 1.0, 2.5)),
    st.sampled_from(("", "a", "ab", "b")),
)
documents = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.sampled_from(NAMES), inner, max_size=3)),
    max_leaves=6,
)
_types = st.sampled_from(("array", "boolean", "integer", "null", "number", "object", "string"))


def _keywords(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    named = st.dictionaries(st.sampled_from(NAMES), inner, max_size=2)
    several = st.lists(inner, min_size=1, max_size=2)
    small = st.integers(0, 3)
    return st.fixed_dictionaries(
        {},
        optional={
            "type": st.one_of(_types, st.lists(_types, min_size=1, max_size=3, unique=True)),
            "const": scalars,
            "enum": st.lists(scalars, min_size=1, max_size=3),
            "minimum": small,
            "maximum": small,
            "exclusiveMinimum": small,
            "exclusiveMaximum": small,
            "multipleOf": st.integers(1, 3),
            "minLength": small,
            "maxLength": small,
            "pattern": st.sampled_from(("a", "^b", "^ab?$")),
            "minItems": small,
            "maxItems": small,
            "uniqueItems": st.booleans(),
            "items": inner,
            "prefixItems": several,
            "contains": inner,
            "minContains": st.integers(0, 2),
            "minProperties": small,
            "maxProperties": small,
            "required": st.lists(st.sampled_from(NAMES), max_size=2, unique=True),
            "properties": named,
            "patternProperties": st.dictionaries(st.sampled_from(("a", "^b", "c$")), inner, max_size=2),
            "additionalProperties": inner,
            "propertyNames": st.fixed_dictionaries({}, optional={"maxLength": small, "pattern": st.just("a")}),
            "dependentRequired": st.dictionaries(
                st.sampled_from(NAMES), st.lists(st.sampled_from(NAMES), max_size=1), max_size=1
            ),
            "dependentSchemas": st.dictionaries(st.sampled_from(NAMES), inner, max_size=1),
            "allOf": several,
            "anyOf": several,
            "oneOf": several,
            "not": inner,
            "if": inner,
            "then": inner,
            "else": inner,
        },
    ).map(lambda schema: dict(list(schema.items())[:5]))


schemas = st.recursive(st.one_of(st.booleans(), _keywords(st.booleans())), _keywords, max_leaves=5)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Any, Any]:
    """An old schema and a new one that has something to do with it."""
    old = draw(schemas)
    if not isinstance(old, dict) or draw(st.booleans()):
        return old, draw(schemas)
    new = {name: value for name, value in old.items() if draw(st.booleans())}
    extra = draw(_keywords(st.booleans()))
    new.update(list(extra.items())[: draw(st.integers(0, 2))])
    return (new, old) if draw(st.booleans()) else (old, new)
