"""The control process: publishes keys, policy and what operators have switched off, reads the journals, answers on the
admin port.

What happens here beside the exchanges (events) goes to a journal of its own, `control`, under the same rules as the
workers'. All of it runs in one loop and none is guarded: if one fails, the process ends with a traceback and the
supervisor starts it anew, while the workers go on with the keys they have. A restart costs little, since the feed is
published anew and the metrics resume at their checkpoint, which is saved every few seconds and at the end. A gateway
at rest should cost next to nothing, and what costs is waking up rather than what is then done: so the store, the ends
of the journals and all else are looked at in one turn, two or three times a second, which leaves a revocation half a
second for the rest of its way.
"""

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import uvicorn
import uvloop
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.registry import Collector
from starlette.routing import Route

from guardhouse.audit.journal import Journal
from guardhouse.control import admin, administration, ports
from guardhouse.control.activation import Activation
from guardhouse.control.issuer_board import IssuerBoard
from guardhouse.control.key_acts import KeyAnnouncer
from guardhouse.control.minting import Minter
from guardhouse.control.news import News
from guardhouse.control.policy_gauges import PolicyGauges
from guardhouse.control.publisher import INTERVAL, Publisher
from guardhouse.control.refusals import Refusals
from guardhouse.control.reload import Reloader
from guardhouse.control.revisions import Revisions
from guardhouse.control.roll import Roll
from guardhouse.control.standing_publisher import StandingPublisher
from guardhouse.control.state import State
from guardhouse.control.store import Store
from guardhouse.control.usage_desk import UsageDesk
from guardhouse.control.use_store import UseStore
from guardhouse.model.pulse import Pulse
from guardhouse.policy.edition import Edition
from guardhouse.policy.sections.people import host_of, origin_of
from guardhouse.policy.settings import Address, Settings
from guardhouse.readers.metrics import MetricsReader
from guardhouse.readers.signins import MOST_USES, SigninReader
from guardhouse.readers.usage import UsageReader

SAVE_INTERVAL = 5.0  # seconds between two checkpoints
BLOCK = 1024 * 1024  # bytes of journal counted at a stretch: some ten milliseconds
LATE = 5.0  # seconds without a heartbeat after which the feed counts as late


def run(settings: Settings, edition: Edition, config: Path) -> int:
    """Serves until SIGTERM; 0 after an orderly end. The configuration that it watches stands at `config`."""
    uvloop.run(_serve(settings, edition, config, State(settings.state)))
    return 0


async def _serve(settings: Settings, edition: Edition, config: Path, state: State) -> None:
    stopping = _signalled()
    roll = Roll(f"w{number}" for number in range(settings.workers))
    roll.listen(asyncio.get_running_loop())
    pulse = Pulse()
    store = Store(state.store)
    publisher = Publisher(store, state.feed)
    publisher.publish(time.time())
    journal = _journal(settings, state)
    signins = SigninReader(settings.signins, UseStore(store.engine), journal.append)
    standing = StandingPublisher(store, state.standing, journal)
    usage, refusals = UsageReader(), Refusals(settings, state.refusals, journal, standing.answer, _say)
    metrics = _metrics(settings, state, signins, usage, refusals)
    desk = UsageDesk(state, usage, settings.workers, time.time(), refusals.alone)
    minter = Minter(state, settings.identity.tokens.longest)
    board = IssuerBoard(settings.identity.issuers, state, store, minter, journal.append)
    board.turn(time.time())
    activation = Activation(Revisions(store.engine), config, os.environ, state.policy)
    reloader = Reloader(activation, edition, state.policy, store, News(journal, _say))
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reloader.signal)
    with _listen(settings.admin.address) as listener:
        served = administration.Administration(
            settings,
            state,
            store,
            journal,
            minter=minter,
            revoke=board.revoke,
            edition=lambda: reloader.edition,
            usage=desk.report,
        )
        problems = partial(find_problems, settings, state, roll)
        told = (metrics, board, PolicyGauges(reloader), desk, served.mint_limits, served.signin_pace)
        server = _Server(_configured(settings, problems, served.routes(), *told), stopping)
        async with asyncio.TaskGroup() as tasks:
            polls = (publisher.poll, reloader.poll, refusals.poll, standing.poll, desk.poll, board.turn)
            turns = (*polls, KeyAnnouncer(store, journal).poll, _once_a_second(pulse.beat))
            keeping_up = tasks.create_task(_keep_up(turns, metrics, signins, journal, server))
            serving = tasks.create_task(server.serve(sockets=[listener]))
            pulse.ready()
            await serving
            keeping_up.cancel()
            board.close()
    metrics.poll()
    await refusals.end(time.time())
    signins.save(most=MOST_USES)
    metrics.save()
    journal.close()
    metrics.close()
    publisher.close()
    store.close()


