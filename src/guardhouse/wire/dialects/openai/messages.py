"""The shape of chat messages: who may say what in which form.

The common message, an object of a known role with a string as content and nothing else, is recognised inline by
`messages`; everything rarer goes through `_judge`. Parts have to be of a known type, because the type decides whether a
part can be inspected at all (`turns.UNREADABLE_PARTS`).
"""

from typing import Any, Final

from guardhouse.model.denial import Denial
from guardhouse.wire.dialects.openai.turns import ROLES, UNREADABLE_PARTS
from guardhouse.wire.dialects.rules import identifier, invalid, spelt, string, tool_name
from guardhouse.wire.dialects.walk import kind_of

_TEXT_PARTS: Final = {"text": "text", "input_text": "text", "output_text": "text", "refusal": "refusal"}
_SPELT: Final = frozenset(("type", *_TEXT_PARTS, *UNREADABLE_PARTS))
_WITHOUT_CONTENT: Final = frozenset(("assistant", "function"))
KNOWN_FIELDS: Final = frozenset(
    (
        *("audio", "content", "function_call", "name", "reasoning", "reasoning_content", "refusal", "role"),
        *("tool_call_id", "tool_calls"),
    )
)


def messages(value: Any, path: str) -> Denial | None:
    if type(value) is not list or not value:
        return invalid(path, "a non-empty list of messages")
    for index, message in enumerate(value):
        if type(message) is not dict:
            return invalid(f"{path}[{index}]", "an object")
        role = message.get("role")
        if type(role) is not str or role not in ROLES:
            return invalid(f"{path}[{index}].role", f"one of {', '.join(ROLES)}")
        if len(message) != 2 or type(message.get("content")) is not str:
            denial = _judge(message, role, f"{path}[{index}]")
            if denial is not None:
                return denial
    return None


def _judge(message: dict[str, Any], role: str, path: str) -> Denial | None:
    content = message.get("content")
    if content is None:
        if role not in _WITHOUT_CONTENT:
            return invalid(f"{path}.content", "a string or a list of parts")
    elif type(content) is not str:
        denial = parts(content, f"{path}.content")
        if denial is not None:
            return denial
    denial = spelt(message, KNOWN_FIELDS, path)
    if denial is not None:
        return denial
    named = tool_name if role in ("tool", "function") and message.get("name") is not None else string
    return (
        named(message.get("name"), f"{path}.name")
        or identifier(message.get("tool_call_id"), f"{path}.tool_call_id")
        or identifier(message.get("id"), f"{path}.id")
        or string(message.get("refusal"), f"{path}.refusal")
        or _tool_calls(message.get("tool_calls"), f"{path}.tool_calls")
        or _function(message.get("function_call"), f"{path}.function_call")
    )


def parts(value: Any, path: str) -> Denial | None:
    """The parts of a message or item."""
    if type(value) is not list:
        return invalid(path, "a string or a list of parts")
    for index, part in enumerate(value):
        if type(part) is not dict:
            return invalid(f"{path}[{index}]", "an object")
        denial = None if part.keys() <= _SPELT else spelt(part, _SPELT, f"{path}[{index}]")
        if denial is not None:
            return denial
        kind = part.get("type")
        if type(kind) is not str:
            return invalid(f"{path}[{index}].type", "a string")
        field = _TEXT_PARTS.get(kind)
        if field is not None:
            if type(part.get(field)) is not str:
                return invalid(f"{path}[{index}].{field}", "a string")
        elif kind not in UNREADABLE_PARTS:
            return invalid(
                f"{path}[{index}].type", f"one of {', '.join(sorted(_TEXT_PARTS.keys() | UNREADABLE_PARTS))}"
            )
    return None


def _tool_calls(value: Any, path: str) -> Denial | None:
    if value is None:
        return None
    if type(value) is not list:
        return invalid(path, "a list of tool calls")
    for index, call in enumerate(value):
        place = f"{path}[{index}]"
        if type(call) is not dict:
            return invalid(place, "an object")
        denial = identifier(call.get("id"), f"{place}.id") or string(call.get("type"), f"{place}.type")
        if denial is not None:
            return denial
        if call.get("type") == "custom":
            denial = _custom(call.get("custom"), f"{place}.custom")
        elif type(call.get("function")) is not dict:
            denial = invalid(f"{place}.function", "an object")
        else:
            denial = _function(call["function"], f"{place}.function")
        if denial is not None:
            return denial
    return None


def _function(value: Any, path: str) -> Denial | None:
    if value is None:
        return None
    if type(value) is not dict:
        return invalid(path, "an object")
    return tool_name(value.get("name"), f"{path}.name") or string(value.get("arguments"), f"{path}.arguments")


def _custom(value: Any, path: str) -> Denial | None:
    if type(value) is not dict:
        return invalid(path, "an object")
    return tool_name(value.get("name"), f"{path}.name") or string(value.get("input"), f"{path}.input")


def unreadable_parts(content: Any, path: str) -> list[str]:
    """The parts of a content that cannot be inspected."""
    if type(content) is not list:
        return []
    return [f"{path}[{index}]" for index, part in enumerate(content) if kind_of(part) in UNREADABLE_PARTS]
