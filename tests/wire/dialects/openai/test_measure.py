import unicodedata
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.wire import json
from guardhouse.wire.dialects.openai.measure import inputs, is_endless, most_given

CHAT = Operation.CHAT
TOOL = {"type": "function", "function": {"name": "f", "parameters": {"type": "object", "properties": {"größe": {}}}}}


def chat(*contents: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": content} for content in contents], **fields}


def most(document: dict[str, Any], operation: Operation = CHAT) -> int | None:
    return most_given(document, json.encode(document), operation)


# what models see: the texts in the frames of their templates, byte by byte where the vocabulary has nothing better
FRAMES = (
    "<|im_start|>{role}\n{content}<|im_end|>\n",
    "[{role}] {content}\n",
)


@given(st.lists(st.text(), min_size=1, max_size=4), st.sampled_from(FRAMES))
def test_no_text_has_more_bytes_than_are_reserved_in_whichever_form_it_is_normalised(
    texts: list[str], frame: str
) -> None:
    bound = most(chat(*texts))
    assert bound is not None
    for form in ("NFC", "NFKC", None):
        seen = [text if form is None else unicodedata.normalize(form, text) for text in texts]
        special = 2  # marks of the frame that are one token each, whatever their spelling
        assert sum(len(text.encode()) + len("user\n\n") + special for text in seen) <= bound
    assert len(frame.format(role="user", content="")) < len('{"role":"user","content":""}') + 8


@pytest.mark.parametrize(
    "text",
    [
        "0123456789" * 50,
        "\u4f60\u597d" * 50,
        "\U0001f9d1\u200d\U0001f680" * 20,
        "\ufdfa" * 50,  # one character of three bytes, eighteen of 33 when it is normalised
        "\U0001d160" * 50,  # of four, of twelve
        "\r\u0323\u0304" * 50,  # would be joined with the letter of the escape
        "\ud55c\uad6d\uc5b4\uff01" * 50,
    ],
)
def test_digits_ideographs_signs_and_ligatures_are_bounded(text: str) -> None:
    bound = most(chat(text))
    assert bound is not None
    for form in ("NFC", "NFKC"):
        assert bound >= len(unicodedata.normalize(form, text).encode())


@pytest.mark.parametrize("indent", [None, 2, 4], ids=["compact", "indented by two", "indented by four"])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_tools_are_bounded_however_a_template_prints_them(indent: int | None, ascii_only: bool) -> None:
    import json as library

    tools = [TOOL, {"type": "function", "function": {"name": "g", "description": "<b>&'" * 9}}]
    printed = library.dumps(tools, indent=indent, ensure_ascii=ascii_only)
    for sign in "<>&'":
        printed = printed.replace(sign, f"\\u{ord(sign):04x}")
    bare, bound = most(chat("x")), most(chat("x", tools=tools))
    assert bare is not None
    assert bound is not None
    assert bound - bare >= len(printed.encode())


def test_a_large_tool_is_bounded_without_being_printed() -> None:
    deep: Any = {}
    for _ in range(50):
        deep = {"a": deep, "b": [1, 2]}
    tools = [TOOL, deep | {"c": "x" * 70_000}]
    bound = most(chat("x", tools=tools))
    assert bound is not None
    assert bound >= len(msgspec.json.format(json.encode(tools), indent=4))


@pytest.mark.parametrize(
    ("document", "operation"),
    [
        (chat([{"type": "image_url", "image_url": {"url": "http://x/y.png"}}]), CHAT),
        (chat("x", chat_template="{% for i in range(9) %}{{ messages }}{% endfor %}"), CHAT),
        ({"input": "x", "previous_response_id": "r"}, Operation.RESPONSES),
        ({"input": "x", "conversation": {"id": "c"}}, Operation.RESPONSES),
        ({"prompt": {"id": "p"}}, Operation.RESPONSES),
        ({"input": [{"type": "item_reference", "id": "i"}]}, Operation.RESPONSES),
        ({"input": [{"type": "reasoning", "encrypted_content": "gAAA"}]}, Operation.RESPONSES),
        ({"prompt": "x", "prompt_embeds": "UEs="}, Operation.COMPLETIONS),
    ],
)
def test_what_does_not_stand_in_the_request_has_no_bound(document: dict[str, Any], operation: Operation) -> None:
    assert most(document, operation) is None


@pytest.mark.parametrize(
    ("fields", "endless"),
    [
        ({}, False),
        ({"tools": [TOOL, {"type": "custom", "name": "c"}]}, False),
        ({"tools": [TOOL, {"type": "web_search"}]}, True),
        ({"tools": [{"type": "mcp", "server_url": "https://x"}]}, True),
        ({"web_search_options": {}}, True),
        ({"web_search_options": None, "tools": None}, False),
    ],
)
def test_tools_of_the_model_server_make_a_request_endless(fields: dict[str, Any], endless: bool) -> None:
    assert is_endless(chat("x", **fields)) == endless


@pytest.mark.parametrize(
    ("document", "read"),
    [
        ({}, 1),
        ({"prompt": ["a", "b"], "n": 2}, 2),
        ({"prompt": [1, 2, 3, 4]}, 1),
        ({"prompt": [[1, 2], [3], [4]]}, 3),
        ({"input": ["a", "b", "c"]}, 3),
        ({"input": [5, 6, 7]}, 1),
    ],
)
def test_each_of_several_inputs_counts_and_a_list_of_tokens_is_one(document: dict[str, Any], read: int) -> None:
    assert inputs(document) == read
