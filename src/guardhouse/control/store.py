"""The key store: what is known of API keys, durably. SQL is spoken here and in the files that share its engine.

SQLite in write-ahead mode, so that the command line writes while the control process reads. Every statement is built
by SQLAlchemy from the table below and takes its values as parameters. There is no secret in the store: a key is kept
as HMAC-SHA256(pepper, key), and the pepper lies elsewhere.

Each change of a row gives it the next `sequence`, so "what changed since" is one indexed query and a row that changed
twice is reported once, in its latest form. Sequences are given inside the writing statement, whose lock makes them
unique; a transaction that writes begins with a write, because one that read first could find the world changed at its
first write. Rows are never deleted, else the highest sequence could be given twice.

Other tables may lie in the same file and use its `engine`; each makes itself when it is missing. When a column is
added here: raise `SCHEMA`, say in `_ADDED` which columns older files lack, and think of the feed
(identity/key_feed.py), which publishes records to workers of the same release only.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    LargeBinary,
    MetaData,
    Row,
    String,
    Table,
    create_engine,
    event,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.engine import URL
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.schema import CreateTable

from guardhouse.identity.api_keys import KeyRecord

SCHEMA = 2

_metadata = MetaData()
_keys = Table(
    "api_keys",
    _metadata,
    Column("id", String, primary_key=True),
    Column("digest", LargeBinary, nullable=False),
    Column("principal", String, nullable=False),
    Column("groups", JSON, nullable=False),
    Column("created_at", Float, nullable=False),
    Column("expires_at", Float),
    Column("revoked_at", Float),
    Column("sequence", Integer, nullable=False, unique=True),
    Column("roles", JSON, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("team", String, nullable=False),
    Column("tier", String, nullable=False),
    Column("owner", String, nullable=False),
    Column("service", Boolean, nullable=False),
    Column("operations", JSON(none_as_null=True)),
    Column("models", JSON(none_as_null=True)),
)
_FETCHED = 1000  # rows held in memory at once where all of them pass
_ADDED = {  # schema -> what it added to a store of the one before
    2: (
        "roles JSON NOT NULL DEFAULT '[]'",
        "scopes JSON NOT NULL DEFAULT '[]'",
        "team VARCHAR NOT NULL DEFAULT ''",
        "tier VARCHAR NOT NULL DEFAULT ''",
        "owner VARCHAR NOT NULL DEFAULT ''",
        "service BOOLEAN NOT NULL DEFAULT 0",
        "operations JSON",
        "models JSON",
    ),
}
_MEMBERS = tuple(field.name for field in msgspec.structs.fields(KeyRecord))
_next_sequence = select(func.coalesce(func.max(_keys.c.sequence), 0) + 1).scalar_subquery()


Beside = Callable[[Connection], None]


def _nothing(_connection: Connection) -> None:
    pass


class StoreUnusable(OSError):  # noqa: N818 - it names the state the store is in
    """The file is not a store that this release can use."""


class Store:
    def __init__(self, path: Path) -> None:
        """Opens the store at `path`, creating it, readable by its owner only, when there is none."""
        self._path = path
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600))
        self._engine = create_engine(URL.create("sqlite", database=str(path)), hide_parameters=True)
        event.listen(self._engine, "connect", _configure)
        self._watch: PoolProxiedConnection | None = None
        with self._engine.begin() as connection:
            _prepare(connection, path)

    def __repr__(self) -> str:
        return f"<Store {self._path.name}>"

    @property
    def engine(self) -> Engine:
        """For the other tables of this file; it is closed with the store."""
        return self._engine

    def close(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None
        self._engine.dispose()

    def add(self, record: KeyRecord, beside: Beside = _nothing) -> None:
        """`beside`, here and below: what else is to be done if this is, in the same transaction."""
        with self._engine.begin() as connection:
            _insert(connection, record)
            beside(connection)

    def get(self, key_id: str) -> KeyRecord | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(_keys).where(_keys.c.id == key_id)).one_or_none()
        return None if row is None else _record(row)

    def page(self, after: str, most: int, principal: str | None = None) -> list[KeyRecord]:
        """Keys in the order of their ids, those behind `after`."""
        asked = select(_keys).where(_keys.c.id > after).order_by(_keys.c.id).limit(most)
        if principal is not None:
            asked = asked.where(_keys.c.principal == principal)
        with self._engine.connect() as connection:
            return [_record(row) for row in connection.execute(asked)]

    def list(self) -> list[KeyRecord]:
        """Every key, oldest first."""
        with self._engine.connect() as connection:
            return [_record(row) for row in connection.execute(select(_keys).order_by(_keys.c.created_at, _keys.c.id))]

    def count(self) -> int:
        with self._engine.connect() as connection:
            return connection.execute(select(func.count()).select_from(_keys)).scalar_one()

    def revoke(self, key_id: str, now: float, beside: Beside = _nothing) -> bool:
        """False when there is no such key or it was revoked before."""
        with self._engine.begin() as connection:
            if not _change(connection, key_id, revoked_at=now):
                return False
            beside(connection)
            return True

    def replace(
        self,
        old: KeyRecord,
        new: KeyRecord,
        *,
        expires_at: float | None,
        revoked_at: float | None,
        beside: Beside = _nothing,
    ) -> bool:
        """Ends `old` as said and adds `new`, both or neither; False when `old` was revoked meanwhile."""
        with self._engine.begin() as connection:
            if not _change(connection, old.id, expires_at=expires_at, revoked_at=revoked_at):
                return False
            _insert(connection, new)
            beside(connection)
            return True

    def version(self) -> int:
        """Differs from the last one if anybody has committed since. For a poll: it costs a few microseconds."""
        if self._watch is None:
            self._watch = self._engine.raw_connection()
        cursor = self._watch.cursor()
        cursor.execute("PRAGMA data_version")  # counts the commits of all connections but this one, which makes none
        [(version,)] = cursor.fetchall()
        cursor.close()
        return int(version)

    def changes_since(self, sequence: int) -> Iterator[tuple[int, KeyRecord]]:
        """Every key that changed after `sequence`, in the order of the changes, each with its own sequence."""
        changed = select(_keys).where(_keys.c.sequence > sequence).order_by(_keys.c.sequence)
        with self._engine.connect().execution_options(yield_per=_FETCHED) as connection:
            for row in connection.execute(changed):
                yield row.sequence, _record(row)


def _configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.execute("PRAGMA synchronous = FULL")  # a key that was printed, or revoked, stays so after a power loss
    cursor.execute("PRAGMA busy_timeout = 5000")
    cursor.close()


def _prepare(connection: Connection, path: Path) -> None:
    """Makes the table, or brings an older one up, all or nothing, while nobody else can write."""
    if _schema(connection) == SCHEMA:
        return
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    found = _schema(connection)
    if found > SCHEMA:
        raise StoreUnusable(f"{path} was written by a newer release (schema {found}, this one knows {SCHEMA})")
    if found == 0:
        connection.execute(CreateTable(_keys))
    for number in range(found + 1, SCHEMA + 1) if found else ():
        for column in _ADDED[number]:
            connection.exec_driver_sql(f"ALTER TABLE api_keys ADD COLUMN {column}")
    connection.exec_driver_sql(f"PRAGMA user_version = {SCHEMA:d}")


def _schema(connection: Connection) -> int:
    found: int = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
    return found


def _insert(connection: Connection, record: KeyRecord) -> None:
    values = msgspec.to_builtins(record, builtin_types=(bytes,))
    blank = {name: getattr(record, name) for name in _MEMBERS if name not in values}
    connection.execute(insert(_keys).values(**{**blank, **values}, sequence=_next_sequence))


def _change(connection: Connection, key_id: str, **columns: float | None) -> bool:
    live = (_keys.c.id == key_id) & _keys.c.revoked_at.is_(None)
    return connection.execute(update(_keys).where(live).values(**columns, sequence=_next_sequence)).rowcount == 1


def _record(row: Row[Any]) -> KeyRecord:
    return msgspec.convert({name: getattr(row, name) for name in _MEMBERS}, KeyRecord)
