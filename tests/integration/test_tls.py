"""The TLS listener: what it speaks, what it refuses, and that a request means the same inside it."""

import socket
import ssl
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import trustme

from attack.recording import RecordingBackend
from integration.gateway import Gateway, running
from integration.polling import LOOPBACK
from integration.raw_http import ask, request


@dataclass(frozen=True, slots=True)
class Secured:
    gateway: Gateway
    authority: trustme.CA

    def context(self) -> ssl.SSLContext:
        return trusting(self.authority)

    def handshake(self, context: ssl.SSLContext) -> ssl.SSLSocket:
        plain = socket.create_connection(self.gateway.data, timeout=5)
        return context.wrap_socket(plain, server_hostname=LOOPBACK)


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="module")
def secured(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Secured]:
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    certificate = authority.issue_cert(LOOPBACK)
    for number, blob in enumerate(certificate.cert_chain_pems):
        blob.write_to_path(folder / "cert.pem", append=number > 0)
    certificate.private_key_pem.write_to_path(folder / "key.pem")
    (folder / "key.pem").chmod(0o600)
    changes = {"listen": {"tls": {"certificate": str(folder / "cert.pem"), "key": str(folder / "key.pem")}}}
    with RecordingBackend() as back_end, running(folder, back_end.url, changes, trusting(authority)) as gateway:
        yield Secured(gateway, authority)


def test_a_request_means_the_same_inside_tls(secured: Secured) -> None:
    answer = secured.gateway.chat("under cover")
    assert answer.document["choices"][0]["message"]["content"] == "under cover"
    assert answer.header("server") is None


def test_a_stream_means_the_same_inside_tls(secured: Secured) -> None:
    answer = secured.gateway.chat("stream:30", stream=True)
    assert answer.events[-1] == "[DONE]"
    assert len(answer.events) > 30


def test_an_error_says_nothing_about_the_server(secured: Secured) -> None:
    answer = ask(secured.gateway.data, b"nonsense\r\n\r\n", tls=secured.context())
    assert answer.status == 400
    assert answer.header("server") is None
    assert answer.header("x-powered-by") is None


@pytest.mark.parametrize("offered", [["h2", "http/1.1"], ["http/1.1"], ["http/1.1", "h2", "spdy/3"]])
def test_only_http_1_1_is_negotiated(secured: Secured, offered: list[str]) -> None:
    context = secured.context()
    context.set_alpn_protocols(offered)
    with secured.handshake(context) as connection:
        assert connection.selected_alpn_protocol() == "http/1.1"


def test_http_2_is_never_agreed_on(secured: Secured) -> None:
    context = secured.context()
    context.set_alpn_protocols(["h2"])
    try:
        with secured.handshake(context) as connection:
            agreed = connection.selected_alpn_protocol()
    except ssl.SSLError:
        agreed = None  # the handshake was refused, which is as good
    assert agreed is None


def test_http_2_over_an_agreed_http_1_1_is_refused(secured: Secured) -> None:
    preface = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00"
    answer = ask(secured.gateway.data, preface, tls=secured.context())
    assert (answer.status, answer.code) == (400, "http2_unsupported")


def refused_by_the_gateway(secured: Secured, context: ssl.SSLContext) -> bool:
    """It ended the handshake, by an alert or by hanging up; a refusal of our own side would be another error."""
    try:
        secured.handshake(context).close()
    except (ssl.SSLEOFError, ConnectionResetError):
        return True
    except ssl.SSLError as error:
        return "ALERT" in str(error)
    return False


@pytest.mark.parametrize("version", ["TLSv1", "TLSv1_1"])
def test_old_versions_are_refused(secured: Secured, version: str) -> None:
    context = secured.context()
    context.set_ciphers("ALL:@SECLEVEL=0")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    assert refused_by_the_gateway(secured, context)


@pytest.mark.parametrize("version", ["TLSv1_2", "TLSv1_3"])
def test_current_versions_are_spoken(secured: Secured, version: str) -> None:
    context = secured.context()
    context.minimum_version = context.maximum_version = ssl.TLSVersion[version]
    with secured.handshake(context) as connection:
        assert connection.version() == version.replace("_", ".")


def test_a_cipher_with_both_is_spoken(secured: Secured) -> None:
    context = secured.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers("ECDHE-ECDSA-AES128-GCM-SHA256:@SECLEVEL=0")
    assert not refused_by_the_gateway(secured, context)


@pytest.mark.parametrize("cipher", ["AES128-SHA", "AES256-GCM-SHA384", "ECDHE-ECDSA-AES128-SHA", "DHE-RSA-AES128-SHA"])
def test_ciphers_without_forward_secrecy_or_authentication_are_refused(secured: Secured, cipher: str) -> None:
    context = secured.context()
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(f"{cipher}:@SECLEVEL=0")
    assert refused_by_the_gateway(secured, context)


def test_plain_http_on_the_tls_port_gets_nothing(secured: Secured) -> None:
    with socket.create_connection(secured.gateway.data, timeout=5) as connection:
        connection.sendall(request("GET", "/healthz"))
        try:
            told = connection.recv(4096)
        except ConnectionResetError:
            told = b""
    assert not told.startswith(b"HTTP/")
    assert secured.gateway.chat("still here").status == 200


def test_a_handshake_that_is_garbage_harms_nobody(secured: Secured) -> None:
    for raw in (
        b"\x16\x03\x01\xff\xff" + b"\x00" * 200,
        b"\x80\x2e\x01\x03\x01",
        b"\x15\x03\x03\x00\x02\x02\x28",
        b"\x16",
    ):
        with socket.create_connection(secured.gateway.data, timeout=5) as connection:
            connection.sendall(raw)
            connection.shutdown(socket.SHUT_WR)
            try:
                while connection.recv(4096):
                    pass
            except ConnectionResetError:
                continue
    assert secured.gateway.chat("still here").status == 200
