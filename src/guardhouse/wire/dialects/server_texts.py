"""The texts of what a request says of MCP servers that the model server is to connect to, without the tokens for them.

The places are the ones where such servers are judged (inspect/servers.py): entries of `mcp_servers`, and tools of the
type `mcp` wherever tools are declared. A dialect that reads its documents place by place asks for the texts of each;
one that takes every string for a text asks for it without tokens. In a document that the gateway lets through, each of
them is for a server that the configuration admits.
"""

from typing import Any, Final

from guardhouse.model.text import Text
from guardhouse.wire.dialects.declared import declared
from guardhouse.wire.dialects.tokens import tokens_among, tokens_in
from guardhouse.wire.dialects.walk import NOTHING, collect, collect_around, collect_member, kind_of

_NAME: Final = frozenset(("name",))
_LABEL: Final = frozenset(("server_label",))
_HEADERS: Final = frozenset(("headers",))
_NAMING: Final = frozenset(("input", "mcp_servers", "tools"))  # members below which servers are named


def is_server(tool: Any) -> bool:
    """Whether this tool is one."""
    return kind_of(tool) == "mcp"


def listed_texts(servers: Any, found: list[Text]) -> None:
    """Of the member `mcp_servers`."""
    if type(servers) is not list:
        collect(servers, "other", found)
        return
    for index, server in enumerate(servers):
        if type(server) is dict:
            collect_around(server, "other", found, _NAME, tokens_in(server, "authorization_token"))
        else:
            collect_member(servers, index, server, "other", found)


def tool_texts(tool: dict[str, Any], found: list[Text]) -> None:
    """Of a tool that is one."""
    headers = tool.get("headers")
    handled = tokens_in(tool, "authorization")
    if type(headers) is dict:
        collect_around(headers, "other", found, NOTHING, tokens_among(headers))
        handled |= _HEADERS
    collect_around(tool, "other", found, _LABEL, handled)


def token_places(document: dict[str, Any]) -> set[tuple[int, str]]:
    """Where tokens stand in all of it: the id of the object that holds each, and its name there."""
    listed = document.get("mcp_servers")
    found: set[tuple[int, str]] = set()
    for server in listed if type(listed) is list else ():
        if type(server) is dict:
            found |= {(id(server), name) for name in tokens_in(server, "authorization_token")}
    for _, tool in declared(document):
        if is_server(tool):
            headers = tool.get("headers")
            found |= {(id(tool), name) for name in tokens_in(tool, "authorization")}
            if type(headers) is dict:
                found |= {(id(headers), name) for name in tokens_among(headers)}
    return found


def without_tokens(found: list[Text], *documents: dict[str, Any]) -> list[Text]:
    """The texts of these documents that are none; `found` itself, where nothing of it is one."""
    places: set[tuple[int, str]] = set()
    for document in documents:
        if not document.keys().isdisjoint(_NAMING):
            places |= token_places(document)
    return [text for text in found if (id(text.holder), text.key) not in places] if places else found


def names_servers(document: dict[str, Any]) -> bool:
    """Whether it would have the model server connect to any, as far as that is known."""
    return bool(document.get("mcp_servers")) or any(is_server(tool) for _, tool in declared(document))
