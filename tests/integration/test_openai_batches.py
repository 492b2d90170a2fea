"""OpenAI's official client with files and batches, through a real gateway, in front of a shelf of them."""

import io
import json
import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import openai
import pytest

from integration.batch_server import EMAIL, Server
from integration.gateway import Gateway, prepare, running, started
from integration.polling import eventually

Clients = Callable[..., openai.OpenAI]
MAY = ["chat", "embeddings", "models.read", "files", "batches"]
CHANGES: dict[str, Any] = {
    "workers": 2,
    "limits_scope": "process",
    "models": {"tiny": {"preamble": 16, "max_output": 64}},
    "policies": [
        {
            "name": "research",
            "who": {"groups": ["research"]},
            "may": MAY,
            "models": ["tiny"],
            "mask": {"entities": ["email"], "where": ["request", "response"]},
        },
        {"name": "only chat", "who": {"ids": ["carol"]}, "may": ["infer"], "models": ["tiny"]},
    ],
}


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as serving:
        yield serving


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("batches")
    with running(folder, server.url, CHANGES) as serving:
        yield serving


@pytest.fixture
def client_of(gateway: Gateway) -> Iterator[Clients]:
    with ExitStack() as stack:

        def make(key: str = "", at: Gateway = gateway) -> openai.OpenAI:
            client = openai.OpenAI(base_url=at.url, api_key=key or at.key, max_retries=0, timeout=30)
            stack.callback(client.close)
            return client

        yield make


def requests_file(*texts: str) -> io.BytesIO:
    lines = [
        {
            "custom_id": f"request-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "tiny", "messages": [{"role": "user", "content": text}]},
        }
        for number, text in enumerate(texts)
    ]
    file = io.BytesIO("".join([json.dumps(line) + "\n" for line in lines]).encode())
    file.name = "größte prompts.jsonl"
    return file


def order(client: openai.OpenAI, file: str) -> Any:
    return client.batches.create(input_file_id=file, endpoint="/v1/chat/completions", completion_window="24h")


def test_a_batch_goes_its_whole_way(server: Server, client_of: Clients) -> None:
    client = client_of()
    file = client.files.create(
        file=requests_file(f"tell {EMAIL} hello", "good morning"),
        purpose="batch",
        expires_after={"anchor": "created_at", "seconds": 3600},
    )
    assert (file.object, file.purpose) == ("file", "batch")
    uploaded = list(server.shelf.files.values())[-1]
    assert b"[EMAIL]" in uploaded
    assert EMAIL.encode() not in uploaded
    batch = order(client, file.id)
    assert (batch.status, batch.input_file_id) == ("validating", file.id)
    done = client.batches.retrieve(batch.id)
    assert (done.id, done.status, done.input_file_id) == (batch.id, "completed", file.id)
    assert done.output_file_id is not None
    results = [json.loads(line) for line in client.files.content(done.output_file_id).text.splitlines()]
    said = [(one["custom_id"], one["response"]["body"]["choices"][0]["message"]["content"]) for one in results]
    assert said == [("request-0", "hello, wrote [EMAIL]"), ("request-1", "morning, wrote [EMAIL]")]
    assert client.batches.cancel(batch.id).status == "cancelling"
    assert client.files.retrieve(file.id).id == file.id
    assert client.files.delete(file.id).deleted
    with pytest.raises(openai.NotFoundError):
        client.files.retrieve(file.id)


def test_every_worker_knows_every_id(gateway: Gateway, client_of: Clients) -> None:
    file = client_of().files.create(file=requests_file("hello"), purpose="batch")
    assert len(gateway.workers()) == 2
    for _ in range(12):  # each client has a connection of its own, which some worker gets
        assert client_of().files.retrieve(file.id).id == file.id


def test_another_caller_has_no_part_in_it(server: Server, gateway: Gateway, client_of: Clients) -> None:
    file = client_of().files.create(file=requests_file("hello"), purpose="batch")
    other = client_of(gateway.create_key("bob", "research"))
    before = len(server.shelf.asked)
    for call in (other.files.retrieve, other.files.content, other.files.delete, other.batches.retrieve):
        with pytest.raises(openai.NotFoundError) as refused:
            call(file.id)
        assert refused.value.code == "id_unknown"
    with pytest.raises(openai.NotFoundError):
        order(other, file.id)
    assert len(server.shelf.asked) == before
    assert client_of(gateway.create_key("alice", "research")).files.retrieve(file.id).id == file.id


def test_who_may_only_infer_may_not_leave_files(gateway: Gateway, client_of: Clients) -> None:
    client = client_of(gateway.create_key("carol"))
    with pytest.raises(openai.PermissionDeniedError) as refused:
        client.files.create(file=requests_file("hello"), purpose="batch")
    assert refused.value.code == "operation_denied"


def test_what_nothing_could_look_into_is_not_taken(client_of: Clients) -> None:
    for purpose in ("assistants", "vision", "user_data", "fine-tune", "evals"):
        with pytest.raises(openai.BadRequestError) as refused:
            client_of().files.create(file=requests_file("hello"), purpose=purpose)
        assert refused.value.code == "purpose_refused"


@pytest.mark.parametrize("listed", ["files", "batches"])
def test_there_are_no_lists(client_of: Clients, listed: str) -> None:
    with pytest.raises(openai.APIStatusError) as refused:
        getattr(client_of(), listed).list()
    assert refused.value.status_code == 405


def test_no_content_is_on_the_record(gateway: Gateway, client_of: Clients) -> None:
    file = client_of().files.create(file=requests_file("a canary in a file"), purpose="batch")
    eventually(lambda: any(record["operation"] == "files" for record in gateway.records()), 5, "the record")
    journal = json.dumps(gateway.records())
    assert "canary" not in journal
    assert file.id not in journal
    assert file.id not in gateway.output()


def test_ids_outlive_a_restart_and_another_policy(tmp_path: Path, server: Server, client_of: Clients) -> None:
    gateway = prepare(tmp_path, server.url, {**CHANGES, "workers": 1})
    with started(gateway):
        file = client_of(at=gateway).files.create(file=requests_file("hello"), purpose="batch")
        batch = order(client_of(at=gateway), file.id)
    text = gateway.config.read_text()
    with started(gateway):
        client = client_of(at=gateway)
        assert client.batches.retrieve(batch.id).input_file_id == file.id
        order(client, file.id)
        gateway.config.write_text(text.replace("name: research", "name: research and more"))

        def outdated() -> bool:
            try:
                order(client, file.id)
            except openai.ConflictError as refused:
                return refused.code == "file_outdated"
            return False

        eventually(outdated, 10, "the new policy")
        assert client.batches.retrieve(batch.id).input_file_id == file.id
        gateway.config.write_text(re.sub(r" *- (?:files|batches)\n", "", text))

        def denied() -> bool:
            try:
                client.batches.retrieve(batch.id)
            except openai.PermissionDeniedError as refused:
                return refused.code == "operation_denied"
            return False

        eventually(denied, 10, "the policy without files")
