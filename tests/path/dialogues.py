"""Each dialect as the matrix plays it: how a caller asks, how a model server answers, and what the caller makes of it.

A new dialect adds a `Dialogue` to DIALOGUES and so enters every play of test_dialect_matrix.py.
"""

import json
from abc import ABC, abstractmethod
from typing import Any

from playbook import chunk_event, completion, event

DONE = b"data: [DONE]\n\n"


class Dialogue(ABC):
    """`given` and `made` are the tokens that every answer of the model server reports."""

    kind: str
    path: bytes
    flows: bool = True
    reports: bool = True  # what it used
    routes: str = ""  # of the configuration
    given, made = 7, 3

    @abstractmethod
    def ask(self, text: str, *, stream: bool) -> dict[str, Any]: ...

    @abstractmethod
    def asked(self, document: Any) -> str:
        """The text of the question, as the model server got it."""

    @abstractmethod
    def answer(self, text: str) -> dict[str, Any]: ...

    @abstractmethod
    def pieces(self, texts: list[str]) -> list[bytes]:
        """An answer that flows, from its first byte to its legal end."""

    @abstractmethod
    def read(self, body: bytes, *, stream: bool) -> str:
        """The text that a client has at last."""

    @abstractmethod
    def failure(self, body: bytes, *, stream: bool) -> str:
        """The reason's code, as a client of this dialect comes by it; of a stream, from its legal end."""

    @property
    def flowing(self) -> bytes:
        return b"text/event-stream"

    unreadable_piece = event("no object of any dialect")


class OpenAIChat(Dialogue):
    kind = "openai"
    path = b"/v1/chat/completions"

    def ask(self, text: str, *, stream: bool) -> dict[str, Any]:
        return {"model": "small", "messages": [{"role": "user", "content": text}], "stream": stream, "max_tokens": 20}

    def asked(self, document: Any) -> str:
        return str(document["messages"][0]["content"])

    def answer(self, text: str) -> dict[str, Any]:
        return completion(text)

    def pieces(self, texts: list[str]) -> list[bytes]:
        usage = event({"choices": [], "usage": completion("")["usage"]})
        return [*[chunk_event(text) for text in texts], chunk_event(None, "stop"), usage, DONE]

    def read(self, body: bytes, *, stream: bool) -> str:
        if not stream:
            return str(json.loads(body)["choices"][0]["message"]["content"])
        assert body.endswith(DONE)
        documents = [json.loads(block[6:]) for block in body.removesuffix(DONE).split(b"\n\n") if block]
        return "".join([document["choices"][0]["delta"].get("content", "") for document in documents])

    def failure(self, body: bytes, *, stream: bool) -> str:
        last = body.removesuffix(DONE).rstrip().rpartition(b"\n\n")[2].removeprefix(b"data: ") if stream else body
        assert not stream or body.endswith(DONE)
        return str(json.loads(last)["error"]["code"])


