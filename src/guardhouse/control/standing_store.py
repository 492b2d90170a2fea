"""Every switch that was ever thrown: on principals, models, tiers and targets. A table beside the keys.

Each act is a row of its own and none is changed later: what is in force is the latest row of each thing, unless that
row lifts it or its time has passed. So the table is the history as well. `announced` notes which rows the journal has,
so that an act on the command line while no gateway runs is recorded by the next one that does.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from sqlalchemy import (
    Boolean,
    Column,
    Engine,
    Float,
    Integer,
    MetaData,
    Row,
    String,
    Table,
    func,
    insert,
    select,
    update,
)
from sqlalchemy.schema import CreateTable

from guardhouse.limits.rate import Rate

Kind = Literal["principal", "model", "tier", "target"]

_metadata = MetaData()
_acts = Table(
    "standing",
    _metadata,
    Column("number", Integer, primary_key=True),
    Column("kind", String, nullable=False),
    Column("name", String, nullable=False),
    Column("at", Float, nullable=False),
    Column("by", String, nullable=False),
    Column("because", String, nullable=False),
    Column("lifted", Boolean, nullable=False),
    Column("until", Float),
    Column("amount", Integer),
    Column("window", Float),
    Column("announced", Boolean, nullable=False),
    sqlite_autoincrement=True,
)


class Act(msgspec.Struct, frozen=True, kw_only=True):
    number: int = 0  # 0: not recorded yet
    kind: Kind
    name: str
    at: float
    by: str
    because: str = ""
    lifted: bool = False
    until: float | None = None
    cap: Rate | None = None  # of a tier


class StandingStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.begin() as connection:
            connection.execute(CreateTable(_acts, if_not_exists=True))

    def __repr__(self) -> str:
        return "<StandingStore>"

    def enter(self, act: Act) -> int:
        cap = (None, None) if act.cap is None else (act.cap.amount, act.cap.window)
        columns = {name: getattr(act, name) for name in ("kind", "name", "at", "by", "because", "lifted", "until")}
        with self._engine.begin() as connection:
            done = connection.execute(insert(_acts).values(**columns, amount=cap[0], window=cap[1], announced=False))
        assert done.inserted_primary_key is not None
        return int(done.inserted_primary_key[0])

    def latest(self) -> list[Act]:
        """What is in force, and what would be but for its end, which may have passed."""
        newest = select(func.max(_acts.c.number)).group_by(_acts.c.kind, _acts.c.name)
        return self._read(
            select(_acts).where(_acts.c.number.in_(newest), ~_acts.c.lifted).order_by(_acts.c.kind, _acts.c.name)
        )

    def unannounced(self) -> list[Act]:
        return self._read(select(_acts).where(~_acts.c.announced).order_by(_acts.c.number))

    def note_announced(self, numbers: Iterable[int]) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(_acts).where(_acts.c.number.in_(list(numbers))).values(announced=True))

    def history(self, most: int) -> list[Act]:
        """The latest acts, newest first."""
        return self._read(select(_acts).order_by(_acts.c.number.desc()).limit(most))

    def _read(self, statement: Any) -> list[Act]:
        with self._engine.connect() as connection:
            return [_act(row) for row in connection.execute(statement)]


def _act(row: Row[Any]) -> Act:
    return Act(
        number=row.number,
        kind=row.kind,
        name=row.name,
        at=row.at,
        by=row.by,
        because=row.because,
        lifted=row.lifted,
        until=row.until,
        cap=None if row.amount is None else Rate(row.amount, row.window),
    )
