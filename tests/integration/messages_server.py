"""A model server that answers Anthropic's messages the way Anthropic's own API has been seen to, for what noise never
says: calls of tools, thinking, refusals, overload, and streams that fail half-way.

What it does is told by the text of the last message. It runs on a thread.
"""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from integration.polling import LOOPBACK

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


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    failures = 0

    def do_POST(self) -> None:
        document = json.loads(self.rfile.read(int(self.headers["content-length"])))
        if self.path.endswith("/count_tokens"):
            self.whole(200, {"input_tokens": 42})
            return
        content = document["messages"][-1]["content"]
        wanted = content if isinstance(content, str) else "plain"
        if wanted == "overloaded" and Handler.failures < 2:
            Handler.failures += 1
            error = {"type": "overloaded_error", "message": "Overloaded"}
            self.whole(529, {"type": "error", "error": error, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"})
            return
        blocks, stop = {"calling": (CALLING, "tool_use"), "thinking": (THINKING, "end_turn")}.get(
            wanted, (PLAIN, "end_turn")
        )
        if document.get("stream"):
            self.flow(wanted, blocks, stop)
        else:
            self.whole(200, message(blocks, stop))

    def whole(self, status: int, document: dict[str, Any]) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def flow(self, wanted: str, blocks: Blocks, stop: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream; charset=utf-8")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
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
        self.wfile.write(b"0\r\n\r\n")

    def chunk(self, event: dict[str, Any]) -> None:
        data = f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(data), data))

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@contextmanager
def serving_messages() -> Iterator[str]:
    server = ThreadingHTTPServer((LOOPBACK, 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://{LOOPBACK}:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join(5)
