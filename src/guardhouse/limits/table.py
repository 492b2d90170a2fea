"""The book of one process: every account in memory, and the one step that takes from several of them.

An account is what one principal has used under one policy. `admit` asks every rule first and takes from all or from
none; `settle` puts the estimates right once, when the exchange is over, however it ended. Rates are settled by
principal and policy, not by bucket, so that it reaches the account that is in use then, even if the table has
forgotten or resized the old one meanwhile. Places and counters are held by the reservation itself.

A queue is a rate that may be taken ahead of time: the exchange that comes too early takes what it needs at once, which
makes a debt, and is told how long the debt will take to be paid. So its turn is known on arrival, nobody overtakes
anybody, and nothing has to be asked again; one who leaves the queue leaves a gap in it.

Memory is bounded by use: an account whose buckets are full says the same as no account, and each new account looks at
the oldest few and drops those, so the table holds at most about twice the accounts that still matter, and no call ever
pays for a long sweep. Principals come from configured keys; nobody makes accounts by making up names.
"""

from collections import deque

from guardhouse.limits.account import Account, Refusal
from guardhouse.limits.book import NEVER, UNLIMITED, Admitted, Answer, Book, Limited, Pending
from guardhouse.limits.load import Load, asked
from guardhouse.limits.quota import Use
from guardhouse.limits.rate import LimitRule

_SWEPT = 3  # accounts looked at per account made; more than one, or the table could outgrow its use


class LimitTable(Book):
    __slots__ = ("_accounts", "_plain", "_queue")

    def __init__(self) -> None:
        self._accounts: dict[tuple[str, str], Account] = {}
        self._queue: deque[tuple[str, str]] = deque()  # every account once, the longest unexamined first
        self._plain = True  # no rule so far limits anything besides rates

    def __len__(self) -> int:
        return len(self._accounts)

    def __repr__(self) -> str:
        return f"<LimitTable of {len(self._accounts)} accounts>"

    def admit(self, principal_id: str, rules: tuple[LimitRule, ...], load: Load, now: float, at: float) -> Answer:
        tokens = load.tokens
        known = len(self._accounts)
        accounts: list[Account] = []
        simple = self._plain
        for rule in rules:
            account = self._accounts.get((principal_id, rule.policy))
            if account is None or account.rule is not rule:
                account = self._follow(principal_id, rule, now, at)
                simple = simple and account.more is None
            bucket = account.requests
            if bucket is not None and bucket.wait_for(1, now) != 0.0:
                simple = False
            bucket = account.tokens
            if bucket is not None and bucket.wait_for(tokens, now) != 0.0:
                simple = False
            accounts.append(account)
        admitted = Admitted(principal_id, rules, load)
        answer: Answer = admitted
        if simple:
            admitted.levels = _take(accounts, 1, tokens)
        else:
            answer = _judge(accounts, admitted, now, at)
        if len(self._accounts) > known:
            self._sweep(now, at)  # after the taking: an account that was only just made is full
        return answer

    def settle(self, admitted: Admitted, used: Load, now: float) -> None:
        if admitted.settled:
            return
        admitted.settled = True
        delta = admitted.tokens - used.tokens
        for rule in admitted.rules:
            account = self._accounts.get((admitted.principal_id, rule.policy))
            if account is None and delta < 0 and rule.tokens is not None:
                # forgotten because it was full; only a debt makes it worth a new one
                account = self._open((admitted.principal_id, rule.policy), rule, now, 0.0)
            if account is not None and account.tokens is not None:
                account.tokens.settle(delta, now)
        if admitted.places:
            _release(admitted, used)

    def extend(self, admitted: Admitted, more: Load, at: float) -> bool:
        """All budgets or none: what one has given before another refuses is settled with the rest."""
        for hold in admitted.holds:
            quota = hold.counter.quota
            if quota.budget and not hold.extend(asked(quota, more), at):
                return False
        return True

    def room(
        self, principal_id: str, rules: tuple[LimitRule, ...], given: Load, now: float, at: float
    ) -> tuple[int, int]:
        tokens = money = UNLIMITED
        for rule in rules:
            if rule.cap_output or rule.bounded:
                room = self._follow(principal_id, rule, now, at).room(given, now, at)
                tokens, money = min(tokens, room[0]), min(money, room[1])
        return tokens, money

    @property
    def plain(self) -> bool:
        """Whether there is nothing but rates."""
        return self._plain

    def uses(self, at: float) -> list[Use]:
        """All that was used in windows that have not ended."""
        return [
            use
            for (principal, policy), account in self._accounts.items()
            if account.more is not None
            for use in account.more.uses(principal, policy, at)
        ]

    def restore(self, rules: dict[str, LimitRule], uses: list[Use], at: float) -> None:
        """Take over what `uses` gave, as far as the rules still ask for it."""
        for use in uses:
            rule = rules.get(use.policy)
            more = None if rule is None else self._follow(use.principal, rule, 0.0, at).more
            if more is not None:
                more.restore(use)

    def charge(  # noqa: PLR0917 - for ledger.py
        self, principal_id: str, rule: LimitRule, admitted: float, load: Load, currency: str, at: float
    ) -> None:
        """Count an exchange of a while ago in those windows of `at` that it was admitted in."""
        more = self._follow(principal_id, rule, 0.0, at).more
        if more is not None:
            more.charge(admitted, load, currency)

    def _follow(self, principal_id: str, rule: LimitRule, now: float, at: float) -> Account:
        """The account, made or changed to what the rule says now."""
        key = (principal_id, rule.policy)
        account = self._accounts.get(key)
        if account is None:
            return self._open(key, rule, now, at)
        if account.rule != rule:
            account.follow(rule, now, at)
            self._plain = self._plain and account.more is None
        account.rule = rule
        return account

    def _open(self, key: tuple[str, str], rule: LimitRule, now: float, at: float) -> Account:
        account = self._accounts[key] = Account(rule, now, at)
        self._plain = self._plain and account.more is None
        self._queue.append(key)
        return account

    def _sweep(self, now: float, at: float) -> None:
        queue, accounts = self._queue, self._accounts
        for _ in range(min(_SWEPT, len(queue))):
            key = queue.popleft()
            if accounts[key].full(now, at):
                del accounts[key]
            else:
                queue.append(key)


