"""The book of limits that many workers and machines share: it keeps leases, and asks the store for more (see book.py).

An exchange is admitted at once if every rule's lease covers it, which under a steady load is nearly always: a lease is
fetched anew when half of it is gone, before anybody has to wait. Otherwise the exchange is pending until the courier
has been at the store; the path then asks again and finds what was fetched for it. All its needs are taken in the store
in one step or none is. Everything that is settled goes back into the lease; what is not needed goes back to the store.

While the store is away, what is held may still be used; beyond that each rule says what happens (away.py). What was
admitted before is settled all the same and told to the store when it is back.

The sweep, a few times a second, returns what lies idle, looks for places for those who wait for one, and forgets the
principals who have nothing here any more.
"""

from collections import deque

from guardhouse.limits.account import Refusal
from guardhouse.limits.book import UNLIMITED, Admitted, Answer, Book, Limited, Pending
from guardhouse.limits.load import Load, asked
from guardhouse.limits.rate import LimitRule
from guardhouse.limits.shared.away import Substitute
from guardhouse.limits.shared.courier import Courier
from guardhouse.limits.shared.holding import Holding, Need
from guardhouse.limits.shared.journeys import Ask
from guardhouse.limits.shared.leases import Lease, Share

_SWEPT = 256  # holdings looked at per sweep
_AHEAD = 7  # times what an answer that flows needs next, fetched besides
_POLLED = 0.25  # seconds after which a place is looked for again


class Reserved(Admitted):
    """What the shared book remembers of an admission: what was reserved of which share."""

    __slots__ = ("marks",)

    def __init__(self, principal_id: str, rules: tuple[LimitRule, ...], load: Load, marks: list["Mark"]) -> None:
        super().__init__(principal_id, rules, load)
        self.marks = marks


class Mark:
    """So much of one thing was taken for one exchange."""

    __slots__ = ("amount", "holding", "lease", "quota")

    def __init__(self, holding: Holding, lease: Lease, amount: int) -> None:
        self.holding = holding
        self.lease = lease
        self.amount = amount
        self.quota = lease.quota if isinstance(lease, Share) else None


