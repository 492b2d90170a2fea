"""What one principal has used under one policy: its buckets, its place count, the counters of its quotas and its queue.

A rule with nothing but rates has no `more`, and pays nothing for what others limit besides.
"""

from collections import deque

from guardhouse.limits.book import NEVER, UNLIMITED, Admitted, Kind, Limit, Places
from guardhouse.limits.bucket import Bucket
from guardhouse.limits.counter import Counter, Hold
from guardhouse.limits.load import Load, asked
from guardhouse.limits.quota import MOST, Quota, Use
from guardhouse.limits.rate import LimitRule, Rate

RETRY_PLACE = 1.0  # seconds after which a place may be free; nobody can know

Refusal = tuple[LimitRule, Kind, Limit, float, float]  # …, the wait in seconds, the end of the window or 0


class More:
    """What a rule limits besides rates."""

    __slots__ = ("counters", "places", "rule")

    def __init__(self, rule: LimitRule, at: float) -> None:
        self.rule = rule
        self.places = Places()
        self.counters = [Counter(quota, at) for quota in rule.quotas]

    def refusal(self, load: Load, at: float) -> Refusal | None:
        """What refuses for longest."""
        rule, longest = self.rule, 0.0
        found: Refusal | None = None
        if rule.concurrent is not None and not self.places.may_enter(rule.concurrent.amount):
            longest, found = RETRY_PLACE, (rule, "concurrent", rule.concurrent, RETRY_PLACE, 0.0)
        for counter in self.counters:
            quota = counter.quota
            amount = asked(quota, load)
            left = counter.left(at)
            if left < amount or left <= 0:
                wait = NEVER if amount > quota.amount else counter.ends - at
                if wait > longest:
                    longest, found = wait, (rule, quota.unit, quota, wait, counter.ends)
        return found

    def take(self, admitted: Admitted) -> None:
        """To be called only when nothing refuses."""
        self.places.in_use += 1
        admitted.places = (*admitted.places, self.places)
        holds = [Hold(counter, asked(counter.quota, admitted.load)) for counter in self.counters]
        admitted.holds = (*admitted.holds, *holds)

    def figures(self, at: float, into: list[int]) -> None:
        """What is left and the seconds until it is whole again: of the places, then of each quota."""
        if self.rule.concurrent is not None:
            into += (max(0, self.rule.concurrent.amount - self.places.in_use), 0)
        for counter in self.counters:
            into += (max(0, counter.left(at)), -int(at - counter.ends))

    def follow(self, rule: LimitRule, at: float) -> None:
        """Take over the figures of a changed policy. Use goes on in counters of the same unit and window."""
        known = {_name(counter.quota): counter for counter in self.counters}
        self.rule = rule
        self.counters = []
        for quota in rule.quotas:
            counter = known.get(_name(quota))
            if counter is None:
                counter = Counter(quota, at)
            else:
                counter.follow(quota, at)
            self.counters.append(counter)

    def uses(self, principal: str, policy: str, at: float) -> list[Use]:
        """What was used of each quota, for keeping."""
        found: list[Use] = []
        for counter in self.counters:
            counter.left(at)
            if counter.used:
                quota = counter.quota
                name = (quota.what, quota.window, quota.zone, quota.budget)
                found.append(Use(principal, policy, *name, counter.begins, min(counter.used, MOST)))
        return found

    def restore(self, use: Use) -> None:
        for counter in self.counters:
            if _name(counter.quota) == (use.what, use.window, use.zone, use.budget) and counter.begins == use.begins:
                counter.used += use.used

    def charge(self, at: float, load: Load, currency: str) -> None:
        for counter in self.counters:
            if counter.begins <= at < counter.ends and counter.quota.currency in ("", currency):
                counter.used += asked(counter.quota, load)

    def idle(self, at: float) -> bool:
        return self.places.is_idle() and all(counter.idle(at) for counter in self.counters)


class Account:
    __slots__ = ("departures", "more", "requests", "rule", "tokens")

    def __init__(self, rule: LimitRule, now: float, at: float) -> None:
        self.rule = rule
        self.requests = None if rule.requests is None else Bucket(rule.requests, now)
        self.tokens = None if rule.tokens is None else Bucket(rule.tokens, now)
        self.more = More(rule, at) if limits_more(rule) else None
        self.departures: deque[float] | None = None  # of those who wait in the rule's queue

    def follow(self, rule: LimitRule, now: float, at: float) -> None:
        """Take over the figures of a changed policy."""
        self.requests = _resized(self.requests, rule.requests, now)
        self.tokens = _resized(self.tokens, rule.tokens, now)
        if self.more is None:
            self.more = More(rule, at) if limits_more(rule) else None
        else:
            self.more.follow(rule, at)
        self.rule = rule

    def full(self, now: float, at: float) -> bool:
        """Whether a new account would say the same."""
        if self.requests is not None and self.requests.reset_after(now) > 0.0:
            return False
        if self.tokens is not None and self.tokens.reset_after(now) > 0.0:
            return False
        return self.more is None or self.more.idle(at)

    def delay(self, tokens: int, now: float) -> float:
        """How long the rule's queue would hold an exchange that its rates refuse; `NEVER` if there is no place."""
        wait = 0.0 if self.requests is None else self.requests.wait_for(1, now)
        if self.tokens is not None:
            wait = max(wait, self.tokens.wait_for(tokens, now))
        queue = self.rule.queue
        if wait == 0.0:
            return 0.0
        return NEVER if queue is None or wait > queue.wait or self.waiting(now) >= queue.depth else wait

    def waiting(self, now: float) -> int:
        departures = self.departures
        if departures is None:
            return 0
        while departures and departures[0] <= now:
            departures.popleft()
        return len(departures)

    def enqueue(self, departure: float) -> None:
        if self.departures is None:
            self.departures = deque()
        self.departures.append(departure)

    def room(self, given: Load, now: float, at: float) -> tuple[int, int]:
        """Tokens and money that are left beside what is given, of all that caps an answer."""
        tokens, money = UNLIMITED, UNLIMITED
        caps = self.rule.cap_output
        if caps and self.tokens is not None:
            tokens = max(0, self.tokens.remaining(now) - given.tokens)
        for counter in () if self.more is None else self.more.counters:
            quota = counter.quota
            if caps or quota.bound:
                left = max(0, counter.left(at) - asked(quota, given))
                if quota.unit == "tokens":
                    tokens = min(tokens, left)
                elif quota.unit == "money":
                    money = min(money, left)
        return tokens, money


def limits_more(rule: LimitRule) -> bool:
    """Whether a rule limits anything besides rates."""
    return rule.concurrent is not None or bool(rule.quotas)


def alike(one: Quota, other: Quota) -> bool:
    """Whether they count the same, whatever their amounts: then use goes on from one to the other."""
    return _name(one) == _name(other)


def _name(quota: Quota) -> tuple[str, str, str, bool]:
    return quota.what, quota.window, quota.zone, quota.budget


def _resized(bucket: Bucket | None, rate: Rate | None, now: float) -> Bucket | None:
    if rate is None:
        return None
    return Bucket(rate, now) if bucket is None else bucket.resized(rate, now)
