"""The port for gRPC, in each worker's loop.

grpcio does HTTP/2: framing, flow control, pings, deadlines. It is told to take no compression, no message beyond the
limit for bodies, so much metadata and so many streams on a connection, and to drop who pings too often. What calls
become is in grpc_port.py. This file stays interpreted: the library asks of a handler whether it is a coroutine.
"""

from pathlib import Path
from typing import Any, Final

from guardhouse.path.grpc_library import grpc
from guardhouse.path.grpc_port import serve
from guardhouse.path.grpc_upstream import dialler
from guardhouse.path.plane import DataPlane
from guardhouse.policy.settings import Listen, Tls

__all__ = ["dialler", "listen"]  # what the worker asks for

_STREAMS: Final = 100  # of one connection at a time


async def listen(plane: DataPlane) -> tuple[Any, int]:
    """Start listening: what is to be stopped with `stop(grace)`, and the port."""
    settings = plane.settings.listen
    assert settings.grpc is not None
    server = grpc.aio.server(
        options=options_of(settings, plane.settings.upstream.response_body, plane.settings.workers)
    )
    server.add_generic_rpc_handlers((Handlers(plane),))
    address = str(settings.grpc.address)
    if settings.tls is None:
        bound = server.add_insecure_port(address)
    else:
        bound = server.add_secure_port(address, proofs(settings.tls))
    if not bound:
        raise OSError(f"listen.grpc cannot have the address {address}")
    await server.start()
    return server, bound


def options_of(settings: Listen, largest_answer: int, workers: int) -> list[tuple[str, int]]:
    limits, deadlines = settings.limits, settings.deadlines
    return [
        ("grpc.so_reuseport", int(workers > 1)),
        ("grpc.max_receive_message_length", limits.body),
        ("grpc.max_send_message_length", largest_answer),
        ("grpc.max_metadata_size", limits.header_bytes),
        ("grpc.absolute_max_metadata_size", limits.header_bytes),
        ("grpc.max_concurrent_streams", _STREAMS),
        ("grpc.compression_enabled_algorithms_bitset", 1),  # none but identity
        ("grpc.max_connection_idle_ms", int(deadlines.idle * 1000)),
        ("grpc.server_handshake_timeout_ms", int(deadlines.header * 1000)),
        ("grpc.keepalive_permit_without_calls", 0),
        ("grpc.http2.min_ping_interval_without_data_ms", 30_000),
        ("grpc.http2.max_ping_strikes", 2),
    ]


class Handlers:
    """Asked by the library for who handles a call; every method is handled, so that every call is recorded."""

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane

    def service(self, details: Any) -> Any:
        plane, method, metadata = self._plane, details.method, details.invocation_metadata

        async def handle(requests: Any, context: Any) -> bytes:
            return await serve(plane, method, metadata, context)

        return grpc.stream_unary_rpc_method_handler(handle)


def proofs(tls: Tls) -> Any:
    """The certificate of the data port, read again for each handshake in which it is another."""
    files = (tls.key, tls.certificate)
    latest = [_pair(files)]

    def renewed() -> Any:
        try:
            pair = _pair(files)
        except OSError:
            return None
        if pair == latest[0]:
            return None
        latest[0] = pair
        return grpc.ssl_server_certificate_configuration([pair])

    return grpc.dynamic_ssl_server_credentials(grpc.ssl_server_certificate_configuration([latest[0]]), renewed, False)


def _pair(files: tuple[Path, Path]) -> tuple[bytes, bytes]:
    return files[0].read_bytes(), files[1].read_bytes()
