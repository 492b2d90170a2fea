"""What an answer that was read whole says of itself, and the answers the gateway gives from its own knowledge.

Answers come from a model server that may be wrong or hostile, so nothing of their shape is taken for granted: figures
that are not plausible counts are not counts, and a reason to stop is one of a closed list or "other", because it
becomes the label of a metric. The words are those that all dialects share.

Input is what was read anew, what was written to the cache and what was read from it, together: a budget counts what a
request is made of, whatever of it was cheap. Counting tokens uses none.
"""

from collections.abc import Sequence
from typing import Any

from guardhouse.model.usage import Usage
from guardhouse.wire import json
from guardhouse.wire.dialects.anthropic.blocks import hidden_in
from guardhouse.wire.dialects.spelling import drop_spelling

_LARGEST_COUNT = 2**53  # what a JSON reader may be expected to keep exactly
_FIGURES = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens", "output_tokens")
_ENDS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}
COUNTED = Usage(0, 0)
_NO_DATE = "1970-01-01T00:00:00Z"


def usage_of(figures: Any) -> Usage | None:
    """The tokens that a report says, None if it does not (plausibly) say."""
    return usage_from(learnt({}, figures))


def learnt(known: dict[str, int], figures: Any) -> dict[str, int]:
    """`known` with what another report says; in a stream each figure is the whole so far."""
    if type(figures) is dict:
        for name in _FIGURES:
            value = figures.get(name)
            if type(value) is int and 0 <= value <= _LARGEST_COUNT:
                known[name] = value
    return known


def usage_from(known: dict[str, int]) -> Usage | None:
    if "input_tokens" not in known or "output_tokens" not in known:
        return None
    return Usage(sum([known.get(name, 0) for name in _FIGURES[:3]]), known["output_tokens"])


def end_of(value: Any) -> str:
    """A reason to stop in the words of all dialects; empty if there is none."""
    if value is None:
        return ""
    return _ENDS.get(value, "other") if type(value) is str else "other"


def unreadable(document: Any) -> list[str]:
    """Where there is content that cannot be inspected."""
    if type(document) is not dict:
        return ["(document)"]
    blocks = document.get("content")
    return hidden_in(blocks, "content") if type(blocks) is list else []


def drop_fragments(document: Any) -> None:
    """Empty what would spell a masked text out token by token. The API has no such thing, some model servers have."""
    if type(document) is not dict:
        return
    drop_spelling(document)
    blocks = document.get("content")
    for block in blocks if type(blocks) is list else ():
        if type(block) is dict:
            drop_spelling(block)


def models_body(names: Sequence[str]) -> bytes:
    """GET /v1/models, all on one page."""
    first, last = (names[0], names[-1]) if names else (None, None)
    models = [_model(name) for name in names]
    return json.encode({"data": models, "has_more": False, "first_id": first, "last_id": last})


def model_body(name: str) -> bytes:
    """GET /v1/models/{id}."""
    return json.encode(_model(name))


def _model(name: str) -> dict[str, Any]:
    return {"type": "model", "id": name, "display_name": name, "created_at": _NO_DATE, "lifecycle": "active"}
