import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.contracts.lines import line_in

TEXT = '{\n "a": {"b\\n": [1,\n  2],\n "c": 3},\n "d": []\n}'


def test_each_place_has_its_line() -> None:
    assert [line_in(TEXT, place) for place in ((), ("a",), ("a", "b\n", 1), ("a", "c"), ("d",))] == [1, 2, 3, 4, 5]


def test_a_place_that_is_not_there_has_the_line_of_what_is_above_it() -> None:
    assert [line_in(TEXT, place) for place in (("x",), ("a", "b\n", 7), ("d", 0), ("a", 0), ("a", "c", "x"))] == [
        1,
        2,
        5,
        2,
        4,
    ]


def places(value: Any, path: tuple[str | int, ...] = ()) -> list[tuple[tuple[str | int, ...], Any]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [(path, value), *(found for step, part in inner for found in places(part, (*path, step)))]


@given(
    st.recursive(
        st.one_of(st.none(), st.integers(), st.text()),
        lambda inner: st.one_of(st.lists(inner), st.dictionaries(st.text(), inner)),
    )
)
def test_what_begins_on_that_line_is_what_stands_there(value: Any) -> None:
    text = json.dumps(value, indent=1)
    for path, part in places(value):
        line = text.splitlines()[line_in(text, path) - 1] if not text[:1].isspace() else ""
        begin = json.dumps(part, indent=1).split("\n", maxsplit=1)[0]
        assert begin in line
