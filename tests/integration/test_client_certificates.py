"""Callers with certificates: who gets in by one, and the many that do not.

A certificate may fail in two places. The handshake refuses what does not lead to the authority, is out of its dates,
made for another purpose or too weak; the caller sees an alert. What passes it and still names nobody gets an answer
with a reason. Which of the two it is does not matter here: nobody gets through.
"""

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
import trustme
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from attack.recording import RecordingBackend
from identity.authority import DAY, NOW, SERVER, SPIFFE, Authority, Issued, usage
from integration.gateway import Gateway, running
from integration.polling import LOOPBACK, eventually
from integration.raw_http import Answer, AnswerMalformedError, ask, request

CLIENTS = Authority("clients of example.org")
BELOW = Authority("workloads", above=CLIENTS)
STRANGER = Authority("clients of example.org")  # by name the same, by key another
MINUTE = timedelta(minutes=1)


@dataclass(slots=True)
class Secured:
    folder: Path
    gateway: Gateway
    trusted: Path
    number: int = 0

    def context(self, issued: Issued | None) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.trusted))
        if issued is not None:
            self.number += 1
            context.load_cert_chain(*issued.save(self.folder, f"client{self.number}"))
        return context

    def chat(self, issued: Issued | None, content: str = "hello", **headers: str) -> Answer:
        document = {"model": "tiny", "messages": [{"role": "user", "content": content}]}
        data = request("POST", "/v1/chat/completions", headers=headers, document=document)
        return ask(self.gateway.data, data, tls=self.context(issued))

    def list_is(self, content: bytes) -> None:
        fresh = self.folder / "clients.crl.new"
        fresh.write_bytes(content)
        fresh.replace(self.folder / "clients.crl")


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder = tmp_path_factory.mktemp("mtls")
    servers = trustme.CA()
    servers.cert_pem.write_to_path(folder / "servers.pem")
    servers.issue_cert(LOOPBACK).private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    (folder / "clients.pem").write_bytes(CLIENTS.pem + BELOW.pem)
    (folder / "clients.crl").write_bytes(CLIENTS.list_of() + BELOW.list_of())
    clients = {
        "authorities": "clients.pem",
        "crl": "clients.crl",
        "trust_domain": "example.org",
        "groups": ["research"],
    }
    changes = {"listen": {"tls": {"certificate": "server.pem", "key": "server.pem", "clients": clients}}}
    trusting = ssl.create_default_context(cafile=str(folder / "servers.pem"))
    with RecordingBackend(pause=0.005) as back_end, running(folder, back_end.url, changes, trusting) as gateway:
        yield Secured(folder, gateway, folder / "servers.pem")


def test_a_certificate_names_its_holder_in_the_journal(secured: Secured) -> None:
    assert secured.chat(CLIENTS.issue(SPIFFE)).status == 200
    closed = [each for each in secured.gateway.records() if each["kind"] == "closed"][-1]
    assert closed["principal"] == SPIFFE
    assert closed["credential"].startswith("x509:")


def test_a_certificate_below_an_authority_of_the_file_counts(secured: Secured) -> None:
    assert secured.chat(BELOW.issue(SPIFFE)).status == 200
    assert secured.chat(BELOW.issue(SPIFFE, chain=(BELOW.certificate,))).status == 200


def test_a_caller_without_one_may_still_use_a_key(secured: Secured) -> None:
    assert secured.chat(None).code == "credential_missing"
    assert secured.chat(None, Authorization=f"Bearer {secured.gateway.key}").status == 200


def test_a_certificate_and_a_key_are_two_credentials(secured: Secured) -> None:
    answer = secured.chat(CLIENTS.issue(SPIFFE), Authorization=f"Bearer {secured.gateway.key}")
    assert (answer.status, answer.code) == (401, "credentials_conflict")


UNLISTED = Authority("not in the file", above=CLIENTS)
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())
BAD = {
    "signed by itself": STRANGER.issue(SPIFFE),
    "an unknown authority": Authority("elsewhere").issue(SPIFFE),
    "an authority beyond the lists": UNLISTED.issue(SPIFFE, chain=(UNLISTED.certificate,)),
    "expired": CLIENTS.issue(SPIFFE, begins=NOW - 2 * DAY, ends=NOW - MINUTE),
    "not valid yet": CLIENTS.issue(SPIFFE, begins=NOW + 30 * MINUTE),
    "a server's": CLIENTS.issue(SPIFFE, uses=[SERVER]),
    "without a purpose": CLIENTS.issue(SPIFFE, uses=None),
    "not for signatures": CLIENTS.issue(SPIFFE, key_usage=usage(signature=False)),
    "issued by a holder": CLIENTS.issue(SPIFFE, authority=True),
    "no name": CLIENTS.issue(),
    "two names": CLIENTS.issue(SPIFFE, SPIFFE + "2"),
    "only a DNS name": CLIENTS.issue("agent.example.org"),
    "another trust domain": CLIENTS.issue("spiffe://example.com/agent"),
    "a subdomain of the trust domain": CLIENTS.issue("spiffe://a.example.org/agent"),
    "a path that climbs": CLIENTS.issue("spiffe://example.org/a/../admin"),
    "a weak key": CLIENTS.issue(SPIFFE, key=rsa.generate_private_key(65537, 1024)),
}


