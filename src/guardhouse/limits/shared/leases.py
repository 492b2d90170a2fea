"""What one worker holds of a limit that several share, and what it knows of the rest.

Something held was taken out of the store before and can be given away without asking. `left` is what the store had
besides, when it was last heard of; a tank's refills since. Only fresh knowledge refuses anybody: after `FRESH` seconds
the store is asked once more, since others may have given something back.

A lease is taken ahead in blocks of a fiftieth of the limit, of which the store gives less when little is left, and goes
back when it was not needed for a moment. Nothing is leased of places, of budgets, and of rates that have a queue: there
every exchange is the store's own decision. Of a budget a worker holds only what answers that flow are about to need
(joint.py), and what an exchange has not used is the store's again at once. So the bounds are: a rate or quota lets
through N, give or take what the workers hold; a budget lets through N and nothing above it, since nothing is reserved
that was not taken out of the store before.
"""

from guardhouse.limits.book import NEVER
from guardhouse.limits.quota import Quota
from guardhouse.limits.rate import Queue, Rate

FRESH = 0.05  # seconds
_BLOCKS = 50
_IDLE = 1.0  # seconds for which a lease is kept unused
_INSTANT = 1e-6  # seconds, as in bucket.py


class Lease:
    """What tanks and shares have in common."""

    __slots__ = ("amount", "block", "changed", "filling", "held", "key", "known", "left", "seen", "span", "used_at")

    def __init__(self, key: bytes, amount: int, span: float, block: int) -> None:
        self.key = key
        self.amount = amount
        self.span = span  # the window of a rate; for how long the store keeps a share
        self.block = block
        self.held = 0
        self.left = float(amount)  # what may be refused by it counts only if `known`
        self.known = False
        self.seen = 0.0
        self.used_at = 0.0
        self.filling = False  # a block is on its way
        self.changed = False  # the store has to be told of something

    def available(self, now: float) -> float:
        return self.left + self.held

    def fresh(self, now: float) -> bool:
        return self.known and now - self.seen < FRESH

    def covers(self, need: int, now: float) -> bool:
        """Whether it can be taken here and now. After an overdraft nothing can, not even nothing."""
        return self.held >= need and self.available(now) > 0.0

    def see(self, left: float, now: float) -> None:
        self.left = left
        self.seen = now
        self.known = True

    def surplus(self, now: float) -> bool:
        """Whether something is held that should be the others' again."""
        return self.held > 2 * self.block or (self.held > 0 and now - self.used_at > _IDLE)

    def give_back(self) -> None:
        """What is held is the store's again."""
        raise AssertionError("a lease is a tank or a share")

    def idle(self, at: float) -> bool:
        """Whether nothing of it is this worker's any more."""
        return not self.held and not self.changed and not self.filling

    def forget(self) -> None:
        """The store has lost what it knew, or cannot be asked."""
        self.known = False
        self.filling = False

    def take(self, amount: int, now: float) -> None:
        self.held -= amount
        self.used_at = now

    def wants_more(self) -> bool:
        """Whether the next block should be fetched, so that nobody has to wait for it."""
        return self.block > 0 and self.held * 2 < self.block and not self.filling and self.left >= 1.0


