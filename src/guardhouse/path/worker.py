"""One data-path process: its socket, its journal, its sweep, and its orderly end.

Start: load the configuration, mend the journal of a predecessor, load the published keys, then listen; the line READY
on standard output tells the supervisor. SIGTERM: stop listening, let what is under way finish for `GRACE` seconds,
then cut the rest (each is recorded), and exit 0. A worker holds no SQL and writes nothing but its journal."""

import asyncio
import gc
import logging
import signal
import ssl
import sys
from collections.abc import Callable
from itertools import count
from typing import Any, cast

import uvloop

from guardhouse.audit.journal import Journal
from guardhouse.identity import issuer_bulletin
from guardhouse.identity.key_feed import KeyFeed
from guardhouse.identity.tokens import TokenTable
from guardhouse.inspect.signals import HashKey
from guardhouse.model.secret import Secret
from guardhouse.path import gates
from guardhouse.path.fault import describe
from guardhouse.path.listener import Connection
from guardhouse.path.plane import DataPlane
from guardhouse.path.upstream import Upstreams
from guardhouse.policy.load import Loaded

SWEEP = 0.25  # seconds
_OVERSEEN = 4  # sweeps from one look at the callers of open answers to the next
GRACE = 30.0  # seconds
READY = "ready"
log = logging.getLogger("guardhouse.path")

_TLS_SHUTDOWN = 2.0  # seconds that a peer has for its close_notify
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20"


def run(loaded: Loaded, worker: int, pepper: Secret, hash_key: HashKey) -> int:
    """Serve until SIGTERM; 0 after an orderly end."""
    return uvloop.run(_serve(loaded, worker, pepper, hash_key))


async def _serve(loaded: Loaded, worker: int, pepper: Secret, hash_key: HashKey) -> int:
    loop = asyncio.get_running_loop()
    settings = loaded.settings
    journal = Journal(
        settings.state / "journal" / f"w{worker}",
        worker=f"w{worker}",
        schedule=loop.call_soon,
        segment=settings.audit.segment,
        durability=settings.audit.durability,
    )
    keys = KeyFeed(settings.state / "keys.feed", pepper)
    keys.load()
    tokens = TokenTable(
        settings.identity.issuers, settings.state / issuer_bulletin.NAME, settings.state / issuer_bulletin.WANTED
    )
    tokens.refresh()
    switches = gates.follow(settings.state, settings.workers)
    switches.load(loop.time())
    plane = DataPlane(
        settings=settings,
        snapshot=loaded.snapshot,
        keys=keys,
        tokens=tokens,
        hash_key=hash_key,
        journal=journal,
        upstreams=Upstreams(settings.upstream, loop),
        gates=switches,
        loop=loop,
    )
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    tls = _tls_context(loaded)
    server = await loop.create_server(
        cast(Callable[[], asyncio.BaseProtocol], lambda: Connection(plane)),
        settings.listen.address.host,
        settings.listen.address.port,
        ssl=tls,
        ssl_handshake_timeout=settings.listen.deadlines.header if tls is not None else None,
        ssl_shutdown_timeout=_TLS_SHUTDOWN if tls is not None else None,
        reuse_port=settings.workers > 1,
        backlog=4096,
    )
    loop.set_exception_handler(_report)
    _tune_collector()
    sweeper = loop.create_task(_sweep(plane))
    sys.stdout.write(READY + "\n")
    sys.stdout.flush()
    await stopping.wait()
    await _drain(plane, server)
    sweeper.cancel()
    journal.close()
    keys.close()
    return 0


def _tls_context(loaded: Loaded) -> ssl.SSLContext | None:
    """TLS 1.2 and 1.3 with forward secrecy and authenticated encryption; HTTP/1.1 is all that is offered."""
    tls = loaded.settings.listen.tls
    if tls is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols(["http/1.1"])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(tls.certificate, tls.key)
    return context


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A callback failed. Its exception is told by kind and place only; the loop's own report would quote it."""
    error = context.get("exception")
    log.error("callback failed: %s", describe(error) if isinstance(error, BaseException) else "no exception")


def _tune_collector() -> None:
    """Exchanges are freed by reference counting; the collector need not walk the long-lived heap for them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


async def _sweep(plane: DataPlane) -> None:
    for number in count(1):
        await asyncio.sleep(SWEEP)
        while plane.keys.refresh():
            await asyncio.sleep(0)  # a long feed is read in slices, between which traffic goes on
        plane.tokens.refresh()
        plane.journal.retry()
        now = plane.loop_time()
        plane.gates.refresh(now)
        plane.upstreams.sweep(now)
        for connection in tuple(plane.connections):
            connection.sweep(now)
        if number % _OVERSEEN == 0:
            for connection in tuple(plane.connections):
                connection.oversee()


async def _drain(plane: DataPlane, server: asyncio.Server) -> None:
    plane.draining = True
    server.close()
    for connection in tuple(plane.connections):
        connection.drain()
    deadline = plane.loop_time() + GRACE
    while plane.connections and plane.loop_time() < deadline:
        await asyncio.sleep(0.05)
    for connection in tuple(plane.connections):
        connection.abort()
    await asyncio.sleep(0.05)  # the records of what was cut are written on the next turns of the loop
    plane.upstreams.close()
