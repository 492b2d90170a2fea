import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.wire.dialects.generic.pointers import PATTERN, parse, places

DOCUMENT = {"a": [{"b": 1}, {"b": 2}, {"c": 3}], "x/y": {"~": 4}, "": 5, "*": 6}


def found(pointer: str, document: Any = DOCUMENT) -> list[Any]:
    return [holder[key] for holder, key in places(document, parse(pointer))]


@pytest.mark.parametrize(
    ("pointer", "values"),
    [
        ("/a/0/b", [1]),
        ("/a/*/b", [1, 2]),
        ("/a/2/*", [3]),
        ("/x~1y/~0", [4]),
        ("/", [5]),
        ("/a/3", []),
        ("/a/-1", []),
        ("/a/00", []),
        ("/a/b", []),
        ("/nothing/here", []),
        ("/a/0/b/c", []),
    ],
)
def test_a_pointer_finds_what_it_means(pointer: str, values: list[Any]) -> None:
    assert found(pointer) == values


def test_a_star_means_everything_on_its_level() -> None:
    assert found("/*") == list(DOCUMENT.values())


TREES = st.recursive(
    st.integers() | st.text(max_size=2),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=10,
)


@given(TREES)
def test_every_place_of_a_document_has_a_pointer(document: Any) -> None:
    stack: list[tuple[str, Any]] = [("", document)]
    while stack:
        pointer, node = stack.pop()
        if pointer:
            assert re.fullmatch(PATTERN, pointer) or re.search(r"[\x00-\x1f]", pointer)
            values = found(pointer, document)
            assert any(value is node for value in values)
            assert len(values) == 1 or "/*" in pointer
        members = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
        stack += [(f"{pointer}/{str(key).replace('~', '~0').replace('/', '~1')}", value) for key, value in members]


@pytest.mark.parametrize("text", ["a", "", "/a~", "/a~2", "a/b", "/a\n"])
def test_what_is_no_pointer_is_told_apart(text: str) -> None:
    assert re.fullmatch(PATTERN, text) is None
