"""No string of a document is missed: what is left out is named here one by one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.model.text import Text
from guardhouse.wire.dialects.openai.texts import answer_texts, request_texts
from guardhouse.wire.dialects.walk import HARMLESS, Keys, rewrite

CHAT, COMPLETIONS, RESPONSES, EMBEDDINGS = (
    Operation.CHAT,
    Operation.COMPLETIONS,
    Operation.RESPONSES,
    Operation.EMBEDDINGS,
)


def spoken(texts: list[Text]) -> dict[str, str]:
    return {text.value: text.role for text in texts}


def strings(node: Any) -> list[str]:
    """Every string of a document, keys too."""
    if isinstance(node, str):
        return [node]
    if isinstance(node, dict):
        return [found for key, value in node.items() for found in (key, *strings(value))]
    return [found for entry in node for found in strings(entry)] if isinstance(node, list) else []


def write(texts: list[Text], masked: str) -> None:
    for text in texts:
        text.holder[text.key] = masked


def test_every_known_place_of_a_chat_has_its_speaker() -> None:
    document = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s1"},
            {"role": "developer", "content": "s2"},
            {"role": "user", "content": "u1", "name": "u2"},
            {"role": "user", "content": [{"type": "text", "text": "u3"}]},
            {
                "role": "assistant",
                "content": None,
                "refusal": "a1",
                "reasoning_content": "a2",
                "tool_calls": [{"id": "call", "type": "function", "function": {"name": "f", "arguments": "a3"}}],
                "function_call": {"name": "f", "arguments": "a4"},
            },
            {"role": "tool", "tool_call_id": "call", "name": "f", "content": "t1"},
            {"role": "function", "name": "f", "content": "t2"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "o1", "parameters": {"title": "o2"}}}],
        "tool_choice": {"type": "function", "function": {"name": "f"}},
        "stop": ["o3"],
        "user": "o4",
        "metadata": {"k": "o5"},
        "nobody_knows": [{"deep": ["o6", {"id": "o7", "role": "o8", "name": "o9"}]}],
    }
    texts = request_texts(document, CHAT)
    letters = {"s": "system", "u": "user", "a": "assistant", "t": "tool", "o": "other"}
    found = spoken(texts)
    assert found == {value: letters[value[0]] for value in found}
    assert len(texts) == len(found) == 2 + 3 + 4 + 2 + 9
    assert {text.value for text in texts if text.escaped} == {"a3", "a4"}


def test_the_items_of_a_response_have_their_speakers() -> None:
    document = {
        "model": "m",
        "instructions": "s1",
        "input": [
            {"role": "user", "content": "u1"},
            {"type": "message", "role": "system", "content": [{"type": "input_text", "text": "s2"}]},
            {"type": "function_call", "id": "i", "call_id": "c", "name": "f", "arguments": "a1"},
            {"type": "function_call_output", "call_id": "c", "output": "t1"},
            {"type": "function_call_output", "call_id": "c", "output": [{"type": "input_text", "text": "t2"}]},
            {"type": "reasoning", "id": "r", "summary": [{"text": "a2"}], "encrypted_content": "sealed"},
            {"type": "something new", "id": "n", "payload": "o1"},
        ],
        "tools": [{"type": "function", "name": "f", "description": "o2"}],
        "prompt": {"id": "u2", "variables": {"v": "u3"}},
    }
    found = spoken(request_texts(document, RESPONSES))
    letters = {"s": "system", "u": "user", "a": "assistant", "t": "tool", "o": "other"}
    assert found.pop("something new") == "other"
    assert found == {
        value: letters[value[0]] for value in ("s1", "u1", "s2", "a1", "t1", "t2", "a2", "o1", "o2", "u2", "u3")
    }


@pytest.mark.parametrize(
    ("operation", "document", "values"),
    [
        (COMPLETIONS, {"model": "m", "prompt": "p", "suffix": "s"}, ["p", "s"]),
        (COMPLETIONS, {"model": "m", "prompt": ["p", "q"]}, ["p", "q"]),
        (COMPLETIONS, {"model": "m", "prompt": [1, 2]}, []),
        (COMPLETIONS, {"model": "m", "prompt": [[1], [2]]}, []),
        (EMBEDDINGS, {"model": "m", "input": "p"}, ["p"]),
        (EMBEDDINGS, {"model": "m", "input": ["p", "q"]}, ["p", "q"]),
    ],
)
def test_prompts_and_inputs_are_found(operation: Operation, document: Any, values: list[str]) -> None:
    assert [text.value for text in request_texts(document, operation)] == values


def test_the_payload_of_what_cannot_be_read_is_left_out_and_nothing_else() -> None:
    parts = [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA", "detail": "seen"}},
        {"type": "image_url", "image_url": {"url": "https://example.com/?q=seen too"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
        {"type": "file", "file": {"file_data": "AAAA", "filename": "letter.txt"}},
        {"type": "text", "text": "data: is a word"},
    ]
    texts = request_texts({"model": "m", "messages": [{"role": "user", "content": parts}]}, CHAT)
    found = {text.value for text in texts} - {"image_url", "input_audio", "file"}
    assert found == {"seen", "https://example.com/?q=seen too", "wav", "letter.txt", "data: is a word"}


def test_an_answer_is_found_wherever_it_stands() -> None:
    document = {
        "id": "i",
        "object": "chat.completion",
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "a1"}, "finish_reason": "stop"},
            {
                "message": {
                    "role": "assistant",
                    "content": "a2",
                    "refusal": "a3",
                    "reasoning": "a4",
                    "tool_calls": [{"id": "c", "function": {"name": "f", "arguments": "a5"}}],
                },
                "text": "a6",
                "unheard_of": ["a7"],
            },
        ],
        "error": {"message": "o1"},
        "unheard_of": "o2",
    }
    found = spoken(answer_texts(document, CHAT))
    assert found == {**{f"a{n}": "assistant" for n in range(1, 8)}, "o1": "other", "o2": "other"}


def test_the_items_of_an_answer_are_found() -> None:
    document = {
        "id": "i",
        "instructions": "o1",
        "output": [
            {"type": "message", "id": "m", "role": "assistant", "content": [{"type": "output_text", "text": "a1"}]},
            {"type": "function_call", "call_id": "c", "name": "f", "arguments": "a2"},
        ],
        "tools": [{"type": "function", "name": "f", "description": "o2"}],
        "tool_choice": "o3",
        "metadata": {"k": "o4"},
    }
    found = spoken(answer_texts(document, RESPONSES))
    assert found == {"a1": "assistant", "a2": "assistant", "o1": "other", "o2": "other", "o3": "other", "o4": "other"}


def test_strings_where_objects_belong_are_masked_at_their_place() -> None:
    document: dict[str, Any] = {"output": ["secret", {"type": "message"}], "tools": ["secret"], "metadata": "secret"}
    write(answer_texts(document, RESPONSES), "[X]")
    assert document == {"output": ["[X]", {"type": "message"}], "tools": ["[X]"], "metadata": "[X]"}
    request: dict[str, Any] = {"messages": ["secret"], "tools": ["secret"], "input": ["secret"]}
    write(request_texts(request, CHAT), "[X]")
    assert request == {"messages": ["[X]"], "tools": ["[X]"], "input": ["[X]"]}


def test_vectors_are_not_walked() -> None:
    document = {"data": [{"embedding": [0.1] * 4, "object": "x1"}, {"embedding": "AAAA"}, "x2"], "model": "m"}
    assert sorted(text.value for text in answer_texts(document, EMBEDDINGS)) == ["x1", "x2"]


def test_a_long_id_is_no_id() -> None:
    long = "x" * 257
    assert [text.value for text in answer_texts({"id": long, "model": "m"}, CHAT)] == [long]


def test_keys_that_may_hold_something_are_texts_and_are_renamed() -> None:
    document: dict[str, Any] = {
        "model": "m",
        "metadata": {"a": "1", "bob@example.com": "2", "eve@example.com": "3", "z": "4"},
    }
    texts = [text for text in request_texts(document, COMPLETIONS) if isinstance(text.holder, Keys)]
    assert [text.value for text in texts] == ["bob@example.com", "eve@example.com"]
    write(texts, "[EMAIL]")
    assert document["metadata"] == {"a": "1", "[EMAIL]": "2", "[EMAIL]_2": "3", "z": "4"}


def test_many_keys_of_one_object_are_renamed_through_one_place_that_remembers_its_numbers() -> None:
    document: dict[str, Any] = {
        "model": "m",
        "metadata": {f"user{number}@example.com": number for number in range(500)},
    }
    texts = [text for text in request_texts(document, COMPLETIONS) if isinstance(text.holder, Keys)]
    assert len({id(text.holder) for text in texts}) == 1
    write(texts, "[EMAIL]")
    assert list(document["metadata"]) == ["[EMAIL]", *(f"[EMAIL]_{number}" for number in range(2, 501))]


def test_values_under_a_renamed_key_are_written_too() -> None:
    document: dict[str, Any] = {
        "bob@example.com": "bob@example.com",
        "metadata": {"bob@example.com": {"x": ["secret"]}},
    }
    write(request_texts(document, COMPLETIONS), "[X]")
    assert document == {"[X]": "[X]", "metadata": {"[X]": {"x": ["[X]"]}}}


WORDS = st.sampled_from(["secret", "bob@example.com", "data:x", "user", "text", "function", "a rather long key"])
PLACES = st.sampled_from(
    [
        *("messages", "content", "role", "type", "text", "tool_calls", "function", "name", "arguments", "id", "input"),
        *(
            "output",
            "tools",
            "tool_choice",
            "function_call",
            "choices",
            "message",
            "data",
            "embedding",
            "model",
            "prompt",
        ),
        *(
            "encrypted_content",
            "call_id",
            "unheard of, and long",
            "bob@example.com",
            "parameters",
            "image_url",
            "item_id",
        ),
    ]
)
TREES = st.recursive(
    WORDS | st.integers() | st.none(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PLACES, inner, max_size=5),
    max_leaves=20,
)
# the keys under which a string may be left out, in the places that give them their meaning
STRUCTURAL = {"id", "call_id", "tool_call_id", "item_id", "name", "model", "system_fingerprint", "encrypted_content"}
PAYLOADS = {"data", "file_data", "embedding"}


def missed(document: Any, texts: list[Text]) -> list[tuple[str, str]]:
    """Strings that no text stands for, with the key they stand under."""
    taken = {(id(text.holder), text.key) for text in texts if not isinstance(text.holder, Keys)}
    left: list[tuple[str, str]] = []

    def look(node: Any, under: str) -> None:
        members = node.items() if isinstance(node, dict) else enumerate(node)
        for key, value in members:
            name = key if isinstance(key, str) else under
            if isinstance(value, str) and (id(node), key) not in taken:
                left.append((name, value))
            elif isinstance(value, dict | list):
                look(value, name)

    look(document, "")
    return left


@given(
    st.dictionaries(PLACES, TREES, max_size=6),
    st.sampled_from([CHAT, COMPLETIONS, RESPONSES, EMBEDDINGS]),
    st.booleans(),
)
def test_whatever_is_left_out_is_structural_or_harmless(
    document: dict[str, Any], operation: Operation, answer: bool
) -> None:
    texts = answer_texts(document, operation) if answer else request_texts(document, operation)
    for key, value in missed(document, texts):
        assert value in HARMLESS or key in STRUCTURAL or key in PAYLOADS or value.startswith("data:"), (key, value)
    places = [(id(text.holder), text.key) for text in texts if not isinstance(text.holder, Keys)]
    assert len(places) == len(set(places))


@given(st.dictionaries(st.sampled_from(["unheard", "metadata", "messages_", "Model", "x"]), TREES, max_size=4))
def test_nothing_below_an_unknown_field_is_left_out_whatever_it_is_called(document: dict[str, Any]) -> None:
    for texts in (request_texts(document, CHAT), answer_texts(document, CHAT)):
        assert all(value in HARMLESS for _, value in missed(document, texts))


@given(st.dictionaries(PLACES, TREES, max_size=6))
def test_writing_every_text_leaves_no_secret_key_or_value_in_unknown_fields(inner: dict[str, Any]) -> None:
    document = {"unheard": inner}
    write(request_texts(document, CHAT), "[X]")
    assert not {"secret", "bob@example.com", "a rather long key"} & set(strings(document))


@given(TREES)
def test_rewriting_reaches_every_string(tree: Any) -> None:
    holder = [tree]
    rewrite(holder, lambda text, _: "[X]")
    assert not {"secret", "bob@example.com", "data:x"} & set(strings(holder))


def test_a_deep_document_is_walked_without_recursion() -> None:
    tree: Any = "secret"
    for _ in range(5000):
        tree = [tree]
    assert [text.value for text in request_texts({"x": tree}, CHAT)] == ["secret"]
