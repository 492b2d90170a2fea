"""How many tokens of the gateway a principal may have made: so many per time, and so many alive at once.

Both count for the principal, whatever credential it shows; a token that was exchanged is of the same principal, so that
chains of exchanges gain nothing. The rate is a bucket in memory, full again after a restart; the tokens that are alive
are in the store (minted_store.py) and outlast one. A refusal says which of the two it was and when to come again. It is
an event now and then per principal (trails.py), and counted each time. The event loop is the lock: nothing here waits.
"""

import time
from collections.abc import Callable, Iterator

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from guardhouse.audit.record import Event
from guardhouse.control.issuer_keys import Note
from guardhouse.control.minted_store import MintedStore
from guardhouse.control.minting import MintedToken
from guardhouse.control.trails import Trail, Trails
from guardhouse.model.denial import Denial
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.policy.settings import OwnTokens


class MintLimits(Collector):
    def __init__(
        self, limits: OwnTokens, minted: MintedStore, note: Note, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._limits = limits
        self._clock = clock
        self._minted = minted
        self._note = note
        self._trails = Trails(limits.rate, clock)  # by principal
        self._counts = {"minted": 0, "rate": 0, "live": 0}

    def __len__(self) -> int:
        return len(self._trails)

    def __repr__(self) -> str:
        return f"<MintLimits {self._limits.rate}, {self._limits.live} at once>"

    def admit(self, grantor: Principal, now: float) -> Denial | None:
        """Whether one more may be made; if so, it is on the rate of `grantor` already."""
        trail = self._trails.of(grantor.id)
        wait = trail.bucket.try_take(1, self._clock())
        if wait > 0.0:
            detail = f"At most {self._limits.rate} are made for a principal."
            return self._refused(
                "rate", Denial(Reason.MINTING_RATE_EXCEEDED, detail, retry_after=wait), grantor, trail, now
            )
        first = self._minted.room_at(grantor.id, self._limits.live, now)
        if first is None:
            return None
        detail = f"At most {self._limits.live} of a principal are alive at once; revoke some, or wait."
        denial = Denial(Reason.LIVE_TOKENS_EXCEEDED, detail, retry_after=max(1.0, first - now))
        return self._refused("live", denial, grantor, trail, now)

    def made(self, token: MintedToken, now: float) -> None:
        """It counts from here on, before anybody else can ask."""
        self._minted.add(token.id, token.principal.id, token.principal.grantors, token.expires_at, now)

    def settle(self, token: MintedToken, *, recorded: bool) -> None:
        """Whether the token could be recorded, and is handed out; else nobody has it."""
        if recorded:
            self._counts["minted"] += 1
        else:
            self._minted.forget(token.id)

    def collect(self) -> Iterator[Metric]:
        """For /metrics."""
        mints = CounterMetricFamily(
            "guardhouse_token_mints", "Tokens of the gateway that were asked for, by outcome.", labels=["outcome"]
        )
        for outcome, count in self._counts.items():
            mints.add_metric([outcome], count)
        yield mints

    def _refused(self, limit: str, denial: Denial, grantor: Principal, trail: Trail, now: float) -> Denial:
        self._counts[limit] += 1
        if trail.is_news(now):
            self._note(
                Event(
                    at=now,
                    name="identity.minting_limited",
                    severity="warning",
                    principal=grantor.id,
                    credential=grantor.credential_id,
                    facts={"limit": limit, "reason": denial.reason.code},
                )
            )
        return denial
