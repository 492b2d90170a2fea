"""How often people may try to sign in at the admin port: so many steps per address, so many in all, so few at a time.

Each step costs somebody else: beginning asks the provider for its pages, coming back asks it for a token or runs
xmlsec1. Whoever can reach the port could have that done again and again, also with a sign-in that was properly begun.
So every step is counted before it costs anything, whether it succeeds or not; failures are counted besides, like those
with any credential (identity/guard.py). What has begun is kept nowhere (signin.py); what is being judged is bounded.

A refusal is counted each time, and an event now and then per address and for the whole (trails.py, where memory is
bounded, too).
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from prometheus_client.core import CounterMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from guardhouse.audit.record import Event
from guardhouse.control.issuer_keys import Note
from guardhouse.control.trails import Trail, Trails
from guardhouse.identity.guard import source_of
from guardhouse.limits.bucket import Bucket
from guardhouse.policy.settings import Signins

MOST_AT_ONCE = 16  # answers of providers that are being judged, or wait for it
_AT_ONCE_WAIT = 5.0  # seconds after which it is worth trying again
_ALL = ""  # no address


class SigninPace(Collector):
    def __init__(self, signins: Signins, note: Note, clock: Callable[[], float] = time.monotonic) -> None:
        self._note = note
        self._clock = clock
        self._all = Trail(Bucket(signins.attempts_in_all, clock()))
        self._trails = Trails(signins.attempts, clock)  # by address
        self._counts = {"admitted": 0, "address": 0, "all": 0, "at_once": 0}
        self._under_way = 0

    def __len__(self) -> int:
        return len(self._trails)

    def __repr__(self) -> str:
        return f"<SigninPace of {len(self)} addresses, {self._under_way} under way>"

    def admit(self, client: str, now: float) -> float:
        """0.0 if `client` may take a step, which is counted then; else the seconds until it may."""
        source = source_of(client)
        trail = self._trails.of(source)
        wait = trail.bucket.try_take(1, self._clock())
        if wait > 0.0:
            return self._refused("address", wait, trail, source, now)
        wait = self._all.bucket.try_take(1, self._clock())
        if wait > 0.0:
            return self._refused("all", wait, self._all, _ALL, now)
        self._counts["admitted"] += 1
        return 0.0

    @contextmanager
    def judging(self, now: float) -> Iterator[float]:
        """For the time that an answer is being judged; yields 0.0, or the seconds to wait if too many are."""
        if self._under_way >= MOST_AT_ONCE:
            yield self._refused("at_once", _AT_ONCE_WAIT, self._all, _ALL, now)
            return
        self._under_way += 1
        try:
            yield 0.0
        finally:
            self._under_way -= 1

    def collect(self) -> Iterator[Metric]:
        """For /metrics."""
        steps = CounterMetricFamily(
            "guardhouse_signin_attempts", "Steps of signing in at the admin port, by outcome.", labels=["outcome"]
        )
        for outcome, count in self._counts.items():
            steps.add_metric([outcome], count)
        yield steps

    def _refused(self, of: str, wait: float, trail: Trail, source: str, now: float) -> float:
        self._counts[of] += 1
        if trail.is_news(now):
            self._note(Event(at=now, name="admin.signins_paced", severity="warning", client=source, facts={"of": of}))
        return wait
