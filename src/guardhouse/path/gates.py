"""The switches that operators can throw without a new policy, as a worker knows them: a few questions of the stages.

`authorization` asks for the principal, for the model and for the tier, as long as anything is switched off at all, and
who looks for a target (choosing.py) whether it is drained. What is in force comes from the control process as a whole
file that the sweep looks at (policy/standing.py), so a switch reaches every worker within a second. When that file
stops coming, what was last known stays in force; the same process publishes the keys, and when those grow stale nobody
is identified.

A cap is counted by each worker for its part, because the requests of a tier reach them about evenly. The parts of all
workers add up to the cap, burst and flow: a part is a whole number of requests, so that of a cap below the number of
workers some have none, and let nothing of the tier through.
"""

from datetime import UTC, datetime
from pathlib import Path

from guardhouse.limits.bucket import Bucket
from guardhouse.limits.capacity import Crew
from guardhouse.limits.rate import Rate
from guardhouse.model.bulletin import Bulletin
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.policy.standing import Cap, Standing, Until, over


class Gates:
    __slots__ = ("_buckets", "_bulletin", "_crew", "capped", "closed", "drained", "suspended")

    def __init__(self, bulletin: Bulletin[Standing], crew: Crew) -> None:
        self._bulletin = bulletin
        self._crew = crew
        self._buckets: dict[str, Bucket | None] = {}  # None: no part of the cap is this worker's
        self.suspended: dict[str, Until] = {}
        self.closed: dict[str, Until] = {}
        self.capped: dict[str, Cap] = {}
        self.drained: dict[str, Until] = {}

    def __repr__(self) -> str:
        figures = f"{len(self.suspended)} suspended, {len(self.closed)} closed, {len(self.capped)} capped"
        return f"<Gates: {figures}>"

    def load(self, now: float) -> None:
        """For a start. No file: nothing was ever switched off. One that cannot be read: better not to start."""
        self.refresh(now)
        if self._bulletin.faults:
            raise OSError("what operators have suspended or closed cannot be read: standing.json is damaged")

    def refresh(self, now: float) -> None:
        standing = self._bulletin.current if self._bulletin.refresh() else None
        if standing is not None:
            self._follow(standing, now)

    def refuse_principal(self, principal_id: str, at: float) -> Verdict:
        until = self.suspended.get(principal_id, 0.0)
        return None if over(until, at) else _closed(Reason.PRINCIPAL_SUSPENDED, until, at)

    def refuse_model(self, model: str, at: float) -> Verdict:
        until = self.closed.get(model, 0.0)
        return None if over(until, at) else _closed(Reason.MODEL_CLOSED, until, at)

    def refuse_tier(self, tier: str, at: float, now: float) -> Verdict:
        """Takes one request of the cap when there is one."""
        cap = self.capped.get(tier)
        if cap is None or over(cap.until, at):
            return None
        bucket = self._buckets[tier]
        wait = cap.rate.window if bucket is None else bucket.try_take(1, now)
        if wait == 0.0:
            return None
        return Denial(Reason.TIER_CAPPED, f"The tier {tier!r} is limited to {cap.rate} for now.", retry_after=wait)

    def is_drained(self, target: str, at: float) -> bool:
        """Whether a target is to get nothing new."""
        return not over(self.drained.get(target, 0.0), at)

    def drained_at(self, at: float) -> list[str]:
        return [target for target in self.drained if self.is_drained(target, at)]

    def _follow(self, standing: Standing, now: float) -> None:
        """A cap that is as it was keeps its bucket: news of something else must not fill it up."""
        kept: dict[str, Bucket | None] = {}
        for tier, cap in standing.capped.items():
            before = self.capped.get(tier)
            unchanged = before is not None and before.rate == cap.rate
            kept[tier] = self._buckets[tier] if unchanged else self._bucket(cap.rate, now)
        self._buckets = kept
        self.suspended, self.closed, self.capped = standing.suspended, standing.closed, standing.capped
        self.drained = standing.drained

    def _bucket(self, rate: Rate, now: float) -> Bucket | None:
        part = self._crew.part(rate.amount)
        return Bucket(Rate(part, rate.window), now) if part else None


def follow(state: Path, crew: Crew) -> Gates:
    """The gates of a worker, from the file in its state directory."""
    return Gates(Bulletin(state / "standing.json", Standing), crew)


def _closed(reason: Reason, until: Until, at: float) -> Denial:
    if until is None:
        return Denial(reason)
    moment = datetime.fromtimestamp(until, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return Denial(reason, f"It ends at {moment}.", retry_after=until - at)
