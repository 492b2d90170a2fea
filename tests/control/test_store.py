import sqlite3
import stat
import threading
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardhouse.control.store import SCHEMA, Store, StoreUnusable
from guardhouse.identity.api_keys import KeyRecord
from guardhouse.model.operation import Operation

NOW = 1_800_000_000.0

INJECTIONS = [
    "' OR '1'='1",
    "' OR '1'='1' --",
    "x'; DROP TABLE api_keys; --",
    '" OR ""="',
    "%",
    "_" * 12,
    "' UNION SELECT * FROM api_keys --",
    ":id",
    "?",
    "\x00",
    "ali\u0441e \u2713 \u202e",
]


def record(key_id: str, principal: str = "alice", at: float = NOW) -> KeyRecord:
    return KeyRecord(id=key_id, digest=b"\x00\xff" * 16, principal=principal, groups=("a", "b"), created_at=at)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    store = Store(path)
    yield store
    store.close()


def test_a_record_comes_back_as_it_was_added(store: Store) -> None:
    full = msgspec.structs.replace(record("k1"), expires_at=NOW + 1, revoked_at=NOW + 2)
    store.add(full)
    assert store.get("k1") == full
    assert store.list() == [full]


def test_an_id_is_given_once(store: Store) -> None:
    store.add(record("k1"))
    with pytest.raises(Exception, match="UNIQUE"):
        store.add(record("k1", principal="mallory"))
    assert store.list() == [record("k1")]


def test_keys_are_listed_oldest_first(store: Store) -> None:
    for key_id, at in (("b", 2.0), ("c", 1.0), ("a", 2.0)):
        store.add(record(key_id, at=at))
    assert [each.id for each in store.list()] == ["c", "a", "b"]


def test_a_key_is_revoked_once(store: Store) -> None:
    store.add(record("k1"))
    assert store.revoke("k1", NOW + 5) is True
    assert store.revoke("k1", NOW + 9) is False
    assert store.revoke("other", NOW) is False
    assert [each.revoked_at for each in store.list()] == [NOW + 5]


def test_replacing_ends_the_old_key_and_adds_the_new_one(store: Store) -> None:
    store.add(record("old"))
    assert store.replace(record("old"), record("new", at=NOW + 1), expires_at=NOW + 60, revoked_at=None)
    assert [(each.id, each.expires_at) for each in store.list()] == [("old", NOW + 60), ("new", None)]


def test_replacing_a_revoked_key_adds_nothing(store: Store) -> None:
    store.add(record("old"))
    store.revoke("old", NOW)
    assert not store.replace(record("old"), record("new"), expires_at=None, revoked_at=NOW)
    assert store.get("new") is None


def test_a_replacement_that_cannot_be_added_leaves_the_old_key_alone(store: Store) -> None:
    store.add(record("old"))
    store.add(record("new"))
    with pytest.raises(Exception, match="UNIQUE"):
        store.replace(record("old"), record("new"), expires_at=NOW, revoked_at=NOW)
    assert store.get("old") == record("old")


def test_changes_are_reported_once_in_their_latest_form(store: Store) -> None:
    for key_id in ("a", "b", "c"):
        store.add(record(key_id))
    first = list(store.changes_since(0))
    assert [each.id for _, each in first] == ["a", "b", "c"]
    store.revoke("b", NOW)
    store.revoke("a", NOW)
    later = list(store.changes_since(first[-1][0]))
    assert [each.id for _, each in later] == ["b", "a"]
    assert all(each.revoked_at == NOW for _, each in later)
    assert list(store.changes_since(later[-1][0])) == []


def test_a_second_process_sees_what_the_first_wrote(store: Store, path: Path) -> None:
    other = Store(path)
    store.add(record("a"))
    assert [each.id for _, each in other.changes_since(0)] == ["a"]
    other.revoke("a", NOW)
    assert [each.revoked_at for _, each in store.changes_since(1)] == [NOW]
    other.close()


def test_the_version_changes_with_every_commit_whoever_made_it_and_with_nothing_else(store: Store, path: Path) -> None:
    other = Store(path)
    versions = [store.version()]
    for commit in (
        lambda: store.add(record("k1")),
        lambda: other.add(record("k2")),
        lambda: store.revoke("k1", NOW),
        lambda: other.revoke("k2", NOW),
    ):
        commit()
        versions.append(store.version())
        store.list()
        assert store.version() == versions[-1]
    assert len(set(versions)) == 5
    other.close()


