"""Servers that a request would have the model server connect to: refused unless the model names them, and their tokens
seen by nobody but the model server."""

import json
from pathlib import Path
from typing import Any

import pytest
from playbook import Play, perform, post, reply

TOKEN = "ghp_16C7e42F292c6912E7710c838347Ae178B4a"
CONFIG = """
targets:
  cloud: {kind: openai, url: "http://127.0.0.1:9", speaks: [openai, anthropic, ollama, generic], region: eu}
models:
  small: {targets: [cloud], CONTENT}
routes: {/agent: {operation: predict, model: small}}
policies:
  - name: all
    who: {ids: ["*"]}
    may: [chat, responses, predict]
    models: [small]
    mask: {entities: [all], where: [request]}
"""
NAMED = CONFIG.replace("CONTENT", "content: {mcp_servers: [mcp.example.com, .tools.example, connector_mail]}")
NOTHING = CONFIG.replace("CONTENT", "content: {hosts: [mcp.example.com, .tools.example]}")
MESSAGES, RESPONSES, CHATS = b"/v1/messages", b"/v1/responses", b"/v1/chat/completions"
OLLAMA, AGENT = b"/api/chat", b"/agent"  # the latter declared


def listed(url: str = "https://mcp.example.com/sse", **more: Any) -> dict[str, Any]:
    server = {"type": "url", "url": url, "name": "bobs-files", "authorization_token": TOKEN, **more}
    toolset = {"type": "mcp_toolset", "mcp_server_name": "bobs-files"}
    turn = {"role": "user", "content": "x"}
    return {"model": "small", "max_tokens": 5, "messages": [turn], "mcp_servers": [server], "tools": [toolset]}


def tool(**more: Any) -> dict[str, Any]:
    server = {"type": "mcp", "server_label": "bobs-files", "server_url": "https://mcp.example.com/sse", **more}
    return {"model": "small", "input": "x", "tools": [{**server, "authorization": TOKEN, "require_approval": "never"}]}


def space() -> dict[str, Any]:
    document = tool()
    return {**document, "tools": [{"type": "namespace", "name": "n", "tools": document["tools"]}]}


def found() -> dict[str, Any]:
    output = {"type": "tool_search_output", "tools": tool()["tools"]}
    return {"model": "small", "input": [{"role": "user", "content": "x"}, output], "tools": []}


CASES: list[tuple[bytes, Any]] = [
    *((MESSAGES, listed()), (RESPONSES, tool()), (RESPONSES, tool(headers={"Authorization": f"Bearer {TOKEN}"}))),
    *((RESPONSES, space()), (RESPONSES, found()), (CHATS, {**listed(), "tools": []})),
    *((OLLAMA, {**listed(), "tools": []}), (OLLAMA, {**tool(), "messages": listed()["messages"]})),
    *((AGENT, listed()), (AGENT, tool()), (AGENT, [{"x": 1}, tool()])),
]


@pytest.mark.parametrize(("path", "document"), CASES)
def test_a_named_server_is_let_in_and_its_token_is_for_the_model_server_alone(
    tmp_path: Path, path: bytes, document: Any
) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(document, path=path))
        assert play.server.document() == document
        opened = play.records[0]
        (server,) = opened["servers"]
        assert server["host"] == "mcp.example.com"
        assert len(server["name"]) == 16
        assert "masked" not in opened
        written = json.dumps(play.journal)
        assert TOKEN not in written
        assert "bobs-files" not in written
        assert "/sse" not in written

    perform(tmp_path, scene, config=NAMED)


def test_the_same_name_has_the_same_hash_and_connectors_are_told_by_their_own(tmp_path: Path) -> None:
    connector = {"type": "mcp", "server_label": "mail", "connector_id": "connector_mail", "authorization": TOKEN}

    async def scene(play: Play) -> None:
        document = tool()
        document["tools"] += [connector, {**document["tools"][0], "server_url": "https://a.tools.example/"}]
        await play.say(post(document, path=RESPONSES))
        found = play.records[0]["servers"]
        assert [each["host"] for each in found] == ["mcp.example.com", "connector_mail", ".tools.example"]
        assert found[0]["name"] == found[2]["name"] != found[1]["name"]

    perform(tmp_path, scene, config=NAMED)


