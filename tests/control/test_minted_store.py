"""Which minted tokens count as alive: to their end, and not beyond what they descend from."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from guardhouse.control.key_ring import KeyRing
from guardhouse.control.minted_store import MintedStore
from guardhouse.control.revocations import Revocations
from guardhouse.control.store import Store
from guardhouse.identity.api_keys import KeyTerms
from guardhouse.model.secret import Secret

NOW = 1_800_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.sqlite")
    Revocations(opened.engine)
    yield opened
    opened.close()


def test_there_is_room_until_the_bound_and_again_when_the_first_has_ended(store: Store) -> None:
    minted = MintedStore(store.engine)
    for number in range(3):
        assert minted.room_at("alice", 3, NOW) is None
        minted.add(f"gt_{number}", "alice", ["key"], NOW + 60 + number, NOW)
    assert minted.room_at("alice", 3, NOW) == NOW + 60
    assert minted.room_at("alice", 3, NOW + 59) == NOW + 60
    assert minted.room_at("alice", 3, NOW + 60) is None


def test_everybody_has_room_of_their_own(store: Store) -> None:
    minted = MintedStore(store.engine)
    minted.add("gt_1", "alice", [], NOW + 60, NOW)
    assert minted.room_at("alice", 1, NOW) == NOW + 60
    assert minted.room_at("bob", 1, NOW) is None


def test_what_was_forgotten_leaves_room(store: Store) -> None:
    minted = MintedStore(store.engine)
    minted.add("gt_1", "alice", [], NOW + 60, NOW)
    minted.forget("gt_1")
    assert minted.room_at("alice", 1, NOW) is None


@pytest.mark.parametrize("revoked", ["gt_1", "gs_session", "corp:first"])
def test_a_token_that_was_revoked_or_descends_from_what_was_takes_no_room(store: Store, revoked: str) -> None:
    minted = MintedStore(store.engine)
    minted.add("gt_1", "alice", ["corp:first", "gs_session"], NOW + 60, NOW)
    minted.add("gt_2", "alice", ["corp:other"], NOW + 90, NOW)
    assert minted.room_at("alice", 2, NOW) == NOW + 60
    Revocations(store.engine).revoke(revoked, "olga", NOW)
    assert minted.room_at("alice", 2, NOW) is None
    assert minted.room_at("alice", 1, NOW) == NOW + 90


def test_a_key_that_was_revoked_takes_along_what_was_minted_with_it(store: Store) -> None:
    ring = KeyRing(store, Secret("5" * 64))
    minted_key, _ = ring.create(KeyTerms(principal="alice"), NOW)
    minted = MintedStore(store.engine)
    for number in range(1200):
        minted.add(f"gt_{number}", "alice", [minted_key.id], NOW + 600, NOW)
    assert minted.room_at("alice", 1200, NOW) == NOW + 600
    ring.revoke(minted_key.id, NOW)
    assert minted.room_at("alice", 1, NOW) is None


def test_the_count_outlives_the_process(store: Store, tmp_path: Path) -> None:
    MintedStore(store.engine).add("gt_1", "alice", [], NOW + 60, NOW)
    other = Store(tmp_path / "store.sqlite")
    assert MintedStore(other.engine).room_at("alice", 1, NOW) == NOW + 60
    other.close()


def test_a_hostile_principal_is_one_like_any_other(store: Store) -> None:
    minted = MintedStore(store.engine)
    hostile = "x'; DROP TABLE minted_tokens; --"
    minted.add("gt_1", hostile, [hostile], NOW + 60, NOW)
    assert minted.room_at(hostile, 1, NOW) == NOW + 60
