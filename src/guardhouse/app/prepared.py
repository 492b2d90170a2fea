"""What a child process of the gateway has to have before it can begin: its configuration and its secrets."""

import sys
from collections.abc import Callable
from pathlib import Path

from guardhouse.control.parent import die_with_parent
from guardhouse.control.state import Secrets, State, load_secrets
from guardhouse.policy.load import Loaded, load


class NotStarted(Exception):  # noqa: N818 - it names what became of the process
    """A process could not start; the message is for the operator."""


def prepared(config: Path) -> tuple[Loaded, Secrets]:
    loaded = load(config)
    if not isinstance(loaded, Loaded):
        raise NotStarted("\n".join(map(str, loaded)))
    try:
        return loaded, load_secrets(State(loaded.settings.state))
    except OSError as error:
        raise NotStarted(str(error)) from error


def run_as_child(body: Callable[[], int]) -> int:
    """The life of a child: it ends with its parent, and says in one line why it cannot begin."""
    die_with_parent()
    try:
        return body()
    except NotStarted as reason:
        sys.stderr.write(f"guardhouse: {reason}\n")
        return 1
