"""What an answer says of itself, the last line of one that flows included, and the list of models.

Ollama counts tokens in `prompt_eval_count` and `eval_count`, and says in nanoseconds how long it took to load the model
and to read and to write. Without the first count, which is left out where all of the prompt was in its cache, the
figures are no usage: they would be too small. As everywhere, figures that are not plausible counts are none.
"""

from collections.abc import Sequence
from typing import Any

from guardhouse.model.media import MediaKind, Part
from guardhouse.model.reason import Reason
from guardhouse.model.usage import Timing, Usage
from guardhouse.wire import json
from guardhouse.wire.dialects.pieces import ODD, Shown

_LARGEST_COUNT = 2**53
_LONGEST = 10**15  # nanoseconds: eleven days
_ENDS = frozenset(("stop", "length"))
_NEVER = "1970-01-01T00:00:00Z"
_SPELLINGS = ("context", "logprobs")
_OPAQUE = ("image", "images", "audio")


def usage_of(document: dict[str, Any]) -> Usage | None:
    """The tokens it reports, None if it does not (plausibly) say."""
    given, made = _count(document.get("prompt_eval_count")), _count(document.get("eval_count", 0))
    if given is None or made is None:
        return None
    timing = Timing(
        load=_seconds(document.get("load_duration")),
        reading=_seconds(document.get("prompt_eval_duration")),
        writing=_seconds(document.get("eval_duration")),
    )
    return Usage(given, made, timing=timing)


def finish_reason(document: Any) -> str:
    reason = document.get("done_reason") if type(document) is dict else None
    if not reason:
        return ""
    return reason if type(reason) is str and reason in _ENDS else "other"


def unreadable(document: Any) -> list[str]:
    """Where there is content that cannot be inspected."""
    if type(document) is not dict:
        return ["(document)"]
    found = [name for name in _OPAQUE if document.get(name)]
    message = document.get("message")
    if type(message) is dict:
        found += [f"message.{name}" for name in _OPAQUE if message.get(name)]
    return found


def media(document: Any) -> list[Part]:
    found: list[Part] = []
    if type(document) is dict:
        _media_in(document, "", found)
        _media_in(document.get("message"), "message.", found)
    return found


def show(document: dict[str, Any], shown: Shown) -> Reason | None:
    """Tell of the media in one line of a stream; a reason to end it. Each line has others."""
    found: Reason | None = None
    for part in media(document):
        part.place = f"{part.place}[{len(shown.parts)}]"
        found = found or shown.take(part)
    return found


def _media_in(node: Any, place: str, found: list[Part]) -> None:
    for name in _OPAQUE if type(node) is dict else ():
        value = node.get(name)
        for each in value if type(value) is list else [value] if value else []:
            kind: MediaKind = "audio" if name == "audio" else "image"
            found.append(Part(kind, f"{place}{name}", "", each if type(each) is str else ODD))


def drop_fragments(document: Any) -> None:
    """Remove what spells the text out: its tokens, and how probable each was."""
    if type(document) is not dict:
        return
    for name in _SPELLINGS:
        document.pop(name, None)


def tags_body(names: Sequence[str]) -> bytes:
    """GET /api/tags."""
    return json.encode({"models": [_model(name) for name in names]})


def _model(name: str) -> dict[str, Any]:
    return {"name": name, "model": name, "modified_at": _NEVER, "size": 0, "digest": "", "details": {}}


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _LARGEST_COUNT else None


def _seconds(value: Any) -> float:
    return value / 1e9 if type(value) is int and 0 <= value <= _LONGEST else 0.0
