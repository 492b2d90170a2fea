"""What callers may ask about themselves: who the gateway takes them for, and what they may administer."""

import msgspec

from guardhouse.control.authority import Authority, refusal
from guardhouse.control.endpoint import IDENTIFIED, Answer, Call, Endpoint
from guardhouse.model.operation import OF_ACCESS, Operation
from guardhouse.model.principal import Method, Strength


class Me(msgspec.Struct, frozen=True, kw_only=True):
    id: str
    groups: list[str]
    roles: list[str]
    team: str
    tier: str
    method: Method
    strength: Strength
    credential: str  # its public id
    expires_at: float | None
    may: list[Operation]  # of what administers


class SelfApi:
    def __init__(self, authority: Authority) -> None:
        self._authority = authority

    def __repr__(self) -> str:
        return "<SelfApi>"

    def endpoints(self) -> list[Endpoint]:
        summary = "Show who you are and what you may administer."
        return [Endpoint(method="GET", path="/api/v1/me", needs=IDENTIFIED, summary=summary, does=self.me, gives=Me)]

    async def me(self, call: Call) -> Answer:
        snapshot, who = await self._authority.snapshot(), call.principal
        may = [
            operation
            for operation in OF_ACCESS["administer"]
            if refusal(snapshot, who, operation, call.client, call.now) is None
        ]
        return Answer(
            Me(
                id=who.id,
                groups=sorted(who.groups),
                roles=sorted(who.roles),
                team=who.team,
                tier=who.tier,
                method=who.method,
                strength=who.strength,
                credential=who.credential_id,
                expires_at=who.expires_at,
                may=may,
            )
        )
