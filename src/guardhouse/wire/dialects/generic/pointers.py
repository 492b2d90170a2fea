"""JSON Pointers (RFC 6901) with one addition: the segment `*` means every entry of a list or member of an object.

A pointer that leads nowhere in a document is no error: it finds nothing. An object's member whose name is `*` cannot be
meant. The root itself is no place, because there is nothing that holds it.
"""

from typing import Any

PATTERN = r"(/([^~/\x00-\x1f]|~[01])*)+"

Pointer = tuple[str, ...]
Place = tuple[Any, Any]  # what holds it, and its key or index there


def parse(text: str) -> Pointer:
    """The segments of a text of PATTERN."""
    return tuple([segment.replace("~1", "/").replace("~0", "~") for segment in text.split("/")[1:]])


def places(root: Any, pointer: Pointer) -> list[Place]:
    """Every place that the pointer means."""
    found: list[Place] = [([root], 0)]
    for segment in pointer:
        found = [below for holder, key in found for below in _step(holder[key], segment)]
    return found


def _step(node: Any, segment: str) -> list[Place]:
    if type(node) is dict:
        keys: list[Any] = list(node) if segment == "*" else [segment] if segment in node else []
        return [(node, key) for key in keys]
    if type(node) is list:
        if segment == "*":
            return [(node, index) for index in range(len(node))]
        if segment.isascii() and segment.isdigit() and len(segment) < 10 and (segment == "0" or segment[0] != "0"):
            return [(node, int(segment))] if int(segment) < len(node) else []
    return []