def _refusal(accounts: list[Account], tokens: int, now: float) -> Refusal | None:
    """The rate that asks for the longest wait, if any does."""
    longest = 0.0
    refusal: Refusal | None = None
    for account in accounts:
        rule = account.rule
        if account.requests is not None and rule.requests is not None:
            wait = account.requests.wait_for(1, now)
            if wait > longest:
                longest, refusal = wait, (rule, "requests", rule.requests, wait, 0.0)
        if account.tokens is not None and rule.tokens is not None:
            wait = account.tokens.wait_for(tokens, now)
            if wait > longest:
                longest, refusal = wait, (rule, "tokens", rule.tokens, wait, 0.0)
    return refusal


def _judge(accounts: list[Account], wanted: Admitted, now: float, at: float) -> Answer:
    """All that is not simply a full bucket: queues, places, quotas and budgets."""
    refusal = _refusal(accounts, wanted.tokens, now)
    delays = [0.0 if refusal is None else account.delay(wanted.tokens, now) for account in accounts]
    delay = max(delays)
    worst = refusal if delay == NEVER else None
    crowded: list[Account] = []
    for account in accounts:
        found = None if account.more is None else account.more.refusal(wanted.load, at)
        if found is not None and found[1] == "concurrent" and account.rule.queue is not None:
            crowded.append(account)
        if found is not None and (worst is None or found[3] > worst[3] or worst[1] == "concurrent"):
            worst = found
    if worst is None:
        for account, wait in zip(accounts, delays, strict=True):
            if wait > 0.0:
                account.enqueue(now + delay)
        wanted.delay = delay
        return _taken(accounts, wanted, at)
    limited = _limited(accounts, worst, wanted, at)
    if worst[1] == "concurrent" and crowded:
        return _wait_for_place(crowded[0], limited)
    return limited


def _taken(accounts: list[Account], wanted: Admitted, at: float) -> Admitted:
    wanted.levels = _take(accounts, 1, wanted.tokens)
    for account in accounts:
        if account.more is not None:
            account.more.take(wanted)
    wanted.more = _figures(accounts, at)
    return wanted


def _limited(accounts: list[Account], refusal: Refusal, wanted: Admitted, at: float) -> Limited:
    rule, kind, limit, wait, until = refusal
    levels = _take(accounts, 0, 0)
    limited = Limited(wanted.rules, levels, policy=rule.policy, kind=kind, limit=limit, wait=wait)
    limited.until = until
    limited.load = wanted.load
    limited.more = _figures(accounts, at)
    return limited


def _wait_for_place(account: Account, limited: Limited) -> Pending | Limited:
    queue, more = account.rule.queue, account.more
    assert queue is not None
    assert more is not None
    pending = Pending(queue.wait, limited)
    return pending if more.places.wait(pending, queue.depth) else limited


def _release(admitted: Admitted, used: Load) -> None:
    """Counters first: whoever is called because a place is free finds everything settled."""
    for hold in admitted.holds:
        hold.settle(asked(hold.counter.quota, used))
    for places in admitted.places:
        places.free()


def _take(accounts: list[Account], requests: int, tokens: int) -> list[float]:
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


def _figures(accounts: list[Account], at: float) -> list[int] | None:
    figures: list[int] = []
    for account in accounts:
        if account.more is not None:
            account.more.figures(at, figures)
    return figures or None
