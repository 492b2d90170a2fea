import http.client
import json
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import uvicorn
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.control.admin import application, host_allowed

METRICS = b"llm_inference_requests_total 3.0\n"


class Port:
    """The admin application behind a real server on a free loopback port."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self.broken = False
        inner = application("127.0.0.1", self.render, lambda: self.problems)
        config = uvicorn.Config(inner, lifespan="off", ws="none", log_config=None, server_header=False)
        self.server = uvicorn.Server(config)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.number: int = self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.server.run, kwargs={"sockets": [self.listener]})
        self.thread.start()

    def render(self) -> bytes:
        if self.broken:
            raise RuntimeError("canary-in-an-exception")
        return METRICS

    def ask(self, method: str, path: str, host: str | None = "127.0.0.1") -> tuple[int, dict[str, str], bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.number, timeout=10)
        connection.putrequest(method, path, skip_host=True)
        if host is not None:
            connection.putheader("Host", host)
        connection.endheaders()
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}, body

    def close(self) -> None:
        self.server.should_exit = True
        self.thread.join()
        self.listener.close()


@pytest.fixture(scope="module")
def shared() -> Iterator[Port]:
    port = Port()
    yield port
    port.close()


@pytest.fixture
def port(shared: Port) -> Port:
    shared.problems = []
    shared.broken = False
    return shared


def error_of(body: bytes) -> dict[str, Any]:
    document = json.loads(body)
    assert set(document) == {"error"}
    assert set(document["error"]) == {"code", "message"}
    error: dict[str, Any] = document["error"]
    return error


def test_metrics_are_served_in_the_exposition_format(port: Port) -> None:
    status, headers, body = port.ask("GET", "/metrics")
    assert (status, body) == (200, METRICS)
    assert headers["content-type"].startswith("text/plain; version=")


def test_health_only_says_that_the_process_is_alive(port: Port) -> None:
    port.problems = ["worker w0 is not up"]
    assert port.ask("GET", "/healthz")[0] == 200


def test_readiness_gives_the_reasons_against_it(port: Port) -> None:
    assert port.ask("GET", "/readyz")[0] == 200
    port.problems = ["worker w0 is not up"]
    status, _, body = port.ask("GET", "/readyz")
    assert status == 503
    assert json.loads(body) == {"status": "unavailable", "problems": ["worker w0 is not up"]}


@pytest.mark.parametrize(
    "path", ["/", "/metrics/", "//metrics", "/api/v1", "/v1/models", "/%2e%2e/metrics", "/METRICS"]
)
def test_there_is_nothing_at_any_other_path(port: Port, path: str) -> None:
    status, _, body = port.ask("GET", path)
    assert status == 404
    assert error_of(body)["code"] == "not_found"


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PATCH"])
def test_nothing_but_get_is_allowed(port: Port, method: str) -> None:
    status, headers, _ = port.ask(method, "/metrics")
    assert (status, headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("path", ["/metrics", "/healthz", "/readyz", "/nothing"])
@pytest.mark.parametrize(
    "host", [None, "", "evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"]
)
def test_a_host_that_is_not_ours_is_turned_away_on_every_path(port: Port, path: str, host: str | None) -> None:
    status, _, body = port.ask("GET", path, host)
    assert status in {400, 421}
    assert METRICS not in body


def test_a_failure_is_an_answer_without_its_cause_and_the_port_goes_on(port: Port) -> None:
    port.broken = True
    status, _, body = port.ask("GET", "/metrics")
    assert status == 500
    assert error_of(body)["code"] == "internal_server_error"
    assert b"canary" not in body
    port.broken = False
    assert port.ask("GET", "/metrics")[0] == 200


@pytest.mark.parametrize("path", ["/metrics", "/readyz", "/nothing"])
def test_no_answer_names_its_server_or_may_be_kept(port: Port, path: str) -> None:
    _, headers, _ = port.ask("GET", path)
    assert "server" not in headers
    assert headers["cache-control"] == "no-store"


@pytest.mark.parametrize(
    "header",
    [
        "localhost",
        "LOCALHOST:9090",
        "127.0.0.1",
        "127.0.0.1:1",
        "127.8.8.8:9090",
        "[::1]",
        "[::1]:9090",
        "gate.example:9090",
    ],
)
def test_loopback_and_the_configured_name_are_allowed(header: str) -> None:
    assert host_allowed(header, "gate.example")


@pytest.mark.parametrize(
    "header",
    [
        "",
        " ",
        "evil.example",
        "localhost:9090@evil.example",
        "localhost/@evil.example",
        "evil.example#localhost",
        "localhost:notaport",
        "localhost:",
        "[::1",
        "::1",
        "192.0.2.1",
        "127.0.0.1 evil.example",
        "0177.0.0.1",
        "2130706433",
        "127.1",
    ],
)
def test_what_only_resembles_an_allowed_host_is_not(header: str) -> None:
    assert not host_allowed(header, "gate.example")


def test_a_port_on_every_address_accepts_addresses_but_no_names() -> None:
    assert host_allowed("192.0.2.1:9090", "0.0.0.0")
    assert host_allowed("[2001:db8::1]", "::")
    assert not host_allowed("evil.example", "0.0.0.0")
    assert not host_allowed("192.0.2.1", "192.0.2.2")


@given(st.text(max_size=60))
def test_no_other_text_passes_for_our_host(header: str) -> None:
    if host_allowed(header, "127.0.0.1"):
        assert header.lower().startswith(("localhost", "127.", "["))
