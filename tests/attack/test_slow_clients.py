"""Clients that take their time: each is closed at its deadline with its own reason, and costs the others nothing.

The deadlines are one or two seconds here. A test waits for the gateway to end the connection, never for a time to
pass; the bounds are the deadline plus a margin for a busy machine.
"""

import asyncio
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from attack.recording import RecordingBackend
from attack.vectors import authorised, plain_request
from integration.gateway import Gateway, running
from integration.polling import eventually
from integration.raw_http import Conversation, Talk, converse, request

DEADLINE = 1.0
MARGIN = 3.0
PATIENT = 60.0  # a client that would go on for so long if it were let
CHANGES: dict[str, Any] = {
    "listen": {"deadlines": {"header": "1s", "body": "1s", "idle": "1s", "write": "1s"}},
    "upstream": {"between_bytes": "30s"},
}
BOUND_KIB = 48 * 1024


@pytest.fixture(scope="module")
def back_end() -> Iterator[RecordingBackend]:
    with RecordingBackend() as started:
        yield started


@pytest.fixture(scope="module")
def impatient(tmp_path_factory: pytest.TempPathFactory, back_end: RecordingBackend) -> Iterator[Gateway]:
    with running(tmp_path_factory.mktemp("slow"), back_end.url, CHANGES) as started:
        yield started


def held(gateway: Gateway, segments: list[bytes], gap: float = 0.0) -> tuple[Conversation, float]:
    """The conversation, and how long the gateway let it last."""
    start = time.monotonic()
    talk = Talk(segments, gap=gap, until=None, within=DEADLINE + MARGIN)
    told = asyncio.run(converse(gateway.data, talk))
    return told, time.monotonic() - start


def trickled(raw: bytes, tail: int) -> list[bytes]:
    """All but the last `tail` bytes at once, the rest one by one."""
    return [raw[:-tail], *(raw[start : start + 1] for start in range(len(raw) - tail, len(raw)))]


def head(length: int) -> bytes:
    return f"POST /v1/chat/completions HTTP/1.1\r\n{authorised('{key}')}Content-Length: {length}\r\n\r\n".encode()


@pytest.mark.parametrize("tail", [250, 100, 1], ids=["from the first line", "inside the headers", "before the end"])
def test_slow_headers_end_at_the_deadline(impatient: Gateway, tail: int) -> None:
    raw = head(5).replace(b"{key}", impatient.key.encode())[:-1]
    told, lasted = held(impatient, trickled(raw, min(tail, len(raw))), gap=PATIENT / 250)
    assert told.ended != "open"
    assert [(answer.status, answer.code) for answer in told.answers] == [(408, "header_timeout")]
    assert lasted > DEADLINE / 2


def test_a_connection_that_says_nothing_ends(impatient: Gateway) -> None:
    told, _ = held(impatient, [])
    assert told.ended == "closed"


def test_a_connection_left_idle_after_an_answer_ends(impatient: Gateway) -> None:
    told, _ = held(impatient, [plain_request(impatient.key, "idle").encode()])
    assert [answer.status for answer in told.answers] == [200]
    assert told.ended == "closed"


@pytest.mark.parametrize("gap", [0.05, PATIENT], ids=["dripping", "stalled"])
def test_a_slow_body_ends_at_the_deadline(impatient: Gateway, back_end: RecordingBackend, gap: float) -> None:
    raw = head(4000).replace(b"{key}", impatient.key.encode()) + b"slowly" + b"x" * 200
    told, _ = held(impatient, trickled(raw, 200), gap=gap)
    assert told.ended != "open"
    (answer,) = told.answers
    assert (answer.status, answer.code in ("body_timeout", "body_too_slow")) == (408, True)
    assert not back_end.tape.holds("slowly")


