"""What a client makes of a stream: the texts it has put together, and the builders of streams for it to read.

The client is as plain as can be: it joins every string of a choice that grows, under its path, like the official
libraries do, and keeps everything else as it came last.
"""

import json
from typing import Any

from guardhouse.wire.sse import SseDecoder

Texts = dict[tuple[Any, ...], str]


def events_of(stream: bytes) -> list[Any]:
    """The documents of a stream, `[DONE]` as it is."""
    decoder = SseDecoder()
    found = decoder.feed(stream) + decoder.finish()
    return [event.data.decode() if event.data == b"[DONE]" else json.loads(event.data) for event in found if event.data]


def frame(*choices: Any, **more: Any) -> dict[str, Any]:
    return {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": list(choices), **more}


def piece(index: int = 0, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    return {"index": index, "delta": delta, "finish_reason": finish}


def sse(*documents: Any, done: bool = True) -> bytes:
    return b"".join([b"data: " + json.dumps(document).encode() + b"\n\n" for document in documents]) + (
        b"data: [DONE]\n\n" if done else b""
    )


def put_together(stream: bytes) -> Texts:
    """Every text that grows, by its path: (choice, "delta", "content"), (choice, "delta", "tool_calls", 0, …)."""
    texts: Texts = {}

    def grow(node: Any, path: tuple[Any, ...]) -> None:
        if isinstance(node, str):
            texts[path] = texts.get(path, "") + node
        elif isinstance(node, dict):
            for key, value in node.items():
                if key not in ("role", "type", "id", "name", "index", "finish_reason"):
                    grow(value, (*path, key))
        elif isinstance(node, list):
            for position, entry in enumerate(node):
                grow(entry, (*path, entry.get("index", position) if isinstance(entry, dict) else position))

    for document in events_of(stream):
        for choice in document["choices"] if document != "[DONE]" else ():
            grow(choice, (choice["index"],))
    return {path: text for path, text in texts.items() if text}


def put_together_items(stream: bytes) -> Texts:
    """The deltas of a Responses stream, by kind, item and place."""
    texts: Texts = {}
    for event in events_of(stream):
        if "delta" in event:
            place = (event["type"], event.get("item_id"), event.get("content_index"))
            texts[place] = texts.get(place, "") + event["delta"]
    return {place: text for place, text in texts.items() if text}
