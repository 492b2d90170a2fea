"""What is equal when the same question is asked twice, once directly and once through the gateway.

A model server gives each answer its own id, time and timings; everything else has to be the same: types, members, their
order in the stream, and with temperature 0 the very text. `comparable` blots out the values that differ by nature and
nothing more: that they are there, and where, is compared.

Where answers are masked, the gateway holds a text back while it could still be the beginning of something sensitive, so
that the same text arrives cut in other places. `joined` takes the pieces out of the events of a stream: what is left of
the events must be equal one by one, and so must each text as a whole.
"""

from typing import Any

import pydantic

# differs between two runs of the same server
VOLATILE = frozenset({"id", "created", "created_at", "completed_at", "timings", "item_id", "system_fingerprint"})


PIECES = ("content", "reasoning_content", "refusal", "text", "arguments", "delta", "thinking", "partial_json")


def joined(events: Any) -> tuple[Any, dict[str, str]]:
    """The events without their pieces of text, and each text put together."""
    texts: dict[str, str] = {}

    def without_pieces(value: Any, place: str) -> Any:
        if isinstance(value, dict):
            within = f"{place}/{value['index']}" if "index" in value else place
            pieces = {key for key, each in value.items() if key in PIECES and isinstance(each, str)}
            for key in pieces:
                texts[f"{within}/{key}"] = texts.get(f"{within}/{key}", "") + value[key]
            return {key: without_pieces(each, f"{within}/{key}") for key, each in value.items() if key not in pieces}
        if isinstance(value, list):
            return [without_pieces(each, place) for each in value]
        return value

    return [without_pieces(event, "") for event in events], texts


def comparable(value: Any) -> Any:
    """A tree of plain values, the volatile ones blotted out; models keep the name of their type."""
    if isinstance(value, pydantic.BaseModel):
        return {"(type)": type(value).__name__, **comparable(value.model_dump(exclude_unset=True))}
    if isinstance(value, dict):
        return {key: "…" if key in VOLATILE and each is not None else comparable(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [comparable(each) for each in value]
    return value
