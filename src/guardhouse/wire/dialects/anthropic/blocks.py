"""What a conversation is made of: blocks of content, each of a kind, and how each kind has to look.

The kind decides whether a block can be inspected at all, and where in it there is something that only the model server
can read; so in requests it is one of a closed list, KINDS: those of Anthropic's published description, without what is
in beta. `hidden_in` says where blocks hold content that no control can look into: images, files in base64, whatever is
fetched or stored elsewhere.

Sealed strings are another matter: signatures of thinking, thinking that was redacted, results of searches and places
in them. The model server has encrypted them for itself, the caller can neither read nor make them, and a conversation
cannot go on without them. They pass as they are, but only in their own places (SEALED) and only if they look like it:
long, and made of the letters of base64. Anything else there is a text like any other.
"""

import re
from typing import Any, Final

from guardhouse.model.denial import Denial
from guardhouse.wire.dialects.rules import Rule, an_object, boolean, identifier, invalid, spelt, string, tool_name
from guardhouse.wire.dialects.walk import kind_of

SEALED: Final[dict[str, frozenset[str]]] = {
    "code_execution_tool_result": frozenset(("encrypted_stdout",)),
    "redacted_thinking": frozenset(("data",)),
    "text": frozenset(("encrypted_index",)),
    "thinking": frozenset(("signature",)),
    "web_search_tool_result": frozenset(("encrypted_content",)),
}
_SEALED: Final = re.compile(r"[A-Za-z0-9+/_-]{64,}={0,2}")

_CALL: Final = frozenset(("caller", "id", "input", "name", "toolset_name"))
_RESULT: Final = frozenset(("caller", "content", "tool_use_id"))
FIELDS: Final[dict[str, frozenset[str]]] = {  # beside `type` and `cache_control`
    "bash_code_execution_tool_result": _RESULT,
    "code_execution_tool_result": _RESULT,
    "container_upload": frozenset(("file_id",)),
    "document": frozenset(("citations", "context", "source", "title")),
    "image": frozenset(("source", "transformations")),
    "mcp_tool_result": frozenset(("content", "is_error", "tool_use_id")),
    "mcp_tool_use": frozenset(("id", "input", "name", "server_name")),
    "redacted_thinking": frozenset(("data",)),
    "search_result": frozenset(("citations", "content", "source", "title")),
    "server_tool_use": _CALL,
    "text": frozenset(("citations", "text")),
    "text_editor_code_execution_tool_result": _RESULT,
    "thinking": frozenset(("signature", "thinking")),
    "tool_result": frozenset(("content", "is_error", "tool_use_id", "toolset_name")),
    "tool_search_tool_result": _RESULT,
    "tool_use": _CALL,
    "web_fetch_tool_result": _RESULT,
    "web_search_tool_result": _RESULT,
}
KINDS: Final = frozenset(FIELDS)
_PARTS: Final = frozenset(("browser_state", "document", "image", "search_result", "text", "tool_reference"))
_TEXT: Final = frozenset(("text",))
_IN_DOCUMENT: Final = frozenset(("image", "text"))
_CALLS: Final = frozenset(("mcp_tool_use", "server_tool_use", "tool_use"))
_RESULTS: Final = frozenset(("mcp_tool_result", "tool_result"))
_SOURCES: Final[dict[str, tuple[str, Rule]]] = {
    "base64": ("data", string),
    "content": ("content", lambda value, path: string_or_blocks(value, path, _IN_DOCUMENT)),
    "file": ("file_id", identifier),
    "text": ("data", string),
    "url": ("url", string),
}
_SOURCE_FIELDS: Final = frozenset(("content", "data", "file_id", "media_type", "type", "url"))
_READABLE: Final = frozenset(("content", "text"))
_HIDDEN: Final = frozenset(("container_upload", "image"))
_DEEPEST: Final = 8  # a document in a result in a message has four
_COMMON: Final = frozenset(("cache_control", "type"))
# `Type` would make another block of it for who folds the case of names
_SPELT: Final = _COMMON.union(*FIELDS.values())


def is_sealed(value: str) -> bool:
    return _SEALED.fullmatch(value) is not None


def string_or_blocks(value: Any, path: str, kinds: frozenset[str] = KINDS) -> Denial | None:
    return None if type(value) is str else blocks(value, path, kinds)


def system(value: Any, path: str) -> Denial | None:
    return None if value is None else string_or_blocks(value, path, _TEXT)


