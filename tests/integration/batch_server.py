"""What OpenAI's documentation says of files and batches, as a shelf of them that answers requests.

It knows one customer, as a model server behind the gateway does: whoever names an id gets the thing. `Shelf` has no
sockets; `Server` puts it behind some. Forms are read by the standard library's reader of mail. A batch is
complete at once: every request in it is answered with a text of which the first word is the last one of its prompt.
"""

import json
from email import message_from_bytes
from email.message import Message
from typing import Any, NamedTuple, cast

from integration import threaded

EMAIL = "bob.smith@example.com"


class Asked(NamedTuple):
    method: str
    path: str
    headers: dict[str, str]
    body: bytes


class Told(NamedTuple):
    status: int
    content_type: str
    body: bytes


class Shelf:
    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.files: dict[str, bytes] = {}
        self.batches: dict[str, dict[str, Any]] = {}

    def answer(self, asked: Asked) -> Told:
        self.asked.append(asked)
        match asked.path.split("/")[1:]:
            case ["v1", "files"] if asked.method == "POST":
                return self._upload(asked)
            case ["v1", "files", name] if name in self.files and asked.method in ("GET", "DELETE"):
                return self._delete(name) if asked.method == "DELETE" else told(self._file(name))
            case ["v1", "files", name, "content"] if name in self.files and asked.method == "GET":
                return Told(200, "application/octet-stream", self.files[name])
            case ["v1", "batches"] if asked.method == "POST":
                return self._order(json.loads(asked.body))
            case ["v1", "batches", name] if name in self.batches and asked.method == "GET":
                return told(self._run(self.batches[name]))
            case ["v1", "batches", name, "cancel"] if name in self.batches and asked.method == "POST":
                return told(self.batches[name] | {"status": "cancelling"})
        return told({"error": {"message": f"No such thing, says {EMAIL}", "type": "invalid_request_error"}}, 404)

    def _upload(self, asked: Asked) -> Told:
        form = message_from_bytes(b"content-type: %b\r\n\r\n%b" % (asked.headers["content-type"].encode(), asked.body))
        parts: dict[str, Message] = {
            str(part.get_param("name", header="content-disposition")): part
            for part in cast(list[Message], form.get_payload())
        }
        content = cast(bytes, parts["file"].get_payload(decode=True))
        assert cast(bytes, parts["purpose"].get_payload(decode=True)) == b"batch"
        name = f"file-{len(self.files) + 1:04}"
        self.files[name] = content
        return told(self._file(name))

    def _file(self, name: str) -> dict[str, Any]:
        made = "batch" if name.startswith("file-0") else "batch_output"
        about = {"id": name, "object": "file", "bytes": len(self.files[name]), "created_at": 1, "filename": "f.jsonl"}
        return {**about, "purpose": made, "status": "processed"}

    def _delete(self, name: str) -> Told:
        del self.files[name]
        return told({"id": name, "object": "file", "deleted": True})

    def _order(self, order: dict[str, Any]) -> Told:
        if order["input_file_id"] not in self.files:
            return told({"error": {"message": "No such File object.", "type": "invalid_request_error"}}, 404)
        name = f"batch_{len(self.batches) + 1:04}"
        self.batches[name] = {
            "id": name,
            "object": "batch",
            "errors": None,
            "status": "validating",
            "created_at": 1,
            "output_file_id": None,
            "error_file_id": None,
            "request_counts": {"total": 0, "completed": 0, "failed": 0},
            **order,
        }
        return told(self.batches[name])

    def _run(self, batch: dict[str, Any]) -> dict[str, Any]:
        name = f"file-out-{batch['id'][-4:]}"
        lines = [json.loads(line) for line in self.files[batch["input_file_id"]].splitlines()]
        self.files[name] = b"".join([json.dumps(result_of(line)).encode() + b"\n" for line in lines])
        return batch | {"status": "completed", "output_file_id": name}


def told(document: dict[str, Any], status: int = 200) -> Told:
    return Told(status, "application/json", json.dumps(document).encode())


def result_of(line: dict[str, Any]) -> dict[str, Any]:
    body = line["body"]
    word = body["messages"][-1]["content"].split()[-1] if "messages" in body else "vector"
    message = {"role": "assistant", "content": f"{word}, wrote {EMAIL}"}
    answer = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1,
        "model": body["model"],
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 3, "total_tokens": 8},
    }
    response = {"status_code": 200, "request_id": "req_1", "body": answer}
    return {"id": "batch_req_1", "custom_id": line["custom_id"], "response": response, "error": None}


class Server(threaded.Server):
    def __init__(self) -> None:
        super().__init__(Handler)
        self.shelf = Shelf()


class Handler(threaded.Handler):
    def answer(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        said = cast(Server, self.server).shelf.answer(Asked(self.command, self.path, headers, self.body()))
        self.whole(said.status, said.body, said.content_type)

    do_GET = do_DELETE = threaded.Handler.do_POST  # noqa: N815 - the library looks for these names
