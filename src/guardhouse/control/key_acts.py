"""What was done to keys on the command line, for the journal: a table beside the keys, and who announces its rows.

The command line cannot write to the journal, which belongs to the processes of a gateway, and there may be none
running. So an act is noted in the store, in the same transaction as the change itself, and the control process that
runs, or the next one, makes an event of it. `announced` notes which rows the journal has. What is done over HTTP is
done in the control process, which writes its events itself.
"""

from collections.abc import Callable, Iterable
from typing import Literal

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Connection,
    Engine,
    Float,
    Integer,
    MetaData,
    String,
    Table,
    insert,
    select,
    update,
)
from sqlalchemy.schema import CreateTable

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Event
from guardhouse.control.store import Store

Kind = Literal["created", "rotated", "revoked"]

_EVENTS: dict[Kind, str] = {"created": "key.created", "rotated": "key.rotated", "revoked": "key.revoked"}

_metadata = MetaData()
_acts = Table(
    "key_acts",
    _metadata,
    Column("number", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("key_id", String, nullable=False),
    Column("principal", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("by", String, nullable=False),
    Column("replaces", String, nullable=False),
    Column("announced", Boolean, nullable=False),
    sqlite_autoincrement=True,
)


class KeyAct(msgspec.Struct, frozen=True, kw_only=True):
    number: int = 0  # 0: not noted yet
    kind: Kind
    key_id: str
    principal: str
    at: float
    by: str
    replaces: str = ""


_MEMBERS = KeyAct.__struct_fields__


class KeyActs:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.begin() as connection:
            connection.execute(CreateTable(_acts, if_not_exists=True))

    def __repr__(self) -> str:
        return "<KeyActs>"

    def noting(self, act: KeyAct) -> Callable[[Connection], None]:
        """What notes the act, within the transaction that does it."""
        values = {name: getattr(act, name) for name in _MEMBERS if name != "number"}

        def note(connection: Connection) -> None:
            connection.execute(insert(_acts).values(**values, announced=False))

        return note

    def unannounced(self) -> list[KeyAct]:
        with self._engine.connect() as connection:
            found = connection.execute(select(_acts).where(~_acts.c.announced).order_by(_acts.c.number))
            return [KeyAct(**{name: getattr(row, name) for name in _MEMBERS}) for row in found]

    def note_announced(self, numbers: Iterable[int]) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(_acts).where(_acts.c.number.in_(list(numbers))).values(announced=True))


class KeyAnnouncer:
    """Makes events of what was noted."""

    def __init__(self, store: Store, journal: Journal) -> None:
        self._store = store
        self._acts = KeyActs(store.engine)
        self._journal = journal
        self._version: int | None = None

    def __repr__(self) -> str:
        return "<KeyAnnouncer>"

    def poll(self, _now: float) -> None:
        version = self._store.version()
        if version == self._version:
            return
        self._version = version
        acts = self._acts.unannounced()
        numbers = [act.number for act in acts]
        for act in acts:
            last = act is acts[-1]
            self._journal.append(event_of(act), (lambda error: self._announced(numbers, error)) if last else None)

    def _announced(self, numbers: list[int], error: OSError | None) -> None:
        """The events of one turn are written together or not at all, and in that case tried again."""
        if error is None:
            self._acts.note_announced(numbers)
        else:
            self._version = None


def event_of(act: KeyAct) -> Event:
    facts: dict[str, str | int | float | bool] = {"replaces": act.replaces} if act.replaces else {}
    return Event(
        at=act.at, name=_EVENTS[act.kind], principal=act.principal, credential=act.key_id, by=act.by, facts=facts
    )
