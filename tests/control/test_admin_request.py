"""Who asks for a change gets the gateway's answer if one serves, and does it at once if none does."""

import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from guardhouse.control.request import ask
from guardhouse.control.revisions import Change, Revisions
from guardhouse.control.state import State, lock, prepare
from guardhouse.control.store import Store

WANTED = Change(slot="active", revision="a" * 16, at=1.0, author="ann", origin="command")


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path)
    prepare(state)
    return state


@pytest.fixture
def revisions(state: State) -> Iterator[Revisions]:
    store = Store(state.store)
    yield Revisions(store.engine)
    store.close()


def test_without_a_gateway_a_change_is_accepted_and_none_starts_meanwhile(state: State, revisions: Revisions) -> None:
    assert ask(revisions, state, WANTED, b"version: 1").status == "accepted"
    os.close(lock(state))  # it has been let go of


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        (lambda revisions, number: revisions.accept(number), "accepted"),
        (lambda revisions, number: revisions.refuse(number, "no such secret"), "refused"),
    ],
)
def test_a_gateway_has_the_last_word(
    state: State, revisions: Revisions, answer: Callable[[Revisions, int], object], status: str
) -> None:
    held = lock(state)
    answered: list[Change] = []
    asking = threading.Thread(target=lambda: answered.append(ask(revisions, state, WANTED, b"version: 1")))
    asking.start()
    while not (requested := revisions.requested()):
        asking.join(0.01)
    answer(revisions, requested[0].number)
    asking.join()
    os.close(held)
    assert [change.status for change in answered] == [status]


def test_a_gateway_that_does_not_answer_leaves_the_request_standing(state: State, revisions: Revisions) -> None:
    held = lock(state)
    assert ask(revisions, state, WANTED, b"version: 1", patience=0.0).status == "requested"
    os.close(held)
    assert [change.number for change in revisions.requested()] == [1]
