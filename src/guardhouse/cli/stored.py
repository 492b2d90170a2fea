"""What commands find in the state directory, which a running gateway may have open beside them."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import NamedTuple

from guardhouse.cli.output import refuse, settings_or_refuse
from guardhouse.control.state import Secrets, State, prepare
from guardhouse.control.store import Store


class Stored(NamedTuple):
    state: State
    secrets: Secrets
    store: Store


def opened(config: Path, *, as_json: bool) -> AbstractContextManager[Stored]:
    """The directory that a sound configuration names, with its store, which is closed at the end."""
    return opened_at(settings_or_refuse(config, as_json=as_json).state, as_json=as_json)


@contextmanager
def opened_at(folder: Path, *, as_json: bool) -> Iterator[Stored]:
    """What is missing in it is made."""
    state = State(folder)
    try:
        secrets = prepare(state)
        store = Store(state.store)
    except OSError as error:
        refuse(str(error), as_json=as_json)
    try:
        yield Stored(state, secrets, store)
    finally:
        store.close()