@pytest.mark.parametrize("which", BAD)
def test_a_bad_certificate_gets_nobody_in(secured: Secured, which: str) -> None:
    before = len(secured.gateway.records())
    try:
        answer = secured.chat(BAD[which])
    except (OSError, AssertionError, AnswerMalformedError):
        assert len(secured.gateway.records()) == before  # refused in the handshake
    else:
        assert answer.status == 401
        assert answer.code == "certificate_invalid"
    assert secured.chat(CLIENTS.issue(SPIFFE)).status == 200


def test_a_leaf_cannot_issue(secured: Secured) -> None:
    leaf = CLIENTS.issue("spiffe://example.org/leaf")
    posing = Authority("posing")
    posing.key, posing.certificate = leaf.key, leaf.certificate
    with pytest.raises((OSError, AssertionError)):
        secured.chat(posing.issue(SPIFFE, chain=(leaf.certificate,)))


def test_a_certificate_without_its_key_is_worth_nothing(secured: Secured) -> None:
    issued = CLIENTS.issue(SPIFFE)
    stolen = Issued(issued.certificate, OTHER_KEY)
    certificate, key = stolen.save(secured.folder, "stolen")
    host, port = secured.gateway.data
    words = ["openssl", "s_client", "-connect", f"{host}:{port}", "-cert", str(certificate), "-key", str(key), "-brief"]
    done = subprocess.run(words, input=b"", capture_output=True, timeout=20, check=False)
    assert done.returncode != 0


@dataclass
class Listing:
    """One answer on a connection that is ended in order, without which OpenSSL forgets the session."""

    answer: bytes
    session: ssl.SSLSession | None
    resumed: bool | None


def listing(secured: Secured, context: ssl.SSLContext, session: ssl.SSLSession | None = None) -> Listing:
    plain = socket.create_connection(secured.gateway.data, timeout=5)
    connection = context.wrap_socket(plain, server_hostname=LOOPBACK, session=session)
    connection.sendall(request("GET", "/v1/models"))
    told = Listing(connection.recv(65536), connection.session, connection.session_reused)
    connection.unwrap().close()
    return told


def test_a_session_of_tls_1_3_is_not_resumed(secured: Secured) -> None:
    context = secured.context(CLIENTS.issue(SPIFFE))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    first = listing(secured, context)
    assert first.answer.startswith(b"HTTP/1.1 200")
    assert first.session is None or not first.session.has_ticket


def test_a_session_that_is_resumed_ends_with_the_certificate_that_it_began_with(secured: Secured) -> None:
    held = CLIENTS.issue("spiffe://example.org/resuming")
    context = secured.context(held)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    first = listing(secured, context)
    again = listing(secured, context, first.session)
    assert again.answer.startswith(b"HTTP/1.1 200")
    assert again.resumed
    secured.list_is(CLIENTS.list_of(held) + BELOW.list_of())
    eventually(lambda: secured.chat(held).code == "credential_revoked", 3, "the certificate is refused")
    refused = listing(secured, context, first.session)
    assert refused.resumed
    assert b"credential_revoked" in refused.answer


def test_a_revoked_certificate_gets_nothing_more_and_its_open_streams_end(secured: Secured) -> None:
    held, other = CLIENTS.issue(SPIFFE), CLIENTS.issue("spiffe://example.org/other")
    document = {"model": "tiny", "messages": [{"role": "user", "content": "stream:100000"}], "stream": True}
    context = secured.context(held)
    plain = socket.create_connection(secured.gateway.data, timeout=8)
    with context.wrap_socket(plain, server_hostname=LOOPBACK) as connection:
        connection.sendall(request("POST", "/v1/chat/completions", document=document))
        told = connection.recv(65536)
        assert told.startswith(b"HTTP/1.1 200")
        secured.list_is(CLIENTS.list_of(held) + BELOW.list_of())
        began = time.monotonic()
        while part := connection.recv(65536):
            told = (told + part)[-200_000:]
        assert time.monotonic() - began < 5
    assert b"credential_revoked" in told
    eventually(lambda: secured.chat(held).code == "credential_revoked", 3, "the certificate is refused")
    assert secured.chat(other).status == 200
    counted = 'guardhouse_events_total{name="identity.revocation_lists"}'
    eventually(lambda: counted in secured.gateway.metrics(), 3, "the new list is an event")


def test_an_authority_that_is_revoked_takes_its_certificates_along(secured: Secured) -> None:
    issued = BELOW.issue(SPIFFE)
    assert secured.chat(issued).status == 200
    secured.list_is(CLIENTS.list_of(BELOW) + BELOW.list_of())
    eventually(lambda: secured.chat(issued).code == "credential_revoked", 5, "what it has issued is refused")
    assert secured.chat(CLIENTS.issue(SPIFFE)).status == 200
    secured.list_is(CLIENTS.list_of() + BELOW.list_of())
    eventually(lambda: secured.chat(issued).status == 200, 5, "a newer list is believed")
