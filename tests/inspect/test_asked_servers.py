from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect.references import find
from guardhouse.inspect.servers import beside, entry_of, servers

LISTED = {"type": "url", "url": "https://mcp.example.com/sse?key=1", "name": "files", "authorization_token": "t0ken"}
TOOL = {"type": "mcp", "server_label": "files", "server_url": "https://mcp.example.com/sse", "authorization": "t0ken"}
CONNECTOR = {"type": "mcp", "server_label": "mail", "connector_id": "connector_mail", "authorization": "t0ken"}
ALLOWED = ("mcp.example.com", ".tools.example:8443", "connector_mail")


def test_servers_are_found_in_the_list_and_among_the_tools() -> None:
    toolset = {"type": "mcp_toolset", "mcp_server_name": "files", "default_config": {"enabled": True}}
    found = servers({"mcp_servers": [LISTED], "tools": [{"type": "function"}, toolset, TOOL, CONNECTOR]})
    assert [(each.place, each.url, each.connector, each.label, each.fault) for each in found] == [
        ("mcp_servers[0]", LISTED["url"], "", "files", ""),
        ("tools[2]", TOOL["server_url"], "", "files", ""),
        ("tools[3]", "", "connector_mail", "mail", ""),
    ]
    assert "t0ken" not in repr(found)


def test_servers_are_found_wherever_tools_are_declared() -> None:
    namespace = {"type": "namespace", "name": "n", "tools": [CONNECTOR]}
    listing = {"type": "mcp_list_tools", "server_label": "files", "tools": [{"name": "read", "input_schema": {}}]}
    found = servers({"tools": [namespace], "input": ["x", listing, {"type": "tool_search_output", "tools": [TOOL]}]})
    assert [each.place for each in found] == ["tools[0].tools[0]", "input[2].tools[0]"]


def test_headers_of_a_server_may_say_who_asks_and_what_for() -> None:
    (found,) = servers({"tools": [{**TOOL, "headers": {"Authorization": "Bearer x", "X-Tenant": "our own, yes"}}]})
    assert not found.fault


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"mcp_servers": []},
        {"mcp_servers": None},
        {"tools": "mcp"},
        {"tools": [{"type": "function", "name": "mcp"}]},
    ],
)
def test_other_documents_name_none(document: dict[str, Any]) -> None:
    assert servers(document) == []


@pytest.mark.parametrize(
    "document",
    [
        {"mcp_servers": "https://mcp.example.com"},
        {"mcp_servers": {"url": "https://mcp.example.com"}},
        {"mcp_servers": ["https://mcp.example.com"]},
        {"mcp_servers": [{**LISTED, "type": "stdio"}]},
        {"mcp_servers": [{**LISTED, "url": ""}]},
        {"mcp_servers": [{**LISTED, "url": ["https://mcp.example.com"]}]},
        {"mcp_servers": [{**LISTED, "name": "bob@example.com"}]},
        {"mcp_servers": [{**LISTED, "URL": "https://evil.example"}]},
        {"mcp_servers": [{**LISTED, "proxy": "x"}]},
        {"mcp_servers": [{**LISTED, "authorization_token": "a prompt in place of a token"}]},
        {"mcp_servers": [{**LISTED, "authorization_token": "t\r\nHost: x"}]},
        {"mcp_servers": [{**LISTED, "authorization_token": {"a": "b"}}]},
        {"tools": [{"type": "MCP", **{key: TOOL[key] for key in ("server_label", "server_url")}}]},
        {"tools": [{**TOOL, "type": "mcp_2027"}]},
        {"tools": [{**TOOL, "tunnel_id": "x"}]},
        {"tools": [{**TOOL, "server_url": 5}]},
        {"tools": [{**TOOL, "server_label": "two words"}]},
        {"tools": [{**TOOL, "headers": "x"}]},
        {"tools": [{**TOOL, "headers": {"X-Key": "a\r\nHost: evil.example"}}]},
        {"tools": [{**TOOL, "headers": {"X-Key\r\nHost": "evil.example"}}]},
        {"tools": [{**TOOL, "headers": {"X-Key": ["a"]}}]},
        {"tools": [{**TOOL, "headers": {"Host": "evil.example"}}]},
        {"tools": [{**TOOL, "headers": {"X-Forwarded-Host": "evil.example"}}]},
        {"tools": [{**TOOL, "headers": {"Transfer-Encoding": "chunked"}}]},
        {"tools": [{"type": "namespace", "name": "n", "tools": [{**CONNECTOR, "tunnel_id": "x"}]}]},
        {"input": [{"type": "tool_search_output", "tools": [{**CONNECTOR, "tunnel_id": "x"}]}]},
        {"tools": [{"type": "mcp"}]},
        {"tools": [{"type": "mcp_toolset", "mcp_server_name": "files"}]},
        {"mcp_servers": [LISTED], "tools": [{"type": "mcp_toolset", "mcp_server_name": "other"}]},
        {"mcp_servers": [LISTED], "tools": [{"type": "mcp_toolset", "mcp_server_name": "files", "url": "https://x"}]},
    ],
)
def test_what_is_not_known_of_a_server_is_a_fault(document: dict[str, Any]) -> None:
    assert [each.fault != "" for each in servers(document)][-1]


