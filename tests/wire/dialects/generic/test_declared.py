"""A route that is declared: what is said of a document holds, and what is not said hides nothing."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.dialect import Prepared, Route
from guardhouse.wire.dialects.generic.dialect import Generic, Plan, recognise
from guardhouse.wire.dialects.generic.pointers import parse
from guardhouse.wire.dialects.walk import HARMLESS, Keys

DIALECT = Generic(
    Plan(
        model_at=parse("/config/model"),
        length_at=parse("/config/length"),
        spoken=[(parse("/thread/*/body"), "user"), (parse("/rules"), "system")],
        structural=[parse("/id"), parse("/thread/*/ref")],
        structural_in_answers=[parse("/id")],
    )
)
ROUTE = Route(DIALECT, Operation.COMPLETIONS, b"/answer")


def document(**config: Any) -> dict[str, Any]:
    return {
        "id": "c-1",
        "config": {"model": "small", **config},
        "thread": [{"body": "u1", "ref": "r1"}, {"body": {"parts": ["u2"]}, "more": "o1"}],
        "rules": ["s1"],
        "note": "o2",
    }


def test_places_have_their_speakers_and_what_is_structural_is_left_out() -> None:
    texts = DIALECT.texts(document(), ROUTE)
    assert {text.value: text.role for text in texts} == {
        "u1": "user",
        "u2": "user",
        "s1": "system",
        "o1": "other",
        "o2": "other",
    }
    assert len(texts) == 5


def test_the_places_of_declared_texts_are_told_without_those_that_pair_things() -> None:
    plan = Plan(model_at=parse("/model"), spoken=[(parse("/thread"), "user")], structural=[parse("/thread/*/ref")])
    said = {"body": "u1", "ref": "r1"}
    read = {"model": "small", "thread": [said], "note": "o"}
    assert Generic(plan).told_texts(read) == {(id(said), "body")}
    assert Generic(Plan(model="small")).told_texts([read]) == set()


def test_a_long_value_is_a_text_wherever_it_stands() -> None:
    texts = DIALECT.texts({**document(), "id": "x" * 300}, ROUTE)
    assert "x" * 300 in {text.value for text in texts}


def test_every_string_of_an_answer_is_the_assistants() -> None:
    texts = DIALECT.answer_texts({"id": "c-1", "label": "a1", "deep": [["a2"]]}, ROUTE)
    assert {text.value: text.role for text in texts} == {"a1": "assistant", "a2": "assistant"}
    (text,) = DIALECT.answer_texts("a mere string", ROUTE)
    assert text.value == "a mere string"


TREES = st.recursive(
    st.sampled_from(["secret", "bob@example.com", 1, None]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "thread", "body", "ref", "rules", "model", "config"]), inner, max_size=4
        )
    ),
    max_leaves=12,
)


def strings(node: Any) -> list[str]:
    if isinstance(node, str):
        return [node]
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return [found for value in inner for found in strings(value)]


@given(st.dictionaries(st.sampled_from(["thread", "rules", "note", "other"]), TREES, max_size=4))
def test_no_string_beside_the_structural_places_is_left_out(tree: dict[str, Any]) -> None:
    left = strings(tree)
    for text in DIALECT.texts(tree, ROUTE):
        if not isinstance(text.holder, Keys):
            left.remove(text.value)
    thread = tree.get("thread")
    entries = thread if isinstance(thread, list) else thread.values() if isinstance(thread, dict) else []
    skipped = [entry["ref"] for entry in entries if isinstance(entry, dict) and isinstance(entry.get("ref"), str)]
    assert all(value in HARMLESS or value in skipped for value in left)


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ("text", "the body"),
        ({}, "/config/model"),
        ({"config": {"model": 3}}, "/config/model"),
        ({"config": {"model": ""}}, "/config/model"),
        ({"config": {"model": "small", "length": "9"}}, "/config/length"),
        ({"config": {"model": "small", "length": 0}}, "/config/length"),
    ],
)
def test_a_document_without_what_is_needed_is_refused(body: Any, place: str) -> None:
    denial = DIALECT.check(body, ROUTE)
    assert denial is not None
    assert (denial.reason, denial.param) == (Reason.SHAPE_INVALID, place)


def test_the_upstream_gets_its_own_name_of_the_model() -> None:
    body = document()
    assert DIALECT.check(body, ROUTE) is None
    assert DIALECT.model(body, ROUTE) == "small"
    assert DIALECT.prepare(body, ROUTE, "theirs") is Prepared.CHANGED
    assert body["config"]["model"] == "theirs"
    assert DIALECT.prepare(body, ROUTE, "theirs") is Prepared.AS_IT_WAS


@pytest.mark.parametrize(("asked", "after"), [(None, 20), (900, 50), (30, 30)])
def test_a_length_is_lowered_or_put_in_where_it_was_declared(asked: int | None, after: int) -> None:
    body = document() if asked is None else document(length=asked)
    assert DIALECT.longest(body, ROUTE) == (asked or 0)
    assert DIALECT.shorten(body, ROUTE, 50, 20) is (after != asked)
    assert body["config"]["length"] == after


def test_without_a_place_for_it_no_length_is_put_in() -> None:
    plain = Generic(Plan(model="small"))
    assert not plain.shorten({}, Route(plain, Operation.PREDICT, b"/x"), 50, 20)


def test_what_stands_beside_all_that_was_declared_is_unknown() -> None:
    assert DIALECT.unknown_fields(document(), ROUTE) == ["note"]


def test_the_entries_of_a_list_are_unknown_unless_they_are_declared() -> None:
    listed = Generic(Plan(model="small", spoken=[(parse("/0/body"), "user")]))
    assert listed.unknown_fields([{"body": "x"}, {"body": "y"}], Route(listed, Operation.PREDICT, b"/x")) == ["1"]
    every = Generic(Plan(model="small", spoken=[(parse("/*/body"), "user")]))
    assert every.unknown_fields([{"body": "x"}, {"body": "y"}], Route(every, Operation.PREDICT, b"/x")) == []


def test_tools_are_seen_by_the_names_that_they_have_elsewhere() -> None:
    assert DIALECT.uses_tools({"tools": [{}]})
    assert DIALECT.uses_tools([{}, {"functions": [{}]}])
    assert not DIALECT.uses_tools({"tools": [], "rules": ["tools"]})
    assert not DIALECT.uses_tools(["tools"])


def test_a_declared_path_has_one_spelling_and_one_method() -> None:
    routes = {b"/answer": ROUTE}
    assert recognise(routes, "POST", b"/answer") is ROUTE
    assert recognise(routes, "GET", b"/answer") is Reason.METHOD_NOT_ALLOWED
    assert recognise(routes, "POST", b"/answer/") is Reason.ROUTE_UNKNOWN


@pytest.mark.parametrize("body", [{}, {"config": None}, {"config": {}}, {"config": {"length": None}}])
def test_a_length_is_put_in_where_what_should_hold_it_was_left_out(body: dict[str, Any]) -> None:
    held = Generic(Plan(model="small", length_at=parse("/config/length")))
    route = Route(held, Operation.COMPLETIONS, b"/x")
    assert held.check(body, route) is None
    assert held.shorten(body, route, 50, 20)
    assert body == {"config": {"length": 20}}


@pytest.mark.parametrize("body", [[], [{"config": {"length": 9}}], {"config": "text"}, {"config": [{"length": 9}]}])
def test_a_document_that_no_length_can_be_put_into_is_refused(body: Any) -> None:
    held = Generic(Plan(model="small", length_at=parse("/config/length")))
    denial = held.check(body, Route(held, Operation.COMPLETIONS, b"/x"))
    assert denial is not None
    assert (denial.reason, denial.param) == (Reason.SHAPE_INVALID, "/config")


@pytest.mark.parametrize(
    ("body", "place"),
    [
        ({**document(), "Config": {"model": "other"}}, "/config"),
        (document(Model="other"), "/config/model"),
        (document(LENGTH=10**6), "/config/length"),
    ],
)
def test_a_declared_place_in_another_spelling_is_refused(body: Any, place: str) -> None:
    denial = DIALECT.check(body, ROUTE)
    assert denial is not None
    assert (denial.reason, denial.param) == (Reason.SHAPE_INVALID, place)


COUNTED = Generic(
    Plan(
        model="small",
        length_at=parse("/length"),
        answers_at=[parse("/n"), parse("/options/best_of"), parse("/prompts")],
    )
)
ASKED = Route(COUNTED, Operation.COMPLETIONS, b"/answers")
NUMBERS = st.none() | st.integers(1, 10**12)


@pytest.mark.parametrize(
    ("body", "answers"),
    [
        ({}, 1),
        ({"n": None, "options": None, "prompts": []}, 1),
        ({"n": 3}, 3),
        ({"n": 3, "options": {"best_of": 8}}, 8),
        ({"n": 3, "prompts": ["a", "b"]}, 6),
        ({"prompts": ["a", "b", "c"]}, 3),
        ({"N_": 9, "options": {"n": 9}}, 1),
    ],
)
def test_answers_are_counted_by_the_largest_number_and_for_each_entry_of_a_list(body: Any, answers: int) -> None:
    assert COUNTED.check(body, ASKED) is None
    assert COUNTED.answers(body, ASKED) == answers


@given(n=NUMBERS, best_of=NUMBERS, prompts=st.none() | st.lists(st.just("x"), max_size=9))
def test_no_declared_number_counts_for_less_than_it_says(
    n: int | None, best_of: int | None, prompts: list[str] | None
) -> None:
    body = {"n": n, "options": {"best_of": best_of}, "prompts": prompts}
    assert COUNTED.check(body, ASKED) is None
    counted = COUNTED.answers(body, ASKED)
    assert counted >= max(1, n or 0, best_of or 0, len(prompts or ()))
    assert counted == max(1, n or 0, best_of or 0) * max(1, len(prompts or ()))


@given(
    st.one_of(st.integers(max_value=0), st.floats(), st.booleans(), st.text(), st.dictionaries(st.text(), st.none()))
)
def test_a_number_of_answers_that_cannot_be_counted_is_refused(value: Any) -> None:
    denial = COUNTED.check({"options": {"best_of": value}}, ASKED)
    assert denial is not None
    assert (denial.reason, denial.param) == (Reason.SHAPE_INVALID, "/options/best_of")


@pytest.mark.parametrize("body", [{"N": 9}, {"n": 1, "N": 9}, {"Options": {"best_of": 9}}, {"options": {"BEST_OF": 2}}])
def test_a_number_of_answers_in_another_spelling_is_refused(body: Any) -> None:
    denial = COUNTED.check(body, ASKED)
    assert denial is not None
    assert denial.reason is Reason.SHAPE_INVALID


def test_where_answers_are_counted_is_known() -> None:
    assert COUNTED.unknown_fields({"n": 1, "options": {}, "prompts": [], "length": 4, "m": 1}, ASKED) == ["m"]
