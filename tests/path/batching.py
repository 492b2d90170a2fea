"""Plays with files and batches: forms of a caller, and a shelf in the model server's place."""

import json
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

from playbook import ALICE, Answer, Play, perform, post, reply

from guardhouse.policy.load import Loaded, load_content
from guardhouse.policy.snapshot import Snapshot
from integration.batch_server import EMAIL, Asked, Shelf

CONFIG = """
targets:
  local: {{kind: openai, url: "http://127.0.0.1:9", credential: "${{env:UPSTREAM}}"}}
  spare: {{kind: openai, url: "http://127.0.0.2:9"}}
models:
  small: {{targets: [local, spare], max_output: 100, preamble: 16}}
  other: {{targets: [local], name: its-real-name, max_output: 100}}
policies:
  - name: research
    who: {{groups: [research]}}
    may: [infer, read, files, batches]
    models: [small, other]
    {effects}
  - name: bob too
    who: {{ids: [bob]}}
    may: [infer, files, batches]
    models: [small]
    mask: {{entities: []}}
"""
SECRET, MASKED = f"write to {EMAIL} now", "write to [EMAIL] now"
BARE = "mask: {entities: []}"
Scene = Callable[[Play], Awaitable[None]]


def config(effects: str = BARE, more: str = "") -> str:
    return CONFIG.format(effects=effects) + more


def line(text: str, number: int = 1, model: str = "small", **fields: Any) -> dict[str, Any]:
    body = {"model": model, "messages": [{"role": "user", "content": text}], "max_tokens": 20, **fields}
    return {"custom_id": f"q{number}", "method": "POST", "url": "/v1/chat/completions", "body": body}


def lines_of(*lines: dict[str, Any]) -> bytes:
    return b"".join([json.dumps(one).encode() + b"\n" for one in lines])


def form(content: bytes, purpose: bytes = b"batch", boundary: bytes = b"abc", extra: bytes = b"") -> bytes:
    field = b'--%b\r\ncontent-disposition: form-data; name="purpose"\r\n\r\n%b\r\n' % (boundary, purpose)
    head = b'--%b\r\nContent-Disposition: form-data; name="file"; filename="my prompts.jsonl"\r\n' % boundary
    file = head + b"Content-Type: application/octet-stream\r\n\r\n" + content
    return field + extra + file + b"\r\n--%b--\r\n" % boundary


def say(  # noqa: PLR0917 - as a request has it
    method: bytes, path: str, body: bytes = b"", kind: bytes = b"", key: bytes = ALICE, extra: bytes = b""
) -> bytes:
    content_type = b"content-type: %b\r\n" % kind if kind else b""
    head = b"%b %b HTTP/1.1\r\nhost: gateway\r\nx-api-key: %b\r\n%b%b" % (
        method,
        path.encode(),
        key,
        content_type,
        extra,
    )
    return head + b"content-length: %d\r\n\r\n%b" % (len(body), body)


def uploading(body: bytes, key: bytes = ALICE, extra: bytes = b"") -> bytes:
    return say(b"POST", "/v1/files", body, b"multipart/form-data; boundary=abc", key, extra)


def ordering(file: str, key: bytes = ALICE, **fields: Any) -> bytes:
    order = {"input_file_id": file, "endpoint": "/v1/chat/completions", "completion_window": "24h", **fields}
    return post(order, b"/v1/batches", key)


async def upload(play: Play, *lines: dict[str, Any], key: bytes = ALICE) -> str:
    answer = await play.say(uploading(form(lines_of(*lines)), key))
    assert answer.status == 200, answer.body
    return str(answer.json["id"])


async def order(play: Play, file: str, key: bytes = ALICE) -> str:
    answer = await play.say(ordering(file, key))
    assert answer.status == 200, answer.body
    return str(answer.json["id"])


async def ask(play: Play, method: bytes, path: str, key: bytes = ALICE) -> Answer:
    """On a connection of its own, since a refused one may be closed."""
    play.wire, play.caller = play.connect()
    return await play.say(say(method, path, key=key))


def script_of(shelf: Shelf) -> Callable[[bytes], Sequence[bytes | None]]:
    def script(data: bytes) -> list[bytes | None]:
        head, _, body = data.partition(b"\r\n\r\n")
        first, *fields = head.decode().split("\r\n")
        method, path, _ = first.split(" ")
        headers = dict(field.lower().split(": ", 1) for field in fields)
        said = shelf.answer(Asked(method, path, headers, body))
        status = b"%d Whatever" % said.status
        return [reply(said.body, status, said.content_type.encode())]

    return script


def play_batches(directory: Path, scene: Scene, shelf: Shelf, text: str | None = None) -> None:
    perform(directory, scene, script_of(shelf), config() if text is None else text)


def snapshot_of(text: str) -> Snapshot:
    loaded = load_content(text.encode(), Path("guardhouse.yaml"), {"UPSTREAM": "upstream-credential"})
    assert isinstance(loaded, Loaded), loaded
    return loaded.snapshot


def closed_of(play: Play) -> list[dict[str, Any]]:
    return [record for record in play.records if record["kind"] == "closed"]


def contents(shelf: Shelf) -> list[list[str]]:
    """The prompts in each file that was uploaded."""
    files = [content for name, content in shelf.files.items() if name.startswith("file-0")]
    return [[json.loads(one)["body"]["messages"][0]["content"] for one in file.splitlines()] for file in files]
