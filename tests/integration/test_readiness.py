"""A gateway that says it is ready knows what callers are identified by, whichever of its processes was up first.

Nothing here waits between being ready and asking. What a test holds back, it holds back until it has had its answer.
"""

import contextlib
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer
from typing import Any

import pytest

from attack.recording import RecordingBackend
from guardhouse.control.minting import LIFETIME, Minter
from guardhouse.control.state import State
from guardhouse.model.principal import Principal
from identity.signing import AUDIENCE, URL, claims, key_set, token
from integration.gateway import READY_WITHIN, Gateway, prepare, started
from integration.polling import LOOPBACK, accepts, eventually, free_port
from integration.raw_http import ask, request
from integration.valkey import a_store

UNHEARD = 0.6  # seconds, at most: less than a worker waits for the greeting of a store
HELD = 1.5  # seconds, at most: what a gateway that waits for it starts later by

# Every Python process of the gateway imports this at its start; that of the control process goes on when it is told to.
_HELD_UP = """\
import os, sys, time
if "guardhouse.app.control" in sys.orig_argv:
    while not os.path.exists(os.environ["GO_ON"]):
        time.sleep(0.01)
"""


@pytest.fixture(scope="module")
def back_end() -> Iterator[RecordingBackend]:
    with RecordingBackend() as recording:
        yield recording


@contextmanager
def key_server(release: threading.Event) -> Iterator[str]:
    """The address of an issuer's keys; they are handed out after `release`, or `HELD` after they were asked for."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            release.wait(HELD)
            content = key_set()
            self.send_response(200)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            with contextlib.suppress(BrokenPipeError):
                self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer((LOOPBACK, 0), Handler) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"http://{LOOPBACK}:{server.server_port}/keys"
        finally:
            release.set()
            server.shutdown()
            serving.join()


def trusting(folder: Path, back_end: RecordingBackend, keys: str) -> Gateway:
    issuer = {"issuer": URL, "audience": [AUDIENCE], "keys": {"jwks": keys}, "claims": {"groups": "groups"}}
    return prepare(folder, back_end.url, {"identity": {"issuers": {"corp": issuer}}})


def of_corp() -> str:
    return token(claims(time.time())).decode()


def status(gateway: Gateway, credential: str) -> int:
    asking = request("GET", "/v1/models", headers={"Authorization": f"Bearer {credential}"})
    return ask(gateway.data, asking, tls=gateway.tls).status


def test_the_first_token_of_an_issuer_counts_as_soon_as_the_gateway_is_ready(
    tmp_path: Path, back_end: RecordingBackend
) -> None:
    asked = threading.Event()
    with key_server(asked) as keys:
        gateway = trusting(tmp_path, back_end, keys)
        with started(gateway):
            found = status(gateway, of_corp())
            asked.set()
            assert found == 200


def test_an_issuer_that_is_away_keeps_nobody_else_waiting(tmp_path: Path, back_end: RecordingBackend) -> None:
    gateway = trusting(tmp_path, back_end, f"http://{LOOPBACK}:{free_port()}/keys")
    with started(gateway):
        assert status(gateway, gateway.key) == 200
        assert status(gateway, of_corp()) == 503
        assert 'guardhouse_issuer_available{issuer="corp"} 0.0' in gateway.metrics()
        assert {"identity.issuer_unreachable", "identity.issuer_keys_stale"} <= set(events(gateway))


def test_a_token_of_the_gateways_own_counts_before_the_control_process_is_up(
    tmp_path: Path, back_end: RecordingBackend
) -> None:
    gateway = prepare(tmp_path, back_end.url)
    with held_up(gateway, tmp_path):
        assert status(gateway, own_token(gateway)) == 200


def test_a_limit_that_workers_share_is_asked_for_by_the_first_request(
    tmp_path: Path, back_end: RecordingBackend
) -> None:
    asked = threading.Event()
    budgeted = {"name": "research", "who": {"groups": ["research"]}, "may": ["chat"], "models": ["tiny"]}
    with a_store() as store, slow_to_greet(store.port, asked) as url:
        limits = {"limits": {"budget": "6000 tokens/day"}}
        changes = {"limits_store": {"url": url, "timeout": "30s"}, "policies": [{**budgeted, **limits}]}
        gateway = prepare(tmp_path, back_end.url, changes)
        with held_up(gateway, tmp_path):
            answer = gateway.chat("hello", max_tokens=60)
            asked.set()
            assert answer.status == 200, answer.body


@contextmanager
def slow_to_greet(port: int, release: threading.Event) -> Iterator[str]:
    """The URL of a store that hears nothing before `release`, or `UNHEARD` after it was connected to."""

    class Relay(BaseRequestHandler):
        def handle(self) -> None:
            release.wait(UNHEARD)
            with socket.create_connection((LOOPBACK, port)) as store:
                back = threading.Thread(target=_pump, args=(store, self.request))
                back.start()
                _pump(self.request, store)
                back.join()

    with ThreadingTCPServer((LOOPBACK, 0), Relay) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        try:
            yield f"redis://{LOOPBACK}:{server.server_address[1]}/0"
        finally:
            release.set()
            server.shutdown()
            serving.join()


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while part := source.recv(65536):
            sink.sendall(part)
        sink.shutdown(socket.SHUT_WR)


@contextmanager
def held_up(gateway: Gateway, folder: Path) -> Iterator[None]:
    """The gateway as it is while its control process does not get on; it ends as it should."""
    (folder / "held").mkdir()
    (folder / "held" / "sitecustomize.py").write_text(_HELD_UP)
    gateway.environment["PYTHONPATH"] += f":{folder / 'held'}"
    gateway.environment["GO_ON"] = str(folder / "go-on")
    starting = threading.Thread(target=gateway.start)
    starting.start()
    try:
        eventually(lambda: accepts(gateway.data[1]), READY_WITHIN, "the worker takes connections")
        yield
    finally:
        (folder / "go-on").touch()
        starting.join()
        gateway.stop()


def own_token(gateway: Gateway) -> str:
    key_id = gateway.key.split("_")[1]
    alice = Principal(id="alice", credential_id=key_id, groups=frozenset({"research"}))
    minted = Minter(State(gateway.state)).mint(alice, None, LIFETIME, time.time())
    assert not isinstance(minted, str)
    return minted.token.reveal()


def events(gateway: Gateway) -> list[str]:
    lines = [path.read_bytes().split(b"\n")[:-1] for path in (gateway.state / "journal").glob("*/*.jsonl")]
    records: list[dict[str, Any]] = [json.loads(line) for part in lines for line in part]
    return [record["name"] for record in records if record["kind"] == "event"]
