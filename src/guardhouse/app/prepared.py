"""What a child process of the gateway has to have before it can begin: the published edition and the secrets.

Children go by what the supervisor published before it started them, and not by the configuration file: one that is
started again while somebody is editing that file comes up with what its predecessor had.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

import msgspec

from guardhouse.control.parent import die_with_parent
from guardhouse.control.state import Secrets, State, load_secrets, shares_of
from guardhouse.model.bulletin import Bulletin
from guardhouse.policy.edition import Edition, InForce, in_force, settings_served
from guardhouse.policy.settings import Settings


class NotStarted(Exception):  # noqa: N818 - it names what became of the process
    """A process could not start; the message is for the operator."""


class Prepared(msgspec.Struct, frozen=True):
    settings: Settings
    policy: InForce
    secrets: Secrets


def prepared(root: Path) -> Prepared:
    """From the state directory at `root`."""
    state = State(root)
    try:
        secrets = load_secrets(state)
    except OSError as error:
        raise NotStarted(str(error)) from error
    settings, edition = published(state)
    policy = in_force(edition, os.environ, shares_of(secrets))
    if not isinstance(policy, InForce):
        raise NotStarted("\n".join(map(str, policy)))
    return Prepared(settings, policy, secrets)


def published(state: State) -> tuple[Settings, Edition]:
    """The edition, and the settings that are served; the state directory is the one that it was found in."""
    bulletin = Bulletin(state.policy, Edition)
    bulletin.refresh()
    edition = bulletin.current
    if edition is None:
        raise NotStarted(f"{state.policy} is missing or unreadable; `guardhouse serve` makes it")
    return msgspec.structs.replace(settings_served(edition), state=state.root), edition


def run_as_child(body: Callable[[], int]) -> int:
    """The life of a child: it ends with its parent, and says in one line why it cannot begin."""
    die_with_parent()
    try:
        return body()
    except NotStarted as reason:
        sys.stderr.write(f"guardhouse: {reason}\n")
        return 1
