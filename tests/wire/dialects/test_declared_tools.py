"""Tools count wherever a request declares them."""

from typing import Any

import pytest

from guardhouse.inspect.abilities import wants
from guardhouse.inspect.measures import measure
from guardhouse.wire.dialects.anthropic.dialect import ANTHROPIC
from guardhouse.wire.dialects.declared import declared
from guardhouse.wire.dialects.openai.dialect import OPENAI

SEARCH = {"type": "web_search"}
CALLED = {"type": "function", "name": "f"}
FOUND = {"type": "tool_search_output", "tools": [SEARCH]}
SPACE = {"type": "namespace", "name": "n", "tools": [CALLED, SEARCH]}
LISTED = {"type": "mcp_list_tools", "tools": [{"name": "f"}]}
SERVERS = [{"type": "url", "url": "https://mcp.example.com", "name": "files"}]


@pytest.mark.parametrize(
    ("document", "places"),
    [
        ({}, []),
        ({"tools": None, "input": "x"}, []),
        ({"tools": "f", "input": [LISTED, "x", {"type": "message", "tools": None}]}, []),
        ({"tools": [CALLED, 5]}, [("tools", 0), ("tools", 1)]),
        ({"tools": [SPACE]}, [("tools", 0), ("tools", 0, "tools", 0), ("tools", 0, "tools", 1)]),
        ({"input": ["x", FOUND]}, [("input", 1, "tools", 0)]),
    ],
)
def test_tools_are_found_where_they_stand(document: dict[str, Any], places: list[Any]) -> None:
    assert [place for place, _ in declared(document)] == places


@pytest.mark.parametrize("document", [{"input": [FOUND]}, {"tools": [SPACE]}, {"mcp_servers": SERVERS}])
def test_whoever_has_the_model_server_use_tools_uses_tools(document: dict[str, Any]) -> None:
    assert OPENAI.uses_tools(document)
    assert OPENAI.is_endless(document)
    assert wants("tools", document, stream=False)
    assert wants("hosted_tools", document, stream=False)


def test_so_does_who_only_names_servers_to_anthropic_s_api() -> None:
    document = {"messages": [], "mcp_servers": SERVERS}
    assert ANTHROPIC.uses_tools(document)
    assert ANTHROPIC.is_endless(document)


def test_all_of_them_are_counted() -> None:
    assert measure({"input": [FOUND], "tools": [SPACE]}).tools == 4
    assert measure({"functions": [CALLED], "tools": [CALLED]}).tools == 2
