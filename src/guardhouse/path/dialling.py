"""The one place where a socket to a model server is opened: to an address that was looked at, and to no other.

A name is resolved here, each time; what it may stand for is said by model/addresses.py and the target's `addresses`.
The connection is made to the very address that was judged, so that a name that means something else a moment later
(rebinding) gains nothing. Several addresses are tried one after the other, each with its part of what is left of the
time. The certificate is verified for the target's name whatever the address is.

Each phase has its time and its reason; what is not about time or addresses is an OSError, and means unreachable.
"""

import asyncio
import socket
import ssl
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import cast

from guardhouse.model.addresses import objection
from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path.upstream import Dial, Pool, UpstreamConnection
from guardhouse.policy.reaching import Patience
from guardhouse.wire.resolving import resolved

Resolve = Callable[[str, int], Awaitable[list[str]]]

_MOST = 8  # addresses of one name that are tried


def dialler(resolve: Resolve = resolved) -> Dial:
    async def dial(pool: Pool, patience: Patience) -> UpstreamConnection | Denial:
        deadline = pool.clock() + patience.connect
        allowed = await looked_up(pool, resolve, deadline)
        if isinstance(allowed, Denial):
            return allowed
        connected = await _connected(pool, allowed, deadline)
        return await _spoken_to(pool, connected, patience)

    return dial


async def looked_up(pool: Pool, resolve: Resolve, deadline: float) -> list[str] | Denial:
    """The addresses of the target that may be connected to."""
    target = pool.target
    async with asyncio.timeout(deadline - pool.clock()):
        found = await resolve(target.host, target.port)
    objections = {address: objection(address, target.host, target.addresses) for address in found}
    allowed = [address for address in found if not objections[address]]
    if allowed:
        return allowed[:_MOST]
    why = "resolves to nothing" if not found else objections[found[0]]
    pool.ward.report("target.address_refused", "alert", why, pool.clock())
    return Denial(Reason.UPSTREAM_ADDRESS_REFUSED)


async def _connected(pool: Pool, addresses: list[str], deadline: float) -> socket.socket:
    """TimeoutError or OSError if nobody accepts."""
    failure: OSError = ConnectionRefusedError()
    for left, address in zip(range(len(addresses), 0, -1), addresses, strict=True):
        made = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM)
        with ExitStack() as unless_kept:
            unless_kept.callback(made.close)
            try:
                made.setblocking(False)
                made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                async with asyncio.timeout((deadline - pool.clock()) / left):
                    await pool.loop.sock_connect(made, (address, pool.target.port))
            except OSError as error:  # a time-out is one
                failure = error
            else:
                unless_kept.pop_all()
                return made
    raise failure


async def _spoken_to(pool: Pool, connected: socket.socket, patience: Patience) -> UpstreamConnection | Denial:
    target = pool.target
    if target.scheme == "http":
        return await _made(pool, connected, None)
    context = pool.tls.context
    if context is None:
        connected.close()
        return Denial(Reason.UPSTREAM_TLS_FAILED)
    try:
        async with asyncio.timeout(patience.tls):
            return await _made(pool, connected, context)
    except TimeoutError:
        return Denial(Reason.UPSTREAM_TLS_TIMEOUT)
    except OSError as error:
        pool.ward.report("target.tls_failed", "warning", _why(error), pool.clock())
        return Denial(Reason.UPSTREAM_TLS_FAILED)


def _why(error: OSError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return error.verify_message
    return (error.reason if isinstance(error, ssl.SSLError) else "") or "the server ended the handshake"


async def _made(pool: Pool, connected: socket.socket, context: ssl.SSLContext | None) -> UpstreamConnection:
    target = pool.target
    name = None if context is None else (target.tls.server_name if target.tls is not None else None) or target.host
    with ExitStack() as unless_kept:
        unless_kept.callback(connected.close)
        _, connection = await pool.loop.create_connection(
            cast(Callable[[], asyncio.BaseProtocol], lambda: UpstreamConnection(pool)),
            sock=connected,
            ssl=context,
            server_hostname=name,
        )
        unless_kept.pop_all()
    return cast(UpstreamConnection, connection)
