"""When and from where credentials were last used: a table beside the keys, written by readers/signins.py only.

It is apart from the keys so that a use is no change of a key: nothing is published to workers, and the command line
reads both. A row is as exact as its reader, about a minute.
"""

from collections.abc import Sequence

from sqlalchemy import JSON, Column, Engine, Float, MetaData, String, Table, delete, insert, select
from sqlalchemy.schema import CreateTable

from guardhouse.readers.uses import Use

_metadata = MetaData()
_uses = Table(
    "credential_uses",
    _metadata,
    Column("name", String, primary_key=True),
    Column("first", Float, nullable=False),
    Column("last", Float, nullable=False),
    Column("networks", JSON, nullable=False),
    Column("told", Float, nullable=False),
)
_KEY = "key:"


class UseStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.begin() as connection:
            connection.execute(CreateTable(_uses, if_not_exists=True))

    def __repr__(self) -> str:
        return "<UseStore>"

    def get(self, name: str) -> Use | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(_uses).where(_uses.c.name == name)).one_or_none()
        return None if row is None else Use(row.name, row.first, row.last, dict(row.networks), row.told)

    def save(self, uses: Sequence[Use]) -> None:
        rows = [{name: getattr(use, name) for name in Use.__struct_fields__} for use in uses]
        with self._engine.begin() as connection:
            connection.execute(delete(_uses).where(_uses.c.name.in_([use.name for use in uses])))
            connection.execute(insert(_uses), rows)

    def last_used(self) -> dict[str, float]:
        """Of every key that was ever used, by its id."""
        with self._engine.connect() as connection:
            found = connection.execute(select(_uses.c.name, _uses.c.last).where(_uses.c.name.startswith(_KEY)))
            return {name.removeprefix(_KEY): last for name, last in found}
