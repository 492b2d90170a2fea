from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect.injections import injections
from guardhouse.inspect.structured import place_of, structured, structured_anywhere

DOCUMENT: dict[str, Any] = {
    "model": "m",
    "user": "u",
    "prompt": "p",
    "metadata": {"team": "t", "deep": {"er": ["l"]}},
    "options": {"stop": "s"},
    "chat_template_kwargs": {"style": "ct"},
    "messages": [
        {"role": "user", "name": "n", "content": "c"},
        {
            "role": "assistant",
            "tool_calls": [{"id": "i", "type": "function", "function": {"name": "f", "arguments": '{"cmd": "x; ls"}'}}],
        },
        {"role": "tool", "tool_call_id": "tc", "content": "c"},
        {"role": "user", "content": [{"type": "file", "file": {"filename": "fn", "file_data": "; ls"}}]},
        {"role": "assistant", "content": [{"type": "tool_use", "id": "tu", "name": "g", "input": {"name": "; ls"}}]},
        {"role": "tool", "tool_name": "tn", "content": "c"},
    ],
    "tools": [{"type": "function", "function": {"name": "tf", "description": "d", "parameters": {"id": "y"}}}],
    "tool_choice": {"type": "function", "function": {"name": "tf2"}},
    "inputs": [{"name": "in", "parameters": {"binary": "b"}, "data": ["; ls"]}],
    "include": {"file_ids": ["f1", "f2"]},
    "service_tier": "st",
}
SEEN = [
    *("m", "u", "team", "t", "deep", "er", "l", "stop", "s", "style", "ct", "n", "i", "f", "tc", "fn", "tu", "g", "tn"),
    *("tf", "tf2", "in", "binary", "b", "f1", "f2", "st"),
]
ATTACK = "x' or 1=1 --"


def test_what_is_looked_at_is_structured_and_no_text_or_argument() -> None:
    assert sorted(value for _, value in structured(DOCUMENT)) == sorted(SEEN)
    assert list(injections(structured(DOCUMENT))) == []


def test_the_place_is_told_without_the_names_of_the_caller() -> None:
    document = {"metadata": {"my-secret": "$(id)"}, "user": "a' or 1=1", "messages": [{"name": "../x"}], "ä": "`id`"}
    assert sorted(injections(structured(document))) == [
        ("command", "*"),
        ("command", "metadata.*"),
        ("path", "messages[0].name"),
        ("sql", "user"),
    ]


def test_settings_are_looked_through_as_deep_as_a_document_can_be() -> None:
    node: Any = ATTACK
    for _ in range(60):
        node = {"a": [node]}
    assert [kind for kind, _ in injections(structured({"metadata": node}))] == ["sql"]
    assert [kind for kind, _ in injections(structured_anywhere({"a": node}, ()))] == ["sql"]


def test_of_a_declared_route_everything_is_but_texts() -> None:
    told = {"note": "declared", "kept": {"below": "declared"}}
    document = [
        {"customer": "c", "text": "t", "Query": "q", "tags": ["g"], "inputs": ["i", {"sku": "s"}], "x y": 1},
        *("e", ["f"], [[{"customer": "d", **told}]]),
    ]
    texts = [(id(document[3][0][0]), "note")]  # type: ignore[index]
    found = structured_anywhere(document, texts)
    assert sorted((place_of(trail), value) for trail, value in found) == sorted(
        [
            *(("document[0].customer", "customer"), ("document[0].customer", "c"), ("document[0].text", "text")),
            *(("document[0].Query", "Query"), ("document[0].tags", "tags"), ("document[0].tags[0]", "g")),
            *(
                ("document[0].inputs", "inputs"),
                ("document[0].inputs[1].sku", "sku"),
                ("document[0].inputs[1].sku", "s"),
            ),
            *(("document[0].*", "x y"), ("document[3][0][0].customer", "d"), ("document[3][0][0].note", "note")),
            *(("document[3][0][0].kept", "kept"), ("document[3][0][0].kept.below", "below")),
            ("document[3][0][0].kept.below", "declared"),
        ]
    )


@pytest.mark.parametrize(
    "document",
    [
        {"tools": [{"name": "f", "parameters": {"properties": {"a": {"pattern": ATTACK}}}}]},
        {"functions": [{"function": {"name": "f", "input_schema": {"default": ATTACK}}}]},
        {"messages": [{"tool_calls": [{"function": {"name": "f", "arguments": {"a": ATTACK}}}]}]},
        {"messages": [{"content": [{"type": "tool_use", "name": "f", "input": {"a": ATTACK}}]}]},
    ],
)
def test_schemas_and_arguments_of_tools_are_no_parameters_anywhere(document: dict[str, Any]) -> None:
    assert list(injections(structured(document))) == []
    assert list(injections(structured_anywhere(document, ()))) == []


def test_what_stands_beside_schemas_is() -> None:
    assert [place for _, place in injections(structured_anywhere({"tools": [{"id": ATTACK}]}, ()))] == ["tools[0].id"]
    assert [place for _, place in injections(structured({"tools": [{"id": ATTACK}]}))] == ["tools[0].id"]
    assert [place for _, place in injections(structured_anywhere({"parameters": {"a": ATTACK}}, ()))] == [
        "parameters.a"
    ]


def around(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    names = st.sampled_from(["a", "b", "input", "text", "messages", "tools", "id", "metadata"])
    others = st.none() | st.integers() | st.text(max_size=3) | st.lists(st.text(max_size=3), max_size=2)
    listed = st.tuples(st.lists(others, max_size=2), inner).map(lambda parts: [*parts[0], parts[1]])
    held = st.tuples(st.dictionaries(names, others, max_size=3), names, inner).map(
        lambda parts: {**parts[0], parts[1]: parts[2]}
    )
    return listed | held


@given(st.recursive(st.just({"customer": ATTACK}), around, max_leaves=8))
def test_no_list_or_object_hides_a_parameter_of_a_declared_route(document: Any) -> None:
    assert "sql" in [kind for kind, _ in injections(structured_anywhere(document, ()))]


@given(st.recursive(st.just({"id": ATTACK}), around, max_leaves=8))
def test_no_list_or_object_hides_an_id(node: Any) -> None:
    assert "sql" in [kind for kind, _ in injections(structured({"messages": node}))]
