"""Callers with certificates over gRPC: the same are let in as at the data port, and the same are not.

What is tried is tried on both ports of one gateway, so that they cannot differ. The caller is tritonclient; the model
server is grpcio's own.
"""

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import grpc
import grpc.aio
import numpy as np
import pytest
import tritonclient.grpc as triton
import trustme
import yaml
from cryptography.hazmat.primitives.asymmetric import rsa
from tritonclient.grpc import service_pb2
from tritonclient.utils import InferenceServerException

from identity.authority import DAY, NOW, SERVER, SPIFFE, Authority, Issued, usage
from integration.gateway import Gateway, running
from integration.polling import LOOPBACK, eventually, free_port

CLIENTS = Authority("clients of example.org")
BELOW = Authority("workloads", above=CLIENTS)
UNLISTED = Authority("not in the file", above=CLIENTS)


class Echo:
    """Answers every call with one text."""

    def service(self, details: Any) -> Any:
        made = service_pb2.ModelInferResponse(model_name="echo", model_version="1")
        made.outputs.add(name="y", datatype="BYTES", shape=[1]).contents.bytes_contents.append(b"fine")
        answer = bytes(made.SerializeToString())

        async def handle(message: bytes, context: Any) -> bytes:
            return answer

        return grpc.unary_unary_rpc_method_handler(handle)


@contextmanager
def echoing() -> Iterator[int]:
    """The model server, in a thread with a loop of its own."""
    loop, started = asyncio.new_event_loop(), threading.Event()
    ports: list[int] = []
    ending = asyncio.Event()

    async def serve() -> None:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers((Echo(),))
        ports.append(server.add_insecure_port(f"{LOOPBACK}:0"))
        await server.start()
        started.set()
        await ending.wait()
        await server.stop(None)

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert started.wait(10)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(ending.set)
        thread.join(10)
        loop.close()


@dataclass(slots=True)
class Secured:
    folder: Path
    gateway: Gateway
    trusted: bytes
    address: str

    def client(self, issued: Issued | None) -> Any:
        more: dict[str, Any] = {}
        if issued is not None:
            certificate, key = issued.save(self.folder, "client")
            more = {"key": key.read_bytes(), "chain": certificate.read_bytes()}
        options = [("grpc.use_local_subchannel_pool", 1)]
        creds = grpc.ssl_channel_credentials(self.trusted, more.get("key"), more.get("chain"))
        return triton.InferenceServerClient(self.address, creds=creds, ssl=True, channel_args=options)

    def ask(self, issued: Issued | None, key: str | None = None) -> str:
        """What one call comes to: `fine`, or the reason or status by which it is refused."""
        client = self.client(issued)
        try:
            return infer(client, key)
        finally:
            client.close()

    def list_is(self, content: bytes) -> None:
        fresh = self.folder / "clients.crl.new"
        fresh.write_bytes(content)
        fresh.replace(self.folder / "clients.crl")

    def closed(self) -> dict[str, Any]:
        return [each for each in self.gateway.records() if each["kind"] == "closed"][-1]


def infer(client: Any, key: str | None = None) -> str:
    tensor = triton.InferInput("words", [1], "BYTES")
    tensor.set_data_from_numpy(np.array([b"hello"], dtype=object))
    headers = {} if key is None else {"authorization": f"Bearer {key}"}
    try:
        answer = client.infer("echo", [tensor], headers=headers, client_timeout=8)
    except InferenceServerException as error:
        return str(error)
    return str(answer.get_response().outputs[0].contents.bytes_contents[0].decode())


@contextmanager
def secured(folder: Path, **clients: Any) -> Iterator[Secured]:
    servers = trustme.CA()
    servers.issue_cert(LOOPBACK).private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    (folder / "clients.pem").write_bytes(CLIENTS.pem + BELOW.pem)
    (folder / "clients.crl").write_bytes(CLIENTS.list_of() + BELOW.list_of())
    told = {"authorities": "clients.pem", "crl": "clients.crl", "trust_domain": "example.org", "groups": ["research"]}
    with echoing() as port:
        address = f"{LOOPBACK}:{free_port()}"
        tls = {"certificate": "server.pem", "key": "server.pem", "clients": {**told, **clients}}
        changes = {
            "listen": {"grpc": {"address": address}, "tls": tls},
            "targets": {"calls": {"kind": "kserve-grpc", "url": f"http://{LOOPBACK}:{port}"}},
            "models": {"echo": {"targets": ["calls"]}},
            "policies": [{"name": "all", "who": {"groups": ["research"]}, "may": ["predict", "chat"], "models": ["*"]}],
        }
        context = trusting(servers)
        if clients.get("required"):
            context.load_cert_chain(*CLIENTS.issue(SPIFFE).save(folder, "probing"))
        with running(folder, "http://127.0.0.1:9", changes, context) as gateway:
            yield Secured(folder, gateway, servers.cert_pem.bytes(), address)


def trusting(servers: trustme.CA) -> Any:
    context = __import__("ssl").create_default_context()
    servers.configure_trust(context)
    return context


