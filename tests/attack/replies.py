"""Correct OpenAI answers that repeat the last text of the request, so that a client can tell its own from another's.

A text of the form `stream:N` is answered with N pieces when a stream is asked for, and a request that brings tools with
a call of the first of them, its arguments in pieces.
"""

import json
import re
from collections.abc import Iterator
from typing import Any

from attack.tape import Seen


def completion(seen: Seen) -> dict[str, Any]:
    """The whole answer to a request that asked for no stream."""
    model = seen.document.get("model", "") if seen.body else ""
    usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    if seen.path.endswith("/chat/completions"):
        called = tool_call(seen)
        message = {"role": "assistant", "content": None if called else seen.text, **called}
        reason = "tool_calls" if called else "stop"
        choices: list[dict[str, Any]] = [{"index": 0, "message": message, "finish_reason": reason}]
        shape = {"id": "chatcmpl-1", "object": "chat.completion", "choices": choices}
    elif seen.path.endswith("/completions"):
        choices = [{"index": 0, "text": seen.text, "finish_reason": "stop"}]
        shape = {"id": "cmpl-1", "object": "text_completion", "choices": choices}
    elif seen.path.endswith("/embeddings"):
        shape = {"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.5, -0.5]}]}
        usage = {"prompt_tokens": 3, "total_tokens": 3}
    elif seen.path.endswith("/responses"):
        part = {"type": "output_text", "text": seen.text, "annotations": []}
        item = {"type": "message", "id": "msg_1", "role": "assistant", "status": "completed", "content": [part]}
        shape = {"id": "resp_1", "object": "response", "status": "completed", "output": [item]}
        usage = {"input_tokens": 3, "output_tokens": 5, "total_tokens": 8}
    else:
        return {"object": "list", "data": [{"id": "tiny", "object": "model", "created": 1, "owned_by": "double"}]}
    return {**shape, "created": 1, "model": model, "usage": usage}


def tool_call(seen: Seen) -> dict[str, Any]:
    """The members of a message that calls the first tool; empty when none was offered."""
    tools = seen.document.get("tools")
    if not tools:
        return {}
    function = {"name": tools[0]["function"]["name"], "arguments": json.dumps({"town": seen.text})}
    return {"tool_calls": [{"id": "call_1", "type": "function", "function": function}]}


def deltas(seen: Seen) -> list[dict[str, Any]]:
    """What a streamed chat answer consists of, piece by piece."""
    count = re.fullmatch(r"stream:(\d+)", seen.text)
    called = tool_call(seen)
    if not called:
        pieces = ["tick "] * int(count[1]) if count else re.findall(r".{1,7}", seen.text, re.DOTALL)
        return [{"content": piece} for piece in pieces]
    call = called["tool_calls"][0]
    first = {"index": 0, **call, "function": {**call["function"], "arguments": ""}}
    pieces = re.findall(r".{1,7}", call["function"]["arguments"], re.DOTALL)
    rest = [{"tool_calls": [{"index": 0, "function": {"arguments": piece}}]} for piece in pieces]
    return [{"tool_calls": [first]}, *rest]


def chunks(seen: Seen) -> Iterator[str]:
    """The payloads of a streamed chat answer."""
    common = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": seen.document.get("model")}
    delta: dict[str, Any] = {"role": "assistant", "content": ""}
    yield json.dumps({**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    for delta in deltas(seen):
        yield json.dumps({**common, "choices": [{"index": 0, "delta": delta, "finish_reason": None}]})
    reason = "tool_calls" if seen.document.get("tools") else "stop"
    yield json.dumps({**common, "choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    if (seen.document.get("stream_options") or {}).get("include_usage"):
        usage = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
        yield json.dumps({**common, "choices": [], "usage": usage})
    yield "[DONE]"


def as_chunk(payload: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(payload), payload)


STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def whole(document: Any) -> bytes:
    body = json.dumps(document).encode()
    return b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
