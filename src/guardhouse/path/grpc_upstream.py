"""Connections to model servers that speak gRPC: channels in the pool, each for one request at a time.

Whatever the pool and the carriage know of a connection holds for these: deadlines, breakers, retries, and that nothing
is sent twice. The request comes as it would go over HTTP, and its head becomes metadata: the credential of the target,
the trace and the request's id, nothing else. The answer is one message, handed on whole. A call is one batch of the
core, without what the library has around it: another task for each call, and a look at all tasks where a channel ends.

A channel leads to the addresses that were looked at (dialling.py) and to no other: it is given addresses, never a name,
and asks no proxy. Over https:// the server's certificate is verified for the target's name.
"""

import asyncio
import ssl
from time import time
from typing import Any, Final

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path.dialling import Resolve, looked_up
from guardhouse.path.fault import describe
from guardhouse.path.grpc_library import cygrpc, grpc
from guardhouse.path.grpc_status import DEADLINE, OK, UNAVAILABLE, http_status
from guardhouse.path.upstream import Dial, Pool, Sink, UpstreamConnection
from guardhouse.policy.reaching import Patience
from guardhouse.policy.snapshot import Target
from guardhouse.wire.http1.head import ResponseHead
from guardhouse.wire.resolving import resolved

KIND: Final = "kserve-grpc"
_SENT: Final = frozenset((b"authorization", b"traceparent", b"tracestate", b"x-request-id"))
_TEXT: Final = {b"content-type": b"text/plain; charset=utf-8"}
_MESSAGE: Final = {b"content-type": b"application/grpc"}
_TOO_LARGE: Final = "Received message larger than max"
_FOREVER: Final = float("inf")

Metadata = tuple[tuple[str, str], ...]


class GrpcConnection(UpstreamConnection):
    __slots__ = ("_call", "_channel", "_core", "_task")

    def __init__(self, pool: Pool, channel: Any) -> None:
        super().__init__(pool)
        self._channel = channel  # closes the core's when it goes
        self._core = channel._channel  # noqa: SLF001 - see the head of grpc_server.py
        self._call: Any = None
        self._task: asyncio.Task[None] | None = None

    def send(self, request: bytes, sink: Sink, patience: Patience) -> None:
        pool = self._pool
        self._sink = sink
        self._patience = patience
        self._waiting_for = Reason.UPSTREAM_FIRST_BYTE_TIMEOUT
        now = pool.clock()
        self.deadline = now + patience.first_byte
        self.final = now + patience.whole
        path, metadata, body = taken_apart(request)
        left = min(patience.first_byte, patience.whole)
        until = None if left == _FOREVER else time() + left + 1.0  # for the server to know; the sweep is the judge
        self._call = self._core.call(path, until, None, None)
        self._task = pool.loop.create_task(self._answered(self._call, metadata, body, sink))

    def discard(self) -> None:
        """Close now: what is under way is cancelled, and the server is told."""
        super().discard()
        if self._call is not None:
            self._call.cancel("")
            self._call = None
        core, self._core = self._core, None
        if core is not None:
            core.close()

    def _end(self, sink: Sink, problem: Denial | None) -> None:
        self._sink = None
        if problem is None:
            self._call = None
            self._pool.give_back(self)
        else:
            self.discard()
        sink.ended(problem)

    async def _answered(self, call: Any, metadata: Metadata, body: bytes, sink: Sink) -> None:
        problem: Denial | None = None
        whole = False
        try:
            message = await call.unary_unary(body, metadata)
            status, told = await call.status(), await call.initial_metadata()
            if self._sink is not sink:
                return  # it was discarded meanwhile, and whoever did that knows
            whole = status.code() == OK
            if not whole:
                problem = _failed(status.code(), status.details() or "", bool(told or status.trailing_metadata()), sink)
            elif message is None:
                problem = Denial(Reason.RESPONSE_UNREADABLE)
            else:
                problem = sink.received(ResponseHead(200, _MESSAGE), message, True)
        except (asyncio.CancelledError, cygrpc.ExecuteBatchError):
            if self._sink is not sink:
                return
            problem = Denial(Reason.UPSTREAM_CLOSED_EARLY)
        if problem is None and not whole:
            self._sink = None
            self.discard()  # what the failure has left of the channel is not worth finding out
            sink.ended(None)
        else:
            self._end(sink, problem)


