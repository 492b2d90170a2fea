"""Revocations of what is kept nowhere else: remembered as long as they matter, by whoever came first."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from guardhouse.control.revocations import REMEMBERED, Revocation, Revocations
from guardhouse.control.store import Store

NOW = 1_800_000_000.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "store.sqlite")
    yield opened
    opened.close()


def test_what_is_revoked_is_told_until_it_would_have_ended(store: Store) -> None:
    revocations = Revocations(store.engine)
    revocations.revoke("gt_one", "olga", NOW, NOW + 60)
    revocations.revoke("corp:two", "olga", NOW + 1)
    assert revocations.current(NOW + 1) == {
        "gt_one": Revocation(NOW, NOW + 60, "olga"),
        "corp:two": Revocation(NOW + 1, NOW + 1 + REMEMBERED, "olga"),
    }
    assert list(revocations.current(NOW + 60)) == ["corp:two"]


def test_the_first_revocation_stands_and_the_longer_memory_wins(store: Store) -> None:
    revocations = Revocations(store.engine)
    revocations.revoke("gt_one", "olga", NOW, NOW + 60)
    revocations.revoke("gt_one", "eve", NOW + 5, NOW + 10)
    assert revocations.current(NOW + 5) == {"gt_one": Revocation(NOW, NOW + 60, "olga")}
    revocations.revoke("gt_one", "eve", NOW + 5, NOW + 600)
    assert revocations.current(NOW + 5) == {"gt_one": Revocation(NOW, NOW + 600, "olga")}


def test_another_process_sees_it_and_knows_that_there_is_news(store: Store, tmp_path: Path) -> None:
    here = Revocations(store.engine)
    version = store.version()
    other = Store(tmp_path / "store.sqlite")
    Revocations(other.engine).revoke("gt_one", "olga", NOW)
    other.close()
    assert store.version() != version
    assert list(here.current(NOW)) == ["gt_one"]


def test_a_hostile_id_is_an_id_like_any_other(store: Store) -> None:
    revocations = Revocations(store.engine)
    hostile = "x'; DROP TABLE revoked_credentials; --"
    revocations.revoke(hostile, "olga", NOW)
    assert list(revocations.current(NOW)) == [hostile]
