"""The port for gRPC, in each worker's loop.

grpcio does HTTP/2: framing, flow control, pings, deadlines. It is told to take no compression, no message beyond the
limit for bodies, so much metadata and so many streams on a connection, and to drop who pings too often. TLS is done
before it (grpc_tls.py), how calls are taken is in grpc_server.py, and what becomes of them in grpc_port.py.
"""

import asyncio
import functools
import ssl
from secrets import token_hex
from typing import Any, Final

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path import grpc_tls
from guardhouse.path.grpc_port import serve, turn_away
from guardhouse.path.grpc_server import CallServer
from guardhouse.path.grpc_upstream import dialler
from guardhouse.path.plane import DataPlane
from guardhouse.path.tls import SHUTDOWN
from guardhouse.policy.settings import Listen
from guardhouse.wire.dialects.kserve.grpc import METHODS

__all__ = ["Port", "dialler", "listen"]  # what the worker asks for

_STREAMS: Final = 100  # of one connection at a time
_BACKLOG: Final = 4096


class Port:
    """What listens, until it is told to stop."""

    def __init__(self, number: int, calls: CallServer, front: asyncio.Server | None) -> None:
        self.number = number
        self._calls = calls
        self._front = front

    async def stop(self) -> None:
        """What is under way is cut."""
        if self._front is not None:
            self._front.close()
        await self._calls.stop()


async def listen(plane: DataPlane, tls: ssl.SSLContext | None) -> Port:
    settings = plane.settings.listen
    assert settings.grpc is not None
    peers: grpc_tls.Peers | None = None if tls is None else {}
    calls = CallServer(
        plane.loop,
        options_of(settings, plane.settings.upstream.response_body, plane.settings.workers),
        [method.decode() for method in METHODS],
        functools.partial(serve, plane, peers),
    )
    name = f"guardhouse-{token_hex(16)}"
    address = str(settings.grpc.address)
    number = calls.add_insecure_port((address if tls is None else f"unix-abstract:{name}").encode())
    if not number:
        raise OSError(f"listen.grpc cannot have the address {address}")
    await calls.start()
    if peers is None or tls is None:
        return Port(number, calls, None)
    front = await _front(plane, peers, f"\0{name}", tls)
    return Port(front.sockets[0].getsockname()[1], calls, front)


async def _front(plane: DataPlane, peers: grpc_tls.Peers, where: str, tls: ssl.SSLContext) -> asyncio.Server:
    listening = plane.settings.listen
    assert listening.grpc is not None
    made: Any = functools.partial(grpc_tls.Front, plane, peers, where, _refuse)
    return await plane.loop.create_server(
        made,
        listening.grpc.address.host,
        listening.grpc.address.port,
        ssl=tls,
        ssl_handshake_timeout=listening.deadlines.header,
        ssl_shutdown_timeout=SHUTDOWN,
        reuse_port=plane.settings.workers > 1,
        backlog=_BACKLOG,
    )


def _refuse(plane: DataPlane, address: str) -> None:
    turn_away(plane, address, Denial(Reason.CONNECTIONS_EXCEEDED, retry_after=1.0))


def options_of(settings: Listen, largest_answer: int, workers: int) -> list[tuple[str, int]]:
    limits, deadlines = settings.limits, settings.deadlines
    metadata = 2 * limits.header_bytes  # what is more than once that is refused by us, and leaves a record
    return [
        ("grpc.so_reuseport", int(workers > 1)),
        ("grpc.max_receive_message_length", limits.body),
        ("grpc.max_send_message_length", largest_answer),
        ("grpc.max_metadata_size", metadata),
        ("grpc.absolute_max_metadata_size", metadata),
        ("grpc.max_concurrent_streams", _STREAMS),
        ("grpc.compression_enabled_algorithms_bitset", 1),  # none but identity
        ("grpc.max_connection_idle_ms", int(deadlines.idle * 1000)),
        ("grpc.server_handshake_timeout_ms", int(deadlines.header * 1000)),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
        ("grpc.http2.max_ping_strikes", 2),
    ]
