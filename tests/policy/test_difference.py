from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.difference import Difference, differences, settings_that_wait
from guardhouse.policy.settings import Address, Deadlines, Listen, Settings

TREES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "a", "b"]), inner, max_size=3),
    max_leaves=12,
)


@given(TREES)
def test_a_tree_does_not_differ_from_itself(tree: Any) -> None:
    assert list(differences(tree, tree)) == []


@given(TREES, TREES)
def test_unequal_trees_differ_somewhere_and_the_other_way_round_in_as_many_places(old: Any, new: Any) -> None:
    there, back = list(differences(old, new)), list(differences(new, old))
    assert len(there) == len(back)
    if not there:
        assert _without_order(old) == _without_order(new)


def _without_order(tree: Any) -> Any:
    """Lists of named mappings are compared as sets."""
    if isinstance(tree, dict):
        return {key: _without_order(value) for key, value in tree.items()}
    if isinstance(tree, list) and all(isinstance(item, dict) and "name" in item for item in tree):
        named = {str(item["name"]): _without_order(item) for item in tree}
        return named if named and len(named) == len(tree) else tree
    return tree


@pytest.mark.parametrize(
    ("old", "new", "found"),
    [
        ({"a": 1}, {"a": 2}, [Difference("changed", "a", 1, 2)]),
        ({"a": 1}, {}, [Difference("removed", "a", old=1)]),
        ({}, {"a": {"b": 1}}, [Difference("added", "a", new={"b": 1})]),
        ({"a": [1, 2]}, {"a": [2, 1]}, [Difference("changed", "a", [1, 2], [2, 1])]),
        (
            {"policies": [{"name": "x", "may": 1}, {"name": "y z"}]},
            {"policies": [{"name": "y z"}, {"name": "x", "may": 2}]},
            [Difference("changed", "policies.x.may", 1, 2)],
        ),
        ({"m": {"llama-3.1": 1}}, {"m": {"llama-3.1": 2}}, [Difference("changed", 'm["llama-3.1"]', 1, 2)]),
    ],
)
def test_each_difference_is_told_once_and_where_it_is(old: Any, new: Any, found: list[Difference]) -> None:
    assert list(differences(old, new)) == found


def test_settings_that_wait_are_named_by_their_path() -> None:
    started = Settings(state=Path("/a"))
    wanted = Settings(
        state=Path("/b"), listen=Listen(address=Address("::1", 1), deadlines=Deadlines(idle=1.0)), workers=2
    )
    assert settings_that_wait(started, started) == []
    assert settings_that_wait(started, wanted) == [
        "listen.address.host",
        "listen.address.port",
        "listen.deadlines.idle",
        "state",
        "workers",
    ]