class SharedBook(Book):
    __slots__ = ("_courier", "_holdings", "_patience", "_queue", "_substitute")

    def __init__(self, courier: Courier, substitute: Substitute, patience: float) -> None:
        self._courier = courier
        courier.forget = self.forget
        self._substitute = substitute
        self._patience = patience  # seconds after which an exchange that waits for the store asks again in any case
        self._holdings: dict[tuple[str, str], Holding] = {}
        self._queue: deque[tuple[str, str]] = deque()

    def __len__(self) -> int:
        return len(self._holdings)

    def __repr__(self) -> str:
        return f"<SharedBook of {len(self._holdings)} holdings, {self._courier!r}>"

    def admit(self, principal_id: str, rules: tuple[LimitRule, ...], load: Load, now: float, at: float) -> Answer:
        now = max(now, self._courier.clock())  # it may have waited since, and what is known has the clock of now
        holdings = [self._holding(principal_id, rule) for rule in rules]
        needs: list[Need] = []
        covered = True
        for holding in holdings:
            covered = covered and holding.ready() and not holding.waiting.must_wait()
            for need in holding.needs(load, at):
                covered = covered and need[0].covers(need[1], now)
                needs.append(need)
        if covered:
            return self._admitted(Reserved(principal_id, rules, load, []), holdings, now, at)
        refusal = _worst(holdings, load, now, at)
        if refusal is not None:
            return self._refused(refusal, holdings, rules, load, now, at)
        courier = self._courier
        if courier.away or (now < courier.restored_at and _budgeted(rules)):
            wait = max(courier.back_at, courier.restored_at) - now
            return self._substitute.admit(principal_id, rules, load, now, at, wait)
        pending = Pending(self._patience)
        courier.ask(Ask(needs, holdings, pending))
        return pending

    def settle(self, admitted: Admitted, used: Load, now: float) -> None:
        if not isinstance(admitted, Reserved):
            self._substitute.table.settle(admitted, used, now)
            return
        if admitted.settled:
            return
        admitted.settled = True
        before: dict[int, int] = {}  # of a quota, what earlier windows have taken of the answer
        marks = admitted.marks
        for number, mark in enumerate(marks):
            if not isinstance(mark.lease, Share):
                continue
            lease, quota = mark.lease.latest(), mark.quota
            lease.under_way -= 1
            if quota is None:
                lease.settle(1, 0, now)
                continue
            later = any(_same(mark, other) for other in marks[number + 1 :])
            taken = before.get(id(quota), 0)
            amount = mark.amount if later else max(0, asked(quota, used) - taken)
            before[id(quota)] = taken + amount
            lease.settle(mark.amount, amount, now)
            self._courier.note(lease)
        self._settle_rates(admitted, used.tokens, now)
        self._free_places(admitted)

    def extend(self, admitted: Admitted, more: Load, at: float) -> bool:
        """Only what was taken out of the store before is given. When half of that is gone more is fetched, so that
        there is some before the answer needs it."""
        if not isinstance(admitted, Reserved):
            return self._substitute.table.extend(admitted, more, at)
        now = self._courier.clock()
        marks: list[Mark] = []
        needs: list[Need] = []
        enough, low = True, False
        for rule in admitted.rules:
            holding = self._holding(admitted.principal_id, rule)
            for number, quota in enumerate(rule.quotas):
                if quota.budget:
                    share = holding.share(number, at)
                    amount = asked(quota, more)
                    marks.append(Mark(holding, share, amount))
                    needs.append((share, amount))
                    enough = enough and share.held >= amount
                    low = low or (not share.filling and share.held < amount * (_AHEAD + 1) // 2)
        if enough:
            for mark in marks:
                _reserve(mark, now)
                _remember(admitted.marks, mark)
        if low and not self._courier.away:
            for lease, _ in needs:
                lease.filling = True
            self._courier.ask(Ask(needs, [], None, _AHEAD))
        return enough

    def room(
        self, principal_id: str, rules: tuple[LimitRule, ...], given: Load, now: float, at: float
    ) -> tuple[int, int]:
        tokens = money = UNLIMITED
        for rule in rules:
            if rule.cap_output or rule.bounded:
                room = self._holding(principal_id, rule).room(given, now, at)
                tokens, money = min(tokens, room[0]), min(money, room[1])
        return tokens, money

    # beside the path

    def forget(self, emptied: bool) -> None:
        """The courier's word: nothing that is known of the store counts, and it may have lost everything."""
        for holding in self._holdings.values():
            for lease in holding.leases():
                lease.forget()
                if emptied:
                    self._write_down(lease)

    def sweep(self, now: float, at: float) -> None:
        self._courier.sweep(now)
        for _ in range(min(_SWEPT, len(self._queue))):
            key = self._queue.popleft()
            if self._tend(self._holdings[key], now, at):
                self._queue.append(key)
            else:
                del self._holdings[key]

    def give_back(self) -> None:
        """For an orderly end: everything that is held goes back."""
        for holding in self._holdings.values():
            self._give_back(holding)

    # inside

    def _holding(self, principal_id: str, rule: LimitRule) -> Holding:
        key = (principal_id, rule.policy)
        holding = self._holdings.get(key)
        if holding is not None and (holding.rule is rule or holding.rule == rule):
            return holding
        if holding is None:
            self._queue.append(key)
        else:
            self._give_back(holding)  # a changed policy: of what was held under the old figures
        begin = b"\0".join((principal_id.encode(), rule.policy.encode(), b""))
        holding = self._holdings[key] = Holding(rule, begin, holding)
        return holding

    def _give_back(self, holding: Holding) -> None:
        for lease in holding.leases():
            if lease.held:
                lease.give_back()
                self._courier.note(lease)

    def _admitted(self, reserved: Reserved, holdings: list[Holding], now: float, at: float) -> Reserved:
        marks = reserved.marks
        ahead: list[Need] = []
        for holding in holdings:
            if holding.rule.queue is not None and holding.turns:
                reserved.delay = max(reserved.delay, holding.turns.popleft() - now)
            for lease, amount in holding.needs(reserved.load, at):
                mark = Mark(holding, lease, amount)
                _reserve(mark, now)
                _begin(marks, mark)
                if lease.wants_more():
                    lease.filling = True
                    ahead.append((lease, 0))
        reserved.levels, reserved.more = _figures(holdings, now, at)
        if ahead:
            self._fetch(ahead)
        return reserved

    def _refused(  # noqa: PLR0917 - a part of `admit`
        self, refusal: Refusal, holdings: list[Holding], rules: tuple[LimitRule, ...], load: Load, now: float, at: float
    ) -> Answer:
        rule, kind, limit, wait, until = refusal
        levels, more = _figures(holdings, now, at)
        limited = Limited(rules, levels, policy=rule.policy, kind=kind, limit=limit, wait=wait)
        limited.until = until
        limited.load = load
        limited.more = more
        if kind == "concurrent":
            for holding in holdings:
                if holding.rule.queue is not None and holding.crowded(now):
                    pending = Pending(holding.rule.queue.wait, limited)
                    return pending if holding.waiting.wait(pending, holding.rule.queue.depth) else limited
        return limited

    def _settle_rates(self, admitted: Reserved, tokens: int, now: float) -> None:
        spare = admitted.tokens - tokens
        if not spare:
            return
        for mark in admitted.marks:
            tank = mark.holding.tokens
            if tank is not None and mark.lease is tank:
                tank.settle(spare, now)
                if tank.changed:
                    self._courier.note(tank)

    def _free_places(self, admitted: Reserved) -> None:
        """A place goes to who waits longest here, and back to the store if nobody does."""
        for mark in admitted.marks:
            if isinstance(mark.lease, Share) and mark.quota is None:
                places = mark.lease.latest()
                if not mark.holding.call_next():
                    places.give_back()
                self._courier.note(places)

    def _fetch(self, needs: list[Need]) -> None:
        if needs and not self._courier.away:
            self._courier.ask(Ask(needs, [], None))

    def _tend(self, holding: Holding, now: float, at: float) -> bool:
        """Whether the holding is still needed."""
        if holding.has_waiting():
            self._seek_place(holding, now)
        busy = False
        for lease in holding.leases():
            if lease.surplus(now) and not holding.has_waiting():
                lease.give_back()
                holding.turns.clear()
                self._courier.note(lease)
            busy = busy or not lease.idle(at)
        return busy or holding.has_waiting()

    def _seek_place(self, holding: Holding, now: float) -> None:
        """Another worker may have freed one."""
        places = holding.places
        if places is None:
            return
        if places.held > 0:
            holding.call_next()
        elif not places.filling and now - places.seen >= _POLLED:
            places.filling = True
            self._fetch([(places, 1)])

    def _write_down(self, lease: Lease) -> None:
        if isinstance(lease, Share) and (lease.spent or lease.reserved or lease.held):
            lease.changed = True
            self._courier.note(lease)


def _reserve(mark: Mark, now: float) -> None:
    lease = mark.lease
    if isinstance(lease, Share):
        lease.reserve(mark.amount, now)
    else:
        lease.take(mark.amount, now)


def _begin(marks: list[Mark], mark: Mark) -> None:
    if isinstance(mark.lease, Share):
        mark.lease.under_way += 1
    marks.append(mark)


def _remember(marks: list[Mark], mark: Mark) -> None:
    for known in marks:
        if known.lease is mark.lease or _followed(known, mark):
            known.amount += mark.amount
            return
    _begin(marks, mark)


def _same(mark: Mark, other: Mark) -> bool:
    """Whether both are of one quota, in whatever window."""
    return mark.quota is not None and mark.quota is other.quota


def _followed(known: Mark, mark: Mark) -> bool:
    return isinstance(known.lease, Share) and known.lease.latest() is mark.lease


def _worst(holdings: list[Holding], load: Load, now: float, at: float) -> Refusal | None:
    worst: Refusal | None = None
    for holding in holdings:
        found = holding.refusal(load, now, at)
        if found is not None and (worst is None or found[3] > worst[3] or worst[1] == "concurrent"):
            worst = found
    return worst


def _figures(holdings: list[Holding], now: float, at: float) -> tuple[list[float], list[int] | None]:
    levels: list[float] = []
    more: list[int] = []
    for holding in holdings:
        holding.levels(now, levels)
        holding.figures(now, at, more)
    return levels, more or None


def _budgeted(rules: tuple[LimitRule, ...]) -> bool:
    return any(quota.budget for rule in rules for quota in rule.quotas)
