"""The texts of one turn of a conversation: a chat message, or an item of the Responses API.

Requests and answers share these shapes. What is structural in them is said in texts.py.
"""

from typing import Any

from guardhouse.model.text import Text
from guardhouse.wire.dialects.walk import collect, collect_around, collect_member, kind_of

ROLES = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
    "function": "tool",
}
UNREADABLE_PARTS = frozenset(
    ("audio_url", "computer_screenshot", "file", "image_url", "input_audio", "input_file", "input_image", "video_url")
)
_PAYLOADS = frozenset(("data", "file_data"))
_NAME = frozenset(("name",))
_MESSAGE = frozenset(("tool_call_id", "id"))
_TOOL_MESSAGE = _MESSAGE | _NAME  # in a tool's result `name` is the tool's
_FUNCTION_CALL = frozenset(("function_call",))
_CALL = frozenset(("id", "call_id", "name"))
_ITEM = frozenset(("id", "call_id", "item_id", "approval_request_id"))
_ITEM_ROLES = {
    "function_call": "assistant",
    "custom_tool_call": "assistant",
    "mcp_call": "assistant",
    "reasoning": "assistant",
    "compaction": "assistant",
    "function_call_output": "tool",
    "custom_tool_call_output": "tool",
    "computer_call_output": "tool",
    "local_shell_call_output": "tool",
}
_ITEM_CALLS = frozenset(("function_call", "custom_tool_call", "mcp_call"))
_ITEM_SEALED = ("reasoning", "compaction")
_SEALED = frozenset(("encrypted_content",))


def role_of(node: dict[str, Any]) -> str:
    """Who speaks, in the words of inspection."""
    role = node.get("role")
    return ROLES.get(role, "other") if type(role) is str else "other"


def message_texts(message: dict[str, Any], role: str, found: list[Text]) -> None:
    """A message of a chat."""
    handled = _lists(message, "content", "tool_calls")
    if "content" in handled:
        _parts(message["content"], role, found)
    if "tool_calls" in handled:
        _calls(message["tool_calls"], found)
    call = message.get("function_call")
    if type(call) is dict:
        handled |= _FUNCTION_CALL
        collect_around(call, "assistant", found, _NAME)
    collect_around(message, role, found, _TOOL_MESSAGE if role == "tool" else _MESSAGE, handled)


def item_texts(holder: Any, key: Any, found: list[Text]) -> None:
    """An item of the Responses API, as input or as output, at its place."""
    item = holder[key]
    if type(item) is not dict:
        collect_member(holder, key, item, "other", found)
        return
    kind = kind_of(item)
    role = _ITEM_ROLES.get(kind) or role_of(item)
    structural = _ITEM | _NAME if kind in _ITEM_CALLS else _ITEM
    handled = _lists(item, "content", "output")
    for name in handled:
        _parts(item[name], role, found)
    if kind in _ITEM_SEALED and type(item.get("encrypted_content")) is str:
        handled |= _SEALED
    collect_around(item, role, found, structural, handled)


def _lists(node: dict[str, Any], *keys: str) -> frozenset[str]:
    return frozenset(key for key in keys if type(node.get(key)) is list)


def _calls(calls: list[Any], found: list[Text]) -> None:
    for index, call in enumerate(calls):
        if type(call) is not dict:
            collect_member(calls, index, call, "assistant", found)
            continue
        handled = frozenset(kind for kind in ("function", "custom") if type(call.get(kind)) is dict)
        for kind in handled:
            collect_around(call[kind], "assistant", found, _NAME)
        collect_around(call, "assistant", found, _CALL, handled)


def _parts(parts: list[Any], role: str, found: list[Text]) -> None:
    for index, part in enumerate(parts):
        if type(part) is not dict:
            collect_member(parts, index, part, role, found)
        elif kind_of(part) in UNREADABLE_PARTS:
            inner: list[Text] = []
            collect(part, role, inner)
            found += [text for text in inner if not _is_payload(text)]
        else:
            collect(part, role, found)


def _is_payload(text: Text) -> bool:
    return text.key in _PAYLOADS or text.value.startswith("data:")
