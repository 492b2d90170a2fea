"""Which tokens of the gateway are alive, by principal: a table beside the keys, so that they can be bounded.

Kept are ids and ends, never a token. A row goes when its token has ended; those whose token was revoked, or descends
from something that was, go when somebody comes up against the bound, so that whoever had a key stolen and used up is
not kept waiting by what died with it. The table outlives a restart, since the tokens do.
"""

from collections.abc import Iterable

import msgspec
from sqlalchemy import Column, Connection, Engine, Float, Index, MetaData, String, Table, delete, func, insert, select
from sqlalchemy import column as named
from sqlalchemy import table as known_elsewhere
from sqlalchemy.schema import CreateIndex, CreateTable

_metadata = MetaData()
_minted = Table(
    "minted_tokens",
    _metadata,
    Column("credential", String, primary_key=True),
    Column("principal", String, nullable=False),
    Column("descent", String, nullable=False),  # JSON: the credentials that it ends with
    Column("ends_at", Float, nullable=False),
)
_indices = (
    Index("minted_tokens_by_principal", _minted.c.principal, _minted.c.ends_at),
    Index("minted_tokens_by_end", _minted.c.ends_at),
)
_revoked = known_elsewhere("revocations", named("credential"))
_keys = known_elsewhere("api_keys", named("id"), named("revoked_at"))
_decode = msgspec.json.Decoder(tuple[str, ...]).decode
_PART = 500  # ids in one statement


class MintedStore:
    """The tables of revocations and keys lie in the same file, and are there before this is asked."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.begin() as connection:
            connection.execute(CreateTable(_minted, if_not_exists=True))
            for index in _indices:
                connection.execute(CreateIndex(index, if_not_exists=True))

    def __repr__(self) -> str:
        return "<MintedStore>"

    def add(self, credential: str, principal: str, descent: Iterable[str], ends_at: float, now: float) -> None:
        written = msgspec.json.encode([credential, *descent]).decode()
        row = {"credential": credential, "principal": principal, "descent": written, "ends_at": ends_at}
        with self._engine.begin() as connection:
            connection.execute(delete(_minted).where(_minted.c.ends_at <= now))
            connection.execute(insert(_minted).values(**row))

    def forget(self, credential: str) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(_minted).where(_minted.c.credential == credential))

    def room_at(self, principal: str, most: int, now: float) -> float | None:
        """None if `principal` may have one more token, else when the first of its tokens ends."""
        with self._engine.connect() as connection:
            if _count(connection, principal, now) < most:
                return None
        with self._engine.begin() as connection:
            connection.execute(delete(_minted).where(_minted.c.ends_at <= now))
            _drop_ended(connection, principal)
            if _count(connection, principal, now) < most:
                return None
            return _first_end(connection, principal)


def _count(connection: Connection, principal: str, now: float) -> int:
    alive = (_minted.c.principal == principal) & (_minted.c.ends_at > now)
    return connection.execute(select(func.count()).select_from(_minted).where(alive)).scalar_one()


def _first_end(connection: Connection, principal: str) -> float:
    asked = select(func.min(_minted.c.ends_at)).where(_minted.c.principal == principal)
    ends: float = connection.execute(asked).scalar_one()
    return ends


def _drop_ended(connection: Connection, principal: str) -> None:
    asked = select(_minted.c.credential, _minted.c.descent).where(_minted.c.principal == principal)
    descents = {row.credential: _decode(row.descent) for row in connection.execute(asked)}
    ended = _ended(connection, sorted({ancestor for descent in descents.values() for ancestor in descent}))
    dead = [credential for credential, descent in descents.items() if not ended.isdisjoint(descent)]
    for part in _parts(dead):
        connection.execute(delete(_minted).where(_minted.c.credential.in_(part)))


def _ended(connection: Connection, credentials: list[str]) -> set[str]:
    found: set[str] = set()
    for part in _parts(credentials):
        found.update(connection.execute(select(_revoked.c.credential).where(_revoked.c.credential.in_(part))).scalars())
        keys = select(_keys.c.id).where(_keys.c.id.in_(part), _keys.c.revoked_at.is_not(None))
        found.update(connection.execute(keys).scalars())
    return found


def _parts(listed: list[str]) -> list[list[str]]:
    return [listed[at : at + _PART] for at in range(0, len(listed), _PART)]
