"""Is there room? Token buckets per principal and policy, for requests and for tokens.

Tokens are reserved from an estimate before the request goes out (a quarter of the document's bytes, plus what the
caller asks to be generated) and settled against the real usage when it is over; see `record`. Everything is taken or
nothing is: a request that one rule refuses uses up no other rule. Buckets run on the loop's clock, which nobody sets.
"""

from typing import Any

from guardhouse.limits.table import Limited
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane

_UNSTATED_OUTPUT = 256  # tokens reserved for an answer whose length the caller left open
_BYTES_PER_TOKEN = 4


def admit(exchange: Exchange, plane: DataPlane) -> Verdict:
    grant, principal = exchange.grant, exchange.principal
    if grant is None or not grant.limits:
        return None
    assert principal is not None
    outcome = plane.limits.admit(principal.id, grant.limits, estimate(exchange), exchange.started)
    exchange.admission = outcome
    if not isinstance(outcome, Limited):
        return None
    detail = f"The policy {outcome.policy!r} allows {outcome.limit}."
    if outcome.impossible:
        return Denial(Reason.TOKENS_BEYOND_LIMIT, detail)
    reason = Reason.REQUEST_RATE_EXCEEDED if outcome.kind == "requests" else Reason.TOKEN_RATE_EXCEEDED
    return Denial(reason, detail, retry_after=outcome.retry_after)


def estimate(exchange: Exchange) -> int:
    """Tokens this exchange may use: input by size, output by what was asked for."""
    tokens = len(exchange.encoded) // _BYTES_PER_TOKEN + 1
    if exchange.operation is Operation.EMBEDDINGS:
        return tokens
    return tokens + _requested_output(exchange.document)


def _requested_output(document: dict[str, Any]) -> int:
    for field in ("max_completion_tokens", "max_tokens", "max_output_tokens"):
        stated = document.get(field)
        if isinstance(stated, int):
            choices = document.get("n")
            return stated * (choices if isinstance(choices, int) else 1)
    return _UNSTATED_OUTPUT