def test_a_body_below_the_minimum_rate_ends_before_the_body_deadline(tmp_path: Path) -> None:
    changes = {"listen": {"deadlines": {"body": "60s"}, "limits": {"minimum_rate": "64KiB"}}}
    with RecordingBackend() as back_end, running(tmp_path, back_end.url, changes) as gateway:
        raw = head(100_000).replace(b"{key}", gateway.key.encode()) + b"x" * 400
        talk = Talk(trickled(raw, 400), gap=0.05, until=None, within=20)
        told = asyncio.run(converse(gateway.data, talk))
        assert told.ended != "open"
        assert [answer.code for answer in told.answers] == ["body_too_slow"]


def reader_that_does_not_read(gateway: Gateway, events: int) -> socket.socket:
    document = {"model": "tiny", "stream": True, "messages": [{"role": "user", "content": f"stream:{events}"}]}
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    connection.connect(gateway.data)
    headers = {"Authorization": f"Bearer {gateway.key}"}
    connection.sendall(request("POST", "/v1/chat/completions", headers=headers, document=document))
    return connection


def test_a_client_that_does_not_read_is_cut_and_its_upstream_with_it(
    impatient: Gateway, back_end: RecordingBackend
) -> None:
    before = set(back_end.tape.closed)
    with reader_that_does_not_read(impatient, 400_000):
        eventually(
            lambda: bool(set(back_end.tape.closed) - before), DEADLINE + MARGIN + 5, "the upstream connection is closed"
        )

    def reasons() -> list[str]:
        return [record.get("reason", "") for record in impatient.records() if record["kind"] == "closed"]

    eventually(lambda: "client_too_slow" in reasons(), 3, "the journal says why")


def test_streams_that_are_not_read_are_not_collected(tmp_path: Path) -> None:
    """Back-pressure reaches the model server: it is stopped from writing, and the gateway holds little."""
    changes = {"listen": {"deadlines": {"write": "60s"}}}
    with RecordingBackend() as back_end, running(tmp_path, back_end.url, changes) as gateway:
        assert gateway.chat("warm").status == 200
        before = gateway.resident_kib()
        readers = [reader_that_does_not_read(gateway, 400_000) for _ in range(4)]
        written: list[int] = []

        def stalled() -> bool:
            """The model server's connections have been paused, all four."""
            return len(back_end.tape.paused) == 4

        eventually(stalled, 20, "the model server is held back")
        written.append(gateway.resident_kib() - before)
        for reader in readers:
            reader.close()
        assert written[0] < BOUND_KIB
        eventually(lambda: len(back_end.tape.closed) >= 4, 5, "the upstream connections are closed")


def test_many_slow_clients_do_not_keep_others_waiting(impatient: Gateway) -> None:
    slow = []
    for _ in range(200):
        connection = socket.create_connection(impatient.data)
        connection.sendall(b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n")
        slow.append(connection)
    assert [impatient.chat("quick").status for _ in range(20)] == [200] * 20

    def ended(connection: socket.socket) -> bool:
        connection.settimeout(DEADLINE + MARGIN)
        data = connection.recv(65536)
        while data and connection.recv(65536):
            pass
        connection.close()
        return b" 408 " in data

    assert all(ended(connection) for connection in slow)


def test_one_address_gets_only_so_many_connections(tmp_path: Path) -> None:
    changes = {"listen": {"limits": {"connections_per_address": 8}}}
    with RecordingBackend() as back_end, running(tmp_path, back_end.url, changes) as gateway:
        eventually(lambda: gateway.chat("settled").status == 200, 5, "no connection of the start is left")
        kept = [socket.create_connection(gateway.data) for _ in range(8)]
        over = asyncio.run(converse(gateway.data, Talk([plain_request(gateway.key, "over").encode()], until=None)))
        assert [(answer.status, answer.code) for answer in over.answers] == [(429, "connections_exceeded")]
        assert over.ended != "open"
        assert not back_end.tape.holds('"over"')
        for connection in kept:
            connection.close()
        eventually(lambda: gateway.chat("again").status == 200, 5, "a closed connection makes room")
