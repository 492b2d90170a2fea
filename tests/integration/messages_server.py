"""A model server that answers Anthropic's messages the way Anthropic's own API has been seen to, for what noise never
says: calls of tools, thinking, refusals, overload, and streams that fail half-way.

What it does is told by the text of the last message. It runs on a thread.
"""

import json
from collections.abc import Iterator
from typing import Any

from integration import threaded

EMAIL = "bob.smith@example.com"
SIGNATURE = "EqQBCgIYAhIM1gbcDa9GJwZA2b3hGgxBdjrkzLoky3dl1pkiMOYds4h8" * 2
Blocks = list[dict[str, Any]]

THINKING: Blocks = [
    {"type": "thinking", "thinking": f"They want {EMAIL}. Let me see.", "signature": SIGNATURE},
    {"type": "redacted_thinking", "data": SIGNATURE},
    {"type": "text", "text": "There you are."},
]
CALLING: Blocks = [
    {"type": "text", "text": f"I write to {EMAIL}."},
    {"type": "tool_use", "id": "toolu_01A09q90qw90lq917835lq9", "name": "mail", "input": {"to": EMAIL, "copies": 2}},
]
PLAIN: Blocks = [{"type": "text", "text": f"Ask {EMAIL} about it."}]


def message(blocks: Blocks, stop: str) -> dict[str, Any]:
    return {
        "id": "msg_01XFDUDYJgAACzvnptvVoYEL",
        "type": "message",
        "role": "assistant",
        "model": "tiny",
        "content": blocks,
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {
            "input_tokens": 12,
            "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 30,
            "output_tokens": 25,
        },
    }


def events(blocks: Blocks, stop: str) -> Iterator[dict[str, Any]]:
    begun = message([], stop)
    begun["stop_reason"] = None
    yield {"type": "message_start", "message": {**begun, "usage": {**begun["usage"], "output_tokens": 1}}}
    yield {"type": "ping"}
    for index, block in enumerate(blocks):
        yield from block_events(index, block)
    yield {
        "type": "message_delta",
        "delta": {"stop_reason": stop, "stop_sequence": None},
        "usage": {"output_tokens": 25},
    }
    yield {"type": "message_stop"}


def block_events(index: int, block: dict[str, Any]) -> Iterator[dict[str, Any]]:
    empty = {"text": "", "thinking": "", "signature": "", "input": {}}
    start = {key: empty.get(key, value) for key, value in block.items()}
    yield {"type": "content_block_start", "index": index, "content_block": start}
    field, kind = {
        "text": ("text", "text_delta"),
        "thinking": ("thinking", "thinking_delta"),
        "tool_use": ("partial_json", "input_json_delta"),
        "redacted_thinking": ("", ""),
    }[block["type"]]
    source = json.dumps(block["input"]) if kind == "input_json_delta" else block.get(field, "")
    for at in range(0, len(source), 7):
        yield {"type": "content_block_delta", "index": index, "delta": {"type": kind, field: source[at : at + 7]}}
    if "signature" in block:
        delta = {"type": "signature_delta", "signature": block["signature"]}
        yield {"type": "content_block_delta", "index": index, "delta": delta}
    yield {"type": "content_block_stop", "index": index}


class Server(threaded.Server):
    def __init__(self) -> None:
        super().__init__(Handler)


class Handler(threaded.Handler):
    failures = 0

    def answer(self) -> None:
        document = json.loads(self.body())
        if self.path.endswith("/count_tokens"):
            self.document(200, {"input_tokens": 42})
            return
        content = document["messages"][-1]["content"]
        wanted = content if isinstance(content, str) else "plain"
        if wanted == "overloaded" and Handler.failures < 2:
            Handler.failures += 1
            error = {"type": "overloaded_error", "message": "Overloaded"}
            self.document(529, {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"})
            return
        blocks, stop = {"calling": (CALLING, "tool_use"), "thinking": (THINKING, "end_turn")}.get(
            wanted, (PLAIN, "end_turn")
        )
        if document.get("stream"):
            self.tell(wanted, blocks, stop)
        else:
            self.document(200, message(blocks, stop))

    def tell(self, wanted: str, blocks: Blocks, stop: str) -> None:
        self.begin_flow("text/event-stream; charset=utf-8")
        for number, event in enumerate(events(blocks, stop)):
            if number == 4 and wanted == "failing":
                self.chunk({"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}})
                break
            if number == 4 and wanted == "breaking":
                self.close_connection = True
                return
            if number == 4 and wanted == "unreadable":
                self.chunk({"type": "hologram", "text": EMAIL})
            self.chunk(event)
        self.end_flow()

    def chunk(self, event: dict[str, Any]) -> None:
        self.flow(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode())
