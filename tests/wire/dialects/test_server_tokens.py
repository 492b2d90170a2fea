"""Tokens for servers are no texts, in their own places; anything else there is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect.servers import servers
from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.anthropic import texts as anthropic
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.dialects.generic.dialect import Generic, Plan
from guardhouse.wire.dialects.ollama.dialect import OLLAMA
from guardhouse.wire.dialects.openai import texts as openai
from guardhouse.wire.dialects.openai.dialect import OPENAI
from guardhouse.wire.dialects.tokens import is_token


def anthropic_texts(server: dict[str, Any]) -> set[str]:
    return {text.value for text in anthropic.request_texts({"model": "m", "mcp_servers": [server]})}


def openai_texts(tool: dict[str, Any]) -> set[str]:
    return {text.value for text in openai.request_texts({"model": "m", "tools": [tool]}, Operation.RESPONSES)}


@pytest.mark.parametrize("token", ["ghp_abc", "Bearer eyJ.a-b_c~/+=", "x"])
def test_a_token_is_left_out_in_its_own_place_and_nowhere_else(token: str) -> None:
    server = {"type": "url", "url": "https://a.example/", "name": "files", "authorization_token": token}
    assert anthropic_texts(server) == {"https://a.example/"}
    assert token in anthropic_texts({"other": token})
    tool = {"type": "mcp", "server_label": "files", "server_url": "https://a.example/", "authorization": token}
    assert openai_texts(tool) == {"https://a.example/"}
    headers = {"X-API-Key": token, "X-Note": "hello"}
    assert openai_texts({**tool, "headers": headers}) == {"https://a.example/", "hello", "X-Note"}
    assert token in openai_texts({**tool, "type": "function"})


@pytest.mark.parametrize("value", ["write to bob@example.com, please", "a\nb", "", "x" * 9000])
def test_what_is_no_token_is_a_text_there_too(value: str) -> None:
    assert not is_token(value)
    if value:
        assert value in anthropic_texts({"authorization_token": value})
        assert value in openai_texts({"type": "mcp", "authorization": value})
        assert value in openai_texts({"type": "mcp", "headers": {"Authorization": value}})


@pytest.mark.parametrize("place", ["authorization", "headers"])
def test_in_answers_nothing_is_taken_for_a_token(place: str) -> None:
    value = "bob@example.com"
    tool = {"type": "mcp", "server_label": "files", place: {"Authorization": value} if place == "headers" else value}
    answer = {"id": "r", "output": [], "tools": [tool]}
    assert value in {text.value for text in openai.answer_texts(answer, Operation.RESPONSES)}


@pytest.mark.parametrize("member", ["functions", "tool_choice", "function_call"])
def test_only_tools_of_a_request_bring_tokens(member: str) -> None:
    tool = {"type": "mcp", "server_label": "files", "authorization": "bob@example.com"}
    document = {"model": "m", member: [tool] if member == "functions" else tool}
    assert "bob@example.com" in {text.value for text in openai.request_texts(document, Operation.RESPONSES)}


TOKEN = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
LISTED = {"type": "url", "url": "https://a.example/", "name": "files", "authorization_token": TOKEN}
TOOL = {"type": "mcp", "server_label": "files", "authorization": TOKEN, "headers": {"Authorization": f"Bearer {TOKEN}"}}
SPACE = {"type": "namespace", "name": "n", "tools": [TOOL]}
GENERIC = Generic(Plan(model="m", spoken=[(("tools",), "user")]))
ROUTES = {
    "chat": Route(OPENAI, Operation.CHAT, b"/"),
    "responses": Route(OPENAI, Operation.RESPONSES, b"/"),
    "ollama": Route(OLLAMA, Operation.CHAT, b"/"),
    "generate": Route(OLLAMA, Operation.COMPLETIONS, b"/"),
    "generic": Route(GENERIC, Operation.CHAT, b"/"),
    "list": Route(GENERIC, Operation.CHAT, b"/"),
}


@pytest.mark.parametrize("name", ROUTES)
@pytest.mark.parametrize(
    "naming",
    [
        {"mcp_servers": [LISTED]},
        {"tools": [TOOL]},
        {"tools": [SPACE]},
        {"input": [{"type": "tool_search_output", "tools": [TOOL, SPACE]}]},
        {"mcp_servers": [LISTED], "tools": [SPACE, TOOL]},
    ],
)
def test_whatever_is_judged_as_a_server_has_its_token_left_out_in_every_api(name: str, naming: dict[str, Any]) -> None:
    document = {"model": "m", "messages": [], "note": "a text", **naming}
    route = ROUTES[name]
    texts = route.dialect.texts([document, "a", [1]] if name == "list" else document, route)
    values = [text.value for text in texts]
    assert servers(document)
    assert "a text" in values
    assert not [value for value in values if TOKEN in value]
    assert route.dialect.uses_tools(document)
    assert route.dialect.is_endless(document)


def trees(leaf: str) -> st.SearchStrategy[Any]:
    names = ["tools", "input", "mcp_servers", "type", "authorization", "authorization_token", "headers", "x"]
    words = st.sampled_from([leaf, "mcp", "mcp_list_tools", "function"])
    return st.recursive(
        words,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(names), inner, max_size=4),
        max_leaves=16,
    )


@pytest.mark.parametrize("name", ["responses", "generate", "generic", "list"])
@given(
    document=st.dictionaries(
        st.sampled_from(["tools", "input", "mcp_servers", "authorization", "x"]), trees(TOKEN), max_size=4
    )
)
def test_what_is_left_out_is_never_in_a_document_without_a_server(name: str, document: dict[str, Any]) -> None:
    route = ROUTES[name]
    texts = route.dialect.texts([document] if name == "list" else document, route)
    told = sum(text.value == TOKEN for text in texts)
    assert told == str(document).count(TOKEN) or servers(document)
