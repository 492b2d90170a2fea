"""Which tokens of the gateway are alive, by principal: a table beside the keys, so that they can be bounded.

Kept are ids and ends, never a token. A row goes when its token has ended; those whose token was revoked, or descends
from something that was, go when somebody comes up against the bound, so that whoever had a key stolen and used up is
not kept waiting by what died with it. The table outlives a restart, since the tokens do.
"""

from collections.abc import Iterable

import msgspec
import sqlalchemy as sql

_metadata = sql.MetaData()
_minted = sql.Table(
    "minted_tokens",
    _metadata,
    sql.Column("credential", sql.String, primary_key=True),
    sql.Column("principal", sql.String, nullable=False),
    sql.Column("descent", sql.String, nullable=False),  # JSON: the credentials that it ends with
    sql.Column("ends_at", sql.Float, nullable=False),
)
_indices = (
    sql.Index("minted_tokens_by_principal", _minted.c.principal, _minted.c.ends_at),
    sql.Index("minted_tokens_by_end", _minted.c.ends_at),
)
_revoked = sql.table("revocations", sql.column("credential"))
_keys = sql.table("api_keys", sql.column("id"), sql.column("revoked_at"))
_decode = msgspec.json.Decoder(tuple[str, ...]).decode
_PART = 500  # ids in one statement


class MintedStore:
    """The tables of revocations and keys lie in the same file, and are there before this is asked."""

    def __init__(self, engine: sql.Engine) -> None:
        self._engine = engine
        with engine.begin() as connection:
            connection.execute(sql.schema.CreateTable(_minted, if_not_exists=True))
            for index in _indices:
                connection.execute(sql.schema.CreateIndex(index, if_not_exists=True))

    def __repr__(self) -> str:
        return "<MintedStore>"

    def add(self, credential: str, principal: str, descent: Iterable[str], ends_at: float, now: float) -> None:
        written = msgspec.json.encode([credential, *descent]).decode()
        row = {"credential": credential, "principal": principal, "descent": written, "ends_at": ends_at}
        with self._engine.begin() as connection:
            connection.execute(sql.delete(_minted).where(_minted.c.ends_at <= now))
            connection.execute(sql.insert(_minted).values(**row))

    def forget(self, credential: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(sql.delete(_minted).where(_minted.c.credential == credential))

    def room_at(self, principal: str, most: int, now: float) -> float | None:
        """None if `principal` may have one more token, else when the first of its tokens ends."""
        with self._engine.connect() as connection:
            if _count(connection, principal, now) < most:
                return None
        with self._engine.begin() as connection:
            connection.execute(sql.delete(_minted).where(_minted.c.ends_at <= now))
            _drop_ended(connection, principal)
            if _count(connection, principal, now) < most:
                return None
            return _first_end(connection, principal)


def _count(connection: sql.Connection, principal: str, now: float) -> int:
    alive = (_minted.c.principal == principal) & (_minted.c.ends_at > now)
    return connection.execute(sql.select(sql.func.count()).select_from(_minted).where(alive)).scalar_one()


def _first_end(connection: sql.Connection, principal: str) -> float:
    asked = sql.select(sql.func.min(_minted.c.ends_at)).where(_minted.c.principal == principal)
    ends: float = connection.execute(asked).scalar_one()
    return ends


def _drop_ended(connection: sql.Connection, principal: str) -> None:
    asked = sql.select(_minted.c.credential, _minted.c.descent).where(_minted.c.principal == principal)
    descents = {row.credential: _decode(row.descent) for row in connection.execute(asked)}
    ended = _ended(connection, sorted({ancestor for descent in descents.values() for ancestor in descent}))
    dead = [credential for credential, descent in descents.items() if not ended.isdisjoint(descent)]
    for part in _parts(dead):
        connection.execute(sql.delete(_minted).where(_minted.c.credential.in_(part)))


def _ended(connection: sql.Connection, credentials: list[str]) -> set[str]:
    found: set[str] = set()
    for part in _parts(credentials):
        found.update(
            connection.execute(sql.select(_revoked.c.credential).where(_revoked.c.credential.in_(part))).scalars()
        )
        keys = sql.select(_keys.c.id).where(_keys.c.id.in_(part), _keys.c.revoked_at.is_not(None))
        found.update(connection.execute(keys).scalars())
    return found


def _parts(listed: list[str]) -> list[list[str]]:
    return [listed[at : at + _PART] for at in range(0, len(listed), _PART)]
