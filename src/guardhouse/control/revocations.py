"""Which credentials were revoked that are no API keys: tokens of issuers and of the gateway, by their credential id.

Such credentials are kept nowhere, so all there is to revoke is the id that records show for them. A revocation is
remembered for `REMEMBERED`, longer than any of these may live by default, or until the end that is known. What descends
from a revoked credential ends with it; that is decided where tokens are judged (identity/tokens.py).

The table lies in the file of the key store and is made here.
"""

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
)


class Revocations:
    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        with engine.begin() as connection:
            connection.execute(CreateTable(_revoked, if_not_exists=True))

    def __repr__(self) -> str:
        return "<Revocations>"

    def revoke(self, credential: str, now: float, until: float | None = None) -> None:
        """Once more does no harm; the longer memory wins."""
        until = now + REMEMBERED if until is None else until
        with self._engine.begin() as connection:
            connection.execute(delete(_revoked).where(_revoked.c.until <= now))
            kept = connection.execute(select(_revoked.c.until).where(_revoked.c.credential == credential)).scalar()
            if kept is None or kept < until:
                connection.execute(delete(_revoked).where(_revoked.c.credential == credential))
                connection.execute(insert(_revoked).values(credential=credential, revoked_at=now, until=until))

    def current(self, now: float) -> dict[str, float]:
        """Credential ids, each with the time until which it is to be refused."""
        asked = select(_revoked.c.credential, _revoked.c.until).where(_revoked.c.until > now)
        with self._engine.connect() as connection:
            return {row.credential: row.until for row in connection.execute(asked.order_by(_revoked.c.credential))}
