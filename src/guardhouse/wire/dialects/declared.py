"""The tools that a request declares, wherever it does.

Most stand in `tools`. OpenAI's Responses API takes further ones in items of `input` (what a search for tools has found,
and tools that are added later), and tools that hold tools (namespaces). What an MCP server has listed before
(`mcp_list_tools`) declares nothing.
"""

from typing import Any, Final

At = tuple[str | int, ...]

_HISTORY: Final = "mcp_list_tools"


def declared(document: dict[str, Any]) -> list[tuple[At, Any]]:
    """Each with its place."""
    found: list[tuple[At, Any]] = []
    tools, items = document.get("tools"), document.get("input")
    if tools:
        _collect(tools, ("tools",), found)
    if type(items) is list:
        for index, item in enumerate(items):
            if type(item) is dict and "tools" in item and item.get("type") != _HISTORY:
                _collect(item["tools"], ("input", index, "tools"), found)
    return found


def _collect(tools: Any, path: At, found: list[tuple[At, Any]]) -> None:
    if type(tools) is not list:
        return
    for index, tool in enumerate(tools):
        at = (*path, index)
        found.append((at, tool))
        if type(tool) is dict and "tools" in tool:
            _collect(tool["tools"], (*at, "tools"), found)