def blocks(value: Any, path: str, kinds: frozenset[str]) -> Denial | None:
    if type(value) is not list:
        return invalid(path, "a string or a list of blocks")
    for index, block in enumerate(value):
        if type(block) is not dict:
            return invalid(f"{path}[{index}]", "an object")
        kind = block.get("type")
        if type(kind) is not str or kind not in kinds:
            return invalid(f"{path}[{index}].type", f"one of {', '.join(sorted(kinds))}")
        denial = spelt(block, _SPELT, f"{path}[{index}]") or _block(block, kind, f"{path}[{index}]")
        if denial is not None:
            return denial
    return None


def _block(block: dict[str, Any], kind: str, path: str) -> Denial | None:
    if kind == "text":
        return None if type(block.get("text")) is str else invalid(f"{path}.text", "a string")
    if kind in _CALLS:
        return _call(block, path)
    if kind in ("document", "image"):
        return _source(block.get("source"), f"{path}.source")
    if kind in _RESULTS:
        return _result(block, path)
    if kind == "search_result":
        return blocks(block.get("content"), f"{path}.content", _TEXT)
    if kind == "thinking":
        return string(block.get("signature"), f"{path}.signature") or _is_string(block, "thinking", path)
    if kind == "redacted_thinking":
        return _is_string(block, "data", path)
    return identifier(block.get("tool_use_id"), f"{path}.tool_use_id") or identifier(
        block.get("file_id"), f"{path}.file_id"
    )


def _is_string(block: dict[str, Any], field: str, path: str) -> Denial | None:
    return None if type(block.get(field)) is str else invalid(f"{path}.{field}", "a string")


def _call(block: dict[str, Any], path: str) -> Denial | None:
    return (
        identifier(block.get("id"), f"{path}.id")
        or tool_name(block.get("name"), f"{path}.name")
        or (None if type(block.get("input")) is dict else invalid(f"{path}.input", "an object"))
        or an_object(block.get("caller"), f"{path}.caller")
        or (None if "server_name" not in block else tool_name(block["server_name"], f"{path}.server_name"))
    )


def _result(block: dict[str, Any], path: str) -> Denial | None:
    content = block.get("content")
    return (
        identifier(block.get("tool_use_id"), f"{path}.tool_use_id")
        or boolean(block.get("is_error"), f"{path}.is_error")
        or (None if content is None else string_or_blocks(content, f"{path}.content", _PARTS))
    )


def _source(source: Any, path: str) -> Denial | None:
    if type(source) is not dict:
        return invalid(path, "an object")
    denial = spelt(source, _SOURCE_FIELDS, path)
    if denial is not None:
        return denial
    kind = source.get("type")
    if type(kind) is not str or kind not in _SOURCES:
        return invalid(f"{path}.type", f"one of {', '.join(_SOURCES)}")
    field, rule = _SOURCES[kind]
    if source.get(field) is None:
        return invalid(f"{path}.{field}", "given")
    return string(source.get("media_type"), f"{path}.media_type") or rule(source[field], f"{path}.{field}")


def unknown_in(content: Any, path: str) -> list[str]:
    """The fields of blocks, and of their sources, that the API does not describe."""
    found: list[str] = []
    for index, block in enumerate(content if type(content) is list else ()):
        if type(block) is not dict:
            continue
        known = FIELDS.get(kind_of(block))
        if known is not None and not block.keys() <= known | _COMMON:
            found += [f"{path}[{index}].{name}" for name in block.keys() - known - _COMMON]
        source = block.get("source")
        if type(source) is dict:
            found += [f"{path}[{index}].source.{name}" for name in source.keys() - _SOURCE_FIELDS]
            found += unknown_in(source.get("content"), f"{path}[{index}].source.content")
        found += unknown_in(block.get("content"), f"{path}[{index}].content")
    return found


def hidden_in(content: list[Any], path: str) -> list[str]:
    """The blocks that hold, somewhere inside, what cannot be inspected; a kind that nobody knows is one of them."""
    return [
        f"{path}[{index}]"
        for index, block in enumerate(content)
        if kind_of(block) not in KINDS or _is_hidden(block, _DEEPEST)
    ]


def _is_hidden(block: Any, levels: int) -> bool:
    if type(block) is not dict:
        return False
    if kind_of(block) in _HIDDEN or not levels:
        return True
    source = block.get("source")
    if type(source) is dict and (kind_of(source) not in _READABLE or _holds_hidden(source.get("content"), levels)):
        return True
    return _holds_hidden(block.get("content"), levels)


def _holds_hidden(inner: Any, levels: int) -> bool:
    if type(inner) is list:
        return any(_is_hidden(block, levels - 1) for block in inner)
    return type(inner) is dict and _is_hidden(inner, levels - 1)  # a page that was fetched
