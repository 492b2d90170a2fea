"""Who may administer what: the same `decide` as on the data path, asked at the admin port.

It goes by the active revision of the policy; a canary or a shadow has no part in administration, so that a candidate
cannot lock out whoever would take it back. The policy is compiled when it is first asked for after a change, in a
thread, and without the credentials of model servers, since this process asks no model anything. What operators have
switched off counts here too: somebody who is suspended administers nothing.
"""

import asyncio
from collections.abc import Callable

from guardhouse.control.state import State
from guardhouse.identity.api_keys import KeyRecord, principal_of
from guardhouse.model.bulletin import Bulletin
from guardhouse.model.denial import Denial
from guardhouse.model.operation import OF_ACCESS, Operation
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.policy.decide import decide, may_operate
from guardhouse.policy.edition import Edition, unseal
from guardhouse.policy.facts import Facts
from guardhouse.policy.load import rules_of
from guardhouse.policy.shares import Shares
from guardhouse.policy.snapshot import Refusal, Snapshot
from guardhouse.policy.standing import Standing, over


class Authority:
    """`edition` gives what is in force now."""

    def __init__(self, state: State, edition: Callable[[], Edition], shares: Shares) -> None:
        self._edition = edition
        self._shares = shares
        self._standing = Bulletin(state.standing, Standing)
        self._compiled: tuple[str, Snapshot] | None = None

    def __repr__(self) -> str:
        return f"<Authority by {'nothing yet' if self._compiled is None else self._compiled[0]}>"

    async def snapshot(self) -> Snapshot:
        sealed = self._edition().active
        if self._compiled is None or self._compiled[0] != sealed.revision:
            self._compiled = sealed.revision, await asyncio.to_thread(rules_of, unseal(sealed), self._shares)
        return self._compiled[1]

    def suspension(self, principal: Principal, now: float) -> Denial | None:
        self._standing.refresh()
        suspended = {} if self._standing.current is None else self._standing.current.suspended
        if principal.id not in suspended or over(suspended[principal.id], now):
            return None
        until = suspended[principal.id]
        return Denial(Reason.PRINCIPAL_SUSPENDED, retry_after=None if until is None else max(1.0, until - now))

    async def denial(self, principal: Principal, operation: Operation, client: str, now: float) -> Denial | None:
        return refusal(await self.snapshot(), principal, operation, client, now)

    async def surplus(self, principal: Principal, record: KeyRecord, client: str, now: float) -> list[Operation]:
        """What whoever holds the key could administer and `principal`, who wants to make it, could not."""
        snapshot, holder = await self.snapshot(), principal_of(record)
        return [
            operation
            for operation in OF_ACCESS["administer"]
            if may_operate(snapshot, holder, operation)
            and refusal(snapshot, principal, operation, client, now) is not None
        ]


def refusal(snapshot: Snapshot, principal: Principal, operation: Operation, client: str, now: float) -> Denial | None:
    decided = decide(snapshot, principal, operation, None, Facts(client, now))
    return Denial(decided.reason) if isinstance(decided, Refusal) else None
