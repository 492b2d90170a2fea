"""The control process: publishes the keys, reads the journals, answers on the admin port.

All three run in one loop and none is guarded: if one fails, the process ends with a traceback and the supervisor starts
it anew, while the workers go on with the keys they have. A restart costs little, since the feed is published anew and
the readers resume at their checkpoints. What is polled is cheap: a query on an index five times a second, and a look at
the end of each journal four times a second.
"""

import asyncio
import signal
import socket
import sys
import time
from typing import Protocol

import uvicorn
import uvloop

from guardhouse.control import admin
from guardhouse.control.publisher import INTERVAL, Publisher
from guardhouse.control.state import State
from guardhouse.control.store import Store
from guardhouse.policy.settings import Address, Settings

READ_INTERVAL = 0.25  # seconds between two looks at the journals
LATE = 5.0  # seconds without a heartbeat after which the feed counts as late


class Readers(Protocol):
    """Everything that reads the journals, as one."""

    def poll(self) -> None: ...
    def render(self) -> bytes: ...
    def problems(self) -> list[str]: ...


class PortTaken(OSError):  # noqa: N818 - it names what became of the port
    """The admin port cannot be listened on."""


def run(settings: Settings, readers: Readers) -> int:
    """Serves until SIGTERM; 0 after an orderly end."""
    uvloop.run(_serve(settings, readers))
    return 0


async def _serve(settings: Settings, readers: Readers) -> None:
    loop = asyncio.get_running_loop()
    stopping = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopping.set)
    state = State(settings.state)
    store = Store(state.store)
    publisher = Publisher(store, state.feed)
    publisher.publish(time.time())
    with _listen(settings.admin.address) as listener:
        server = _server(settings, readers, state)
        async with asyncio.TaskGroup() as tasks:
            background = [tasks.create_task(_publish(publisher)), tasks.create_task(_read(readers))]
            sys.stdout.write("ready\n")
            sys.stdout.flush()
            serving = tasks.create_task(server.serve(sockets=[listener]))
            await stopping.wait()
            server.should_exit = True
            await serving
            for task in background:
                task.cancel()
    publisher.close()
    store.close()


def find_problems(settings: Settings, state: State, now: float) -> list[str]:
    """Why the gateway could not serve now, as far as its files tell."""
    names = [f"w{number}" for number in range(settings.workers)]
    found = [f"worker {name} is not up" for name in names if not state.mark_of(name).exists()]
    try:
        age = now - state.feed.stat().st_mtime
    except FileNotFoundError:
        return [*found, "the key feed is missing"]
    return [*found, f"the key feed is {age:.0f} s old"] if age > LATE else found


def _server(settings: Settings, readers: Readers, state: State) -> uvicorn.Server:
    def problems() -> list[str]:
        return [*find_problems(settings, state, time.time()), *readers.problems()]

    config = uvicorn.Config(
        admin.application(settings.admin.address.host, readers.render, problems),
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


async def _read(readers: Readers) -> None:
    while True:
        readers.poll()
        await asyncio.sleep(READ_INTERVAL)
