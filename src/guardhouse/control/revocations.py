"""Which credentials were revoked that are no API keys: tokens of issuers and of the gateway, by their credential id.

Such credentials are kept nowhere, so all there is to revoke is the id that records show for them. A revocation is
remembered until the credential would have ended anyway, where that is known, and for `REMEMBERED` otherwise. What
descends from a revoked credential ends with it; that is decided where tokens are judged (identity/tokens.py).

The table lies in the file of the key store and is made here.
"""

import msgspec
from sqlalchemy import Column, Engine, Float, MetaData, String, Table, delete, insert, select
from sqlalchemy.schema import CreateTable

REMEMBERED = 7 * 86_400.0  # seconds

_metadata = MetaData()
_revoked = Table(
    "revoked_credentials",
    _metadata,
    Column("credential", String, primary_key=True),
    Column("revoked_at", Float, nullable=False),
    Column("until", Float, nullable=False),
    Column("by", String, nullable=False),
)


class Revocation(msgspec.Struct, frozen=True):
    at: float
    until: float
    by: str  # who did it


class Revocations:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.begin() as connection:
            connection.execute(CreateTable(_revoked, if_not_exists=True))

    def __repr__(self) -> str:
        return "<Revocations>"

    def revoke(self, credential: str, by: str, now: float, until: float | None = None) -> None:
        """What was revoked before stays as it was; a longer memory is taken over."""
        until = now + REMEMBERED if until is None else until
        with self._engine.begin() as connection:
            connection.execute(delete(_revoked).where(_revoked.c.until <= now))
            asked = select(_revoked).where(_revoked.c.credential == credential)
            known = connection.execute(asked).one_or_none()
            if known is None:
                connection.execute(insert(_revoked).values(credential=credential, revoked_at=now, until=until, by=by))
            elif known.until < until:
                connection.execute(_revoked.update().where(_revoked.c.credential == credential).values(until=until))

    def current(self, now: float) -> dict[str, Revocation]:
        """Credential ids with what is known of their revocation, the oldest first."""
        asked = select(_revoked).where(_revoked.c.until > now).order_by(_revoked.c.revoked_at, _revoked.c.credential)
        with self._engine.connect() as connection:
            return {row.credential: Revocation(row.revoked_at, row.until, row.by) for row in connection.execute(asked)}
