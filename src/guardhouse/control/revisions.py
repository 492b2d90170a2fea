"""The history of the policy: every revision that was ever in force, and every change of what is.

A revision is a content; a change puts one into a slot or empties the slot. There are three slots: `active` decides,
`shadow` is only evaluated, `canary` decides for a share of the principals. What is in force is what the latest accepted
change of each slot says, so history is never rewritten: taking something back is a change of its own.

A content is kept as the text it was written as, once per revision, because a later release must be able to read it and
people want their comments back. Changes are asked for on the command line while a gateway runs (`requested`), and it is
the gateway that accepts or refuses them, since only it knows whether the secrets can be had; without a running gateway
they are accepted at once and looked at when one starts.

Also remembered is the digest of each configuration file as it was last read, so that a restart can tell a file that was
edited meanwhile, which counts, from one that merely is no longer what is in force, as after a rollback.

The tables live in the key store's file (control/store.py) and are made here. Rows are never deleted.
"""

import hashlib
from collections.abc import Iterable
from typing import Any, Literal

import msgspec
import sqlalchemy as sql

Slot = Literal["active", "shadow", "canary"]
Origin = Literal["start", "file", "signal", "command", "rollback"]
Status = Literal["requested", "accepted", "refused"]

_metadata = sql.MetaData()
_contents = sql.Table(
    "policy_contents",
    _metadata,
    sql.Column("revision", sql.String, primary_key=True),
    sql.Column("source", sql.LargeBinary, nullable=False),
    sql.Column("first_at", sql.Float, nullable=False),
)
_changes = sql.Table(
    "policy_changes",
    _metadata,
    sql.Column("number", sql.Integer, primary_key=True),
    sql.Column("slot", sql.String, nullable=False),
    sql.Column("revision", sql.String),
    sql.Column("share", sql.Float),
    sql.Column("at", sql.Float, nullable=False),
    sql.Column("author", sql.String, nullable=False),
    sql.Column("origin", sql.String, nullable=False),
    sql.Column("note", sql.String, nullable=False),
    sql.Column("status", sql.String, nullable=False),
    sql.Column("said", sql.String, nullable=False),
    sqlite_autoincrement=True,
)
_files = sql.Table(
    "policy_files",
    _metadata,
    sql.Column("path", sql.String, primary_key=True),
    sql.Column("digest", sql.LargeBinary, nullable=False),
)


class Change(msgspec.Struct, frozen=True, kw_only=True):
    number: int = 0  # 0: not recorded yet
    slot: Slot
    revision: str | None  # None: the slot is emptied
    share: float | None = None  # percent, of a canary
    at: float
    author: str
    origin: Origin
    note: str = ""
    status: Status = "accepted"
    said: str = ""  # why it was refused


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """The change that each slot is in by; a slot that is empty has none."""

    active: Change | None = None
    shadow: Change | None = None
    canary: Change | None = None


