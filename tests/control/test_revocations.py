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


def named(revocations: Revocations, since: int = 0) -> list[str]:
    return [found.credential for found in revocations.since(since, 1000)]


def test_what_is_revoked_is_told_in_order_until_it_would_have_ended(store: Store) -> None:
    revocations = Revocations(store.engine)
    revocations.revoke("gt_one", "olga", NOW, NOW + 60)
    revocations.revoke("corp:two", "olga", NOW + 1)
    assert revocations.since(0, 1000) == [
        Revocation(1, "gt_one", NOW, NOW + 60, "olga"),
        Revocation(2, "corp:two", NOW + 1, NOW + 1 + REMEMBERED, "olga"),
    ]
    assert named(revocations, 1) == ["corp:two"]
    assert (revocations.count(NOW), revocations.count(NOW + 60)) == (2, 1)
    revocations.revoke("gt_three", "olga", NOW + 60)
    assert named(revocations) == ["corp:two", "gt_three"]


def test_the_first_revocation_stands_and_the_longer_memory_is_added(store: Store) -> None:
    revocations = Revocations(store.engine)
    revocations.revoke("gt_one", "olga", NOW, NOW + 60)
    revocations.revoke("gt_one", "eve", NOW + 5, NOW + 10)
    assert revocations.since(0, 9) == [Revocation(1, "gt_one", NOW, NOW + 60, "olga")]
    revocations.revoke("gt_one", "eve", NOW + 5, NOW + 600)
    assert revocations.since(1, 9) == [Revocation(2, "gt_one", NOW + 5, NOW + 600, "eve")]
    assert [found.by for found in revocations.unannounced()] == ["olga"]


def test_a_number_is_never_given_twice(store: Store) -> None:
    revocations = Revocations(store.engine)
    revocations.revoke("gt_one", "olga", NOW, NOW + 1)
    revocations.revoke("gt_two", "olga", NOW + 2, NOW + 3)
    revocations.revoke("gt_three", "olga", NOW + 4, NOW + 5)
    assert [found.number for found in revocations.since(0, 9)] == [3]
    assert revocations.latest() == 3


def test_what_was_announced_is_not_announced_again(store: Store) -> None:
    revocations = Revocations(store.engine)
    for number in range(3):
        revocations.revoke(f"gt_{number}", "olga", NOW)
    revocations.note_announced([1, 2])
    assert [found.credential for found in revocations.unannounced()] == ["gt_2"]


def test_another_process_sees_it_and_knows_that_there_is_news(store: Store, tmp_path: Path) -> None:
    here = Revocations(store.engine)
    version = store.version()
    other = Store(tmp_path / "store.sqlite")
    Revocations(other.engine).revoke("gt_one", "olga", NOW)
    other.close()
    assert store.version() != version
    assert named(here) == ["gt_one"]


def test_a_hostile_id_is_an_id_like_any_other(store: Store) -> None:
    revocations = Revocations(store.engine)
    hostile = "x'; DROP TABLE revocations; --"
    revocations.revoke(hostile, "olga", NOW)
    assert named(revocations) == [hostile]


def test_what_an_earlier_release_knew_is_taken_over_and_not_told_again(store: Store) -> None:
    with store.engine.begin() as connection:
        connection.exec_driver_sql(
            "CREATE TABLE revoked_credentials (credential VARCHAR NOT NULL, revoked_at FLOAT NOT NULL, "
            "until FLOAT NOT NULL, by VARCHAR NOT NULL, PRIMARY KEY (credential))"
        )
        connection.exec_driver_sql(f"INSERT INTO revoked_credentials VALUES ('gt_old', {NOW}, {NOW + 600}, 'olga')")
    for _ in range(2):
        revocations = Revocations(store.engine)
        assert revocations.since(0, 9) == [Revocation(1, "gt_old", NOW, NOW + 600, "olga")]
        assert revocations.unannounced() == []
