"""Where in the text of a JSON document something stands, for messages about files that are JSON and not YAML.

The text has been read before and is sound. Only what stands before the place is looked at, member by member.
"""

import json
import re

from guardhouse.policy.problem import Path

_BLANK = re.compile(r"[ \t\r\n]*")
_decoder = json.JSONDecoder()


def line_in(text: str, path: Path) -> int:
    """The line of what stands at `path`, or of the nearest thing above it that is there."""
    at = _skip(text, 0)
    for step in path:
        inside = _member(text, at, step) if isinstance(step, str) else _element(text, at, step)
        if inside is None:
            break
        at = inside
    return text.count("\n", 0, at) + 1


def _member(text: str, at: int, name: str) -> int | None:
    if text[at] != "{":
        return None
    at = _skip(text, at + 1)
    while text[at] != "}":
        key, at = _decoder.raw_decode(text, at)
        at = _skip(text, _skip(text, at) + 1)
        if key == name:
            return at
        at = _next(text, at)
    return None


def _element(text: str, at: int, number: int) -> int | None:
    if text[at] != "[":
        return None
    at = _skip(text, at + 1)
    while text[at] != "]":
        if not number:
            return at
        number -= 1
        at = _next(text, at)
    return None


def _next(text: str, at: int) -> int:
    """Behind the value that begins here, and the comma after it."""
    _, at = _decoder.raw_decode(text, at)
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    match = _BLANK.match(text, at)
    return at if match is None else match.end()
