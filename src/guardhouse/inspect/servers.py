"""The MCP servers that a request would have the model server connect to, in whichever API it stands.

Anthropic's requests list them in `mcp_servers`, and tools of the type `mcp_toolset` name one of the list; OpenAI's have
each as a tool of the type `mcp`, with the URL of a server, or the name of a connector or label that the model server
knows. Both may stand in any document, since some model servers read more APIs than the one they are asked in. What is
said of a server is a closed list of members: one that nobody has heard of may lead elsewhere.

Tokens and headers for a server are secrets of the caller that go through; here they are looked at for their form only.
"""

import re
from typing import Any, Final

from guardhouse.inspect.references import Found, entry_for
from guardhouse.model.asked_server import AskedServer, At
from guardhouse.wire.dialects.declared import declared
from guardhouse.wire.dialects.rules import TOOL_NAME
from guardhouse.wire.dialects.tokens import is_token

_LISTED: Final = frozenset(("authorization_token", "name", "tool_configuration", "type", "url"))
_TOOLSET: Final = frozenset(("cache_control", "configs", "default_config", "mcp_server_name", "type"))
_TOOL: Final = frozenset(
    (
        *("allowed_tools", "authorization", "connector_id", "defer_loading", "headers", "require_approval"),
        *("server_description", "server_label", "server_url", "type"),
    )
)
_URLS: Final = ("server_url", "url")
_HEADER: Final = re.compile(r"[A-Za-z0-9-]{1,128}")
_VALUE: Final = re.compile(r"[ -~]{0,8192}")
_LEADING: Final = ("forwarded", "host", "x-forwarded-", "x-host", "x-original-", "x-rewrite-")
_FRAMING: Final = frozenset(
    (
        *("connection", "content-length", "expect", "keep-alive", "proxy-connection", "te", "trailer"),
        *("transfer-encoding", "upgrade", "via", "x-http-method-override"),
    )
)
_CONNECTOR: Final = re.compile(r"[a-z][a-z0-9_-]{0,63}")


def servers(document: dict[str, Any], path: At = ()) -> list[AskedServer]:
    """`path` leads to the document, where it is one of several."""
    listed, tools = document.get("mcp_servers"), declared(document)
    found = _listed(listed, path) if listed else []
    if tools:
        names = {each.label for each in found}
        for at, tool in tools:
            kind = tool.get("type") if type(tool) is dict else None
            if type(kind) is str and kind[:3].casefold() == "mcp":
                server = _tool(tool, kind, (*path, *at), names)
                if server is not None:
                    found.append(server)
    return found


def _listed(entries: Any, path: At) -> list[AskedServer]:
    if type(entries) is not list:
        return [AskedServer((*path, "mcp_servers"), fault="is no list")]
    return [_entry(entry, (*path, "mcp_servers", index)) for index, entry in enumerate(entries)]


def _entry(entry: Any, at: At) -> AskedServer:
    if type(entry) is not dict or entry.keys() - _LISTED:
        return AskedServer(at, fault="is not what is known of a server")
    name, url, token = entry.get("name"), entry.get("url"), entry.get("authorization_token")
    if entry.get("type") != "url" or type(url) is not str or not url:
        return AskedServer(at, fault="needs a url")
    if type(name) is not str or TOOL_NAME.fullmatch(name) is None:
        return AskedServer(at, fault="needs a name like that of a tool")
    if token is not None and not is_token(token):
        return AskedServer(at, fault="has a token that is none")
    return AskedServer(at, url=url, label=name)


def _tool(tool: dict[str, Any], kind: str, at: At, names: set[str]) -> AskedServer | None:
    if kind == "mcp_toolset":
        name = tool.get("mcp_server_name")
        if tool.keys() - _TOOLSET or type(name) is not str or name not in names:
            return AskedServer(at, fault="does not name a server of the request")
        return None
    if kind != "mcp" or tool.keys() - _TOOL:
        return AskedServer(at, fault="is not what is known of a server")
    url, connector, label = (tool.get(name) or "" for name in ("server_url", "connector_id", "server_label"))
    if type(url) is not str or type(connector) is not str or type(label) is not str:
        return AskedServer(at, fault="is not what is known of a server")
    if TOOL_NAME.fullmatch(label) is None:
        return AskedServer(at, fault="needs a server_label like the name of a tool")
    token, headers = tool.get("authorization"), tool.get("headers")
    if token is not None and not is_token(token):
        return AskedServer(at, fault="has a token that is none")
    if headers is not None and not (type(headers) is dict and all(map(_is_header, headers.items()))):
        return AskedServer(at, fault="has a header that is none, or that may lead elsewhere")
    if not url and not connector:
        connector = label
    return AskedServer(at, url=url, connector=connector, label=label)


def _is_header(header: tuple[str, Any]) -> bool:
    """One line, and none of those by which servers of HTTP tell where a message goes and where it ends."""
    name, value = header
    if _HEADER.fullmatch(name) is None or name.casefold().startswith(_LEADING) or name.casefold() in _FRAMING:
        return False
    return type(value) is str and _VALUE.fullmatch(value) is not None


def entry_of(server: AskedServer, allowed: tuple[str, ...]) -> tuple[str, ...] | None:
    """The entries that admit it: of its host, and of the connector. None if something of it is not admitted."""
    entries: list[str] = []
    if server.connector:
        if server.connector not in allowed or _CONNECTOR.fullmatch(server.connector) is None:
            return None
        entries.append(server.connector)
    if server.url:
        entry = entry_for(server.url, tuple([each for each in allowed if "." in each]))
        if not entry:
            return None
        entries.append(entry)
    return tuple(entries)


def beside(found: list[Found], asked: list[AskedServer]) -> list[Found]:
    """The references of a document but for the URLs of these servers, which have rules of their own."""
    places = {server.at for server in asked if server.url}
    return [each for each in found if each.place[-1] not in _URLS or each.place[:-1] not in places]