@pytest.fixture(scope="module")
def optional(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    with secured(tmp_path_factory.mktemp("optional")) as found:
        yield found


def test_a_certificate_names_its_holder_and_the_address_is_the_callers(optional: Secured) -> None:
    assert optional.ask(CLIENTS.issue(SPIFFE)) == "fine"
    closed = optional.closed()
    assert (closed["principal"], closed["client"], closed["outcome"]) == (SPIFFE, LOOPBACK, "completed")
    assert closed["credential"].startswith("x509:")
    assert optional.ask(BELOW.issue(SPIFFE)) == "fine"
    assert optional.ask(BELOW.issue(SPIFFE, chain=(BELOW.certificate,))) == "fine"


def test_without_a_certificate_another_credential_is_needed(optional: Secured) -> None:
    assert "No API key was given" in optional.ask(None)
    assert optional.ask(None, optional.gateway.key) == "fine"
    assert "Two different credentials" in optional.ask(CLIENTS.issue(SPIFFE), optional.gateway.key)


BAD = {
    "an unknown authority": Authority("elsewhere").issue(SPIFFE),
    "the same name with another key": Authority("clients of example.org").issue(SPIFFE),
    "an authority beyond the lists": UNLISTED.issue(SPIFFE, chain=(UNLISTED.certificate,)),
    "expired": CLIENTS.issue(SPIFFE, begins=NOW - 2 * DAY, ends=NOW - timedelta(minutes=1)),
    "not valid yet": CLIENTS.issue(SPIFFE, begins=NOW + timedelta(minutes=30)),
    "a server's": CLIENTS.issue(SPIFFE, uses=[SERVER]),
    "without a purpose": CLIENTS.issue(SPIFFE, uses=None),
    "not for signatures": CLIENTS.issue(SPIFFE, key_usage=usage(signature=False)),
    "issued by a holder": CLIENTS.issue(SPIFFE, authority=True),
    "two names": CLIENTS.issue(SPIFFE, SPIFFE + "2"),
    "another trust domain": CLIENTS.issue("spiffe://example.com/agent"),
    "a weak key": CLIENTS.issue(SPIFFE, key=rsa.generate_private_key(65537, 1024)),
}


@pytest.mark.parametrize("which", BAD)
def test_a_bad_certificate_gets_nobody_in_not_even_with_a_key(optional: Secured, which: str) -> None:
    before = len(optional.gateway.records())
    told = optional.ask(BAD[which], optional.gateway.key)
    if "UNAVAILABLE" in told:
        assert len(optional.gateway.records()) == before  # refused in the handshake
    else:
        assert "names nobody here" in told
        assert optional.closed()["reason"] == "certificate_invalid"


def test_an_open_connection_ends_with_its_certificate(optional: Secured) -> None:
    ends = datetime.now(UTC) + timedelta(seconds=4)
    client = optional.client(CLIENTS.issue("spiffe://example.org/brief", ends=ends))
    assert infer(client) == "fine"
    eventually(lambda: "has expired" in infer(client), 8, "the next call on the same connection is refused")
    client.close()


def test_a_revoked_certificate_gets_nothing_more_on_the_connection_that_it_has(optional: Secured) -> None:
    held, other = CLIENTS.issue("spiffe://example.org/held"), CLIENTS.issue("spiffe://example.org/other")
    client = optional.client(held)
    assert infer(client) == "fine"
    optional.list_is(CLIENTS.list_of(held) + BELOW.list_of())
    eventually(lambda: "it was revoked" in infer(client), 5, "the next call on the same connection is refused")
    assert "it was revoked" in optional.ask(held)
    assert optional.ask(other) == "fine"
    client.close()
    optional.list_is(CLIENTS.list_of() + BELOW.list_of())


def test_a_renewed_certificate_is_shown_to_the_next_connection_and_open_ones_go_on(optional: Secured) -> None:
    client = optional.client(CLIENTS.issue(SPIFFE))
    assert infer(client) == "fine"
    others = trustme.CA()
    pair = others.issue_cert(LOOPBACK).private_key_and_cert_chain_pem
    kept = (optional.folder / "server.pem").read_bytes()
    fresh = optional.folder / "server.new"

    def serves(pem: bytes, trusted: bytes) -> None:
        fresh.write_bytes(pem)
        fresh.replace(optional.folder / "server.pem")
        optional.trusted = trusted
        eventually(lambda: optional.ask(CLIENTS.issue(SPIFFE)) == "fine", 6, "the new certificate is shown")

    trusted = optional.trusted
    serves(pair.bytes(), others.cert_pem.bytes())
    assert infer(client) == "fine"
    client.close()
    serves(kept, trusted)


def test_where_certificates_are_required_nobody_connects_without_one(tmp_path: Path) -> None:
    with secured(tmp_path, required=True) as found:
        told = found.ask(None, found.gateway.key)
        assert "UNAVAILABLE" in told
        assert found.ask(CLIENTS.issue(SPIFFE)) == "fine"
        assert yaml.safe_load(found.gateway.config.read_text())["listen"]["tls"]["clients"]["required"] is True
