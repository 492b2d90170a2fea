"""How long the answer may become, in tokens: `options.num_predict`. Zero and less mean "as long as you like"."""

from typing import Any

_FIELD = "num_predict"


def longest(document: dict[str, Any]) -> int:
    """The length that is asked for; 0 if none is."""
    options = document.get("options")
    length = options.get(_FIELD) if type(options) is dict else None
    return length if type(length) is int and length > 0 else 0


def shorten(document: dict[str, Any], most: int, unsaid: int) -> bool:
    """Lower the length to `most`; where none is asked for, the smaller of `most` and `unsaid` is put in."""
    asked = longest(document)
    if asked and asked <= most:
        return False
    document["options"] = {**(document.get("options") or {}), _FIELD: most if asked else min(most, unsaid)}
    return True
