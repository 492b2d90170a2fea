"""Asking for a change of the policy from beside the gateway.

While a gateway serves from the state directory, it has the last word: the change is entered as a request, the gateway
weighs it within a second and answers in the history. When none serves, the change is accepted as it is and the next
start looks at it. Which of the two it is, is told by the lock of the supervisor, which is held meanwhile so that no
gateway starts in between.
"""

import os
import time

import msgspec

from guardhouse.control.revisions import Change, Revisions
from guardhouse.control.state import State, StateRefused, lock

PATIENCE = 15.0  # seconds; a long configuration takes some to read
_LOOK = 0.05


def ask(revisions: Revisions, state: State, change: Change, source: bytes = b"", patience: float = PATIENCE) -> Change:
    """The change as it was answered; still `requested` if no answer came in time."""
    try:
        held = lock(state)
    except StateRefused:
        return _wait(revisions, revisions.enter(msgspec.structs.replace(change, status="requested"), source), patience)
    try:
        return _known(revisions, revisions.enter(msgspec.structs.replace(change, status="accepted"), source))
    finally:
        os.close(held)


def _wait(revisions: Revisions, number: int, patience: float) -> Change:
    deadline = time.monotonic() + patience
    while True:
        change = _known(revisions, number)
        if change.status != "requested" or time.monotonic() > deadline:
            return change
        time.sleep(_LOOK)


def _known(revisions: Revisions, number: int) -> Change:
    change = revisions.get(number)
    assert change is not None
    return change