class Tank(Lease):
    """A rate."""

    __slots__ = ("owed", "per_second", "queue", "refused_at", "slack")

    def __init__(self, key: bytes, rate: Rate, queue: Queue | None) -> None:
        super().__init__(key, rate.amount, rate.window, rate.amount // _BLOCKS if queue is None else 0)
        self.queue = queue
        self.per_second = rate.amount / rate.window
        self.slack = self.per_second * _INSTANT
        self.owed = 0  # to be given back to the store; less than nothing: to be taken on top
        self.refused_at = -NEVER  # when the store refused, though there is a queue

    def __repr__(self) -> str:
        return f"<Tank of {self.amount}: {self.held} held, {self.left:g} left>"

    def available(self, now: float) -> float:
        """The level that everybody together sees."""
        elapsed = now - self.seen
        refilled = self.left + elapsed * self.per_second if elapsed > 0.0 else self.left
        return min(refilled + self.held, float(self.amount))

    def covers(self, need: int, now: float) -> bool:
        """Where there is a queue, what is held was taken ahead of time."""
        return self.held >= need and (self.queue is not None or self.available(now) > 0.0)

    def wait(self, need: int, now: float) -> float:
        """Seconds until there is as much; `NEVER` when it does not fit at all."""
        missing = need - self.available(now)
        if missing <= self.slack:
            return 0.0
        return NEVER if need > self.amount else missing / self.per_second

    def settle(self, spare: int, now: float) -> None:
        """Less (`spare` > 0) or more was used than taken. Where nothing is leased it is the store's at once."""
        if spare > 0 and self.block:
            self.held += spare
            self.used_at = now
            return
        covered = min(self.held, -spare) if spare < 0 else 0
        self.held -= covered
        self.owe(spare + covered)

    def give_back(self) -> None:
        held, self.held = self.held, 0
        self.owe(held)

    def owe(self, amount: int) -> None:
        if amount:
            self.owed += amount
            self.left += amount
            self.changed = True


class Share(Lease):
    """A quota or budget in one window of the calendar, or a number of places, which has no window.

    The store is told totals, so of each key there must be one share that knows all of this worker's: it stays as long
    as an exchange is under way, be nothing reserved for it, and one that another follows says nothing any more.
    """

    __slots__ = ("begins", "ends", "quota", "reserved", "spent", "successor", "under_way")

    def __init__(self, key: bytes, amount: int, kept: float, quota: Quota | None, window: tuple[float, float]) -> None:
        leased = quota is not None and not quota.budget
        super().__init__(key, amount, kept, amount // _BLOCKS if leased else 0)
        self.quota = quota
        self.begins, self.ends = window
        self.reserved = 0  # by exchanges of this worker that are under way
        self.spent = 0  # by exchanges of this worker that are over
        self.under_way = 0  # exchanges that will settle it
        self.successor: Share | None = None

    def __repr__(self) -> str:
        return f"<Share of {self.amount}: {self.reserved} reserved, {self.held} held, {self.left:g} left>"

    def follow(self, before: "Share") -> None:
        """Go on with what there was under another amount, and with the exchanges that are under way."""
        self.spent, self.reserved, self.held = before.spent, before.reserved, before.held
        self.under_way = before.under_way
        before.successor = self
        self.changed = True

    def latest(self) -> "Share":
        share = self
        while share.successor is not None:
            share = share.successor
        return share

    def reserve(self, amount: int, now: float) -> None:
        self.take(amount, now)
        self.reserved += amount

    @property
    def is_budget(self) -> bool:
        return self.quota is not None and self.quota.budget

    def surplus(self, now: float) -> bool:
        """What is held of a budget is meant for answers that flow, and was asked for by the piece."""
        if self.is_budget:
            return self.held > 0 and now - self.used_at > _IDLE
        return super().surplus(now)

    def settle(self, reserved: int, used: int, now: float) -> None:
        """Put what was used in the place of what was reserved. What is spare is held, of a budget it is the store's at
        once; what is too much is taken."""
        self.reserved -= reserved
        self.spent += used
        if used < reserved and self.is_budget:
            self.left += reserved - used
        else:
            self.held += reserved - used
        if self.held < 0:
            self.left += self.held
            self.held = 0
        self.used_at = now
        self.changed = True

    def give_back(self) -> None:
        self.left += self.held
        self.held = 0
        self.changed = True

    def idle(self, at: float) -> bool:
        """What was spent is this worker's to tell until the window has ended."""
        return super().idle(at) and not self.reserved and not self.under_way and (not self.spent or at >= self.ends)
