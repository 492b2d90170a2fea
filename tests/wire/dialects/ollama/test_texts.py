"""No string of a document is missed: what is left out is named here one by one."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.model.text import Text
from guardhouse.wire.dialects.ollama.request import check
from guardhouse.wire.dialects.ollama.texts import answer_texts, request_texts
from guardhouse.wire.dialects.walk import HARMLESS, Keys

CHAT, GENERATE, EMBED = Operation.CHAT, Operation.COMPLETIONS, Operation.EMBEDDINGS
STRUCTURAL = {"model", "tool_name", "tool_call_id", "id", "type", "name", "created_at", "done_reason", "images"}
STRUCTURAL |= {"remote_model", "remote_host"}


def spoken(texts: list[Text]) -> dict[str, str]:
    return {text.value: text.role for text in texts}


def values(node: Any, key: str = "") -> list[tuple[str, str]]:
    if isinstance(node, str):
        return [(key, node)]
    if isinstance(node, dict):
        return [found for name, value in node.items() for found in values(value, name)]
    return [found for entry in node for found in values(entry, key)] if isinstance(node, list) else []


def test_every_known_place_of_a_chat_has_its_speaker() -> None:
    document = {
        "model": "m",
        "messages": [
            {"role": "system", "content": "s1"},
            {"role": "user", "content": "u1", "images": ["left out"]},
            {
                "role": "assistant",
                "content": "a1",
                "thinking": "a2",
                "tool_calls": [
                    {"function": {"name": "f", "arguments": {"where": "a3", "deep": [{"name": "a4"}]}, "more": "a5"}}
                ],
            },
            {"role": "tool", "tool_name": "f", "content": "t1"},
        ],
        "tools": [{"type": "function", "function": {"name": "f", "description": "o1", "parameters": {"name": "o2"}}}],
        "format": {"title": "o3"},
        "options": {"stop": ["o4"]},
        "nobody_knows": ["o5"],
    }
    assert check(document, CHAT) is None
    texts = request_texts(document, CHAT)
    letters = {"s": "system", "u": "user", "a": "assistant", "t": "tool", "o": "other"}
    found = spoken(texts)
    assert found == {value: letters[value[0]] for value in found}
    assert len(texts) == len(found) == 1 + 1 + 5 + 1 + 5
    assert not any(text.escaped for text in texts)


def test_prompts_and_inputs_have_their_speakers() -> None:
    document = {"model": "m", "prompt": "u", "suffix": "u2", "system": "s", "template": "s2", "context": [1]}
    assert spoken(request_texts(document, GENERATE)) == {"u": "user", "u2": "user", "s": "system", "s2": "system"}
    assert spoken(request_texts({"model": "m", "input": "a"}, EMBED)) == {"a": "user"}
    assert spoken(request_texts({"model": "m", "input": ["a", "b"]}, EMBED)) == {"a": "user", "b": "user"}


def test_an_answer_is_what_the_assistant_says() -> None:
    answer = {
        "model": "m",
        "created_at": "2026-01-01T00:00:00Z",
        "message": {
            "role": "assistant",
            "content": "a1",
            "thinking": "a2",
            "tool_calls": [{"function": {"name": "f", "arguments": {"x": "a3"}}}],
        },
        "done_reason": "stop",
        "done": True,
    }
    assert spoken(answer_texts(answer)) == dict.fromkeys(("a1", "a2", "a3"), "assistant")
    assert spoken(answer_texts({"response": "a1", "thinking": "a2", "context": [1, 2]})).keys() == {"a1", "a2"}
    assert answer_texts({"model": "m", "embeddings": [[0.1, 2], [3]]}) == []
    assert spoken(answer_texts({"embeddings": [["hidden"]]})).keys() == {"hidden"}


LEAVES = st.sampled_from(["secret", "bob@example.com", "user", 1, None, True])
NAMES = st.sampled_from(
    [
        *("model", "messages", "message", "role", "content", "thinking", "tool_calls", "function", "name", "arguments"),
        *("id", "type", "tool_name", "tool_call_id", "images", "prompt", "response", "system", "input", "context"),
        *("created_at", "done_reason", "tools", "unheard", "a rather long key of somebody"),
    ]
)
TREES = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=4), max_leaves=12
)


def missed(document: Any, texts: list[Text]) -> list[tuple[str, str]]:
    left = values(document)
    for text in texts:
        if not isinstance(text.holder, Keys):
            place = next((place for place in left if place[1] == text.value), None)
            assert place is not None, "found twice, or not in the document"
            left.remove(place)
    return left


@given(st.dictionaries(NAMES, TREES, max_size=6))
def test_of_an_answer_only_what_is_structural_or_harmless_is_left_out(document: dict[str, Any]) -> None:
    for _, value in missed(document, answer_texts(document)):
        keys = {key for key, found in values(document) if found == value}
        assert value in HARMLESS or keys & STRUCTURAL, value


@given(st.sampled_from([CHAT, GENERATE, EMBED]), st.dictionaries(NAMES, TREES, max_size=6))
def test_of_a_request_that_passed_only_what_is_structural_or_harmless_is_left_out(
    operation: Operation, document: dict[str, Any]
) -> None:
    for whole in (document, {**document, "model": "m", "prompt": "p", "input": "i", "messages": [{"role": "user"}]}):
        if check(whole, operation) is not None:
            continue
        for _, value in missed(whole, request_texts(whole, operation)):
            keys = {key for key, found in values(whole) if found == value}
            assert value in HARMLESS or keys & STRUCTURAL, value


@given(st.dictionaries(st.sampled_from(["unheard", "metadata", "Model_", "x"]), TREES, max_size=4))
def test_nothing_below_an_unknown_field_is_left_out_whatever_it_is_called(document: dict[str, Any]) -> None:
    for texts in (request_texts(document, CHAT), answer_texts(document)):
        assert all(value in HARMLESS for _, value in missed(document, texts))
