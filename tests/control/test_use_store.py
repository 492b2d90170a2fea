from collections.abc import Iterator
from pathlib import Path

import pytest

from guardhouse.control.store import Store
from guardhouse.control.use_store import UseStore
from guardhouse.readers.uses import Use

NOW = 1_800_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store.sqlite")
    yield store
    store.close()


def use(name: str, last: float = NOW) -> Use:
    return Use(name, NOW - 60, last, {"192.0.2.0/24": NOW, "local": NOW - 5}, NOW - 7)


def test_a_use_comes_back_as_it_was_saved_and_the_latest_counts(store: Store) -> None:
    uses = UseStore(store.engine)
    uses.save([use("key:aliceaaaaaaa"), use("principal:o'brien")])
    uses.save([use("key:aliceaaaaaaa", last=NOW + 1)])
    assert uses.get("key:aliceaaaaaaa") == use("key:aliceaaaaaaa", last=NOW + 1)
    assert uses.get("principal:o'brien") == use("principal:o'brien")
    assert uses.get("key:nobody") is None


def test_the_last_use_of_every_key_is_told_by_its_id(store: Store) -> None:
    uses = UseStore(store.engine)
    uses.save([use("key:aliceaaaaaaa"), use("key:bobbbbbbbbbb", last=NOW + 5), use("principal:key")])
    assert UseStore(store.engine).last_used() == {"aliceaaaaaaa": NOW, "bobbbbbbbbbb": NOW + 5}


def test_a_use_is_no_change_of_a_key(store: Store) -> None:
    UseStore(store.engine).save([use("key:aliceaaaaaaa")])
    assert list(store.changes_since(0)) == []
