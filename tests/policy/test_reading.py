from typing import Any

import msgspec
import pytest

from guardhouse.policy.kinds import FLAG, Text, Whole
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import UNREAD, Key, Kind, ListOf, MapOf, Reading, Shape
from guardhouse.policy.source import parse


class Pair(msgspec.Struct, frozen=True):
    left: int
    right: bool = True


NUMBER = Whole(0, 9)
PAIR = Shape(Pair, {"left": Key(NUMBER, "The left."), "right": Key(FLAG, "The right.")})
NAMED = MapOf(Text("[a-z]+", "a word"), PAIR)


def read(kind: Kind[Any], text: str) -> tuple[object, list[str], set[Path]]:
    source = parse(text.encode(), "f")
    reading = Reading("f")
    value = kind.read(source.root, (), reading)
    return value, [str(problem) for problem in reading.problems], reading.unread


def test_a_shape_becomes_its_struct_with_defaults_where_nothing_is_said() -> None:
    assert read(PAIR, "left: 3")[0] == Pair(3, right=True)
    assert read(PAIR, "{left: 3, right: false}")[0] == Pair(3, right=False)


@pytest.mark.parametrize(
    ("text", "problems"),
    [
        ("right: true", ['f:1: the key "left" is missing']),
        ("left: 3\nrihgt: true", ['f:2: unknown key "rihgt"; did you mean "right"?']),
        ("left: 3\nright:", ["f:2: right: has no value; leave the key out if none is meant"]),
        (
            "left: x\nright: 5",
            ["f:1: left: must be a whole number, not text", "f:2: right: must be true or false, not a number"],
        ),
        ("[left]", ["f:1: must be a mapping, not a list"]),
        ("left: true", ["f:1: left: must be a whole number, not true or false"]),
        ("left: 10", ["f:1: left: must be between 0 and 9, not 10"]),
    ],
)
def test_all_that_is_wrong_with_a_shape_is_told_at_once(text: str, problems: list[str]) -> None:
    assert read(PAIR, text)[1] == problems


def test_an_unknown_key_is_told_but_the_rest_still_stands_for_later_checks() -> None:
    assert read(PAIR, "{left: 3, other: 1}")[0] == Pair(3)


def test_what_the_source_called_broken_is_not_told_again() -> None:
    assert read(PAIR, "{left: &x 3}")[:2] == (UNREAD, [])


def test_a_list_keeps_order_and_refuses_repetition() -> None:
    assert read(ListOf(NUMBER), "[3, 1]")[0] == (3, 1)
    assert read(ListOf(NUMBER), "[3, 1, 3]")[1] == ["f:1: [2]: is in the list already"]


def test_an_empty_list_must_be_meant() -> None:
    assert read(ListOf(NUMBER), "[]")[:2] == (UNREAD, ["f:1: must name at least one"])
    assert read(ListOf(NUMBER, may_be_empty=True), "[]")[0] == ()


def test_a_list_with_a_broken_item_is_broken_unless_it_is_partial() -> None:
    assert read(ListOf(NUMBER), "[1, x, 2]")[0] is UNREAD
    value, problems, unread = read(ListOf(NUMBER, partial=True), "[1, x, 2]")
    assert value == (1, 2)
    assert problems == ["f:1: [1]: must be a whole number, not text"]
    assert unread == {(1,)}


def test_a_mapping_of_names_leaves_out_what_cannot_be_read_and_says_so() -> None:
    value, problems, unread = read(NAMED, "a: {left: 1}\nB: {left: 2}\nc: {left: x}\n")
    assert value == {"a": Pair(1)}
    assert problems == ['f:2: B: "B" is not a word', "f:3: c.left: must be a whole number, not text"]
    assert unread == {("B",), ("c",)}


def test_an_empty_mapping_of_names_is_a_problem() -> None:
    assert read(NAMED, "{}")[1] == ["f:1: must name at least one"]


def test_a_shape_describes_itself_with_requirements_and_defaults() -> None:
    assert PAIR.schema() == {
        "type": "object",
        "properties": {
            "left": {"type": "integer", "minimum": 0, "maximum": 9, "description": "The left."},
            "right": {"type": "boolean", "description": "The right.", "default": True},
        },
        "additionalProperties": False,
        "required": ["left"],
    }


def test_a_shape_whose_keys_are_not_its_structs_fields_cannot_be_made() -> None:
    with pytest.raises(TypeError, match="Pair and its keys differ"):
        Shape(Pair, {"left": Key(NUMBER, "The left.")})
