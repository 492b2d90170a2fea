"""The sample model server. There is no model in it: every answer is canned, and says so.

It speaks enough of the OpenAI dialect to be called by the official client: chat and text completions, streamed or
whole, and embeddings; besides, a chat as Ollama has it and tensors of texts as KServe has them. An answer repeats what
the server was sent, so that the caller sees what reached it; a question about a customer is answered with a made-up
e-mail address and card number, which a stream delivers in pieces small enough to cut both apart. `GET /received` tells
of the last request with its headers: a management route, such as no caller of a gateway should be able to reach.

Run alone: `python -m guardhouse.demo.sample_model [PORT]`. It prints its address once it listens, on loopback only.
"""

import hashlib
import json
import sys
from collections.abc import Iterator
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

LABEL = "(canned answer)"
CUSTOMER = "The customer is Ada Example, ada@customer.example, card 4111 1111 1111 1111."
PIECE = 7  # characters per streamed event
DIMENSIONS = 8
CREATED = 1_700_000_000

Document = dict[str, Any]


def asked(document: Document) -> str:
    """The text of the last message, or of the prompt."""
    messages = document.get("messages")
    content = messages[-1].get("content") if messages else document.get("prompt", "")
    if isinstance(content, list):
        content = " ".join(str(part.get("text", "")) for part in content if isinstance(part, dict))
    return str(content)


def answer_to(question: str) -> str:
    return f"{CUSTOMER} {LABEL}" if "customer" in question.lower() else f"You said: {question} {LABEL}"


def usage(question: str, answer: str) -> Document:
    sent, made = len(question.split()), len(answer.split())
    return {"prompt_tokens": sent, "completion_tokens": made, "total_tokens": sent + made}


def head_of(document: Document, kind: str) -> Document:
    return {"id": "canned-1", "object": kind, "created": CREATED, "model": document.get("model")}


def chat_answer(document: Document) -> Document:
    question = asked(document)
    answer = answer_to(question)
    choice = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": answer}}
    return {**head_of(document, "chat.completion"), "choices": [choice], "usage": usage(question, answer)}


def text_answer(document: Document) -> Document:
    question = asked(document)
    answer = answer_to(question)
    choice = {"index": 0, "finish_reason": "stop", "text": answer}
    return {**head_of(document, "text_completion"), "choices": [choice], "usage": usage(question, answer)}


def chat_events(document: Document) -> Iterator[Document]:
    """The answer in small pieces, then the reason for its end, then the usage if it was asked for."""
    question = asked(document)
    answer = answer_to(question)
    head = head_of(document, "chat.completion.chunk")
    for start in range(0, len(answer), PIECE):
        delta = {"content": answer[start : start + PIECE]}
        yield {**head, "choices": [{"index": 0, "finish_reason": None, "delta": delta}]}
    yield {**head, "choices": [{"index": 0, "finish_reason": "stop", "delta": {}}]}
    if (document.get("stream_options") or {}).get("include_usage"):
        yield {**head, "choices": [], "usage": usage(question, answer)}


def text_events(document: Document) -> Iterator[Document]:
    for event in chat_events(document):
        choices = [
            {"index": 0, "finish_reason": choice["finish_reason"], "text": choice["delta"].get("content", "")}
            for choice in event["choices"]
        ]
        yield {**event, "object": "text_completion", "choices": choices}


def embedding_answer(document: Document) -> Document:
    """A vector that depends on the text and means nothing."""
    given = document.get("input")
    texts = given if isinstance(given, list) else [given]
    rows = [
        {"object": "embedding", "index": index, "embedding": [byte / 255 for byte in digest[:DIMENSIONS]]}
        for index, digest in enumerate(hashlib.sha256(str(text).encode()).digest() for text in texts)
    ]
    counted = usage(" ".join(map(str, texts)), "")
    return {"object": "list", "model": document.get("model"), "data": rows, "usage": counted}


def line_answer(document: Document) -> Document:
    """Ollama's: the same said in its words."""
    *pieces, last = line_events(document)
    text = "".join([piece["message"]["content"] for piece in pieces])
    return {**last, "message": {"role": "assistant", "content": text}}


def line_events(document: Document) -> Iterator[Document]:
    question = asked(document)
    answer = answer_to(question)
    counted = usage(question, answer)
    head = {"model": document.get("model"), "created_at": "2026-01-01T00:00:00Z"}
    for start in range(0, len(answer), PIECE):
        yield {**head, "message": {"role": "assistant", "content": answer[start : start + PIECE]}, "done": False}
    told = {"prompt_eval_count": counted["prompt_tokens"], "eval_count": counted["completion_tokens"]}
    yield {**head, "message": {"role": "assistant", "content": ""}, "done": True, "done_reason": "stop", **told}


def tensor_answer(document: Document) -> Document:
    """The lengths of the texts of a tensor, as a server of KServe v2 answers."""
    (given,) = document["inputs"]
    lengths = [len(text) for text in given["data"]]
    outputs = [{"name": "lengths", "datatype": "INT64", "shape": [len(lengths)], "data": lengths}]
    return {"model_name": "sample-words", "outputs": outputs}


ANSWERS = {
    "/v1/chat/completions": chat_answer,
    "/v1/completions": text_answer,
    "/v1/embeddings": embedding_answer,
    "/api/chat": line_answer,
    "/v2/models/sample-words/infer": tensor_answer,
}
EVENTS = {"/v1/chat/completions": chat_events, "/v1/completions": text_events}
LINES = {"/api/chat": line_events}


class SampleModel(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    received: ClassVar[Document] = {}

    def do_GET(self) -> None:
        if self.path == "/received":
            self.say(HTTPStatus.OK, SampleModel.received)
        else:
            self.say(HTTPStatus.NOT_FOUND, {"error": {"message": "The sample model server has no such route."}})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path not in ANSWERS:
            self.say(HTTPStatus.NOT_FOUND, {"error": {"message": "The sample model server has no such route."}})
            return
        document = json.loads(body)
        headers = {name.lower(): value for name, value in self.headers.items()}
        SampleModel.received = {"path": self.path, "headers": headers, "body": document}
        if document.get("stream", True) and self.path in LINES:
            self.flow(LINES[self.path](document))
        elif document.get("stream") and self.path in EVENTS:
            self.stream(EVENTS[self.path](document))
        else:
            self.say(HTTPStatus.OK, ANSWERS[self.path](document))

    def say(self, status: HTTPStatus, document: Document) -> None:
        body = json.dumps(document).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, events: Iterator[Document]) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("content-type", "text/event-stream")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for event in events:
            self.chunk(f"data: {json.dumps(event)}\n\n")
        self.chunk("data: [DONE]\n\n")
        self.chunk("")

    def flow(self, lines: Iterator[Document]) -> None:
        self.send_response(HTTPStatus.OK)
        self.send_header("content-type", "application/x-ndjson")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        for line in lines:
            self.chunk(f"{json.dumps(line)}\n")
        self.chunk("")

    def chunk(self, text: str) -> None:
        part = text.encode()
        self.wfile.write(b"%x\r\n%b\r\n" % (len(part), part))
        self.wfile.flush()

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class calls it so
        """Says nothing: what it is sent is not for a log either."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that leaves in the middle of an answer is no error."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


def main() -> None:
    server = Server(("127.0.0.1", int(sys.argv[1]) if sys.argv[1:] else 0), SampleModel)
    print(f"http://127.0.0.1:{server.server_port}", flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()
