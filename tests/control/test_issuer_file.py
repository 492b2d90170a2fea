"""What workers find of the issuers' keys before the control process is up."""

from pathlib import Path

import pytest

from guardhouse.control.issuer_file import last_published, publish_known
from guardhouse.control.minting import Minter, rotate
from guardhouse.control.state import State, prepare
from guardhouse.identity.issuer_bulletin import IssuerBulletin, IssuerKeys
from guardhouse.model.bulletin import publish
from identity.signing import URL, usable

NOW = 1_800_000_000.0


@pytest.fixture
def state(tmp_path: Path) -> State:
    state = State(tmp_path / "state")
    prepare(state)
    return state


def test_the_own_keys_are_known_from_the_start(state: State) -> None:
    publish_known(state)
    assert last_published(state) == IssuerBulletin(own=Minter(state).public_keys)


def test_an_issuers_keys_and_their_age_outlive_a_restart_and_whether_it_answers_is_asked_anew(state: State) -> None:
    kept = {"corp": IssuerKeys(URL, usable(), NOW)}
    publish(state.issuers, IssuerBulletin(issuers=kept, unavailable=("other",)))
    rotate(state, NOW)
    publish_known(state)
    assert last_published(state) == IssuerBulletin(issuers=kept, own=Minter(state).public_keys)


def test_a_file_that_cannot_be_read_is_no_obstacle(state: State) -> None:
    state.issuers.write_bytes(b'{"issuers":')
    publish_known(state)
    assert last_published(state).own == Minter(state).public_keys
