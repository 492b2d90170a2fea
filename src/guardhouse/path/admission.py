"""Is there room? Everything that the rules of a grant count: rates, places, quotas, budgets.

Tokens are reserved from an estimate before the request goes out (a quarter of the document's bytes, plus what the
caller asks to be generated), their price with them, and settled against the real usage when it is over; see `record`.
Everything is taken or nothing is: a request that one rule refuses uses up no other rule. Rates run on the loop's clock,
which nobody sets; windows of the calendar cannot but go by the wall's.
"""

from typing import Any

from guardhouse.limits.book import Admitted, Limited, Pending
from guardhouse.limits.calendar import written
from guardhouse.limits.quota import Quota
from guardhouse.limits.rate import Concurrency
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.operation import MEASURED_IN_TOKENS
from guardhouse.model.reason import Reason
from guardhouse.path import capping
from guardhouse.path.exchange import HELD, Exchange
from guardhouse.path.meter import Meter
from guardhouse.path.plane import DataPlane
from guardhouse.wire.dialects.dialect import Route

_UNSTATED_OUTPUT = 256  # tokens reserved for an answer whose length the caller left open
_BYTES_PER_TOKEN = 4
_MOST = 2**53  # more than any limit; larger wishes are as impossible as this one


def admit(exchange: Exchange, plane: DataPlane) -> Verdict:
    grant, principal = exchange.grant, exchange.principal
    if grant is None or not grant.limits:
        return None
    assert principal is not None
    given = given_tokens(exchange)
    now = plane.loop_time()  # not `started`: it may have waited since, behind another exchange or for a place
    if grant.cap_output:
        room = plane.limits.room(principal.id, grant.limits, now, exchange.at)
        capping.cap(exchange, given, *room)
    made = made_tokens(exchange.document, exchange.route)
    tokens = min(given + made, _MOST)
    price = None if exchange.model is None else exchange.model.price
    money = 0 if price is None else price.of(given, tokens - given)
    answer = plane.limits.admit(principal.id, grant.limits, tokens, money, now, exchange.at)
    if isinstance(answer, Admitted):
        exchange.admission = answer
        if exchange.stream and answer.more is not None:
            exchange.meter = Meter.of(answer, exchange, plane, made)
        return None if answer.delay == 0.0 else _hold(exchange, Pending(answer.delay))
    if isinstance(answer, Pending):
        exchange.waiting = answer
        return HELD
    exchange.admission = answer
    return refusal(answer)


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
        return Denial(reason, f"{detail}.")
    if isinstance(limit, Quota):
        reason = Reason.BUDGET_EXHAUSTED if limit.budget else Reason.QUOTA_EXHAUSTED
        detail += f", and too little of it is left until {written(limit.zone, limited.until)}"
    elif isinstance(limit, Concurrency):
        reason = Reason.CONCURRENCY_EXCEEDED
    else:
        reason = Reason.REQUEST_RATE_EXCEEDED if limited.kind == "requests" else Reason.TOKEN_RATE_EXCEEDED
    return Denial(reason, f"{detail}.", retry_after=limited.retry_after)


def given_tokens(exchange: Exchange) -> int:
    """Tokens of input, by size."""
    return len(exchange.encoded) // _BYTES_PER_TOKEN + 1


def made_tokens(document: Any, route: Route | None) -> int:
    """Tokens of output: the largest length that any field names, for each answer that is made; a model server may read
    any of them. Where none does that the operation knows, the answer may be longer than what the others say."""
    if document is None or route is None or route.operation not in MEASURED_IN_TOKENS:
        return 0
    dialect = route.dialect
    length = dialect.longest(document, route)
    if not length or not dialect.is_length_named(document, route):
        length = max(length, _UNSTATED_OUTPUT)
    return length * dialect.answers(document, route)
