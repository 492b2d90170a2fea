"""What one worker holds for one principal under one policy: a lease of each thing that the policy's rule limits."""

from collections import deque

from guardhouse.limits.account import RETRY_PLACE, Refusal
from guardhouse.limits.book import NEVER, UNLIMITED, Places
from guardhouse.limits.calendar import window_at
from guardhouse.limits.load import Load, asked
from guardhouse.limits.rate import LimitRule, Rate
from guardhouse.limits.shared.leases import Lease, Share, Tank

Need = tuple[Lease, int]

_PLACES_KEPT = 86_400.0  # seconds after the last change
_MARGIN = 3600.0  # seconds that the store keeps a window after its end


class Holding:
    __slots__ = ("_earlier", "begin", "places", "requests", "rule", "shares", "tokens", "turns", "waiting")

    def __init__(self, rule: LimitRule, begin: bytes, before: "Holding | None" = None) -> None:
        """`before`: what there was under another rule of the same policy. What was used goes on counting."""
        self.rule = rule
        self.begin = begin  # of all its keys
        self.requests = self._tank(b"requests", rule.requests)
        self.tokens = self._tank(b"tokens", rule.tokens)
        self.places: Share | None = None
        if rule.concurrent is not None:
            self.places = Share(begin + b"places", rule.concurrent.amount, _PLACES_KEPT, None, (0.0, NEVER))
            if before is not None and before.places is not None:
                self.places.follow(before.places)
        self.shares: list[Share | None] = [None] * len(rule.quotas)  # of the windows that were last asked for
        self.turns: deque[float] = deque()  # when those may begin for whom the store has found a place in its queue
        # who waits here for a place; how many are in use is the store's to know
        self.waiting: Places = Places() if before is None else before.waiting
        self._earlier = [] if before is None else [share for share in before.shares if share is not None]

    def _tank(self, name: bytes, rate: Rate | None) -> Tank | None:
        return None if rate is None else Tank(self.begin + name, rate, self.rule.queue)

    def share(self, number: int, at: float) -> Share:
        """The quota's window that `at` lies in. Windows only go forward."""
        quota = self.rule.quotas[number]
        share = self.shares[number]
        if share is None or at >= share.ends:
            begins, ends = window_at(quota.window, quota.zone, at)
            name = f"{quota.what} {quota.window} {quota.zone} {'budget ' if quota.budget else ''}{begins:.0f}"
            share = Share(self.begin + name.encode(), quota.amount, ends - at + _MARGIN, quota, (begins, ends))
            for earlier in self._earlier:
                if earlier.key == share.key:
                    share.follow(earlier)
            self.shares[number] = share
        return share

    def needs(self, load: Load, at: float) -> list[Need]:
        """Each lease with what an exchange takes of it."""
        needs: list[Need] = []
        if self.requests is not None:
            needs.append((self.requests, 1))
        if self.tokens is not None:
            needs.append((self.tokens, load.tokens))
        if self.places is not None:
            needs.append((self.places, 1))
        for number, quota in enumerate(self.rule.quotas):
            needs.append((self.share(number, at), asked(quota, load)))
        return needs

    def ready(self) -> bool:
        """Whether the rates have had the store's word, where there is a queue."""
        if self.rule.queue is None or (self.requests is None and self.tokens is None):
            return True
        return bool(self.turns)

    def refusal(self, load: Load, now: float, at: float) -> Refusal | None:
        """What refuses for longest, as far as it is known for sure."""
        rule = self.rule
        found: Refusal | None = None
        longest = 0.0
        for tank, rate in ((self.requests, rule.requests), (self.tokens, rule.tokens)):
            if tank is not None and rate is not None:
                wait = tank.wait(1 if tank is self.requests else load.tokens, now)
                if wait > longest and (wait == NEVER or self._surely(tank, now)):
                    longest = wait
                    found = (rule, "requests" if tank is self.requests else "tokens", rate, wait, 0.0)
        if rule.concurrent is not None and found is None and self.crowded(now):
            longest, found = RETRY_PLACE, (rule, "concurrent", rule.concurrent, RETRY_PLACE, 0.0)
        for number, quota in enumerate(rule.quotas):
            share = self.share(number, at)
            wait = _wait(share, asked(quota, load), now, at)
            if wait > longest:
                longest, found = wait, (rule, quota.unit, quota, wait, share.ends)
        return found

    def _surely(self, tank: Tank, now: float) -> bool:
        if self.rule.queue is None:
            return tank.fresh(now)
        return 0.0 <= now - tank.refused_at < 0.05

    def crowded(self, now: float) -> bool:
        places = self.places
        if self.waiting.must_wait():
            return True
        return places is not None and places.fresh(now) and places.available(now) < 1

    def has_waiting(self) -> bool:
        return self.waiting.is_waited_for()

    def call_next(self) -> bool:
        """Let who waits longest for a place ask again; False if nobody waits."""
        return self.waiting.call_next()

    def levels(self, now: float, into: list[float]) -> None:
        into += [tank.available(now) for tank in (self.requests, self.tokens) if tank is not None]

    def figures(self, now: float, at: float, into: list[int]) -> None:
        """As account.More has them: what is left, and the seconds until it is whole again."""
        if self.places is not None:
            into += (max(0, int(self.places.available(now))), 0)
        for number in range(len(self.shares)):
            share = self.share(number, at)
            into += (max(0, int(share.available(now))), -int(at - share.ends))

    def room(self, given: Load, now: float, at: float) -> tuple[int, int]:
        """As Account.room."""
        tokens, money = UNLIMITED, UNLIMITED
        caps = self.rule.cap_output
        if caps and self.tokens is not None:
            tokens = max(0, int(self.tokens.available(now) + self.tokens.slack) - given.tokens)
        for number, quota in enumerate(self.rule.quotas):
            if caps or quota.bound:
                left = max(0, int(self.share(number, at).available(now)) - asked(quota, given))
                if quota.unit == "tokens":
                    tokens = min(tokens, left)
                elif quota.unit == "money":
                    money = min(money, left)
        return tokens, money

    def leases(self) -> list[Lease]:
        found: list[Lease | None] = [self.requests, self.tokens, self.places, *self.shares]
        return [lease for lease in found if lease is not None]


def _wait(share: Share, amount: int, now: float, at: float) -> float:
    if amount > share.amount:
        return NEVER
    available = share.available(now)
    if share.fresh(now) and (available < amount or available <= 0):
        return share.ends - at
    return 0.0