def taken_apart(request: bytes) -> tuple[bytes, Metadata, bytes]:
    """Path, metadata and message of a request that was rendered for HTTP."""
    head, _, body = request.partition(b"\r\n\r\n")
    line, *lines = head.split(b"\r\n")
    fields = [each.partition(b": ") for each in lines]
    metadata = tuple([(name.decode("ascii"), value.decode("latin-1")) for name, _, value in fields if name in _SENT])
    return line.split(b" ")[1], metadata, body


def _failed(code: int, details: str, told: bool, sink: Sink) -> Denial | None:
    """A status is an answer; one that the library made up itself, with nothing told beside it, is a failure of the
    connection."""
    if details.startswith((_TOO_LARGE, f"CLIENT: {_TOO_LARGE}")):
        return Denial(Reason.RESPONSE_TOO_LARGE)
    if not told and code == UNAVAILABLE:
        return Denial(Reason.UPSTREAM_CLOSED_EARLY)
    if not told and code == DEADLINE:
        return Denial(Reason.UPSTREAM_FIRST_BYTE_TIMEOUT)
    return sink.received(ResponseHead(http_status(code), _TEXT), details.encode("utf-8", "replace"), True)


def dialler(otherwise: Dial, resolve: Resolve = resolved) -> Dial:
    """Channels for targets that speak gRPC; whoever dials `otherwise` for all others."""

    async def dial(pool: Pool, patience: Patience) -> UpstreamConnection | Denial:
        if pool.target.kind != KIND:
            return await otherwise(pool, patience)
        deadline = pool.clock() + patience.connect
        addresses = await looked_up(pool, resolve, deadline)
        if isinstance(addresses, Denial):
            return addresses
        channel = open_channel(pool.target, addresses, pool.settings.response_body)
        if isinstance(channel, Denial):
            return channel
        try:
            async with asyncio.timeout(deadline - pool.clock()):
                await ready(channel)
        except BaseException:  # also where nobody waits any more: the channel is closed, and the failure goes on
            await channel.close()
            raise
        return GrpcConnection(pool, channel)

    return dial


async def ready(channel: Any) -> None:
    """OSError as soon as the first attempt has failed; the library itself would go on trying."""
    state = channel.get_state(try_to_connect=True)
    while state is not grpc.ChannelConnectivity.READY:
        if state in (grpc.ChannelConnectivity.TRANSIENT_FAILURE, grpc.ChannelConnectivity.SHUTDOWN):
            raise ConnectionRefusedError
        await channel.wait_for_state_change(state)
        state = channel.get_state(try_to_connect=True)


def open_channel(target: Target, addresses: list[str], largest: int) -> Any:
    version = "ipv6" if ":" in addresses[0] else "ipv4"
    same = [address for address in addresses if (":" in address) == (version == "ipv6")]
    hosts = [f"[{address}]:{target.port}" if version == "ipv6" else f"{address}:{target.port}" for address in same]
    where = f"{version}:{','.join(hosts)}"
    options: list[tuple[str, Any]] = [
        ("grpc.default_authority", f"{target.host}:{target.port}"),
        ("grpc.max_receive_message_length", largest),
        ("grpc.max_send_message_length", -1),  # the listener has held it to its own limit
        ("grpc.enable_http_proxy", 0),
        ("grpc.enable_retries", 0),
        ("grpc.service_config_disable_resolution", 1),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.compression_enabled_algorithms_bitset", 1),
    ]
    if target.scheme == "http":
        return grpc.aio.insecure_channel(where, options=options)
    tls = target.tls
    name = (None if tls is None else tls.server_name) or target.host
    try:
        roots, key, chain = _proofs(target)
    except OSError as error:
        return Denial(Reason.UPSTREAM_TLS_FAILED, describe(error))
    options.append(("grpc.ssl_target_name_override", name))
    return grpc.aio.secure_channel(where, grpc.ssl_channel_credentials(roots, key, chain), options=options)


def _proofs(target: Target) -> tuple[bytes | None, bytes | None, bytes | None]:
    """The authorities that the server's certificate is verified by, and what the gateway shows in turn."""
    tls = target.tls
    authorities = None if tls is None else tls.authorities
    system = ssl.get_default_verify_paths().cafile
    roots = authorities.read_bytes() if authorities is not None else _read(system)
    key = None if tls is None or tls.key is None else tls.key.read_bytes()
    chain = None if tls is None or tls.certificate is None else tls.certificate.read_bytes()
    return roots, key, chain


def _read(path: str | None) -> bytes | None:
    if path is None:
        return None
    with open(path, "rb") as opened:  # noqa: PTH123 - a path of the system, as the library names it
        return opened.read()
