"""The shape of requests: what clients really send passes, what is wrong is told with its place."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.anthropic.fields import COUNT_TOKENS, MESSAGES
from guardhouse.wire.dialects.anthropic.request import check, prepare, unknown_fields, unreadable
from guardhouse.wire.dialects.dialect import Prepared

from .messages import SIGNATURE

IMAGE = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}
PDF = {"type": "document", "source": {"type": "base64", "media_type": "application/pdf", "data": "AAAA"}}
PLAIN = {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "words"}, "title": "t"}
CALL = {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {"q": ["x"]}}
RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "42"}
TOOL = {"name": "look_up", "description": "d", "input_schema": {"type": "object", "properties": {}}}
TEXT = {"type": "text", "text": "t"}


def ask(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "max_tokens": 5, "messages": list(messages) or [user("hi")], **fields}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


def said(*blocks: Any) -> dict[str, Any]:
    return ask(user("u"), {"role": "assistant", "content": list(blocks)})


def given_(*blocks: Any) -> dict[str, Any]:
    return ask(user(list(blocks)))


MCP_CALL = {"type": "mcp_tool_use", "id": "t", "name": "f", "server_name": "files", "input": {}}
MCP_RESULT = {"type": "mcp_tool_result", "tool_use_id": "t", "content": [TEXT], "is_error": False}

GOOD: list[dict[str, Any]] = [
    given_(MCP_CALL, MCP_RESULT),
    ask(mcp_servers=[{"type": "url", "url": "https://example.com", "name": "x"}]),
    ask(tools=[{"type": "mcp_toolset", "mcp_server_name": "x", "default_config": {"enabled": True}}]),
    ask(),
    ask(system="s"),
    ask(system=[{**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]),
    ask(user("u"), {"role": "assistant", "content": "a"}, {"role": "system", "content": "s"}),
    given_(TEXT, IMAGE, PDF, PLAIN),
    given_({"type": "image", "source": {"type": "url", "url": "https://example.com/a.png"}}),
    given_({"type": "image", "source": {"type": "file", "file_id": "file_1"}}),
    given_(
        {"type": "document", "source": {"type": "content", "content": [TEXT, IMAGE]}, "citations": {"enabled": True}}
    ),
    given_({"type": "document", "source": {"type": "content", "content": "c"}}),
    given_({"type": "search_result", "source": "s", "title": "t", "content": [TEXT]}),
    given_(RESULT, {**RESULT, "content": [TEXT, IMAGE], "is_error": True}, {"type": "tool_result", "tool_use_id": "t"}),
    given_({**RESULT, "content": [{"type": "tool_reference", "tool_name": "f"}]}),
    given_({"type": "container_upload", "file_id": "file_1"}),
    said(CALL, {**CALL, "type": "server_tool_use", "caller": {"type": "direct"}}),
    said({"type": "thinking", "thinking": "hm", "signature": SIGNATURE}, {"type": "redacted_thinking", "data": "x"}),
    said({**TEXT, "citations": [{"type": "char_location", "cited_text": "c"}]}),
    said({"type": "web_search_tool_result", "tool_use_id": "s", "content": [{"type": "web_search_result"}]}),
    ask(tools=[TOOL, {**TOOL, "type": "custom"}], tool_choice={"type": "tool", "name": "look_up"}),
    ask(
        tools=[
            {"type": "web_search_20250305", "name": "web_search", "max_uses": 2},
            {"type": "bash_20250124", "name": "bash"},
        ]
    ),
    ask(tools=[{"type": "computer_toolset_20260801"}, {"type": "tool_search_tool_regex", "name": "x"}]),
    ask(temperature=1, top_p=0.5, top_k=40, stop_sequences=["a"], stream=True, metadata={"user_id": "u"}),
    ask(thinking={"type": "enabled", "budget_tokens": 1024}, service_tier="auto", output_config={"effort": "low"}),
    ask(thinking={"type": "adaptive"}, container="container_1", inference_geo=None, speed="standard"),
    ask(temperature=None, system=None, tools=None, stop_sequences=None, thinking=None, metadata=None),
    ask(max_tokens=0),
]

BAD: list[tuple[Any, str]] = [
    ([], "the body"),
    ("x", "the body"),
    ({}, "model"),
    ({**ask(), "model": "m" * 257}, "model"),
    ({**ask(), "model": ["m"]}, "model"),
    ({"model": "m", "max_tokens": 5}, "messages"),
    ({"model": "m", "messages": [user("u")]}, "max_tokens"),
    (ask(max_tokens=None), "max_tokens"),
    (ask(max_tokens=-1), "max_tokens"),
    (ask(max_tokens="5"), "max_tokens"),
    (ask(max_tokens=5.0), "max_tokens"),
    (ask(max_tokens=True), "max_tokens"),
    (ask(max_tokens=2**31), "max_tokens"),
    (ask(messages=[]), "messages"),
    (ask(messages={"role": "user"}), "messages"),
    (ask(user("a"), "b"), "messages[1]"),
    (ask({"content": "a"}), "messages[0].role"),
    (ask({"role": "tool", "content": "a"}), "messages[0].role"),
    (ask({"role": ["user"], "content": "a"}), "messages[0].role"),
    (ask({"role": "user"}), "messages[0].content"),
    (ask(user(None)), "messages[0].content"),
    (ask(user({"type": "text", "text": "x"})), "messages[0].content"),
    (given_("x"), "messages[0].content[0]"),
    (given_({"text": "x"}), "messages[0].content[0].type"),
    (given_({"type": ["text"], "text": "x"}), "messages[0].content[0].type"),
    (given_({"type": "image_url", "image_url": {"url": "x"}}), "messages[0].content[0].type"),
    (given_({"type": "hologram"}), "messages[0].content[0].type"),
    (given_(TEXT, {"type": "text", "text": ["x"]}), "messages[0].content[1].text"),
    (given_({"type": "text"}), "messages[0].content[0].text"),
    (given_({"type": "image"}), "messages[0].content[0].source"),
    (given_({"type": "image", "source": "x"}), "messages[0].content[0].source"),
    (given_({"type": "image", "source": {"type": "ftp"}}), "messages[0].content[0].source.type"),
    (given_({"type": "image", "source": {"type": {}}}), "messages[0].content[0].source.type"),
    (given_({"type": "image", "source": {"type": "base64"}}), "messages[0].content[0].source.data"),
    (given_({"type": "image", "source": {"type": "base64", "data": 5}}), "messages[0].content[0].source.data"),
    (given_({"type": "document", "source": {"type": "text", "data": ["x"]}}), "messages[0].content[0].source.data"),
    (given_({"type": "document", "source": {"type": "url", "url": 5}}), "messages[0].content[0].source.url"),
    (
        given_({"type": "document", "source": {"type": "content", "content": [RESULT]}}),
        "messages[0].content[0].source.content[0].type",
    ),
    (given_({"type": "search_result", "content": [IMAGE]}), "messages[0].content[0].content[0].type"),
    (given_({**RESULT, "content": 5}), "messages[0].content[0].content"),
    (given_({**RESULT, "content": [CALL]}), "messages[0].content[0].content[0].type"),
    (given_({**RESULT, "tool_use_id": 5}), "messages[0].content[0].tool_use_id"),
    (given_({**RESULT, "is_error": "yes"}), "messages[0].content[0].is_error"),
    (said({**CALL, "input": '{"q": "x"}'}), "messages[1].content[0].input"),
    (said({**CALL, "input": None}), "messages[1].content[0].input"),
    (said({**CALL, "id": "x" * 257}), "messages[1].content[0].id"),
    (said({**CALL, "name": "mail bob@example.com"}), "messages[1].content[0].name"),
    (said({**CALL, "caller": "x"}), "messages[1].content[0].caller"),
    (said({"type": "thinking", "thinking": 5}), "messages[1].content[0].thinking"),
    (said({"type": "thinking", "thinking": "x", "signature": 5}), "messages[1].content[0].signature"),
    (said({"type": "redacted_thinking"}), "messages[1].content[0].data"),
    (ask(system=5), "system"),
    (ask(system=["x"]), "system[0]"),
    (ask(system=[IMAGE]), "system[0].type"),
    (ask(stream="yes"), "stream"),
    (ask(stream=1), "stream"),
    (ask(temperature="1"), "temperature"),
    (ask(top_k=-1), "top_k"),
    (ask(stop_sequences="x"), "stop_sequences"),
    (ask(stop_sequences=[1]), "stop_sequences[0]"),
    (ask(metadata="x"), "metadata"),
    (ask(metadata={"user_id": {"a": 1}}), "metadata.user_id"),
    (ask(thinking=True), "thinking"),
    (ask(thinking={"budget_tokens": 5}), "thinking.type"),
    (ask(thinking={"type": "enabled", "budget_tokens": "1"}), "thinking.budget_tokens"),
    (ask(thinking={"type": "enabled", "budget_tokens": 10**30}), "thinking.budget_tokens"),
    (ask(tools={}), "tools"),
    (ask(tools=["f"]), "tools[0]"),
    (ask(tools=[{"type": "function", "function": {"name": "f"}}]), "tools[0].type"),
    (ask(tools=[{"type": "agent_20990101", "name": "x"}]), "tools[0].type"),
    (ask(tools=[{"type": ["custom"], "name": "x"}]), "tools[0].type"),
    (ask(tools=[{"name": "f"}]), "tools[0].input_schema"),
    (ask(tools=[TOOL, {**TOOL, "name": "a b"}]), "tools[1].name"),
    (ask(tools=[{"type": "bash_20250124", "name": "bob@example.com"}]), "tools[0].name"),
    (ask(tools=[{"type": "mcp_toolset", "mcp_server_name": "bob@example.com"}]), "tools[0].mcp_server_name"),
    (ask(tools=[{"type": "mcp_toolset_20990101", "mcp_server_name": "x"}]), "tools[0].type"),
    (ask(mcp_servers="https://example.com"), "mcp_servers"),
    (ask(mcp_servers=["https://example.com"]), "mcp_servers[0]"),
    (given_({**MCP_CALL, "server_name": "a b"}), "messages[0].content[0].server_name"),
    (given_({**MCP_RESULT, "content": [{"type": "thinking"}]}), "messages[0].content[0].content[0].type"),
    (ask(tool_choice="auto"), "tool_choice"),
    (ask(tool_choice={"name": "f"}), "tool_choice.type"),
    (ask(tool_choice={"type": "tool", "name": "a b"}), "tool_choice.name"),
]

REACHING: list[tuple[dict[str, Any], str]] = [
    (ask(fallbacks=[{"model": "other"}]), "fallbacks"),
    (ask(inference_geo="us"), "inference_geo"),
    (ask(tools=[{"type": "advisor_20260301", "name": "advisor", "model": "other"}]), "tools[0]"),
]


@pytest.mark.parametrize("document", GOOD, ids=range(len(GOOD)))
def test_what_clients_send_has_the_right_shape_and_nothing_unknown(document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    assert check(document, MESSAGES) is None
    assert unknown_fields(document, MESSAGES) == []
    assert document == before


@pytest.mark.parametrize(("document", "param"), BAD, ids=range(len(BAD)))
def test_what_is_wrong_is_told_with_its_place(document: Any, param: str) -> None:
    denial = check(document, MESSAGES)
    assert denial is not None
    assert (denial.reason, denial.param) == (Reason.SHAPE_INVALID, param)


@pytest.mark.parametrize(("document", "param"), REACHING, ids=range(len(REACHING)))
@pytest.mark.parametrize("path", [MESSAGES, COUNT_TOKENS])
def test_what_reaches_beyond_the_model_is_refused(document: dict[str, Any], param: str, path: bytes) -> None:
    denial = check(document, path)
    assert denial is not None
    assert (denial.reason, denial.param) == (Reason.REACH_FORBIDDEN, param)


def test_counting_needs_no_length_and_has_fewer_fields() -> None:
    document = {"model": "m", "messages": [user("u")], "system": "s", "tools": [TOOL]}
    assert check(document, COUNT_TOKENS) is None
    assert unknown_fields(document, COUNT_TOKENS) == []
    assert unknown_fields(ask(stream=True), COUNT_TOKENS) == ["max_tokens", "stream"]
    denial = check({"model": "m"}, COUNT_TOKENS)
    assert denial is not None
    assert denial.param == "messages"


@pytest.mark.parametrize(
    ("document", "places"),
    [
        (ask(), []),
        (given_(TEXT, IMAGE, PDF), ["messages[0].content[1]", "messages[0].content[2]"]),
        (given_(PLAIN), []),
        (given_({"type": "document", "source": {"type": "content", "content": [TEXT]}}), []),
        (given_({"type": "document", "source": {"type": "content", "content": [IMAGE]}}), ["messages[0].content[0]"]),
        (given_({"type": "document", "source": {"type": "url", "url": "u"}}), ["messages[0].content[0]"]),
        (given_({"type": "document", "source": {"type": "file", "file_id": "f"}}), ["messages[0].content[0]"]),
        (given_(RESULT), []),
        (given_({**RESULT, "content": [TEXT, IMAGE]}), ["messages[0].content[0]"]),
        (given_({**RESULT, "content": [PDF]}), ["messages[0].content[0]"]),
        (given_({"type": "container_upload", "file_id": "f"}), ["messages[0].content[0]"]),
        (said({"type": "redacted_thinking", "data": SIGNATURE}), []),
        (ask(container="c"), ["container"]),
        (ask(thread={"id": "t"}), ["thread"]),
        (
            said(
                {
                    "type": "web_fetch_tool_result",
                    "tool_use_id": "s",
                    "content": {"type": "web_fetch_result", "content": PDF},
                }
            ),
            ["messages[1].content[0]"],
        ),
        (
            said(
                {
                    "type": "web_fetch_tool_result",
                    "tool_use_id": "s",
                    "content": {"type": "web_fetch_result", "content": PLAIN},
                }
            ),
            [],
        ),
    ],
)
def test_content_nobody_can_look_into_is_listed(document: dict[str, Any], places: list[str]) -> None:
    assert check(document, MESSAGES) is None
    assert unreadable(document) == places


def test_unknown_fields_are_listed_at_every_known_level() -> None:
    document = ask(
        {
            "role": "user",
            "content": [
                {**TEXT, "hidden": 1},
                {**RESULT, "content": [{**TEXT, "deep": 1}]},
                {"type": "image", "source": {"type": "url", "url": "u", "odd": 1}},
            ],
            "name": "x",
        },
        system=[{**TEXT, "odd": 1}],
        n=2,
    )
    assert unknown_fields(document, MESSAGES) == [
        "messages[0].content[0].hidden",
        "messages[0].content[1].content[0].deep",
        "messages[0].content[2].source.odd",
        "messages[0].name",
        "n",
        "system[0].odd",
    ]


def test_only_another_name_of_the_model_changes_the_document() -> None:
    document = ask(stream=True)
    assert prepare(document, "m") is Prepared.AS_IT_WAS
    assert document == ask(stream=True)
    assert prepare(document, "upstream") is Prepared.CHANGED
    assert document == {**ask(stream=True), "model": "upstream"}


KEYS = st.sampled_from(
    [
        *("model", "messages", "role", "content", "type", "text", "source", "data", "name", "input", "id", "url"),
        *("tools", "system", "stream", "thinking", "max_tokens", "tool_use_id", "caller", "metadata", "x"),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from(
        ["user", "text", "image", "document", "tool_use", "tool_result", "thinking", "content", "base64"]
    ),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)
MESSAGE = st.fixed_dictionaries({"role": st.sampled_from(["user", "assistant"]), "content": VALUES})


@given(
    st.dictionaries(KEYS, VALUES, max_size=6), st.lists(MESSAGE, max_size=3), st.sampled_from([MESSAGES, COUNT_TOKENS])
)
def test_no_document_breaks_the_judges(document: dict[str, Any], messages: list[Any], path: bytes) -> None:
    document = {"max_tokens": 1, "messages": messages, **document, "model": "m"}
    denial = check(document, path)
    if denial is None:
        assert isinstance(unknown_fields(document, path), list)
        assert isinstance(unreadable(document), list)
        prepare(document, "u")
        assert check(document, path) is None
    else:
        assert denial.reason.status == 400


@pytest.mark.parametrize(
    ("document", "place"),
    [
        (ask(Model="other"), "model"),
        ({**ask(), "MODEL": "other"}, "model"),
        ({**ask(), "Max_Tokens": 10**6}, "max_tokens"),
        (ask(Stream=True), "stream"),
        ({**ask(), "\u017fystem": "hidden"}, "system"),
        ({**ask(), "MCP_servers": [{"url": "https://a"}]}, "mcp_servers"),
        (ask(Fallbacks=[{"model": "other"}]), "fallbacks"),
        ({**ask(), "Inference_Geo": "us"}, "inference_geo"),
        (ask(N=9), "n"),
        (ask({"role": "user", "content": "u", "Role": "system"}), "messages[0].role"),
        (given_({**TEXT, "Type": "image"}), "messages[0].content[0].type"),
        (
            given_({**PLAIN, "source": {"type": "text", "data": "words", "Type": "base64"}}),
            "messages[0].content[0].source.type",
        ),
        (ask(tools=[{**TOOL, "Type": "mcp_toolset"}]), "tools[0].type"),
    ],
)
@pytest.mark.parametrize("path", [MESSAGES, COUNT_TOKENS])
def test_another_spelling_of_a_known_field_is_refused(document: dict[str, Any], place: str, path: bytes) -> None:
    denial = check(document, path)
    assert denial is not None
    assert denial.reason is Reason.SHAPE_INVALID
    assert denial.param == place
