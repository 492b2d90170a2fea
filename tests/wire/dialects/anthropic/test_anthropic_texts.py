"""No string of a document is missed: what is left out is named here one by one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.text import Text
from guardhouse.wire.dialects.anthropic.texts import answer_texts, request_texts
from guardhouse.wire.dialects.walk import HARMLESS, Keys
from wire.dialects.openai.test_texts import missed, spoken, strings, write

from .messages import SIGNATURE

LETTERS = {"s": "system", "u": "user", "a": "assistant", "t": "tool", "o": "other"}


EVERYTHING: dict[str, Any] = {
    "model": "m",
    "max_tokens": 5,
    "system": [{"type": "text", "text": "s1", "cache_control": {"type": "ephemeral"}}],
    "messages": [
        {"role": "system", "content": "s2"},
        {"role": "user", "content": "u1"},
        {"role": "user", "content": [{"type": "text", "text": "u2"}]},
        {
            "role": "user",
            "content": [
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "u3"},
                    "title": "u4",
                    "context": "u5",
                },
                {"type": "document", "source": {"type": "content", "content": "u6"}},
                {"type": "document", "source": {"type": "content", "content": [{"type": "text", "text": "u7"}]}},
                {
                    "type": "search_result",
                    "source": "u8",
                    "title": "u9",
                    "content": [{"type": "text", "text": "u0"}],
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "a1", "signature": SIGNATURE},
                {"type": "redacted_thinking", "data": SIGNATURE},
                {"type": "text", "text": "a2", "citations": [{"type": "char_location", "cited_text": "a3"}]},
                {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"x": "a4", "y": [{"z": "a5"}]}},
                {
                    "type": "server_tool_use",
                    "id": "srv_1",
                    "name": "web_search",
                    "input": {"query": "a6"},
                    "caller": {"type": "direct", "tool_id": "srv_0"},
                },
                {
                    "type": "web_search_tool_result",
                    "tool_use_id": "srv_1",
                    "content": [{"type": "web_search_result", "title": "t1", "encrypted_content": SIGNATURE}],
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "t2"},
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "t3"}]},
            ],
        },
    ],
    "tools": [{"name": "f", "description": "o1", "input_schema": {"type": "object", "title": "o2"}}],
    "tool_choice": {"type": "tool", "name": "f"},
    "stop_sequences": ["o3"],
    "metadata": {"user_id": "o4"},
    "nobody_knows": [{"deep": ["o5", {"id": "o6", "role": "o7", "name": "o8", "signature": SIGNATURE}]}],
}


def test_every_known_place_has_its_speaker() -> None:
    found = spoken(request_texts(EVERYTHING))
    assert found.pop(SIGNATURE) == "other"
    assert found == {value: LETTERS[value[0]] for value in found}
    assert sorted(found) == sorted(
        [*(f"u{n}" for n in range(10)), *(f"a{n}" for n in range(1, 7)), "s1", "s2"]
        + [f"t{n}" for n in range(1, 4)]
        + [f"o{n}" for n in range(1, 9)]
    )


def test_a_system_prompt_may_be_a_string() -> None:
    assert spoken(request_texts({"model": "m", "system": "s", "messages": []})) == {"s": "system"}


def test_the_payload_of_what_cannot_be_read_is_left_out_and_nothing_else() -> None:
    blocks = [
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.com/?q=seen"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1", "data": "seen too"}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"},
            "title": "t",
        },
        {"type": "text", "text": "x", "source": {"type": "base64", "data": "no source"}},
    ]
    texts = request_texts({"model": "m", "messages": [{"role": "user", "content": blocks}]})
    assert {text.value for text in texts} == {"https://example.com/?q=seen", "seen too", "t", "x", "no source"}


@pytest.mark.parametrize(
    "block",
    [
        {"type": "thinking", "thinking": "", "signature": "bob@example.com"},
        {"type": "thinking", "thinking": "", "signature": "4111111111111111"},
        {"type": "redacted_thinking", "data": "AKIAIOSFODNN7EXAMPLE"},
        {"type": "text", "text": "", "data": SIGNATURE},
        {"type": "tool_use", "id": "x", "name": "f", "input": {"signature": SIGNATURE}},
    ],
)
def test_what_only_pretends_to_be_sealed_is_a_text(block: dict[str, Any]) -> None:
    (text,) = request_texts({"model": "m", "messages": [{"role": "assistant", "content": [block]}]})
    assert text.value in strings(block)


def test_an_answer_is_found_wherever_it_stands() -> None:
    document = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [
            {"type": "text", "text": "a1"},
            {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"town": "a2"}},
            "a3",
        ],
        "stop_reason": "stop_sequence",
        "stop_sequence": "o1",
        "usage": {"input_tokens": 1},
        "unheard_of": {"x": "o2"},
    }
    assert spoken(answer_texts(document)) == {
        "a1": "assistant",
        "a2": "assistant",
        "a3": "assistant",
        "o1": "other",
        "o2": "other",
    }
    assert spoken(answer_texts({"type": "error", "error": {"type": "x", "message": "o1"}})) == {
        "x": "other",
        "o1": "other",
    }
    assert spoken(answer_texts("alone")) == {"alone": "assistant"}
    assert spoken(answer_texts({"content": "alone"})) == {"alone": "other"}


def test_strings_where_objects_belong_are_masked_at_their_place() -> None:
    request: dict[str, Any] = {
        "messages": ["secret"],
        "tools": ["secret"],
        "system": ["secret"],
        "tool_choice": ["secret"],
    }
    write(request_texts(request), "[X]")
    assert request == {"messages": ["[X]"], "tools": ["[X]"], "system": ["[X]"], "tool_choice": ["[X]"]}


def test_keys_that_may_hold_something_are_texts_and_are_renamed() -> None:
    call = {"type": "tool_use", "id": "x", "name": "f", "input": {"bob@example.com": {"eve@example.com": "1"}}}
    document: dict[str, Any] = {"model": "m", "messages": [{"role": "assistant", "content": [call]}]}
    write([text for text in request_texts(document) if isinstance(text.holder, Keys)], "[EMAIL]")
    assert call["input"] == {"[EMAIL]": {"[EMAIL]": "1"}}


WORDS = st.sampled_from(["secret", "bob@example.com", "user", "text", "thinking", "a rather long key", SIGNATURE])
PLACES = st.sampled_from(
    [
        *("messages", "content", "role", "type", "text", "system", "source", "data", "input", "name", "id", "tools"),
        *("tool_use_id", "tool_choice", "signature", "thinking", "caller", "tool_id", "file_id", "citations", "model"),
        *("encrypted_content", "unheard of, and long", "bob@example.com", "arguments"),
    ]
)
KINDS = st.sampled_from(
    ["text", "thinking", "redacted_thinking", "tool_use", "tool_result", "image", "document", "web_search_tool_result"]
)
TREES = st.recursive(
    WORDS | st.integers() | st.none(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(PLACES, inner, max_size=5)
        | st.builds(lambda kind, more: {**more, "type": kind}, KINDS, st.dictionaries(PLACES, inner, max_size=4))
    ),
    max_leaves=20,
)
# the keys under which a string may be left out, in the places that give them their meaning
STRUCTURAL = {"id", "tool_use_id", "file_id", "tool_id", "name", "model", "type"}


@given(st.dictionaries(PLACES, TREES, max_size=6), st.booleans())
def test_whatever_is_left_out_is_structural_or_harmless_or_sealed(document: dict[str, Any], answer: bool) -> None:
    texts = answer_texts(document) if answer else request_texts(document)
    for key, value in missed(document, texts):
        assert value in HARMLESS or key in STRUCTURAL or value == SIGNATURE or key == "data", (key, value)
    places = [(id(text.holder), text.key) for text in texts if not isinstance(text.holder, Keys)]
    assert len(places) == len(set(places))


@given(st.dictionaries(st.sampled_from(["unheard", "metadata", "messages_", "System", "x"]), TREES, max_size=4))
def test_nothing_below_an_unknown_field_is_left_out_whatever_it_is_called(document: dict[str, Any]) -> None:
    for texts in (request_texts(document), answer_texts(document)):
        assert all(value in HARMLESS for _, value in missed(document, texts))


@given(st.dictionaries(PLACES, TREES, max_size=6))
def test_writing_every_text_leaves_no_secret_in_the_input_of_a_call(given_input: dict[str, Any]) -> None:
    call = {"type": "tool_use", "id": "x", "name": "f", "input": given_input}
    write(request_texts({"model": "m", "messages": [{"role": "assistant", "content": [call]}]}), "[X]")
    assert not {"secret", "bob@example.com", "a rather long key", SIGNATURE} & set(strings(call["input"]))


def test_a_deep_document_is_walked_without_recursion() -> None:
    tree: Any = "secret"
    for _ in range(5000):
        tree = [tree]
    found: list[Text] = request_texts({"model": "m", "x": tree})
    assert [text.value for text in found] == ["secret"]
