"""Hostile JSON through the real socket: each class of it has its own reason code, and none of it goes on.

What is accepted must arrive upstream as the same document: the gateway writes what it judged, so that every member,
number and character of it has to survive being read and written.
"""

import json
from pathlib import Path

import pytest
import yaml

from attack.recording import RecordingBackend
from attack.vectors import CORPUS, REPEATED
from integration.gateway import Gateway
from integration.raw_http import Answer, ask, request

BODIES: dict[str, dict[str, str]] = yaml.safe_load((CORPUS / "bodies" / "chat.yaml").read_text(encoding="utf-8"))
CASES = [(code, name) for code, cases in BODIES.items() for name in cases if code != "accepted"]
STATUS = {"model_denied": 403}


def body_of(code: str, name: str) -> tuple[bytes, str]:
    marker = f"body-{name}-{code}"
    text = BODIES[code][name].replace("<chat>", '"model":"tiny","messages":[{"role":"user","content":"<m>"}]')
    while (found := REPEATED.search(text)) is not None:
        text = text[: found.start()] + found[1] * int(found[2]) + text[found.end() :]
    return text.replace("<m>", marker).encode("latin-1"), marker


def sent(gateway: Gateway, body: bytes, content_type: str = "application/json") -> Answer:
    headers = {"Authorization": f"Bearer {gateway.key}", "Content-Type": content_type}
    return ask(gateway.data, request("POST", "/v1/chat/completions", headers=headers, body=body))


@pytest.mark.parametrize(("code", "name"), CASES, ids=lambda value: value)
def test_a_hostile_body_gets_its_own_code_and_goes_nowhere(
    gateway: Gateway, back_end: RecordingBackend, code: str, name: str
) -> None:
    body, marker = body_of(code, name)
    answer = sent(gateway, body)
    assert (answer.status, answer.code) == (STATUS.get(code, 400), code)
    assert answer.document["error"]["message"]
    assert not back_end.tape.holds(marker)


@pytest.mark.parametrize("name", BODIES["accepted"])
def test_an_unusual_but_valid_body_arrives_as_the_same_document(
    gateway: Gateway, back_end: RecordingBackend, name: str
) -> None:
    body, marker = body_of("accepted", name)
    answer = sent(gateway, body)
    assert answer.status == 200, answer.body
    arrived = [seen.document for seen in back_end.tape.seen if marker.encode() in seen.body]
    assert arrived == [json.loads(body)]


@pytest.mark.parametrize(
    "content_type",
    [
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/xml",
        "text/json",
        "application/json; charset=utf-16",
        "application/json, text/plain",
        "*/*",
        "",
    ],
)
def test_a_body_of_another_type_is_refused(gateway: Gateway, back_end: RecordingBackend, content_type: str) -> None:
    body, marker = body_of("accepted", "plain")
    body, marker = body.replace(marker.encode(), b"typed"), "typed"
    answer = sent(gateway, body, content_type)
    assert (answer.status, answer.code) == (415, "content_type_unsupported")
    assert not back_end.tape.holds(marker)


@pytest.mark.parametrize("content_type", ["application/json", "application/json; charset=utf-8", "Application/JSON"])
def test_json_by_any_of_its_spellings_is_accepted(gateway: Gateway, content_type: str) -> None:
    body, _ = body_of("accepted", "plain")
    assert sent(gateway, body, content_type).status == 200


def test_every_refusal_reads_like_an_openai_error(gateway: Gateway) -> None:
    error = sent(gateway, b"{").document["error"]
    assert set(error) == {"message", "type", "param", "code"}
    assert "Traceback" not in json.dumps(error)
    assert str(Path.cwd()) not in json.dumps(error)
