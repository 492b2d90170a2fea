"""Puts a gateway together: the only file that knows the data path and the control side at once.

`serve` is the supervisor's process, `run_worker` and `run_control` are the bodies of the processes it starts, each of
which loads the configuration for itself. What a process needs is made here and handed on, so that the path never
sees the store and the control process never sees a request.
"""

import hmac
import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

from guardhouse.audit.segment import JournalDamagedError, JournalInUseError
from guardhouse.control import process
from guardhouse.control.parent import die_with_parent
from guardhouse.control.publisher import Publisher
from guardhouse.control.state import Secrets, State, load_secrets, lock, prepare
from guardhouse.control.store import Store
from guardhouse.control.supervisor import Child, Supervisor
from guardhouse.inspect.signals import HashKey
from guardhouse.path import worker
from guardhouse.policy.load import Loaded, load
from guardhouse.policy.settings import Settings


class NotStarted(Exception):  # noqa: N818 - it names what became of the process
    """A process could not start; the message is for the operator."""


async def serve(
    config: Path, settings: Settings, *, announce: Callable[[], None], complain: Callable[[str], None]
) -> int:
    """Runs the gateway until a signal ends it; the exit status."""
    state = State(settings.state)
    prepare(state)
    held = lock(state)
    raise_file_limit()
    publish_once(state)
    workers = [
        Child(f"w{n}", _command("worker", config, "--number", str(n)), state.mark_of(f"w{n}"))
        for n in range(settings.workers)
    ]
    supervisor = Supervisor(
        workers, Child("control", _command("control", config)), announce=announce, complain=complain
    )
    try:
        return await supervisor.run()
    finally:
        os.close(held)


def run_worker(config: Path, number: int) -> int:
    die_with_parent()
    loaded, secrets = _prepared(config)
    try:
        return worker.run(loaded, number, secrets.pepper, hash_key_of(secrets))
    except (OSError, JournalInUseError, JournalDamagedError) as error:
        raise NotStarted(f"worker w{number}: {error}") from error


def run_control(config: Path) -> int:
    die_with_parent()
    loaded, _ = _prepared(config)
    try:
        return process.run(loaded.settings)
    except process.PortTaken as error:
        raise NotStarted(str(error)) from error


def publish_once(state: State) -> None:
    """So that the first worker finds the keys there are, whichever process is up first."""
    store = Store(state.store)
    publisher = Publisher(store, state.feed)
    publisher.publish(time.time())
    publisher.close()
    store.close()


def hash_key_of(secrets: Secrets) -> HashKey:
    """The key of the prompt hashes, named by something that says nothing about it."""
    key = bytes.fromhex(secrets.hash_key.reveal())
    return HashKey(hmac.digest(key, b"name of this key", "sha256").hex()[:8], key)


def raise_file_limit() -> None:
    """Each connection is a descriptor, and what starts services is often set to 1024 of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _command(name: str, config: Path, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "guardhouse", name, "--config", str(config.absolute()), *arguments)


def _prepared(config: Path) -> tuple[Loaded, Secrets]:
    loaded = load(config)
    if not isinstance(loaded, Loaded):
        raise NotStarted("\n".join(map(str, loaded)))
    return loaded, load_secrets(State(loaded.settings.state))
