"""Hands out tokens of the gateway: within their bounds, minted, told to the journal, and only then given away."""

from typing import Literal

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Event
from guardhouse.control.mint_limits import MintLimits
from guardhouse.control.minting import MintedToken, Minter
from guardhouse.control.token_exchange import show_scope
from guardhouse.model.denial import Denial
from guardhouse.model.principal import Narrowing, Principal

Withheld = Literal["ended", "too_large", "unrecorded"]

WHY: dict[Withheld, str] = {
    "ended": "The credential that it is asked for with has ended.",
    "too_large": "Its holder has too many groups for a token.",
    "unrecorded": "The token could not be recorded.",
}


class Issuance:
    def __init__(self, minter: Minter, limits: MintLimits, journal: Journal) -> None:
        self._minter = minter
        self._limits = limits
        self._journal = journal

    def __repr__(self) -> str:
        return f"<Issuance by {self._minter!r}>"

    async def token(
        self, grantor: Principal, narrowing: Narrowing | None, lifetime: float, client: str, now: float
    ) -> MintedToken | Withheld | Denial:
        """A Denial: the grantor has had its share for now."""
        denial = self._limits.admit(grantor, now)
        if denial is not None:
            return denial
        made = self._minter.mint(grantor, narrowing, lifetime, now)
        if isinstance(made, str):
            return made
        self._limits.made(made, now)
        self._journal.append(
            Event(
                at=now,
                name="identity.token_minted",
                principal=grantor.id,
                credential=grantor.credential_id,
                client=client,
                by=grantor.id,
                facts={"token": made.id, "expires_at": made.expires_at, "scope": show_scope(narrowing)},
            )
        )
        recorded = await self._journal.durable() is None
        self._limits.settle(made, recorded=recorded)
        return made if recorded else "unrecorded"
