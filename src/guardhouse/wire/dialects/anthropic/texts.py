"""Where there is content in a request or an answer: every string that can carry any, with who speaks.

Known places come with their role. Every other string of the document, in whatever field, comes as well (walk.py), so
that a field this file has never heard of is inspected like a message. The arguments of a call are an object here, and
every string in it is a text. What is left out is structural: strings that pair one thing with another, where a masked
value would break the pairing rather than protect anybody:

- `model`, which is compared with the configuration before anything else is done with it;
- the ids of calls, results, answers and files (`id`, `tool_use_id`, `file_id`, `caller.tool_id`);
- the names of tools, where they are declared, chosen and called, and the types of declared ones, which are of a closed
  list;
- what is sealed, in its own places (blocks.py);
- tokens for MCP servers, and their names (server_texts.py).

They are structural in these places only and up to a length; a field `id` anywhere else is a text.
Of sources in base64 the payload is left out, the rest is not; they are among the unreadable.

The tests hold, for arbitrary documents, that every string that is not structural is found exactly once.
"""

from collections.abc import Callable
from typing import Any

from guardhouse.model.text import Text
from guardhouse.wire.dialects.anthropic.blocks import SEALED, is_sealed
from guardhouse.wire.dialects.server_texts import listed_texts
from guardhouse.wire.dialects.walk import (
    KNOWN_KEYS,
    NOTHING,
    Keys,
    collect,
    collect_around,
    collect_member,
    is_plain,
    kind_of,
)

_ROLES = frozenset(("assistant", "system", "user"))
_ANSWER = frozenset(("id", "model"))
_CONTENT = frozenset(("content",))
_SOURCE = frozenset(("source",))
_PAYLOAD = frozenset(("data",))
_CALL = frozenset(("id", "name"))
_MCP_CALL = frozenset(("id", "name", "server_name"))
_CALLER = frozenset(("caller",))
_OF_CALLER = frozenset(("tool_id",))
_RESULT = frozenset(("tool_use_id",))
_FILE = frozenset(("file_id",))
_TOOL = frozenset(("name", "type"))
_NAME = frozenset(("name",))
_CALLS = frozenset(("mcp_tool_use", "server_tool_use", "tool_use"))
_LISTS = frozenset(("mcp_tool_result", "search_result", "tool_result"))
_TOOLSET = frozenset(("mcp_server_name", "type"))


def request_texts(document: dict[str, Any]) -> list[Text]:
    found: list[Text] = []
    keys: list[Text] = []
    names = Keys(document)
    for key, value in document.items():
        if type(value) is str:
            if key != "model":
                found.append(Text(value, "system" if key == "system" else "other", document, key))
        elif type(value) is list or type(value) is dict:
            reader = _READERS.get(key, _read_other)
            reader(value, found)
        if key not in KNOWN_KEYS and not is_plain(key):
            keys.append(Text(key, "other", names, key))
    return found + keys if keys else found


def answer_texts(document: Any) -> list[Text]:
    found: list[Text] = []
    if type(document) is not dict:
        collect_member([document], 0, document, "assistant", found)
        return found
    content = document.get("content")
    if type(content) is list:
        block_texts(content, "assistant", found)
        collect_around(document, "other", found, _ANSWER, _CONTENT)
    else:
        collect_around(document, "other", found, _ANSWER)
    return found


def block_texts(blocks: list[Any], role: str, found: list[Text]) -> None:
    for index, block in enumerate(blocks):
        if type(block) is not dict:
            collect_member(blocks, index, block, role, found)
            continue
        kind = kind_of(block)
        if kind == "text" and len(block) == 2 and type(block.get("text")) is str:
            found.append(Text(block["text"], role, block, "text"))
            continue
        start = len(found)
        _read_block(block, kind, role, found)
        sealed = SEALED.get(kind)
        if sealed is not None:
            found[start:] = [text for text in found[start:] if text.key not in sealed or not is_sealed(text.value)]


def _read_block(block: dict[str, Any], kind: str, role: str, found: list[Text]) -> None:
    handled = NOTHING
    structural = NOTHING
    if kind in _CALLS:
        structural = _CALL if kind != "mcp_tool_use" else _MCP_CALL
        caller = block.get("caller")
        if type(caller) is dict:
            handled = _CALLER
            collect_around(caller, role, found, _OF_CALLER)
    elif kind.endswith("tool_result"):
        structural = _RESULT
        role = "tool"
    elif kind == "container_upload":
        structural = _FILE
    source = block.get("source")
    if type(source) is dict and kind in ("document", "image"):
        handled |= _SOURCE
        _read_source(source, role, found)
    content = block.get("content")
    if type(content) is list and kind in _LISTS:
        handled |= _CONTENT
        block_texts(content, role, found)
    collect_around(block, role, found, structural, handled)


def _read_source(source: dict[str, Any], role: str, found: list[Text]) -> None:
    handled = NOTHING
    content = source.get("content")
    if kind_of(source) == "base64" and type(source.get("data")) is str:
        handled = _PAYLOAD
    elif type(content) is list:
        handled = _CONTENT
        block_texts(content, role, found)
    collect_around(source, role, found, _FILE, handled)


def _read_messages(messages: Any, found: list[Text]) -> None:
    if type(messages) is not list:
        collect(messages, "other", found)
        return
    for index, message in enumerate(messages):
        if type(message) is not dict:
            collect_member(messages, index, message, "other", found)
            continue
        said = message.get("role")
        role = said if type(said) is str and said in _ROLES else "other"
        content = message.get("content")
        if type(content) is list:
            block_texts(content, role, found)
            collect_around(message, role, found, NOTHING, _CONTENT)
        elif type(content) is str and len(message) == 2 and role != "other":
            found.append(Text(content, role, message, "content"))
        else:
            collect_around(message, role, found, NOTHING)


def _read_system(blocks: Any, found: list[Text]) -> None:
    if type(blocks) is list:
        block_texts(blocks, "system", found)
    else:
        collect(blocks, "system", found)


def _read_tools(tools: Any, found: list[Text]) -> None:
    if type(tools) is not list:
        collect(tools, "other", found)
        return
    for index, tool in enumerate(tools):
        if type(tool) is dict:
            collect_around(tool, "other", found, _TOOLSET if kind_of(tool) == "mcp_toolset" else _TOOL)
        else:
            collect_member(tools, index, tool, "other", found)


def _read_choice(choice: Any, found: list[Text]) -> None:
    if type(choice) is dict:
        collect_around(choice, "other", found, _NAME)
    else:
        collect(choice, "other", found)


def _read_other(value: Any, found: list[Text]) -> None:
    collect(value, "other", found)


_READERS: dict[str, Callable[[Any, list[Text]], None]] = {
    "mcp_servers": listed_texts,
    "messages": _read_messages,
    "system": _read_system,
    "tools": _read_tools,
    "tool_choice": _read_choice,
}
