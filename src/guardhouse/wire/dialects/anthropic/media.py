"""The blocks of a request or an answer that are images, documents or files, for the record of what no control reads.

They stand in messages, in results of tools and in documents that are made of blocks; how each is told of is said by
its source: in base64, to be fetched from a URL, or stored at the model server.
"""

from typing import Any, Final

from guardhouse.model.media import Part
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.anthropic.blocks import hidden_in
from guardhouse.wire.dialects.pieces import ODD, Shown
from guardhouse.wire.dialects.walk import kind_of

_OPAQUE: Final = frozenset(("base64", "file", "url"))
_DEEPEST: Final = 8  # as in blocks.py: what is deeper is said to be unreadable as a whole


def media(document: dict[str, Any]) -> list[Part]:
    found: list[Part] = []
    for index, message in enumerate(document["messages"]):
        _inner(message["content"], f"messages[{index}].content", _DEEPEST, found)
    return found


def answer_media(document: Any) -> list[Part]:
    found: list[Part] = []
    if type(document) is dict:
        _inner(document.get("content"), "content", _DEEPEST, found)
    return found


def show(document: dict[str, Any], shown: Shown) -> Reason | None:
    """Tell of the media in one event of a stream; a reason to end it."""
    message, block, index = document.get("message"), document.get("content_block"), document.get("index")
    blocks = message.get("content") if type(message) is dict else None
    found: Reason | None = None
    for position, each in enumerate(blocks if type(blocks) is list else []):
        found = found or _show_block(each, f"content[{position}]", shown)
    return found or _show_block(block, f"content[{index if type(index) is int else 0}]", shown)


def _show_block(block: Any, place: str, shown: Shown) -> Reason | None:
    if type(block) is not dict or not hidden_in([block], ""):
        return None
    parts: list[Part] = []
    _block(block, place, _DEEPEST, parts)
    found: Reason | None = None if parts else shown.take_unknown(place)
    for part in parts:
        found = found or shown.take(part)
    return found


def _inner(content: Any, path: str, levels: int, found: list[Part]) -> None:
    if type(content) is list:
        for index, block in enumerate(content):
            _block(block, f"{path}[{index}]", levels, found)
    elif type(content) is dict:
        _block(content, path, levels, found)


def _block(block: Any, place: str, levels: int, found: list[Part]) -> None:
    if type(block) is not dict:
        return
    if not levels:
        found.append(Part("file", place, "", ODD))
        return
    kind, source = kind_of(block), block.get("source")
    if kind == "container_upload":
        found.append(Part("file", place, "", ""))
    if type(source) is dict:
        if kind_of(source) in _OPAQUE:
            value, declared = source.get("data") or source.get("url"), source.get("media_type")
            found.append(
                Part(
                    "image" if kind == "image" else "document",
                    place,
                    declared if type(declared) is str else "",
                    value if type(value) is str else "",
                )
            )
        else:
            _inner(source.get("content"), f"{place}.source.content", levels - 1, found)
    _inner(block.get("content"), f"{place}.content", levels - 1, found)
