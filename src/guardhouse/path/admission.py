"""Is there room? Everything that the rules of a grant count: rates, places, quotas, budgets.

Tokens are reserved before the request goes out, their price with them, and settled against the real usage when it is
over; how many they are, by estimate and for budgets at most, says sizing.py. Where a budget reserves the most that can
be used, an answer needs a length: one that the caller has not named is put in (capping.py). Everything is taken or
nothing is: a request that one rule refuses uses up no other rule. Rates run on the loop's clock, which nobody sets;
windows of the calendar cannot but go by the wall's.
"""

from guardhouse.limits.book import Admitted, Answer, Book, Limited, Pending
from guardhouse.limits.calendar import written
from guardhouse.limits.load import asked
from guardhouse.limits.quota import Quota
from guardhouse.limits.rate import Concurrency
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path import capping, sizing
from guardhouse.path.exchange import HELD, Exchange
from guardhouse.path.meter import Meter
from guardhouse.path.plane import DataPlane
from guardhouse.policy.snapshot import Grant


def admit(exchange: Exchange, plane: DataPlane) -> Verdict:
    grant = exchange.grant
    if grant is None or not grant.limits:
        return None
    now = plane.loop_time()  # not `started`: it may have waited since, behind another exchange or for a place
    answer = ask(exchange, grant, plane.limits, now)
    if isinstance(answer, Admitted):
        exchange.admission = answer
        if exchange.stream and answer.more is not None:
            exchange.meter = Meter.of(answer, exchange, plane)
        return None if answer.delay == 0.0 else _hold(exchange, Pending(answer.delay))
    if isinstance(answer, Denial):
        return answer
    if isinstance(answer, Pending):
        exchange.waiting = answer
        return HELD
    exchange.admission = answer
    return refusal(answer)


def ask(exchange: Exchange, grant: Grant, book: Book, now: float) -> Answer | Denial:
    """What the book says of all that is counted; a denial of what has no size that could be."""
    principal = exchange.principal
    assert principal is not None
    size = sizing.given(exchange)
    if grant.bounded:
        denial = sizing.bound(exchange, size)
        if denial is not None:
            return denial
    price = None if exchange.model is None else exchange.model.price
    if grant.cap_output or grant.bounded:
        given = sizing.load_of_input(size, price)
        tokens, money = book.room(principal.id, grant.limits, given, now, exchange.at)
        capping.cap(exchange, size, tokens, money, lower=grant.cap_output)
    sizing.made(exchange, size)
    load = sizing.load(size, price, bounded=grant.bounded)
    return book.admit(principal.id, grant.limits, load, now, exchange.at)


def _hold(exchange: Exchange, pending: Pending) -> Verdict:
    """It is admitted and has only to wait for its turn: it goes on with the next stage."""
    exchange.waiting = pending
    exchange.passed += 1
    return HELD


def refusal(limited: Limited) -> Denial:
    """Which limit, how much it is, and when to come back."""
    limit = limited.limit
    if limited.away:
        detail = f"The store that the limits of the policy {limited.policy!r} are counted in is away."
        return Denial(Reason.LIMITS_UNAVAILABLE, detail, retry_after=limited.retry_after)
    detail = f"The policy {limited.policy!r} allows {limit}"
    if limited.impossible:
        reason = Reason.COST_BEYOND_BUDGET if limited.kind == "money" else Reason.TOKENS_BEYOND_LIMIT
        return Denial(reason, f"{detail}{_reserved(limited)}.")
    if isinstance(limit, Quota):
        reason = Reason.BUDGET_EXHAUSTED if limit.budget else Reason.QUOTA_EXHAUSTED
        detail += f", and too little of it is left until {written(limit.zone, limited.until)}{_reserved(limited)}"
    elif isinstance(limit, Concurrency):
        reason = Reason.CONCURRENCY_EXCEEDED
    else:
        reason = Reason.REQUEST_RATE_EXCEEDED if limited.kind == "requests" else Reason.TOKEN_RATE_EXCEEDED
    return Denial(reason, f"{detail}.", retry_after=limited.retry_after)


def _reserved(limited: Limited) -> str:
    """How much would be reserved, where that is the most that the request may use."""
    limit, load = limited.limit, limited.load
    if not isinstance(limit, Quota) or not limit.bound or load is None:
        return ""
    return f": this request may use {limit.show(asked(limit, load))}"
