"""Tokens for servers are no texts, in their own places; anything else there is."""

from typing import Any

import pytest

from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.anthropic import texts as anthropic
from guardhouse.wire.dialects.openai import texts as openai
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
