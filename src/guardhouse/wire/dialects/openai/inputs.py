"""The shape of what is not a chat: prompts, inputs to embed, and the items of the Responses API.

A prompt or an input to embed is a text, a list of texts, a list of tokens, or a list of such lists; a list is of one
kind throughout. Items of the Responses API are open-ended (every tool brings its own), so only the kinds that carry
what must be inspected are judged closely; of the others it is enough that they say their type, since every string in
them is inspected anyway.
"""

from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.wire.dialects.openai.messages import parts, unreadable_parts
from guardhouse.wire.dialects.openai.turns import ROLES, UNREADABLE_PARTS
from guardhouse.wire.dialects.rules import identifier, invalid, listed, string, string_or_strings, tool_name
from guardhouse.wire.dialects.walk import kind_of

_MUST = "a string, or a list of strings, of tokens or of lists of tokens"
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_RESULTS = frozenset(("function_call_output", "custom_tool_call_output"))
_OPAQUE = frozenset(("image_generation_call",))


def prompt(value: Any, path: str) -> Denial | None:
    if type(value) is str:
        return None
    if type(value) is not list or not value:
        return invalid(path, _MUST)
    kind = type(value[0])
    if kind is not str and kind is not int and kind is not list:
        return invalid(path, _MUST)
    for index, entry in enumerate(value):
        if type(entry) is not kind or (kind is list and not _tokens(entry)):
            return invalid(f"{path}[{index}]", "of the same kind as the others: a string, a token or a list of tokens")
    return None


def _tokens(value: list[Any]) -> bool:
    return bool(value) and all(type(token) is int for token in value)


def unreadable_prompt(value: Any, path: str) -> list[str]:
    """Tokens are numbers of an encoding only the model server knows."""
    return [path] if type(value) is list and value and type(value[0]) is not str else []


def moderated(value: Any, path: str) -> Denial | None:
    """`input` of a moderation: a text, a list of texts, or the parts of a message."""
    if type(value) is list and value and type(value[0]) is dict:
        return parts(value, path)
    return string_or_strings(value, path) if value else invalid(path, "a string, or a list of strings or parts")


def items(value: Any, path: str) -> Denial | None:
    """`input` of the Responses API."""
    return None if type(value) is str else listed(value, path, "a string or a list of items", _item)


def _item(item: Any, path: str) -> Denial | None:
    if type(item) is not dict:
        return invalid(path, "an object")
    kind = item.get("type", "message")
    if type(kind) is not str:
        return invalid(f"{path}.type", "a string")
    denial = _ids(item, path)
    if denial is not None:
        return denial
    if kind == "message":
        role = item.get("role")
        if type(role) is not str or role not in ROLES:
            return invalid(f"{path}.role", f"one of {', '.join(ROLES)}")
        content = item.get("content")
        return None if type(content) is str else parts(content, f"{path}.content")
    if kind in _CALLS:
        field = _CALLS[kind]
        return tool_name(item.get("name"), f"{path}.name") or string(item.get(field), f"{path}.{field}")
    if kind in _RESULTS:
        output = item.get("output")
        return None if type(output) is str else parts(output, f"{path}.output")
    return None


def _ids(item: dict[str, Any], path: str) -> Denial | None:
    for field in ("id", "call_id", "item_id", "approval_request_id"):
        if field in item:
            denial = identifier(item[field], f"{path}.{field}")
            if denial is not None:
                return denial
    return None


def unreadable_items(value: Any, path: str) -> list[str]:
    found: list[str] = []
    for index, item in enumerate(value if type(value) is list else ()):
        if type(item) is not dict:
            continue
        place = f"{path}[{index}]"
        if kind_of(item) in _OPAQUE:
            found.append(place)
        found += unreadable_parts(item.get("content"), f"{place}.content")
        output = item.get("output")
        if kind_of(output) in UNREADABLE_PARTS:
            found.append(f"{place}.output")
        found += unreadable_parts(output, f"{place}.output")
    return found


def stored_prompt(value: Any, path: str) -> Denial | None:
    """`prompt` of the Responses API: a prompt stored at the model server, and variables for it."""
    if value is None:
        return None
    if type(value) is not dict:
        return invalid(path, "an object")
    variables = value.get("variables")
    return None if variables is None or type(variables) is dict else invalid(f"{path}.variables", "an object")


def unreadable_variables(value: Any, path: str) -> list[str]:
    variables = value.get("variables") if type(value) is dict else None
    if type(variables) is not dict:
        return []
    opaque = any(kind_of(entry) in UNREADABLE_PARTS for entry in variables.values())
    return [f"{path}.variables"] if opaque else []