class Revisions:
    def __init__(self, engine: sql.Engine) -> None:
        self._engine = engine
        with engine.begin() as connection:
            for table in (_contents, _changes, _files):
                connection.execute(sql.schema.CreateTable(table, if_not_exists=True))

    def __repr__(self) -> str:
        return "<Revisions>"

    def enter(self, change: Change, source: bytes = b"") -> int:
        """Record a change, with the text of its revision if that may be new; its number."""
        with self._engine.begin() as connection:
            number = _insert(connection, change)
            if change.revision is not None and source and not _knows(connection, change.revision):
                values = {"revision": change.revision, "source": source, "first_at": change.at}
                connection.execute(sql.insert(_contents).values(**values))
            if change.status == "accepted":
                _follow(connection, msgspec.structs.replace(change, number=number))
        return number

    def accept(self, number: int) -> bool:
        """False when a later change of the same slot was accepted meanwhile; the request is refused then."""
        with self._engine.begin() as connection:
            change = _settle(connection, number, "accepted", "")
            if change is None:
                return False
            later = (_changes.c.slot == change.slot) & (_changes.c.number > number) & (_changes.c.status == "accepted")
            if connection.execute(sql.select(_changes.c.number).where(later)).first() is None:
                _follow(connection, change)
                return True
            said = "overtaken by a later change"
            this = _changes.c.number == number
            connection.execute(sql.update(_changes).where(this).values(status="refused", said=said))
        return False

    def refuse(self, number: int, said: str) -> None:
        with self._engine.begin() as connection:
            _settle(connection, number, "refused", said)

    def get(self, number: int) -> Change | None:
        with self._engine.connect() as connection:
            row = connection.execute(sql.select(_changes).where(_changes.c.number == number)).one_or_none()
        return None if row is None else _change(row)

    def requested(self) -> list[Change]:
        """What waits for an answer, in the order in which it was asked for."""
        wanted = sql.select(_changes).where(_changes.c.status == "requested").order_by(_changes.c.number)
        return self._read(wanted)

    def history(self, most: int) -> list[Change]:
        """The latest changes, newest first."""
        return self._read(sql.select(_changes).order_by(_changes.c.number.desc()).limit(most))

    def standing(self) -> Standing:
        with self._engine.connect() as connection:
            return _standing(connection)

    def previous(self) -> str | None:
        """The revision that a rollback leads to."""
        activations = sql.select(_changes).where(_changes.c.slot == "active", _changes.c.status == "accepted")
        return before(self._read(activations.order_by(_changes.c.number)))

    def source(self, revision: str) -> bytes | None:
        with self._engine.connect() as connection:
            found = connection.execute(sql.select(_contents.c.source).where(_contents.c.revision == revision))
            source: bytes | None = found.scalar_one_or_none()
        return source

    def beginning_with(self, prefix: str) -> list[str]:
        """The revisions that a shortened one may mean."""
        meant = sql.select(_contents.c.revision).where(_contents.c.revision.startswith(prefix, autoescape=True))
        with self._engine.connect() as connection:
            return list(connection.execute(meant.order_by(_contents.c.revision)).scalars())

    def is_news(self, path: str, content: bytes) -> bool:
        """Whether the file at `path` holds something else than when it was last read."""
        with self._engine.connect() as connection:
            known = connection.execute(sql.select(_files.c.digest).where(_files.c.path == path)).scalar_one_or_none()
        return known != _digest(content)

    def note_read(self, path: str, content: bytes) -> None:
        with self._engine.begin() as connection:
            connection.execute(sql.delete(_files).where(_files.c.path == path))
            connection.execute(sql.insert(_files).values(path=path, digest=_digest(content)))

    def _read(self, statement: Any) -> list[Change]:
        with self._engine.connect() as connection:
            return [_change(row) for row in connection.execute(statement)]


def before(activations: Iterable[Change]) -> str | None:
    """What was active before, to be undone step by step: a revision that was rolled back is not returned to."""
    stack: list[str] = []
    for change in activations:
        assert change.revision is not None
        if change.origin == "rollback" and change.revision in stack:
            while stack[-1] != change.revision:
                stack.pop()
        elif not stack or stack[-1] != change.revision:
            stack.append(change.revision)
    return stack[-2] if len(stack) > 1 else None


def _settle(connection: sql.Connection, number: int, status: Status, said: str) -> Change | None:
    """Answer a request; None if it has its answer."""
    waiting = (_changes.c.number == number) & (_changes.c.status == "requested")
    if not connection.execute(sql.update(_changes).where(waiting).values(status=status, said=said)).rowcount:
        return None
    return _change(connection.execute(sql.select(_changes).where(_changes.c.number == number)).one())


def _follow(connection: sql.Connection, change: Change) -> None:
    """What becomes active is no candidate any more, and a rollback leaves nobody under a canary."""
    if change.slot != "active":
        return
    standing = _standing(connection)
    candidates: tuple[tuple[Slot, Change | None], ...] = (("shadow", standing.shadow), ("canary", standing.canary))
    for slot, candidate in candidates:
        if candidate is None:
            continue
        if candidate.revision == change.revision or (slot == "canary" and change.origin == "rollback"):
            _insert(connection, _emptying(slot, change))


def _emptying(slot: Slot, change: Change) -> Change:
    return msgspec.structs.replace(
        change, slot=slot, revision=None, share=None, note=f"follows change {change.number}", status="accepted"
    )


def _standing(connection: sql.Connection) -> Standing:
    found: dict[str, Change | None] = {}
    for slot in ("active", "shadow", "canary"):
        latest = (
            sql.select(_changes)
            .where(_changes.c.slot == slot, _changes.c.status == "accepted")
            .order_by(_changes.c.number.desc())
            .limit(1)
        )
        row = connection.execute(latest).one_or_none()
        found[slot] = None if row is None or row.revision is None else _change(row)
    return Standing(**found)


def _insert(connection: sql.Connection, change: Change) -> int:
    columns = msgspec.structs.asdict(change)
    del columns["number"]
    done = connection.execute(sql.insert(_changes).values(**columns))
    assert done.inserted_primary_key is not None
    return int(done.inserted_primary_key[0])


def _knows(connection: sql.Connection, revision: str) -> bool:
    known = sql.select(_contents.c.revision).where(_contents.c.revision == revision)
    return connection.execute(known).first() is not None


def _change(row: sql.Row[Any]) -> Change:
    return Change(**row._asdict())


def _digest(content: bytes) -> bytes:
    return hashlib.sha256(content).digest()
