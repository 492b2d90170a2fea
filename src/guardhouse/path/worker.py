"""One data-path process: its socket, its journal, its sweep, and its orderly end.

Start: mend the journal of a predecessor, load the published keys, then listen. The supervisor is told that, and from
then on that the loop turns and the sweep lives (model/pulse.py); a worker that hangs, as in a disk that does not
answer, is killed by it. SIGTERM: stop listening, let what is under way finish for `GRACE` seconds, then cut the rest
(each is recorded), and exit 0. A worker holds no SQL and writes nothing but its journal."""

import asyncio
import gc
import importlib
import logging
import signal
import ssl
import sys
from collections.abc import Callable
from itertools import count
from typing import Any, cast

import msgspec
import uvloop

from guardhouse.audit.journal import Journal
from guardhouse.identity import issuer_bulletin
from guardhouse.identity.key_feed import KeyFeed
from guardhouse.identity.tokens import TokenTable
from guardhouse.inspect import patterns
from guardhouse.inspect.signals import HashKey
from guardhouse.limits.capacity import Crew
from guardhouse.model.pulse import Pulse
from guardhouse.model.secret import Secret
from guardhouse.path import gates, sharing
from guardhouse.path.budgets import Budgets
from guardhouse.path.checkups import Checkups
from guardhouse.path.dialling import dialler
from guardhouse.path.fault import describe
from guardhouse.path.figures import Figures
from guardhouse.path.listener import Connection
from guardhouse.path.plane import DataPlane
from guardhouse.path.pools import Upstreams
from guardhouse.path.renewal import Renewal, put_in_force
from guardhouse.path.seals import Seals
from guardhouse.path.tls import SHUTDOWN, tls_context
from guardhouse.path.tls_files import TlsFiles
from guardhouse.path.vouching import Vouching, until_told
from guardhouse.policy.edition import InForce
from guardhouse.policy.settings import Settings, Tls
from guardhouse.policy.shares import Shares

SWEEP = 0.25  # seconds
_OVERSEEN = 4  # sweeps from one look at the callers of open answers to the next
BEAT = 1.0  # seconds
GRACE = 30.0  # seconds
_TURN = 0.0005  # seconds that a thread has before the loop goes on: one may be compiling thousands of policies
log = logging.getLogger("guardhouse.path")

_GRPC = "guardhouse.path.grpc_listening"
_LOOKED_AT = 4  # sweeps from one look at the files of TLS to the next


class WorkerSecrets(msgspec.Struct, frozen=True):
    """What a worker knows that must not be seen."""

    pepper: Secret
    hash_key: HashKey
    shares: Shares


def run(settings: Settings, policy: InForce, worker: int, secrets: WorkerSecrets) -> int:
    """Serve until SIGTERM; 0 after an orderly end."""
    sys.setswitchinterval(_TURN)
    return uvloop.run(_serve(settings, policy, worker, secrets))


async def _serve(settings: Settings, policy: InForce, worker: int, secrets: WorkerSecrets) -> int:
    loop = asyncio.get_running_loop()
    grpc = None if settings.listen.grpc is None else importlib.import_module(_GRPC)  # no use for it, no memory for it
    journal = _journal(settings, worker, loop)
    keys = KeyFeed(settings.state / "keys.feed", secrets.pepper)
    keys.load()
    tokens = TokenTable(
        settings.identity.issuers, settings.state / issuer_bulletin.NAME, settings.state / issuer_bulletin.WANTED
    )
    tokens.load()
    switches = gates.follow(settings.state, Crew(worker, settings.workers))
    switches.load(loop.time())
    plane = DataPlane(
        settings=settings,
        snapshot=policy.snapshot,
        keys=keys,
        tokens=tokens,
        hash_key=secrets.hash_key,
        seals=Seals(secrets.pepper),
        journal=journal,
        upstreams=Upstreams(settings.upstream, loop, dialler() if grpc is None else grpc.dialler(dialler())),
        gates=switches,
        sharing=sharing.share(settings, worker, journal, loop),
        loop=loop,
        worker=worker,
    )
    put_in_force(plane, policy, secrets.shares)
    renewal = Renewal(plane, settings.state / "policy.json", secrets.shares)
    budgets = Budgets(plane, settings.state / "limits" / f"w{worker}.json", settings.state / "journal" / f"w{worker}")
    budgets.restore()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    contexts = () if settings.listen.tls is None else _contexts(settings.listen.tls)
    await until_told(plane, stopping)
    if plane.sharing is not None:
        await plane.sharing.until_tried(stopping)
    server = await _listen(plane, settings, contexts[0] if contexts else None)
    calls = None if grpc is None else await grpc.listen(plane, contexts[1] if contexts else None)
    loop.set_exception_handler(_report)
    _tune_collector()
    files = None if settings.listen.tls is None else TlsFiles(plane, settings.listen.tls, *contexts)
    sweeper = loop.create_task(_sweep(plane, renewal, budgets, Figures(settings.state / "run", worker), files))
    pulse = Pulse()
    pulse.ready()
    preparing = loop.create_task(_prepare(loop, stopping))
    beating = loop.create_task(_beat(pulse, sweeper))
    await stopping.wait()
    await _drain(plane, server)
    if calls is not None:
        await calls.stop()
    preparing.cancel()
    beating.cancel()
    sweeper.cancel()
    budgets.save()
    if plane.sharing is not None:
        await plane.sharing.end()
    journal.close()
    keys.close()
    return 0


