"""What a client makes of a stream of events: its blocks, put together; and the builders of streams for it to read."""

import json
from typing import Any

from guardhouse.inspect.stream import StreamMasker
from guardhouse.model.entity import EVERY_ENTITY
from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.anthropic.dialect import ANTHROPIC
from guardhouse.wire.dialects.anthropic.fields import MESSAGES
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.dialects.flow import AnswerStream
from guardhouse.wire.sse import SseDecoder
from wire.dialects.openai.masking import whole

ROUTE = Route(ANTHROPIC, Operation.CHAT, MESSAGES)
SIGNATURE = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds" * 2
START: dict[str, Any] = {
    "type": "message_start",
    "message": {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "cache_read_input_tokens": 2, "output_tokens": 1},
    },
}
STOP: dict[str, Any] = {"type": "message_stop"}
END: list[dict[str, Any]] = [
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 9},
    },
    STOP,
]
EMPTY: dict[str, dict[str, Any]] = {
    "text": {"type": "text", "text": ""},
    "thinking": {"type": "thinking", "thinking": "", "signature": ""},
    "tool_use": {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {}},
    "mcp_tool_use": {"type": "mcp_tool_use", "id": "mcptoolu_1", "name": "f", "server_name": "s", "input": {}},
    "server_tool_use": {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {}},
}
FIELDS = {
    "text": ("text_delta", "text"),
    "thinking": ("thinking_delta", "thinking"),
    "tool_use": ("input_json_delta", "partial_json"),
    "mcp_tool_use": ("input_json_delta", "partial_json"),
    "server_tool_use": ("input_json_delta", "partial_json"),
}


def begin(index: int, kind: str = "text", **more: Any) -> dict[str, Any]:
    return {"type": "content_block_start", "index": index, "content_block": {**EMPTY[kind], **more}}


def piece(index: int, text: str, kind: str = "text", **more: Any) -> dict[str, Any]:
    name, field = FIELDS[kind]
    return {"type": "content_block_delta", "index": index, "delta": {"type": name, field: text, **more}}


def end(index: int) -> dict[str, Any]:
    return {"type": "content_block_stop", "index": index}


def sse(*documents: dict[str, Any]) -> bytes:
    return b"".join(
        [
            b"event: %b\ndata: %b\n\n" % (document["type"].encode(), json.dumps(document).encode())
            for document in documents
        ]
    )


def text_stream(*pieces: str) -> bytes:
    return sse(START, begin(0), *[piece(0, each) for each in pieces], end(0), *END)


def events_of(stream: bytes) -> list[Any]:
    decoder = SseDecoder()
    found = []
    for event in decoder.feed(stream) + decoder.finish():
        if event.data:
            document = json.loads(event.data)
            assert event.name.decode() == document["type"]
            found.append(document)
    return found


def put_together(stream: bytes) -> list[tuple[str, str]]:
    """The growing text of each block, as the official client puts it together."""
    blocks: list[tuple[str, str]] = []
    done: set[int] = set()
    for event in events_of(stream):
        if event["type"] == "content_block_start":
            block = event["content_block"]
            assert event["index"] == len(blocks)
            blocks.append((block["type"], block.get("text") or block.get("thinking") or ""))
        elif event["type"] == "content_block_stop":
            done.add(event["index"])
        elif event["type"] == "content_block_delta":
            assert event["index"] not in done
            delta = event["delta"]
            kind, text = blocks[event["index"]]
            name, field = FIELDS[kind]
            if delta["type"] == name:
                blocks[event["index"]] = (kind, text + delta[field])
    return blocks


def masked() -> AnswerStream:
    return ANTHROPIC.stream(ROUTE, lambda escaped: StreamMasker(EVERY_ENTITY, escaped=escaped), whole, hide_usage=False)


def passing() -> AnswerStream:
    return ANTHROPIC.stream(ROUTE, None, None, hide_usage=False)


def through(answer: AnswerStream, *chunks: bytes) -> bytes:
    return b"".join([answer.feed(chunk) for chunk in chunks]) + answer.finish()
