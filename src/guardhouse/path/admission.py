"""Is there room? Token buckets per principal and policy, for requests and for tokens.

Tokens are reserved from an estimate before the request goes out (a quarter of the document's bytes, plus what the
caller asks to be generated) and settled against the real usage when it is over; see `record`. Everything is taken or
nothing is: a request that one rule refuses uses up no other rule. Buckets run on the loop's clock, which nobody sets.
"""

from typing import Any

from guardhouse.limits.book import Admitted, Limited, Pending
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import HELD, Exchange
from guardhouse.path.plane import DataPlane

_UNSTATED_OUTPUT = 256  # tokens reserved for an answer whose length the caller left open
_BYTES_PER_TOKEN = 4
_MOST = 2**53  # more than any limit; larger wishes are as impossible as this one
_LENGTHS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


def admit(exchange: Exchange, plane: DataPlane) -> Verdict:
    grant, principal = exchange.grant, exchange.principal
    if grant is None or not grant.limits:
        return None
    assert principal is not None
    outcome = plane.limits.admit(principal.id, grant.limits, estimate(exchange), 0, exchange.started, exchange.at)
    if isinstance(outcome, Admitted):
        exchange.admission = outcome
        return None if outcome.delay == 0.0 else _hold(exchange, Pending(outcome.delay))
    if isinstance(outcome, Pending):
        exchange.waiting = outcome
        return HELD
    exchange.admission = outcome
    return refusal(outcome)


def _hold(exchange: Exchange, pending: Pending) -> Verdict:
    """It is admitted and has only to wait for its turn: it goes on with the next stage."""
    exchange.waiting = pending
    exchange.passed += 1
    return HELD


def refusal(limited: Limited) -> Denial:
    """Which limit, how much it is, and when to come back."""
    detail = f"The policy {limited.policy!r} allows {limited.limit}."
    if limited.impossible:
        return Denial(Reason.TOKENS_BEYOND_LIMIT, detail)
    reason = Reason.REQUEST_RATE_EXCEEDED if limited.kind == "requests" else Reason.TOKEN_RATE_EXCEEDED
    return Denial(reason, detail, retry_after=limited.retry_after)


def estimate(exchange: Exchange) -> int:
    """Tokens this exchange may use: input by size, output by what was asked for. Never less than the input."""
    if exchange.operation is Operation.MODELS_READ:
        return 0
    tokens = len(exchange.encoded) // _BYTES_PER_TOKEN + 1
    if exchange.operation is Operation.EMBEDDINGS:
        return tokens
    return min(tokens + _requested_output(exchange.document), _MOST)


def _requested_output(document: dict[str, Any]) -> int:
    """The largest length that any field names, for each answer that is made; a model server may read any of them."""
    longest = 0
    for field in _LENGTHS:
        if field in document:
            longest = max(longest, _count(document[field]))
    answers = max(1, _count(document.get("n")), _count(document.get("best_of")))
    prompts = document.get("prompt")
    return (longest or _UNSTATED_OUTPUT) * answers * (max(1, len(prompts)) if type(prompts) is list else 1)


def _count(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