def test_writers_at_the_same_time_get_different_sequences(path: Path) -> None:
    stores = [Store(path) for _ in range(4)]

    def write(store: Store, name: str) -> None:
        for number in range(10):
            store.add(record(f"{name}{number}"))
        store.close()

    threads = [threading.Thread(target=write, args=(store, name)) for store, name in zip(stores, "abcd", strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    reader = Store(path)
    sequences = [sequence for sequence, _ in reader.changes_since(0)]
    reader.close()
    assert sequences == list(range(1, 41))


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_in_a_value_is_only_a_value(store: Store, text: str) -> None:
    store.add(record("k1"))
    assert store.get(text) is None
    assert store.revoke(text, NOW) is False
    store.add(record("k2", principal=text, at=NOW + 1))
    assert store.list() == [record("k1"), record("k2", principal=text, at=NOW + 1)]


@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=40))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=60)
def test_no_text_finds_a_key_that_is_not_called_so(store: Store, text: str) -> None:
    if store.get("k-one") is None:
        store.add(record("k-one"))
    assert store.get(text) is None or text == "k-one"


def test_the_file_is_for_its_owner_only_and_in_write_ahead_mode(store: Store, path: Path) -> None:
    store.add(record("a"))
    assert {stat.S_IMODE(each.stat().st_mode) for each in path.parent.glob("store.sqlite*")} == {0o600}
    connection = sqlite3.connect(path)
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
    connection.close()


def test_a_store_of_a_newer_release_is_refused(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute(f"PRAGMA user_version = {SCHEMA + 1}")
    connection.close()
    with pytest.raises(StoreUnusable, match="newer release"):
        Store(path)


def test_opening_again_keeps_what_is_there(path: Path) -> None:
    first = Store(path)
    first.add(record("a"))
    first.close()
    second = Store(path)
    assert second.list() == [record("a")]
    second.close()


NAMES = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=8), max_size=3).map(tuple)
RECORDS = st.builds(
    KeyRecord,
    id=st.text("abc123", min_size=6, max_size=12),
    digest=st.binary(min_size=32, max_size=32),
    principal=st.text(st.characters(exclude_categories=["Cs"]), max_size=8),
    groups=NAMES,
    roles=NAMES,
    scopes=NAMES,
    team=st.sampled_from(["", "finance"]),
    tier=st.sampled_from(["", "standard"]),
    owner=st.sampled_from(["", "bob"]),
    service=st.booleans(),
    operations=st.none() | st.lists(st.sampled_from(Operation), unique=True).map(tuple),
    models=st.none() | NAMES,
    created_at=st.floats(0, 4e9),
    expires_at=st.none() | st.floats(0, 4e9),
    revoked_at=st.none() | st.floats(0, 4e9),
)


@given(st.lists(RECORDS, max_size=4, unique_by=lambda each: each.id))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
def test_every_record_comes_back_as_it_was(tmp_path: Path, records: list[KeyRecord]) -> None:
    path = tmp_path / "any.sqlite"
    path.unlink(missing_ok=True)
    store = Store(path)
    for each in records:
        store.add(each)
    assert [found for _, found in store.changes_since(0)] == records
    store.close()


FIRST_SCHEMA = """
CREATE TABLE api_keys (
    id VARCHAR NOT NULL PRIMARY KEY, digest BLOB NOT NULL, principal VARCHAR NOT NULL, groups JSON NOT NULL,
    created_at FLOAT NOT NULL, expires_at FLOAT, revoked_at FLOAT, sequence INTEGER NOT NULL UNIQUE
);
INSERT INTO api_keys VALUES ('old1', x'00ff', 'alice', '["a", "b"]', 5.0, NULL, 7.0, 1);
INSERT INTO api_keys VALUES ('old2', x'01fe', 'bob', '[]', 6.0, 9.0, NULL, 2);
PRAGMA user_version = 1;
"""


def test_a_store_of_the_first_release_is_brought_up_with_its_keys(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(FIRST_SCHEMA)
    connection.close()
    store = Store(path)
    assert store.list() == [
        KeyRecord(id="old1", digest=b"\x00\xff", principal="alice", groups=("a", "b"), created_at=5.0, revoked_at=7.0),
        KeyRecord(id="old2", digest=b"\x01\xfe", principal="bob", created_at=6.0, expires_at=9.0),
    ]
    new = msgspec.structs.replace(record("new1"), roles=("reader",), service=True, owner="bob")
    store.add(new)
    assert [sequence for sequence, _ in store.changes_since(2)] == [3]
    store.close()
    again = Store(path)
    assert again.get("new1") == new
    again.close()


def test_two_that_bring_up_the_same_store_do_not_disturb_each_other(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(FIRST_SCHEMA)
    connection.close()
    failed: list[BaseException] = []

    def open_it() -> None:
        try:
            Store(path).close()
        except OSError as error:
            failed.append(error)

    threads = [threading.Thread(target=open_it) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    store = Store(path)
    assert len(store.list()) == 2
    store.close()
