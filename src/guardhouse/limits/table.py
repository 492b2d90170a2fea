"""All buckets of one process, and the one step that takes from several of them.

An account holds the buckets of one principal under one policy. `admit` asks every rule first and takes from all or from
none; `settle` puts the token estimate right once, when the exchange is over, however it ended. Settling goes by
principal and policy, not by bucket, so that it reaches the account that is in use then, even if the table has forgotten
or resized the old one meanwhile.

Memory is bounded by use: an account whose buckets are full says the same as no account, and each new account looks at
the oldest few and drops those, so the table holds at most about twice the accounts that still matter, and no call ever
pays for a long sweep. Principals come from configured keys; nobody makes accounts by making up names.
"""

from collections import deque
from typing import Literal

from guardhouse.limits.bucket import NEVER, Bucket
from guardhouse.limits.rate import LimitRule, Rate

Kind = Literal["requests", "tokens"]

_SWEPT = 3  # accounts looked at per account made; more than one, or the table could outgrow its use


class Admitted:
    """A reservation: one request and `tokens` under each of `rules`; `levels` is what was left after it."""

    __slots__ = ("levels", "principal_id", "rules", "settled", "tokens")

    def __init__(self, principal_id: str, rules: tuple[LimitRule, ...], tokens: int, levels: list[float]) -> None:
        self.principal_id = principal_id
        self.rules = rules
        self.tokens = tokens
        self.levels = levels  # per rule in order: requests if limited, tokens if limited
        self.settled = False

    def __repr__(self) -> str:
        return f"<Admitted {self.tokens} tokens under {len(self.rules)} rules{', settled' if self.settled else ''}>"


class Limited:
    """A refusal, by the rule that asks for the longest wait; nothing was taken."""

    __slots__ = ("impossible", "kind", "levels", "limit", "policy", "retry_after", "rules")

    def __init__(
        self,
        rules: tuple[LimitRule, ...],
        levels: list[float],
        *,
        policy: str,
        kind: Kind,
        limit: Rate,
        wait: float,
    ) -> None:
        self.rules = rules
        self.levels = levels
        self.policy = policy
        self.kind = kind
        self.limit = limit
        self.impossible = wait == NEVER  # no wait helps: the request alone is larger than the limit
        self.retry_after = 0.0 if self.impossible else wait

    def __repr__(self) -> str:
        return f"<Limited by {self.policy!r} to {self.limit} {self.kind}, retry after {self.retry_after:g} s>"


Admission = Admitted | Limited


class _Account:
    __slots__ = ("requests", "rule", "tokens")

    def __init__(self, rule: LimitRule, now: float) -> None:
        self.rule = rule
        self.requests = None if rule.requests is None else Bucket(rule.requests, now)
        self.tokens = None if rule.tokens is None else Bucket(rule.tokens, now)

    def follow(self, rule: LimitRule, now: float) -> None:
        """Take over the figures of a changed policy."""
        self.requests = _resized(self.requests, rule.requests, now)
        self.tokens = _resized(self.tokens, rule.tokens, now)
        self.rule = rule

    def full(self, now: float) -> bool:
        return all(bucket is None or bucket.reset_after(now) <= 0.0 for bucket in (self.requests, self.tokens))


class LimitTable:
    __slots__ = ("_accounts", "_queue")

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str], _Account] = {}
        self._queue: deque[tuple[str, str]] = deque()  # every account once, the longest unexamined first

    def __len__(self) -> int:
        return len(self._accounts)

    def __repr__(self) -> str:
        return f"<LimitTable of {len(self._accounts)} accounts>"

    def admit(self, principal_id: str, rules: tuple[LimitRule, ...], tokens_estimate: int, now: float) -> Admission:
        """Reserve one request and the estimated tokens under every rule, or nothing at all."""
        known = len(self._accounts)
        accounts = [self._account(principal_id, rule, now) for rule in rules]
        refusal = _refusal(accounts, tokens_estimate, now)
        admission: Admission
        if refusal is None:
            admission = Admitted(principal_id, rules, tokens_estimate, _take(accounts, 1, tokens_estimate))
        else:
            rule, kind, limit, wait = refusal
            levels = _take(accounts, 0, 0)
            admission = Limited(rules, levels, policy=rule.policy, kind=kind, limit=limit, wait=wait)
        if len(self._accounts) > known:
            self._sweep(now)  # after the taking: an account that was only just made is full
        return admission

    def settle(self, admitted: Admitted, actual_tokens: int, now: float) -> None:
        """Replace the estimate by what was used. Only the first call counts."""
        if admitted.settled:
            return
        admitted.settled = True
        delta = admitted.tokens - max(0, actual_tokens)
        for rule in admitted.rules:
            account = self._accounts.get((admitted.principal_id, rule.policy))
            if account is None and delta < 0:  # forgotten because it was full; only a debt makes it worth a new one
                account = self._open((admitted.principal_id, rule.policy), rule, now)
            if account is not None and account.tokens is not None:
                account.tokens.settle(delta, now)

    def _account(self, principal_id: str, rule: LimitRule, now: float) -> _Account:
        key = (principal_id, rule.policy)
        account = self._accounts.get(key)
        if account is None:
            return self._open(key, rule, now)
        if account.rule is not rule and account.rule != rule:
            account.follow(rule, now)
        return account

    def _open(self, key: tuple[str, str], rule: LimitRule, now: float) -> _Account:
        account = self._accounts[key] = _Account(rule, now)
        self._queue.append(key)
        return account

    def _sweep(self, now: float) -> None:
        queue, accounts = self._queue, self._accounts
        for _ in range(min(_SWEPT, len(queue))):
            key = queue.popleft()
            if accounts[key].full(now):
                del accounts[key]
            else:
                queue.append(key)


def _refusal(accounts: list[_Account], tokens: int, now: float) -> tuple[LimitRule, Kind, Rate, float] | None:
    """The rule that asks for the longest wait, if any does."""
    longest = 0.0
    refusal: tuple[LimitRule, Kind, Rate, float] | None = None
    for account in accounts:
        rule = account.rule
        if account.requests is not None and rule.requests is not None:
            wait = account.requests.wait_for(1, now)
            if wait > longest:
                longest, refusal = wait, (rule, "requests", rule.requests, wait)
        if account.tokens is not None and rule.tokens is not None:
            wait = account.tokens.wait_for(tokens, now)
            if wait > longest:
                longest, refusal = wait, (rule, "tokens", rule.tokens, wait)
    return refusal


def _take(accounts: list[_Account], requests: int, tokens: int) -> list[float]:
    """Take from every bucket; the levels that are left, in the order in which headers.py shows them."""
    levels: list[float] = []
    for account in accounts:
        if account.requests is not None:
            account.requests.level -= requests
            levels.append(account.requests.level)
        if account.tokens is not None:
            account.tokens.level -= tokens
            levels.append(account.tokens.level)
    return levels


def _resized(bucket: Bucket | None, rate: Rate | None, now: float) -> Bucket | None:
    if rate is None:
        return None
    return Bucket(rate, now) if bucket is None else bucket.resized(rate, now)
