"""A model server that answers as Ollama's documentation of its API says, for there is no package of the real one.

It keeps every request, so that a test can see what got through. What it says is told by the text of the question. It
runs on a thread.
"""

import json
from collections.abc import Iterator
from typing import Any, cast

from integration import threaded

EMAIL = "bob.smith@example.com"
TIMES = {
    "total_duration": 3_000_000_000,
    "load_duration": 1_500_000_000,
    "prompt_eval_count": 11,
    "prompt_eval_duration": 250_000_000,
    "eval_count": 8,
    "eval_duration": 1_000_000_000,
}
CALL = {"function": {"name": "mail", "arguments": {"to": EMAIL, "copies": 2}}}


class Server(threaded.Server):
    def __init__(self) -> None:
        super().__init__(Handler)
        self.requests: list[tuple[str, dict[str, Any]]] = []


class Handler(threaded.Handler):
    json_type = "application/json; charset=utf-8"

    def answer(self) -> None:
        document = json.loads(self.body())
        cast(Server, self.server).requests.append((self.path, document))
        if self.path == "/api/embed":
            count = len(document["input"]) if isinstance(document["input"], list) else 1
            self.document(200, {"model": document["model"], "embeddings": [[0.1, 0.2]] * count, "prompt_eval_count": 4})
        elif self.path in ("/api/chat", "/api/generate"):
            self.generate(document, is_chat=self.path == "/api/chat")
        else:
            self.document(404, {"error": "no such thing"})

    def generate(self, document: dict[str, Any], *, is_chat: bool) -> None:
        wanted = document["messages"][-1]["content"] if is_chat else document["prompt"]
        if wanted == "missing":
            self.document(404, {"error": f"model {document['model']!r} of {EMAIL} not found"})
            return
        lines = list(lines_of(document["model"], wanted, is_chat=is_chat))
        if document.get("stream", True):
            self.begin_flow("application/x-ndjson")
            for line in lines:
                self.flow(json.dumps(line).encode() + b"\n")
            self.end_flow()
        else:
            self.document(200, merged(lines, is_chat=is_chat))


def lines_of(model: str, wanted: str, *, is_chat: bool) -> Iterator[dict[str, Any]]:
    text = f"Write to {EMAIL} about it."
    base = {"model": model, "created_at": "2026-01-01T00:00:00.123456Z"}
    for at in range(0, len(text), 5):
        piece = text[at : at + 5]
        said = {"message": {"role": "assistant", "content": piece}} if is_chat else {"response": piece}
        yield {**base, **said, "done": False}
    if wanted == "failing":
        yield {"error": "out of memory"}
        return
    if wanted == "calling":
        yield {**base, "message": {"role": "assistant", "content": "", "tool_calls": [CALL]}, "done": False}
    last = {"message": {"role": "assistant", "content": ""}} if is_chat else {"response": "", "context": [1, 2, 3]}
    yield {**base, **last, "done": True, "done_reason": "stop", **TIMES}


def merged(lines: list[dict[str, Any]], *, is_chat: bool) -> dict[str, Any]:
    whole = dict(lines[-1])
    if not is_chat:
        return {**whole, "response": "".join([line.get("response", "") for line in lines])}
    messages = [line["message"] for line in lines]
    message = {"role": "assistant", "content": "".join([message["content"] for message in messages])}
    calls = [call for message in messages for call in message.get("tool_calls", [])]
    return {**whole, "message": {**message, **({"tool_calls": calls} if calls else {})}}
