"""What an answer that was read whole says of itself, and the answers the gateway gives from its own knowledge.

Answers come from a model server that may be wrong or hostile, so nothing of their shape is taken for granted: figures
that are not plausible counts are not counts, and a finish reason is one of a closed list or "other", because it becomes
the label of a metric.

Two kinds of content cannot be followed by masking, and are dealt with here. `unreadable` lists what cannot be looked at
(recordings, images, files), which shown.py knows. `drop_fragments` removes logprobs, which spell the text out token by
token: where the text was masked, they would give it away.
"""

from collections.abc import Iterable
from typing import Any, Final

from guardhouse.model.operation import Operation
from guardhouse.model.usage import Usage
from guardhouse.wire import json
from guardhouse.wire.dialects.openai.shown import in_item, in_message, is_mixed
from guardhouse.wire.dialects.spelling import drop_spelling

_LARGEST_COUNT: Final = 2**53  # what a JSON reader may be expected to keep exactly
_FINISH_REASONS: Final = frozenset(("stop", "length", "tool_calls", "content_filter", "function_call"))
_RESPONSE_ENDS: Final = {
    "completed": "stop",
    "max_output_tokens": "length",
    "content_filter": "content_filter",
    "failed": "error",
    "cancelled": "cancelled",
}


def usage(document: Any, operation: Operation) -> Usage | None:  # noqa: ARG001 - the same for every operation here
    """The tokens it reports, None if it does not (plausibly) say."""
    return usage_of(document.get("usage")) if type(document) is dict else None


def usage_of(figures: Any) -> Usage | None:
    if type(figures) is not dict:
        return None
    given = _count(figures.get("prompt_tokens", figures.get("input_tokens")))
    made = _count(figures.get("completion_tokens", figures.get("output_tokens", 0)))
    return None if given is None or made is None else Usage(given, made)


def _count(value: Any) -> int | None:
    return value if type(value) is int and 0 <= value <= _LARGEST_COUNT else None


def finish_reason(document: Any, operation: Operation) -> str:
    """Why generation ended, of the first choice that says so; empty if nothing does."""
    if type(document) is not dict:
        return ""
    if operation is Operation.RESPONSES:
        return response_end(document)
    choices = document.get("choices")
    for choice in choices if type(choices) is list else ():
        if type(choice) is dict and choice.get("finish_reason"):
            return known_finish(choice["finish_reason"])
    return ""


def known_finish(value: Any) -> str:
    return value if type(value) is str and value in _FINISH_REASONS else "other"


def response_end(response: dict[str, Any]) -> str:
    """The end of a Responses object in the words of the other operations."""
    status = response.get("status")
    if status == "incomplete":
        details = response.get("incomplete_details")
        status = details.get("reason") if type(details) is dict else None
    if status is None:
        return ""
    return _RESPONSE_ENDS.get(status, "other") if type(status) is str else "other"


def unreadable(document: Any) -> list[str]:
    """Where there is content that cannot be inspected."""
    if type(document) is not dict:
        return ["(document)"]
    found: list[str] = []
    choices, items = document.get("choices"), document.get("output")
    if type(choices) is list:
        for index, choice in enumerate(choices):
            message = choice.get("message") if type(choice) is dict else None
            if type(message) is dict and is_mixed(message):
                found += [part.place for part in in_message(message, f"choices[{index}].message")]
    if type(items) is list:
        for index, item in enumerate(items):
            if type(item) is dict:
                found += [part.place for part in in_item(item, f"output[{index}]")]
    return found


def drop_fragments(document: Any) -> bool:
    """Empty every logprobs of an answer, and say whether there was one. For answers in which something was masked."""
    found = False
    for choice in _objects(document.get("choices")) if type(document) is dict else ():
        found = drop_spelling(choice) or found
        message = choice.get("message")
        if type(message) is dict:
            found = drop_spelling(message) or found
    for item in _objects(document.get("output")) if type(document) is dict else ():
        for part in _objects(item.get("content")):
            if part.get("logprobs"):
                part["logprobs"] = []
                found = True
    return found


def _objects(value: Any) -> Iterable[dict[str, Any]]:
    return (entry for entry in value if type(entry) is dict) if type(value) is list else ()


def models_body(names: Iterable[str], created: int = 0) -> bytes:
    """GET /v1/models."""
    return json.encode({"object": "list", "data": [_model(name, created) for name in names]})


def model_body(name: str, created: int = 0) -> bytes:
    """GET /v1/models/{id}."""
    return json.encode(_model(name, created))


def _model(name: str, created: int) -> dict[str, Any]:
    return {"id": name, "object": "model", "created": created, "owned_by": "guardhouse"}
