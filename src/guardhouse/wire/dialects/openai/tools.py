"""The shape of tool declarations and of the choice among them.

A tool is an object that says its type. That of a function has a name, in `function` (chat) or beside the type
(Responses API); names are structural and therefore have to look like names.
"""

from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.wire.dialects.rules import invalid, listed, tool_name


def tools(value: Any, path: str) -> Denial | None:
    return listed(value, path, "a list of tools", _tool)


def _tool(tool: Any, path: str) -> Denial | None:
    if type(tool) is not dict:
        return invalid(path, "an object")
    if type(tool.get("type")) is not str:
        return invalid(f"{path}.type", "a string")
    return _names(tool, path)


def _names(node: dict[str, Any], path: str) -> Denial | None:
    if "name" in node:
        return tool_name(node["name"], f"{path}.name")
    if node.get("type") == "function":
        function = node.get("function")
        if type(function) is not dict:
            return invalid(f"{path}.function", "an object")
        return tool_name(function.get("name"), f"{path}.function.name")
    return None


def functions(value: Any, path: str) -> Denial | None:
    """The older form: functions without a type."""
    return listed(value, path, "a list of functions", _function)


def _function(function: Any, path: str) -> Denial | None:
    if type(function) is not dict:
        return invalid(path, "an object")
    return tool_name(function.get("name"), f"{path}.name")


def tool_choice(value: Any, path: str) -> Denial | None:
    if value is None or type(value) is str:
        return None
    if type(value) is not dict:
        return invalid(path, "a string or an object")
    return _names(value, path)
