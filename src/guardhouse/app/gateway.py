"""The whole gateway: prepares the state directory and has the supervisor keep the workers and the control process.

Children are modules beside this one, started with this interpreter, without a shell and without the current directory
on the module path. Each loads the configuration for itself, so nothing secret stands on a command line.
"""

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from guardhouse.control.publisher import Publisher
from guardhouse.control.standing_publisher import publish_standing
from guardhouse.control.state import State, lock, prepare
from guardhouse.control.store import Store
from guardhouse.control.supervisor import Child, Supervisor
from guardhouse.policy.settings import Settings


async def serve(
    config: Path, settings: Settings, *, announce: Callable[[], None], complain: Callable[[str], None]
) -> int:
    """Runs the gateway until a signal ends it; the exit status."""
    state = State(settings.state)
    prepare(state)
    held = lock(state)
    forget_marks(state)
    raise_file_limit()
    publish_once(state)
    names = [f"w{number}" for number in range(settings.workers)]
    workers = [Child(name, _command("worker", config, str(n)), state.mark_of(name)) for n, name in enumerate(names)]
    supervisor = Supervisor(
        workers, Child("control", _command("control", config)), announce=announce, complain=complain
    )
    try:
        return await supervisor.run()
    finally:
        os.close(held)


def forget_marks(state: State) -> None:
    """Those that a supervisor which was killed could not remove."""
    for mark in state.run.glob("*.ready"):
        mark.unlink()


def publish_once(state: State) -> None:
    """So that the first worker finds the keys and the switches there are, whichever process is up first."""
    store = Store(state.store)
    publisher = Publisher(store, state.feed)
    publisher.publish(time.time())
    publisher.close()
    publish_standing(store, state.standing, time.time())
    store.close()


def raise_file_limit() -> None:
    """Each connection is a descriptor, and what starts services is often set to 1024 of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _command(process: str, config: Path, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", f"guardhouse.app.{process}", str(config.absolute()), *arguments)
