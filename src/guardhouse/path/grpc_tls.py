"""TLS of the port for gRPC: the same as that of the data port, to the last rule.

The library could do TLS by itself, but it would verify certificates by other rules, and it knows no caller who may have
one and need not. So TLS ends here, with the context of the data port and HTTP/2 offered in it, and what it carries goes
on to the library over a socket of this process. That socket has a name; by it the library names whom a call comes
from, and `Peers` knows who that is. Whoever else on the machine finds the library's own address has no name there, and
is nobody.

Each side stops reading while the other cannot write, and ends when the other ends. Calls and connections count together
against `connections_per_address`.
"""

import asyncio
import logging
import socket
from typing import Any, Protocol, cast
from urllib.parse import quote

from guardhouse.identity.certificate import Certified
from guardhouse.path.fault import describe
from guardhouse.path.plane import DataPlane

log = logging.getLogger("guardhouse.path")

_OFFERED = "h2"


class Peer(Protocol):
    """Who is at the other end of a connection."""

    @property
    def address(self) -> str: ...
    @property
    def certificate(self) -> Certified | None: ...


Peers = dict[str, Peer]  # by the names that the library has for them


class Refuse(Protocol):
    def __call__(self, plane: DataPlane, address: str) -> None: ...


class Side:
    """One side of a connection and what the other one asks of it: an asyncio.Protocol by its methods."""

    __slots__ = ("_other", "_transport")

    def __init__(self, other: "Side | None") -> None:
        self._other = other
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        if self._other is not None:
            self._other.write(data)

    def eof_received(self) -> bool:
        return False

    def pause_writing(self) -> None:
        if self._other is not None:
            self._other.pause()

    def resume_writing(self) -> None:
        if self._other is not None:
            self._other.resume()

    def connection_lost(self, exc: Exception | None) -> None:
        if self._other is not None:
            self._other.end()
            self._other = None

    # what the other side calls

    def write(self, data: bytes) -> None:
        assert self._transport is not None
        self._transport.write(data)

    def pause(self) -> None:
        assert self._transport is not None
        self._transport.pause_reading()

    def resume(self) -> None:
        assert self._transport is not None
        if not self._transport.is_closing():
            self._transport.resume_reading()

    def end(self) -> None:
        """What has been written still goes out."""
        assert self._transport is not None
        self._transport.close()


class Front(Side):
    """The caller's side. It is handed on once it has a name."""

    __slots__ = ("_connecting", "_name", "_peers", "_plane", "_refuse", "_where", "address", "certificate")

    def __init__(self, plane: DataPlane, peers: Peers, where: str, refuse: Refuse) -> None:
        super().__init__(None)
        self._plane = plane
        self._peers = peers
        self._where = where  # the library's address
        self._refuse = refuse
        self._connecting: asyncio.Task[None] | None = None
        self._name = ""
        self.address = ""
        self.certificate: Certified | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        assert self._transport is not None
        plane = self._plane
        self.address = transport.get_extra_info("peername")[0]
        tls = transport.get_extra_info("ssl_object")
        if plane.certificates is not None:
            der = tls.getpeercert(binary_form=True)
            self.certificate = None if der is None else plane.certificates.read(der)
        if not plane.count_in(self.address):
            self._refuse(plane, self.address)
            self._transport.abort()
        elif tls.selected_alpn_protocol() != _OFFERED:
            self._transport.abort()
        else:
            self._transport.pause_reading()
            self._connecting = plane.loop.create_task(self._connect())

    def connection_lost(self, exc: Exception | None) -> None:
        self._peers.pop(self._name, None)
        self._plane.count_out(self.address)
        if self._connecting is not None:
            self._connecting.cancel()
        super().connection_lost(exc)

    def end(self) -> None:
        """The name is nobody's from now on, as anybody on the machine may have it next."""
        self._peers.pop(self._name, None)
        super().end()

    async def _connect(self) -> None:
        """It has its name before the first byte goes on, so that no call comes from nobody."""
        loop = self._plane.loop
        near = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            near.setblocking(False)
            near.bind("")  # the system gives it a name
            await loop.sock_connect(near, self._where)
            self._name = name_of(near)
            back = Back(self)
            await loop.create_unix_connection(cast(Any, lambda: back), sock=near)
        except OSError as error:
            log.error("a connection could not be handed on: %s", describe(error))
            near.close()
            self.end()
            return
        self._peers[self._name] = self
        self._other = back
        self.resume()


class Back(Side):
    """The library's side: nothing that is on its way to it matters once the caller has left."""

    __slots__ = ()

    def end(self) -> None:
        assert self._transport is not None
        self._transport.abort()


def name_of(near: socket.socket) -> str:
    """What the library calls whoever comes from there."""
    name = near.getsockname()
    assert isinstance(name, bytes)
    return f"unix-abstract:{quote(name[1:])}"
