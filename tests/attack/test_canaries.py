"""Forty secrets go in by every door; none of them may be found in anything the gateway writes.

The doors are prompts in every place of every request shape, credentials right and wrong, headers, targets, malformed
messages of every kind, and what the model server answers. The sinks are the state directory with its journal, key store
and feed, the metrics, everything any process printed, and the bodies of all refusals. A secret that a caller put into
its own prompt may of course come back to it in the answer; that is the one place where it may be.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attack.recording import Connection, RecordingBackend
from attack.replies import completion
from attack.tape import Seen
from integration.gateway import Gateway, running
from integration.polling import LOOPBACK
from integration.raw_http import Answer, AnswerMalformedError, ask, request

LEAST = 40


class Canaries:
    """Secrets by the door they went in by; the same in every run, and none of them looks like a credential."""

    def __init__(self) -> None:
        self.doors: dict[str, str] = {}

    def __call__(self, door: str) -> str:
        self.doors[door] = "cnry" + hashlib.sha256(door.encode()).hexdigest()[:20]
        return self.doors[door]

    def in_bytes(self, haystack: bytes) -> list[str]:
        lower = haystack.lower()
        return [door for door, secret in self.doors.items() if secret.encode() in lower]


CANARY = Canaries()
UPSTREAM_CREDENTIAL = CANARY("upstream credential")
UPSTREAM_HEADERS = {
    "Set-Cookie": f"session={CANARY('upstream cookie')}",
    "Authorization": f"Bearer {UPSTREAM_CREDENTIAL}",
    "X-Api-Key": CANARY("upstream key header"),
    "X-Goog-Api-Key": CANARY("upstream vendor header"),
    "Server": f"engine/{CANARY('upstream banner')}",
    "X-Powered-By": CANARY("upstream framework"),
    "Www-Authenticate": f"Bearer realm={CANARY('upstream realm')}",
}


class ChattyConnection(Connection):
    """Answers correctly, with its credentials in the headers; a prompt `fail:…` with an error that says too much."""

    async def answer(self, seen: Seen) -> None:
        assert self.transport is not None
        if seen.document.get("stream"):
            await super().answer(seen)
            return
        failing = "fail:" in seen.text
        told: Any = completion(seen)
        if failing:
            told = {"error": {"message": f"traceback {CANARY('upstream error body')} {seen.text}", "type": "x"}}
        else:
            told["leak"] = CANARY("upstream answer")
        body = json.dumps(told).encode()
        line = "500 Internal Server Error" if failing else "200 OK"
        fields = "".join(f"{name}: {value}\r\n" for name, value in UPSTREAM_HEADERS.items())
        head = f"HTTP/1.1 {line}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{fields}\r\n"
        self.transport.write(head.encode() + body)


class ChattyBackend(RecordingBackend):
    protocol = ChattyConnection


def chat_documents() -> Iterator[dict[str, Any]]:
    def said(role: str, content: Any, **members: Any) -> dict[str, Any]:
        return {"model": "tiny", "messages": [{"role": role, "content": content, **members}]}

    call = {"id": CANARY("tool call id"), "type": "function"}
    function = {"name": "f", "arguments": json.dumps({"a": CANARY("tool arguments")})}
    tool = {"name": "f", "description": CANARY("tool description"), "parameters": {"default": CANARY("tool schema")}}
    yield said("user", CANARY("user prompt"))
    yield said("system", CANARY("system prompt"))
    yield said("user", [{"type": "text", "text": CANARY("content part")}])
    yield said("user", "x", name=CANARY("message name"))
    yield said("assistant", "x", tool_calls=[{**call, "function": function}])
    yield said("tool", CANARY("tool result"), tool_call_id="1")
    yield {**said("user", "x"), "tools": [{"type": "function", "function": tool}]}
    yield {**said("user", "x"), "user": CANARY("user member"), "metadata": {"a": CANARY("metadata")}}
    yield {**said("user", "x"), CANARY("unknown member"): CANARY("unknown value")}
    yield {**said("user", CANARY("streamed prompt")), "stream": True}
    yield said("user", "fail:" + CANARY("failing prompt"))
    yield said("user", "mail " + CANARY("mail address") + "@example.test and " + CANARY("after the mail"))


def other_documents() -> Iterator[tuple[str, dict[str, Any]]]:
    yield "/v1/completions", {"model": "tiny", "prompt": CANARY("completion prompt"), "suffix": CANARY("suffix")}
    yield "/v1/responses", {"model": "tiny", "input": CANARY("response input"), "instructions": CANARY("instructions")}
    yield "/v1/embeddings", {"model": "tiny", "input": [CANARY("embedding input")]}


def refused_requests(key: str) -> Iterator[bytes]:
    """Everything here is refused; the secret stands where the reason lies."""
    good = {"Authorization": f"Bearer {key}"}
    hello = {"model": "tiny", "messages": [{"role": "user", "content": "x"}]}
    path = "/v1/chat/completions"
    yield request("POST", path, headers={"Authorization": f"Bearer {CANARY('wrong bearer')}"}, document=hello)
    yield request("POST", path, headers={"Authorization": f"Basic {CANARY('basic')}"}, document=hello)
    yield request("POST", path, headers={"X-Api-Key": CANARY("wrong x-api-key")}, document=hello)
    yield request("POST", path, headers={"Api-Key": "gh_nobody000000_" + CANARY("wrong api-key")}, document=hello)
    yield request("POST", path, headers={**good, "Api-Key": CANARY("second key")}, document=hello)
    yield request("POST", f"/{CANARY('path')}", headers=good, document=hello)
    yield request("GET", f"/v1/models/{CANARY('model in path')}", headers=good)
    yield request("POST", path, headers=good, document={**hello, "model": CANARY("unknown model")})
    yield request("POST", path, headers=good, document={**hello, "messages": CANARY("messages of a wrong type")})
    yield request("POST", path, headers=good, document={**hello, "n": CANARY("number of a wrong type")})
    yield request(
        "POST", path, headers=good, document={**hello, "messages": [{"role": "user", CANARY("wrong key"): 1}]}
    )
    yield request("POST", path, headers=good, body=f'{{"a": {CANARY("bad json")}}}'.encode())
    yield request(
        "POST", path, headers=good, body=f'{{"{CANARY("duplicate key")}":1,"{CANARY("duplicate key")}":2}}'.encode()
    )
    yield request("POST", path, headers={**good, "Content-Type": CANARY("content type")}, body=b"{}")
    yield request("POST", path, headers={**good, "Content-Encoding": CANARY("content encoding")}, body=b"{}")
    yield request("POST", path, headers={**good, "Expect": CANARY("expectation")}, document=hello)
    yield request("POST", path, headers={**good, "Transfer-Encoding": CANARY("coding")}, document=hello)
    yield request("POST", path, headers={**good, f"X {CANARY('header name')}": "1"}, document=hello)
    yield request("POST", path, host=f"{CANARY('host')}/x", headers=good, document=hello)
    yield request(CANARY("method").upper(), path, headers=good)
    yield f"GET {path} {CANARY('version')}\r\n\r\n".encode()
    yield f"{CANARY('garbage')}\r\n\r\n".encode()


def quiet_requests(key: str) -> Iterator[bytes]:
    """Accepted, with secrets in the parts that a gateway likes to write down."""
    hello = {"model": "tiny", "messages": [{"role": "user", "content": "x"}]}
    for name in ("User-Agent", "Cookie", "Referer", "X-Request-Id", "X-Forwarded-For", "Traceparent", "X-Custom"):
        headers = {"Authorization": f"Bearer {key}", name: CANARY(f"header {name}")}
        yield request("POST", "/v1/chat/completions", headers=headers, document=hello)
    headers = {"Authorization": f"Bearer {key}"}
    yield request("POST", f"/v1/chat/completions?q={CANARY('query')}", headers=headers, document=hello)


class Run:
    """What came back, and where the gateway wrote."""

    def __init__(self, gateway: Gateway) -> None:
        self.gateway = gateway
        self.answers: list[Answer] = []

    def send(self, raw: bytes) -> None:
        try:
            self.answers.append(ask(self.gateway.data, raw))
        except (AssertionError, AnswerMalformedError):
            return  # refused without an answer

    def everything(self) -> None:
        headers = {"Authorization": f"Bearer {self.gateway.key}"}
        for document in chat_documents():
            self.send(request("POST", "/v1/chat/completions", headers=headers, document=document))
        for path, document in other_documents():
            self.send(request("POST", path, headers=headers, document=document))
        for raw in (*refused_requests(self.gateway.key), *quiet_requests(self.gateway.key)):
            self.send(raw)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    changes = {
        "targets": {"local": {"credential": f"${{file:{_credential_file(tmp_path_factory)}}}"}},
        "policies": [
            {
                "name": "research",
                "who": {"groups": ["research"]},
                "may": ["chat", "completions", "responses", "embeddings", "models.read"],
                "models": ["tiny"],
                "mask": {"entities": ["all"], "where": ["request", "response"]},
            }
        ],
    }
    with ChattyBackend() as back_end, running(tmp_path_factory.mktemp("canaries"), back_end.url, changes) as gateway:
        attempt = Run(gateway)
        attempt.everything()
        assert back_end.tape.holds(UPSTREAM_CREDENTIAL)
        yield attempt


def _credential_file(factory: pytest.TempPathFactory) -> Path:
    path = factory.mktemp("secret") / "upstream"
    path.write_text(UPSTREAM_CREDENTIAL)
    path.chmod(0o600)
    return path


def test_there_are_enough_doors(run: Run) -> None:
    assert len(CANARY.doors) >= LEAST
    assert {answer.status for answer in run.answers} >= {200, 400, 401, 403, 404, 415, 417}


def test_no_secret_lies_in_the_state_directory(run: Run) -> None:
    files = [path for path in run.gateway.state.rglob("*") if path.is_file()]
    assert {"store.sqlite", "keys.feed"} <= {path.name for path in files}
    assert any(path.suffix == ".jsonl" and path.stat().st_size for path in files)
    assert any(b'"principal":"alice"' in path.read_bytes() for path in files), "the journal can be read by this test"
    leaks = {path.name: CANARY.in_bytes(path.read_bytes()) for path in files}
    assert {name: doors for name, doors in leaks.items() if doors} == {}


def test_no_key_lies_in_the_state_directory(run: Run) -> None:
    secret = run.gateway.key.rpartition("_")[2].encode()
    assert not [path.name for path in run.gateway.state.rglob("*") if path.is_file() and secret in path.read_bytes()]


def test_no_secret_is_printed(run: Run) -> None:
    printed = run.gateway.output()
    assert CANARY.in_bytes(printed.encode()) == []
    assert run.gateway.key not in printed
    assert "Traceback" not in printed


def test_no_secret_is_in_the_metrics_or_the_admin_port(run: Run) -> None:
    told = [ask(run.gateway.admin, request("GET", path, host=LOOPBACK)) for path in ("/metrics", "/healthz", "/readyz")]
    assert "llm_inference_requests_total" in told[0].body.decode()
    assert [CANARY.in_bytes(answer.body + str(answer.headers).encode()) for answer in told] == [[], [], []]


def test_no_secret_is_in_a_refusal(run: Run) -> None:
    refusals = [answer for answer in run.answers if 400 <= answer.status < 500]
    assert len(refusals) > 20
    leaks = {answer.code: CANARY.in_bytes(answer.body + str(answer.headers).encode()) for answer in refusals}
    assert {code: doors for code, doors in leaks.items() if doors} == {}


def test_no_header_of_the_upstream_that_could_be_a_secret_reaches_the_caller(run: Run) -> None:
    leaks = [CANARY.in_bytes(str(answer.headers).encode()) for answer in run.answers]
    assert [doors for doors in leaks if doors] == []
    assert all(UPSTREAM_CREDENTIAL not in answer.body.decode() for answer in run.answers)


def test_the_commands_of_an_operator_show_no_secret(run: Run) -> None:
    for words in (("keys", "list", "--json"), ("audit", "tail"), ("check",)):
        done = run.gateway.command(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        assert CANARY.in_bytes((done.stdout + done.stderr).encode()) == []
        assert run.gateway.key not in done.stdout + done.stderr
