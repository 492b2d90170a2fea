"""The shape of tool declarations and of the choice among them.

A tool without a type, or of the type `custom`, is the caller's own: it has a name and a schema. All others are the
API's, of a family and a date: what the caller runs on a model's behalf (bash, an editor, a computer, a browser, memory)
and what the model server runs itself (searches, fetching of pages, code). FAMILIES is a closed list, because what a
family that nobody has heard of reaches is not known; those that reach beyond the model are refused by reach.py.
Toolsets of MCP servers are for path/servers.py to judge.
"""

import re
from typing import Any, Final

from guardhouse.model.denial import Denial
from guardhouse.wire.dialects.rules import invalid, listed, spelt, tool_name

FAMILIES: Final = (
    *("bash", "browser_toolset", "code_execution", "computer", "computer_toolset", "memory", "text_editor"),
    *("tool_search_tool_bm25", "tool_search_tool_regex", "web_fetch", "web_search"),
)
_RUN_BY_CALLERS: Final = ("bash", "browser_toolset", "computer", "computer_toolset", "memory", "text_editor")
_INSTRUCTIONS: Final = 2048  # tokens that the API says of one of these by itself, at most; a few hundred as published
_SPELT: Final = frozenset(("description", "input_schema", "mcp_server_name", "name", "type"))
_TYPE: Final = re.compile(f"(?:{'|'.join(FAMILIES)})(?:_[0-9]{{8}})?")


def tools(value: Any, path: str) -> Denial | None:
    return listed(value, path, "a list of tools", _tool)


def _tool(tool: Any, path: str) -> Denial | None:
    if type(tool) is not dict:
        return invalid(path, "an object")
    denial = spelt(tool, _SPELT, path)
    if denial is not None:
        return denial
    kind = tool.get("type")
    if kind is None or kind == "custom":
        denial = tool_name(tool.get("name"), f"{path}.name")
        if denial is None and type(tool.get("input_schema")) is not dict:
            return invalid(f"{path}.input_schema", "an object")
        return denial
    if kind == "mcp_toolset":
        return tool_name(tool.get("mcp_server_name"), f"{path}.mcp_server_name")
    if type(kind) is not str or _TYPE.fullmatch(kind) is None:
        return invalid(f"{path}.type", f"custom, or one of {', '.join(FAMILIES)} with its date")
    return None if "name" not in tool else tool_name(tool["name"], f"{path}.name")


def tool_choice(value: Any, path: str) -> Denial | None:
    if value is None:
        return None
    if type(value) is not dict:
        return invalid(path, "an object")
    if type(value.get("type")) is not str:
        return invalid(f"{path}.type", "a string")
    return None if "name" not in value else tool_name(value["name"], f"{path}.name")


def is_endless(document: dict[str, Any]) -> bool:
    """Whether there is a tool that the model server runs itself, in as many rounds as it likes."""
    return bool(document.get("mcp_servers")) or any(
        kind != "custom" and not kind.startswith(_RUN_BY_CALLERS) for kind in _kinds(document)
    )


def instructions(document: dict[str, Any]) -> int:
    """Tokens that the API adds for tools it knows, at most."""
    return _INSTRUCTIONS * sum([kind != "custom" for kind in _kinds(document)])


def _kinds(document: dict[str, Any]) -> list[str]:
    declared = document.get("tools")
    return [str(tool.get("type") or "custom") for tool in declared] if type(declared) is list else []
