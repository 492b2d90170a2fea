"""Clients of a TLS listener that take their time where no HTTP deadline runs yet, or runs no more.

The handshake has the time of a request head, the close of a connection a few seconds. A test waits for the gateway to
end the connection; the bounds are far below what the event loop would allow by itself (60 and 30 seconds).
"""

import socket
import ssl
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from attack.recording import RecordingBackend
from attack.vectors import plain_request
from integration.gateway import Gateway, running
from integration.polling import LOOPBACK

WITHIN = 8.0


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture(scope="module")
def trust(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


@pytest.fixture(scope="module")
def secured(
    tmp_path_factory: pytest.TempPathFactory, authority: trustme.CA, trust: ssl.SSLContext
) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("handshakes")
    issued = authority.issue_cert(LOOPBACK)
    issued.private_key_and_cert_chain_pem.write_to_path(folder / "both.pem")
    (folder / "both.pem").chmod(0o600)
    tls = {"certificate": str(folder / "both.pem"), "key": str(folder / "both.pem")}
    changes = {"listen": {"tls": tls, "deadlines": {"header": "1s"}}}
    with RecordingBackend() as back_end, running(folder, back_end.url, changes, trust) as gateway:
        yield gateway


class Client:
    """A TLS client that sends what it is told to and nothing by itself."""

    def __init__(self, gateway: Gateway, trust: ssl.SSLContext) -> None:
        self.socket = socket.create_connection(gateway.data, timeout=WITHIN)
        self.arrived, self.outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self.tls = trust.wrap_bio(self.arrived, self.outgoing, server_hostname=LOOPBACK)

    def hello(self) -> bytes:
        with pytest.raises(ssl.SSLWantReadError):
            self.tls.do_handshake()
        return self.outgoing.read()

    def shake_hands(self) -> None:
        while True:
            try:
                self.tls.do_handshake()
            except ssl.SSLWantReadError:
                self.flush()
                self.arrived.write(self.socket.recv(65536))
            else:
                self.flush()
                return

    def flush(self) -> None:
        self.socket.sendall(self.outgoing.read())

    def ask(self, request: bytes) -> bytes:
        """Everything up to the gateway's close_notify, which is not answered."""
        self.tls.write(request)
        self.flush()
        told = b""
        while True:
            try:
                part = self.tls.read(65536)
            except ssl.SSLWantReadError:
                raw = self.socket.recv(65536)
                assert raw, "the connection ended without a close_notify"
                self.arrived.write(raw)
            else:
                told += part
                if not part:
                    return told

    def is_left(self) -> bool:
        """The gateway ends the connection; a TimeoutError says that it did not."""
        try:
            while self.socket.recv(65536):
                pass
        except ConnectionResetError:
            pass
        self.socket.close()
        return True


@pytest.fixture
def client(secured: Gateway, trust: ssl.SSLContext) -> Iterator[Client]:
    made = Client(secured, trust)
    yield made
    made.socket.close()


@pytest.mark.parametrize("part", [0.0, 0.5, 1.0], ids=["nothing", "half a hello", "a hello and no more"])
def test_a_handshake_that_does_not_go_on_is_ended(client: Client, secured: Gateway, part: float) -> None:
    hello = client.hello()
    client.socket.sendall(hello[: int(len(hello) * part)])
    assert client.is_left()
    assert secured.chat("still here").status == 200


def test_a_client_that_never_says_goodbye_is_left(client: Client, secured: Gateway) -> None:
    client.shake_hands()
    request = plain_request(secured.key, "last").replace("\r\n\r\n", "\r\nConnection: close\r\n\r\n", 1)
    assert client.ask(request.encode()).startswith(b"HTTP/1.1 200 ")
    assert client.is_left()