@pytest.mark.parametrize(
    ("url", "entry"),
    [
        ("https://mcp.example.com/sse?key=secret", "mcp.example.com"),
        ("https://mcp.example.com:443", "mcp.example.com"),
        ("https://a.tools.example:8443/", ".tools.example:8443"),
        ("https://tools.example:8443/", None),
        ("https://a.tools.example/", None),
        ("http://mcp.example.com/", None),
        ("https://mcp.example.com.evil.example/", None),
        ("https://user@mcp.example.com/", None),
        ("https://mcp.example.com\\.evil.example/", None),
        ("https://mcp.example.com/\\evil.example", None),
        ("https://MCP.example.com/", None),
        ("https://127.0.0.1/", None),
        ("https://connector_mail/", None),
        ("data:text/plain;base64,AAAA", None),
    ],
)
def test_a_server_is_admitted_by_its_host_in_one_form(url: str, entry: str | None) -> None:
    (server,) = servers({"mcp_servers": [{**LISTED, "url": url}]})
    assert entry_of(server, ALLOWED) == (None if entry is None else (entry,))
    assert entry_of(server, ()) is None


@pytest.mark.parametrize(
    ("tool", "entries"),
    [
        (CONNECTOR, ("connector_mail",)),
        ({**CONNECTOR, "connector_id": "connector_drive"}, None),
        ({**CONNECTOR, "server_url": "https://mcp.example.com/"}, ("connector_mail", "mcp.example.com")),
        ({**CONNECTOR, "server_url": "https://evil.example/"}, None),
        ({**TOOL, "connector_id": "connector_drive"}, None),
        ({"type": "mcp", "server_label": "connector_mail"}, ("connector_mail",)),
        ({"type": "mcp", "server_label": "mcp.example.com"}, None),
    ],
)
def test_everything_that_a_tool_leads_to_has_to_be_admitted(
    tool: dict[str, Any], entries: tuple[str, ...] | None
) -> None:
    (server,) = servers({"tools": [tool]})
    assert entry_of(server, ALLOWED) == entries


def test_only_the_urls_of_servers_are_judged_apart_from_others() -> None:
    document = {
        "mcp_servers": [LISTED],
        "tools": [TOOL, {"type": "function", "server_url": "https://a.example"}, {**TOOL, "headers": {"X-Url": "u"}}],
        "image_url": "https://b.example",
    }
    left = beside(find(document), servers(document))
    assert sorted(map(str, [each.place for each in left])) == sorted(
        map(str, [("tools", 1, "server_url"), ("tools", 2, "headers", "X-Url"), ("image_url",)])
    )


def test_a_name_that_looks_like_a_place_leads_nowhere() -> None:
    document = {"tools": [TOOL], "tools[0]": {"server_url": "https://a.example"}, "a": {"tools": [TOOL]}}
    left = [each.place for each in beside(find(document), servers(document))]
    assert left == [("tools[0]", "server_url"), ("a", "tools", 0, "server_url")]


TREE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from(["mcp", "url", "mcp_toolset", "https://mcp.example.com"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*LISTED, *TOOL, "mcp_server_name", "connector_id"]), inner, max_size=6)
    ),
    max_leaves=12,
)


@given(TREE, TREE)
def test_any_list_and_any_tools_are_read_and_nothing_unnamed_is_admitted(listed: Any, tools: Any) -> None:
    document = {"mcp_servers": listed, "tools": tools}
    found = servers(document)
    for server in found:
        assert server.fault or entry_of(server, ()) is None
    left = {each.place for each in beside(find(document), found)}
    assert all(each.place in left or each.place[:-1] in {server.at for server in found} for each in find(document))
