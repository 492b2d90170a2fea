"""The whole gateway: prepares the state directory and has the supervisor keep the workers and the control process.

Children are modules beside this one, started with this interpreter, without a shell and without the current directory
on the module path. They go by the edition of the policy that is published here before they begin; secrets stand in it
as references, so nothing secret stands on a command line or in that file.
"""

import os
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path
from socket import socket

import msgspec

from guardhouse.control import ports
from guardhouse.control.activation import Activation
from guardhouse.control.issuer_file import publish_known
from guardhouse.control.publisher import Publisher
from guardhouse.control.revisions import Revisions
from guardhouse.control.revocation_publisher import RevocationPublisher
from guardhouse.control.standing_publisher import publish_standing
from guardhouse.control.state import State, lock, prepare
from guardhouse.control.store import Store
from guardhouse.control.supervisor import Child, Supervisor
from guardhouse.model.bulletin import publish
from guardhouse.policy.edition import Edition, settings_of, settings_served
from guardhouse.policy.load import Loaded
from guardhouse.policy.problem import Problems
from guardhouse.policy.settings import Settings


class Unusable(Exception):  # noqa: N818 - it names the state of the revision
    """What is in force by the history cannot be used; each problem is for the operator."""

    def __init__(self, problems: Problems) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = problems


async def serve(
    config: Path, loaded: Loaded, *, announce: Callable[[Settings, str], None], complain: Callable[[str], None]
) -> int:
    """Runs the gateway until a signal ends it; the exit status. `loaded` is what the configuration says now."""
    state = State(loaded.settings.state)
    prepare(state)
    held, kept = lock(state), list[socket]()
    try:
        raise_file_limit()
        edition, kept = settled(state, publish_once(state, config, loaded))
        settings = settings_served(edition)
        ports.ask({"data port": settings.listen.address, "admin port": settings.admin.address})
        names = [f"w{number}" for number in range(settings.workers)]
        workers = [Child(name, _command("worker", state.root, str(number))) for number, name in enumerate(names)]
        control = Child("control", _command("control", state.root, str(config)))
        supervisor = Supervisor(
            workers, control, announce=lambda: announce(settings, edition.active.revision), complain=complain
        )
        return await supervisor.run()
    finally:
        for each in kept:
            each.close()
        os.close(held)


def publish_once(state: State, config: Path, loaded: Loaded) -> Edition:
    """So that the first worker finds the keys, the switches and the policy there are, whichever process is up first."""
    store = Store(state.store)
    try:
        publisher = Publisher(store, state.feed)
        publisher.publish(time.time())
        publisher.close()
        revocations = RevocationPublisher(store, state.revoked, lambda _event: None)
        revocations.publish(time.time())
        revocations.close()
        publish_known(state)
        publish_standing(store, state.standing, time.time())
        activation = Activation(Revisions(store.engine), config, os.environ, state.policy)
        edition = activation.begin(loaded, time.time())
    finally:
        store.close()
    if not isinstance(edition, Edition):
        raise Unusable(edition)
    publish(state.policy, edition)
    return edition


def settled(state: State, edition: Edition) -> tuple[Edition, list[socket]]:
    """The edition with the ports that were found where any will do, and what keeps them for the processes to come."""
    settings = settings_of(edition)
    wanted = {"listen": settings.listen.address, "admin": settings.admin.address}
    if settings.listen.grpc is not None:
        wanted["grpc"] = settings.listen.grpc.address
    kept = {name: ports.keep(address) for name, address in wanted.items() if not address.port}
    if kept:
        found = {name: each.getsockname()[1] for name, each in kept.items()}
        edition = msgspec.structs.replace(edition, ports=found)
        publish(state.policy, edition)
    return edition, list(kept.values())


def raise_file_limit() -> None:
    """Each connection is a descriptor, and what starts services is often set to 1024 of them."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def _command(process: str, root: Path, *arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-P", "-m", f"guardhouse.app.{process}", str(root), *arguments)