class OpenAIResponses(Dialogue):
    kind = "openai"
    path = b"/v1/responses"

    def ask(self, text: str, *, stream: bool) -> dict[str, Any]:
        return {"model": "small", "input": text, "stream": stream, "max_output_tokens": 20}

    def asked(self, document: Any) -> str:
        return str(document["input"])

    def answer(self, text: str) -> dict[str, Any]:
        part = {"type": "output_text", "text": text, "annotations": []}
        message = {"type": "message", "id": "m1", "role": "assistant", "status": "completed", "content": [part]}
        usage = {"input_tokens": self.given, "output_tokens": self.made, "total_tokens": 10}
        return {"id": "r1", "object": "response", "status": "completed", "output": [message], "usage": usage}

    def pieces(self, texts: list[str]) -> list[bytes]:
        place = {"item_id": "m1", "output_index": 0, "content_index": 0}
        events: list[dict[str, Any]] = [
            {"type": "response.output_text.delta", "delta": text, **place, "sequence_number": number}
            for number, text in enumerate(texts)
        ]
        events += [
            {"type": "response.output_text.done", "text": "".join(texts), **place, "sequence_number": len(texts)},
            {"type": "response.completed", "response": self.answer("".join(texts)), "sequence_number": len(texts) + 1},
        ]
        return [b"event: " + str(one["type"]).encode() + b"\n" + event(one) for one in events]

    def read(self, body: bytes, *, stream: bool) -> str:
        if not stream:
            return str(json.loads(body)["output"][0]["content"][0]["text"])
        documents = self._documents(body)
        assert documents[-1]["type"] == "response.completed"
        return "".join([document["delta"] for document in documents if "delta" in document])

    def failure(self, body: bytes, *, stream: bool) -> str:
        last = self._documents(body)[-1] if stream else json.loads(body)["error"]
        assert not stream or last["type"] == "error"
        return str(last["code"])

    def _documents(self, body: bytes) -> list[Any]:
        return [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: ")]


class AnthropicMessages(Dialogue):
    kind = "anthropic"
    path = b"/v1/messages"

    def ask(self, text: str, *, stream: bool) -> dict[str, Any]:
        return {"model": "small", "messages": [{"role": "user", "content": text}], "stream": stream, "max_tokens": 20}

    def asked(self, document: Any) -> str:
        return str(document["messages"][0]["content"])

    def answer(self, text: str) -> dict[str, Any]:
        usage = {"input_tokens": self.given - 5, "cache_read_input_tokens": 5, "output_tokens": self.made}
        message = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m", "stop_reason": "end_turn"}
        return {**message, "content": [{"type": "text", "text": text}], "usage": usage}

    def pieces(self, texts: list[str]) -> list[bytes]:
        delta = {"type": "content_block_delta", "index": 0}
        events: list[dict[str, Any]] = [
            {"type": "message_start", "message": {**self.answer(""), "content": []}},
            {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
            *[{**delta, "delta": {"type": "text_delta", "text": text}} for text in texts],
            {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": {"output_tokens": self.made}},
            {"type": "message_stop"},
        ]
        return [b"event: " + str(one["type"]).encode() + b"\n" + event(one) for one in events]

    def read(self, body: bytes, *, stream: bool) -> str:
        if not stream:
            return str(json.loads(body)["content"][0]["text"])
        documents = self._documents(body)
        assert documents[-1]["type"] == "message_stop"
        return "".join([document["delta"].get("text", "") for document in documents if "delta" in document])

    def failure(self, body: bytes, *, stream: bool) -> str:
        last = self._documents(body)[-1] if stream else json.loads(body)
        assert last["type"] == "error"
        return str(last["error"]["details"]["error_code"])

    def _documents(self, body: bytes) -> list[Any]:
        return [json.loads(line[6:]) for line in body.splitlines() if line.startswith(b"data: ")]


class OllamaChat(Dialogue):
    kind = "ollama"
    path = b"/api/chat"
    unreadable_piece = b'"no object of any dialect"\n'

    def ask(self, text: str, *, stream: bool) -> dict[str, Any]:
        messages = [{"role": "user", "content": text}]
        return {"model": "small", "messages": messages, "stream": stream, "options": {"num_predict": 20}}

    def asked(self, document: Any) -> str:
        return str(document["messages"][0]["content"])

    def answer(self, text: str) -> dict[str, Any]:
        return {**self._line(text), **self._end}

    def pieces(self, texts: list[str]) -> list[bytes]:
        lines = [*[self._line(text) for text in texts], {**self._line(""), **self._end}]
        return [json.dumps(line).encode() + b"\n" for line in lines]

    def read(self, body: bytes, *, stream: bool) -> str:
        documents = [json.loads(line) for line in body.splitlines()] if stream else [json.loads(body)]
        assert documents[-1]["done"]
        return "".join([document["message"]["content"] for document in documents])

    def failure(self, body: bytes, *, stream: bool) -> str:
        last = json.loads(body.splitlines()[-1])
        assert isinstance(last["error"], str)
        return str(last["code"])

    @property
    def flowing(self) -> bytes:
        return b"application/x-ndjson"

    @property
    def _end(self) -> dict[str, Any]:
        return {"done": True, "done_reason": "stop", "prompt_eval_count": self.given, "eval_count": self.made}

    def _line(self, text: str) -> dict[str, Any]:
        message = {"role": "assistant", "content": text}
        return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "message": message, "done": False}


class OllamaGenerate(OllamaChat):
    path = b"/api/generate"

    def ask(self, text: str, *, stream: bool) -> dict[str, Any]:
        return {"model": "small", "prompt": text, "stream": stream, "options": {"num_predict": 20}}

    def asked(self, document: Any) -> str:
        return str(document["prompt"])

    def read(self, body: bytes, *, stream: bool) -> str:
        documents = [json.loads(line) for line in body.splitlines()] if stream else [json.loads(body)]
        assert documents[-1]["done"]
        return "".join([document["response"] for document in documents])

    def _line(self, text: str) -> dict[str, Any]:
        return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "response": text, "done": False}


class Declared(Dialogue):
    kind = "generic"
    path = b"/score"
    flows = False
    reports = False
    routes = "routes: {/score: {operation: predict, model: small, texts: {/comments/*/body: user}}}"

    def ask(self, text: str, *, stream: bool) -> dict[str, Any]:
        return {"id": "c1", "comments": [{"body": text}]}

    def asked(self, document: Any) -> str:
        return str(document["comments"][0]["body"])

    def answer(self, text: str) -> dict[str, Any]:
        return {"label": text, "score": 0.5}

    def pieces(self, texts: list[str]) -> list[bytes]:
        raise NotImplementedError

    def read(self, body: bytes, *, stream: bool) -> str:
        return str(json.loads(body)["label"])

    def failure(self, body: bytes, *, stream: bool) -> str:
        return str(json.loads(body)["error"]["code"])


class KServeInfer(Dialogue):
    kind = "kserve"
    path = b"/v2/models/small/infer"
    flows = False
    reports = False

    def ask(self, text: str, *, stream: bool) -> dict[str, Any]:
        return {"inputs": [{"name": "texts", "datatype": "BYTES", "shape": [1], "data": [text]}]}

    def asked(self, document: Any) -> str:
        return str(document["inputs"][0]["data"][0])

    def answer(self, text: str) -> dict[str, Any]:
        return {
            "model_name": "small",
            "outputs": [{"name": "y", "datatype": "BYTES", "shape": [1], "data": [text]}],
        }

    def pieces(self, texts: list[str]) -> list[bytes]:
        raise AssertionError("no answer of this dialect flows")

    def read(self, body: bytes, *, stream: bool) -> str:
        return str(json.loads(body)["outputs"][0]["data"][0])

    def failure(self, body: bytes, *, stream: bool) -> str:
        return str(json.loads(body)["code"])


DIALOGUES: list[Dialogue] = [
    KServeInfer(),
    OpenAIChat(),
    OpenAIResponses(),
    AnthropicMessages(),
    OllamaChat(),
    OllamaGenerate(),
    Declared(),
]
