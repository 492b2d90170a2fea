"""A key, the token that was exchanged for it, and the token of that: at the admin port and at the data port."""

import base64
import json
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from attack.recording import RecordingBackend
from integration.gateway import Gateway, running
from integration.polling import eventually
from integration.raw_http import Answer, ask

FELT = 1.5  # seconds: a second, and what a loaded machine adds to the question itself
GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    folder = tmp_path_factory.mktemp("gateway")
    often = {"identity": {"tokens": {"rate": "1M/min", "live": 100_000}}}  # one test asks until a rotation is through
    with RecordingBackend() as back_end, running(folder, back_end.url, often) as started:
        yield started


def posted(gateway: Gateway, path: str, **form: str) -> Answer:
    body = urlencode(form).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nhost: {gateway.admin[0]}\r\nconnection: close\r\n"
        f"content-type: application/x-www-form-urlencoded\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    return ask(gateway.admin, head.encode() + body)


def exchanged(gateway: Gateway, subject: str, **more: str) -> dict[str, Any]:
    form = {"grant_type": GRANT_TYPE, "subject_token": subject, "subject_token_type": ACCESS_TOKEN, **more}
    answer = posted(gateway, "/api/v1/token", **form)
    assert answer.status == 200, answer.body
    told: dict[str, Any] = json.loads(answer.body)
    return told


def status(gateway: Gateway, credential: str) -> int:
    return gateway.chat("hello", key=credential).status


def test_a_token_can_do_what_it_was_narrowed_to_and_nothing_else(gateway: Gateway) -> None:
    token = exchanged(gateway, gateway.key, scope="chat model:tiny", lifetime="60")["access_token"]
    assert status(gateway, token) == 200
    closed = [record for record in gateway.records() if record["kind"] == "closed"][-1]
    assert closed["principal"] == "alice"
    assert closed["credential"].startswith("gt_")
    elsewhere = exchanged(gateway, gateway.key, scope="embeddings")["access_token"]
    assert status(gateway, elsewhere) == 403
    nothing = exchanged(gateway, token, scope="embeddings")["access_token"]
    assert status(gateway, nothing) == 403


def test_revoking_the_key_ends_every_token_that_descends_from_it(gateway: Gateway) -> None:
    key = gateway.create_key("alice", "research")
    child = exchanged(gateway, key)["access_token"]
    grandchild = exchanged(gateway, child)["access_token"]
    assert status(gateway, child) == status(gateway, grandchild) == 200
    assert gateway.command("keys", "revoke", key.split("_")[1]).returncode == 0
    eventually(lambda: status(gateway, grandchild) == 401, FELT, "the grandchild is refused")
    assert status(gateway, child) == 401
    assert status(gateway, gateway.key) == 200


@pytest.mark.parametrize("way", ["command", "holder"])
def test_revoking_a_token_ends_it_and_its_descendants_only(gateway: Gateway, way: str) -> None:
    parent = exchanged(gateway, gateway.key)["access_token"]
    child = exchanged(gateway, parent)["access_token"]
    other = exchanged(gateway, gateway.key)["access_token"]
    assert {status(gateway, token) for token in (parent, child, other)} == {200}
    if way == "holder":
        assert posted(gateway, "/api/v1/token/revoke", token=parent).status == 200
    else:
        assert gateway.command("tokens", "revoke", credential_of(parent)).returncode == 0
    eventually(lambda: status(gateway, child) == 401, FELT, "the child is refused")
    assert (status(gateway, parent), status(gateway, other)) == (401, 200)


def test_rotating_the_signing_key_ends_nothing_and_new_tokens_count_at_once(gateway: Gateway) -> None:
    before = exchanged(gateway, gateway.key)["access_token"]
    assert gateway.command("tokens", "rotate").returncode == 0
    deadline = time.monotonic() + 4.0
    while time.monotonic() < deadline:
        assert status(gateway, exchanged(gateway, gateway.key)["access_token"]) == 200
    assert header_of(exchanged(gateway, gateway.key)["access_token"]) != header_of(before)
    assert status(gateway, before) == 200


def credential_of(token: str) -> str:
    return str(_part(token, 1)["jti"])


def header_of(token: str) -> dict[str, Any]:
    return _part(token, 0)


def _part(token: str, number: int) -> dict[str, Any]:
    segment = token.split(".")[number]
    decoded: dict[str, Any] = json.loads(base64.urlsafe_b64decode(segment + "=" * (-len(segment) % 4)))
    return decoded
