"""The control process: publishes the keys, reads the journals, answers on the admin port.

All three run in one loop and none is guarded: if one fails, the process ends with a traceback and the supervisor starts
it anew, while the workers go on with the keys they have. A restart costs little, since the feed is published anew and
the metrics resume at their checkpoint, which is saved every few seconds and at the end. What is polled is cheap: a
query on an index five times a second, and a look at the end of each journal four times a second.
"""

import asyncio
import os
import signal
import socket
import sys
import time
from pathlib import Path

import uvicorn
import uvloop
from prometheus_client import CollectorRegistry, generate_latest

from guardhouse.control import admin
from guardhouse.control.publisher import INTERVAL, Publisher
from guardhouse.control.state import State
from guardhouse.control.store import Store
from guardhouse.policy.settings import Address, Settings
from guardhouse.readers.metrics import MetricsReader

READ_INTERVAL = 0.25  # seconds between two looks at the journals
SAVE_INTERVAL = 5.0  # seconds between two checkpoints
BLOCK = 1024 * 1024  # bytes of journal counted at a stretch: some ten milliseconds
LATE = 5.0  # seconds without a heartbeat after which the feed counts as late


class PortTaken(OSError):  # noqa: N818 - it names what became of the port
    """The admin port cannot be listened on."""


def run(settings: Settings) -> int:
    """Serves until SIGTERM; 0 after an orderly end."""
    uvloop.run(_serve(settings, State(settings.state)))
    return 0


async def _serve(settings: Settings, state: State) -> None:
    stopping = _signalled()
    store = Store(state.store)
    publisher = Publisher(store, state.feed)
    publisher.publish(time.time())
    metrics = MetricsReader(state.journal, state.metrics, settings.metrics)
    with _listen(settings.admin.address) as listener:
        server = _server(settings, state, metrics)
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(_publish(publisher)), tasks.create_task(_count(metrics))]
            serving = tasks.create_task(server.serve(sockets=[listener]))
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            await stopping.wait()
            server.should_exit = True
            await serving
            for task in background:
                task.cancel()
    metrics.poll()
    metrics.save()
    metrics.close()
    publisher.close()
    store.close()


def _signalled() -> asyncio.Event:
    """Set at SIGTERM or SIGINT. While uvicorn serves it takes these too, and hands them on when it is done."""
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopping.set)
    return stopping


def find_problems(settings: Settings, state: State, now: float) -> list[str]:
    """Why the gateway could not serve now, as far as its files tell."""
    names = [f"w{number}" for number in range(settings.workers)]
    found = [f"worker {name} is not up" for name in names if not state.mark_of(name).exists()]
    found += [f"the journal of {name} cannot be read" for name in names if not _readable(state.journal / name)]
    try:
        age = now - state.feed.stat().st_mtime
    except FileNotFoundError:
        return [*found, "the key feed is missing"]
    return [*found, f"the key feed is {age:.0f} s old"] if age > LATE else found


def _readable(folder: Path) -> bool:
    return os.access(folder, os.R_OK | os.X_OK)


def _server(settings: Settings, state: State, metrics: MetricsReader) -> uvicorn.Server:
    registry = CollectorRegistry()
    registry.register(metrics)
    application = admin.application(
        settings.admin.address.host,
        lambda: generate_latest(registry),
        lambda: find_problems(settings, state, time.time()),
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
    return uvicorn.Server(config)


def _listen(address: Address) -> socket.socket:
    family = socket.AF_INET6 if ":" in address.host else socket.AF_INET
    try:
        return socket.create_server((address.host, address.port), family=family)
    except OSError as error:
        raise PortTaken(f"the admin port {address} cannot be listened on: {error.strerror}") from error


async def _publish(publisher: Publisher) -> None:
    while True:
        publisher.poll(time.time())
        await asyncio.sleep(INTERVAL)


async def _count(metrics: MetricsReader) -> None:
    saved = time.monotonic()
    while True:
        behind = metrics.poll(BLOCK) > BLOCK // 2
        if time.monotonic() - saved > SAVE_INTERVAL:
            metrics.save()
            saved = time.monotonic()
        await asyncio.sleep(0 if behind else READ_INTERVAL)