def _journal(settings: Settings, state: State) -> Journal:
    """Its own, of what happens beside the exchanges."""
    return Journal(
        state.journal / "control",
        worker="control",
        schedule=asyncio.get_running_loop().call_soon,
        segment=settings.audit.segment,
        durability=settings.audit.durability,
    )


def _metrics(
    settings: Settings, state: State, signins: SigninReader, usage: UsageReader, refusals: Refusals
) -> MetricsReader:
    """It decodes the records, and hands them on to whoever follows them as well."""
    return MetricsReader(
        state.journal,
        state.metrics,
        settings.metrics,
        watch=signins.note,
        observers=(usage.note,),
        refused=(refusals.note,),
    )


def _once_a_second(act: Callable[[], None]) -> Callable[[float], None]:
    """What is done in each turn, but needed less often."""
    done = float("-inf")

    def turn(now: float) -> None:
        nonlocal done
        if abs(now - done) >= 1.0:
            done = now
            act()

    return turn


def _signalled() -> asyncio.Event:
    """Set at SIGTERM or SIGINT."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


def find_problems(settings: Settings, state: State, roll: Roll, now: float) -> list[str]:
    """Why the gateway could not serve now, as far as the supervisor and the files tell."""
    names = [f"w{number}" for number in range(settings.workers)]
    found = roll.problems()
    found += [f"the journal of {name} cannot be read" for name in names if not _readable(state.journal / name)]
    for what, feed in (("key feed", state.feed), ("feed of revocations", state.revoked)):
        try:
            age = now - feed.stat().st_mtime
        except FileNotFoundError:
            found.append(f"the {what} is missing")
            continue
        if age > LATE:
            found.append(f"the {what} is {age:.0f} s old")
    return found


def _readable(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


class _Server(uvicorn.Server):
    """uvicorn's, but that it leaves the signals to this process and is told when to end instead of asking all the time.

    What it does besides at each tick is to write the date header; `_keep_up` has it done.
    """

    def __init__(self, config: uvicorn.Config, stopping: asyncio.Event) -> None:
        super().__init__(config)
        self._stopping = stopping

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield

    async def main_loop(self) -> None:
        await self._stopping.wait()


def _say(sentence: str) -> None:
    sys.stderr.write(f"guardhouse: {sentence}\n")
    sys.stderr.flush()


def _configured(
    settings: Settings, problems: Callable[[float], list[str]], api: Sequence[Route], *collectors: Collector
) -> uvicorn.Config:
    registry = CollectorRegistry()
    for collector in collectors:
        registry.register(collector)
    application = admin.application(
        settings.admin.address.host,
        lambda: generate_latest(registry),
        lambda: problems(time.time()),
        api,
        host_of(origin_of(settings.admin)),
    )
    config = uvicorn.Config(
        application,
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="warning",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        limit_concurrency=64,
        timeout_graceful_shutdown=2,
    )
    config.load()
    return config


def _listen(address: Address) -> socket.socket:
    try:
        return ports.listen(address)
    except OSError as error:
        raise ports.PortTaken(f"the admin port {address} cannot be listened on: {ports.reason(error)}") from error


async def _keep_up(
    turns: Sequence[Callable[[float], None]],
    metrics: MetricsReader,
    signins: SigninReader,
    journal: Journal,
    server: uvicorn.Server,
) -> None:
    saved = time.monotonic()
    while True:
        for turn in turns:
            turn(time.time())
        await server.on_tick(0)
        journal.retry()
        behind = metrics.poll(BLOCK) > BLOCK // 2
        if time.monotonic() - saved > SAVE_INTERVAL:
            signins.save()  # before the positions: what is read again is known again
            metrics.save()
            saved = time.monotonic()
        await asyncio.sleep(0 if behind else INTERVAL)
