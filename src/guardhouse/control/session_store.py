"""The sessions of people at the admin port, a table beside the keys.

A session is found by the SHA-256 of what the browser's cookie holds, so a copy of the table opens nothing. Whom it is
of is kept as the claims of a token (identity/minted.py), which are made to be written down. Rows whose end has come are
removed when another is made.
"""

import msgspec
from sqlalchemy import Column, Engine, Float, LargeBinary, MetaData, String, Table, delete, insert, select, update
from sqlalchemy.schema import CreateTable

from guardhouse.identity.minted import MintedClaims

_metadata = MetaData()
_sessions = Table(
    "sessions",
    _metadata,
    Column("digest", LargeBinary, primary_key=True),
    Column("credential", String, nullable=False),
    Column("claims", String, nullable=False),
    Column("seen_at", Float, nullable=False),
    Column("ends_at", Float, nullable=False),
)
_decode = msgspec.json.Decoder(MintedClaims).decode


class StoredSession(msgspec.Struct, frozen=True):
    digest: bytes
    claims: MintedClaims
    seen_at: float

    def __repr__(self) -> str:
        return f"<StoredSession {self.claims.jti}>"


class SessionStore:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.begin() as connection:
            connection.execute(CreateTable(_sessions, if_not_exists=True))

    def __repr__(self) -> str:
        return "<SessionStore>"

    def add(self, session: StoredSession) -> None:
        claims = session.claims
        row = {"digest": session.digest, "credential": claims.jti, "claims": msgspec.json.encode(claims).decode()}
        with self._engine.begin() as connection:
            connection.execute(delete(_sessions).where(_sessions.c.ends_at <= session.seen_at))
            connection.execute(insert(_sessions).values(**row, seen_at=session.seen_at, ends_at=claims.exp))

    def get(self, digest: bytes) -> StoredSession | None:
        with self._engine.connect() as connection:
            row = connection.execute(select(_sessions).where(_sessions.c.digest == digest)).one_or_none()
        return None if row is None else StoredSession(row.digest, _decode(row.claims), row.seen_at)

    def note_seen(self, digest: bytes, now: float) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(_sessions).where(_sessions.c.digest == digest).values(seen_at=now))

    def remove(self, digest: bytes) -> None:
        with self._engine.begin() as connection:
            connection.execute(delete(_sessions).where(_sessions.c.digest == digest))

    def remove_of(self, credential: str) -> None:
        """The same by the public id."""
        with self._engine.begin() as connection:
            connection.execute(delete(_sessions).where(_sessions.c.credential == credential))