@pytest.mark.parametrize(
    ("path", "document", "config", "reason", "place"),
    [
        *[(path, document, NOTHING, "reach_forbidden", None) for path, document in CASES],
        (MESSAGES, listed("https://evil.example/sse"), NAMED, "reach_forbidden", "mcp_servers[0]"),
        (RESPONSES, tool(server_url="https://evil.example/"), NAMED, "reach_forbidden", "tools[0]"),
        (RESPONSES, tool(server_url="", connector_id="connector_drive"), NAMED, "reach_forbidden", "tools[0]"),
        (RESPONSES, tool(server_url=""), NAMED, "reach_forbidden", "tools[0]"),
        (MESSAGES, listed(authorization_token=f"{TOKEN} {TOKEN} x"), NAMED, "reach_forbidden", "mcp_servers[0]"),
        (MESSAGES, listed(proxy="https://evil.example"), NAMED, "reach_forbidden", "mcp_servers[0]"),
        (RESPONSES, tool(tunnel_id="t"), NAMED, "reach_forbidden", "tools[0]"),
        (RESPONSES, tool(headers={"X-Callback-URL": "https://evil.example"}), NAMED, "url_refused", None),
    ],
)
def test_any_other_is_refused_and_nothing_of_it_is_told(  # noqa: PLR0917 - a case each
    tmp_path: Path, path: bytes, document: dict[str, Any], config: str, reason: str, place: str | None
) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(document, path=path))
        error = answer.json["error"]
        assert answer.status == 400
        assert reason.encode() in answer.body
        assert [record["reason"] for record in play.records] == [reason]
        if place is not None:
            assert place in (error.get("param"), error.get("details", {}).get("param"))
        assert play.server.requests == []
        told = answer.raw.decode() + json.dumps(play.journal)
        assert not [word for word in (TOKEN, "bobs-files", "evil.example", "/sse") if word in told]

    perform(tmp_path, scene, config=config)


def test_none_is_let_in_where_rules_say_where_bytes_may_be(tmp_path: Path) -> None:
    kept = NAMED.replace("small: {", "small: {keep_in: [EU], ") + (
        "regions: {eu: {jurisdiction: EU}}\nresidency: {here: eu}\n"
    )

    async def scene(play: Play) -> None:
        answer = await play.say(post(tool(), path=RESPONSES))
        assert answer.code == "region_denied"
        assert play.server.requests == []

    perform(tmp_path, scene, config=kept)


def test_what_a_server_was_asked_and_said_goes_on_in_the_conversation(tmp_path: Path) -> None:
    call = {
        "type": "mcp_tool_use",
        "id": "mcptoolu_1",
        "name": "read",
        "server_name": "bobs-files",
        "input": {"a": "b"},
    }
    result = {"type": "mcp_tool_result", "tool_use_id": "mcptoolu_1", "is_error": False}
    document = listed()
    document["messages"] += [
        {
            "role": "assistant",
            "content": [call, {**result, "content": [{"type": "text", "text": "to bob@example.com"}]}],
        },
        {"role": "user", "content": "go on"},
    ]
    answer = {"type": "message", "role": "assistant", "content": [call, {**result, "content": []}]}

    async def scene(play: Play) -> None:
        got = await play.say(post(document, path=MESSAGES, extra=b"anthropic-beta: mcp-client-2025-11-20\r\n"))
        assert (got.status, got.json) == (200, answer)
        assert play.server.document()["messages"][1]["content"][1]["content"][0]["text"] == "to [EMAIL]"
        assert play.server.document()["messages"][1]["content"][0] == call
        assert b"anthropic-beta: mcp-client-2025-11-20\r\n" in play.server.requests[0]

    masked = NAMED.replace("where: [request]", "where: [request, response]")
    perform(tmp_path, scene, lambda _: [reply(answer)], config=masked)
