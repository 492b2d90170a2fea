"""Which credentials were revoked that are no API keys: tokens of issuers and of the gateway, by their credential id.

Such credentials are kept nowhere, so all there is to revoke is the id that records show for them. A revocation is
remembered until the credential would have ended anyway, where that is known, and for `REMEMBERED` otherwise. What
descends from a revoked credential ends with it; that is decided where tokens are judged (identity/tokens.py).

Each revocation has a number that is never given twice, so "what came since" is a look at the end of the table, however
long it is. One that was revoked before is entered again only where it is to be remembered for longer. `announced` notes
of which ones the journal knows: the command line cannot write there, so the control process does.

The tables lie in the file of the key store and are made here.
"""

from collections.abc import Iterable

import msgspec
import sqlalchemy as sql

REMEMBERED = 7 * 86_400.0  # seconds
_MOST_TOLD = 500  # at a time

_metadata = sql.MetaData()
_revoked = sql.Table(
    "revocations",
    _metadata,
    sql.Column("number", sql.Integer, primary_key=True),
    sql.Column("credential", sql.String, nullable=False),
    sql.Column("revoked_at", sql.Float, nullable=False),
    sql.Column("until", sql.Float, nullable=False),
    sql.Column("by", sql.String, nullable=False),
    sql.Column("announced", sql.Boolean, nullable=False),
    sqlite_autoincrement=True,
)
_indices = (
    sql.Index("revocations_by_credential", _revoked.c.credential),
    sql.Index("revocations_by_end", _revoked.c.until),
    sql.Index("revocations_to_announce", _revoked.c.number, sqlite_where=~_revoked.c.announced),
)
_former = sql.Table(  # of releases that kept no numbers
    "revoked_credentials",
    sql.MetaData(),
    sql.Column("credential", sql.String, primary_key=True),
    sql.Column("revoked_at", sql.Float, nullable=False),
    sql.Column("until", sql.Float, nullable=False),
    sql.Column("by", sql.String, nullable=False),
)
_sequences = sql.table("sqlite_sequence", sql.column("name"), sql.column("seq"))  # SQLite's own


class Revocation(msgspec.Struct, frozen=True):
    number: int
    credential: str
    at: float
    until: float
    by: str  # who did it


class Revocations:
    def __init__(self, engine: sql.Engine) -> None:
        self._engine = engine
        with engine.begin() as connection:
            connection.execute(sql.schema.CreateTable(_revoked, if_not_exists=True))
            for index in _indices:
                connection.execute(sql.schema.CreateIndex(index, if_not_exists=True))
            if sql.inspect(connection).has_table(_former.name):
                _take_over(connection)

    def __repr__(self) -> str:
        return "<Revocations>"

    def revoke(self, credential: str, by: str, now: float, until: float | None = None) -> None:
        """What was revoked before stays as it was; a longer memory is taken over."""
        until = now + REMEMBERED if until is None else until
        with self._engine.begin() as connection:
            connection.execute(sql.delete(_revoked).where(_revoked.c.until <= now))
            asked = sql.select(sql.func.max(_revoked.c.until)).where(_revoked.c.credential == credential)
            known: float | None = connection.execute(asked).scalar_one()
            if known is None or known < until:
                row = {"credential": credential, "revoked_at": now, "until": until, "by": by}
                connection.execute(sql.insert(_revoked).values(**row, announced=known is not None))

    def since(self, number: int, most: int) -> list[Revocation]:
        """The revocations behind a number, in the order in which they came."""
        return self._read((_revoked.c.number > number), most)

    def latest(self) -> int:
        """The highest number that was ever given, even if what had it has ended."""
        asked = sql.select(_sequences.c.seq).where(_sequences.c.name == _revoked.name)
        with self._engine.connect() as connection:
            return connection.execute(asked).scalar_one_or_none() or 0

    def unannounced(self) -> list[Revocation]:
        return self._read(~_revoked.c.announced, _MOST_TOLD)

    def note_announced(self, numbers: Iterable[int]) -> None:
        with self._engine.begin() as connection:
            connection.execute(sql.update(_revoked).where(_revoked.c.number.in_(list(numbers))).values(announced=True))

    def count(self, now: float) -> int:
        """How many still matter."""
        asked = sql.select(sql.func.count()).select_from(_revoked).where(_revoked.c.until > now)
        with self._engine.connect() as connection:
            return connection.execute(asked).scalar_one()

    def _read(self, wanted: sql.ColumnElement[bool], most: int) -> list[Revocation]:
        asked = sql.select(_revoked).where(wanted).order_by(_revoked.c.number).limit(most)
        with self._engine.connect() as connection:
            return [
                Revocation(row.number, row.credential, row.revoked_at, row.until, row.by)
                for row in connection.execute(asked)
            ]


def _take_over(connection: sql.Connection) -> None:
    columns = ("credential", "revoked_at", "until", "by")
    kept = sql.select(*(_former.c[name] for name in columns), sql.literal(value=True)).order_by(_former.c.revoked_at)
    connection.execute(sql.insert(_revoked).from_select([*columns, "announced"], kept))
    connection.execute(sql.schema.DropTable(_former))