def _contexts(tls: Tls) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """Of the data port and of that for gRPC, which differ in what they offer."""
    return tls_context(tls), tls_context(tls, "h2")


async def _prepare(loop: asyncio.AbstractEventLoop, stopping: asyncio.Event) -> None:
    """In a thread; what cannot be prepared is compiled, or fails, where it is needed."""
    try:
        await loop.run_in_executor(None, patterns.prepare, stopping.is_set)
    except Exception as error:  # noqa: BLE001 - only told of here
        log.error("patterns could not be prepared: %s", describe(error))


async def _listen(plane: DataPlane, settings: Settings, tls: ssl.SSLContext | None) -> asyncio.Server:
    return await plane.loop.create_server(
        cast(Callable[[], asyncio.BaseProtocol], lambda: Connection(plane)),
        settings.listen.address.host,
        settings.listen.address.port,
        ssl=tls,
        ssl_handshake_timeout=settings.listen.deadlines.header if tls is not None else None,
        ssl_shutdown_timeout=SHUTDOWN if tls is not None else None,
        reuse_port=settings.workers > 1,
        backlog=4096,
    )


def _journal(settings: Settings, worker: int, loop: asyncio.AbstractEventLoop) -> Journal:
    return Journal(
        settings.state / "journal" / f"w{worker}",
        worker=f"w{worker}",
        schedule=loop.call_soon,
        segment=settings.audit.segment,
        durability=settings.audit.durability,
    )


def _report(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """A callback failed. Its exception is told by kind and place only; the loop's own report would quote it."""
    error = context.get("exception")
    log.error("callback failed: %s", describe(error) if isinstance(error, BaseException) else "no exception")


def _tune_collector() -> None:
    """Exchanges are freed by reference counting; the collector need not walk the long-lived heap for them."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)


async def _sweep(
    plane: DataPlane, renewal: Renewal, budgets: Budgets, figures: Figures, files: TlsFiles | None
) -> None:
    checkups = Checkups(plane.upstreams, plane.loop)
    vouching = Vouching(plane)
    for number in count(1):
        await asyncio.sleep(SWEEP)
        await vouching.follow()
        renewal.poll()
        plane.journal.retry()
        now = plane.loop_time()
        plane.gates.refresh(now)
        if plane.gates.drained:
            plane.intakes.dismiss(plane.gates.drained_at(plane.now()))
        if plane.sharing is not None:
            plane.sharing.book.sweep(now, plane.now())
        plane.upstreams.sweep(now)
        tried = () if plane.canary is None else plane.canary.snapshot.targets.values()
        checkups.sweep((*plane.snapshot.targets.values(), *tried), now)
        for event in plane.upstreams.wards.take_news(plane.now()):
            plane.journal.append(event)
        figures.sweep(plane, now)
        budgets.sweep(now)
        for connection in tuple(plane.connections):
            connection.sweep(now)
        if files is not None and number % _LOOKED_AT == 0:
            await files.look()
        if number % _OVERSEEN == 0:
            for connection in tuple(plane.connections):
                connection.oversee()


async def _beat(pulse: Pulse, sweeper: "asyncio.Task[None]") -> None:
    """As long as the sweep lives; without it nobody would keep a deadline."""
    while not sweeper.done():
        pulse.beat()
        await asyncio.sleep(BEAT)
    error = None if sweeper.cancelled() else sweeper.exception()
    if error is not None:
        log.error("the sweep failed: %s", describe(error))


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
