"""Who is calling? Stage one of authorisation, and the only maker of principals.

Runs when the head is complete, before a byte of the body is accepted, so an unknown caller cannot make the gateway hold
anything. A key table that nobody has refreshed for longer than `identity.stale_after` answers no one: a revocation
might be missing from it.
"""

from guardhouse.identity.api_keys import Presented
from guardhouse.identity.credentials import extract
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane


def identify(exchange: Exchange, plane: DataPlane) -> Verdict:
    presented = _presented(exchange, plane)
    if isinstance(presented, Reason):
        return Denial(presented)
    if plane.keys.age(exchange.at) > plane.settings.identity.stale_after:
        return Denial(Reason.IDENTITY_STALE, retry_after=5.0)
    principal = plane.keys.table.judge(presented, exchange.at)
    if isinstance(principal, Reason):
        return Denial(principal)
    exchange.principal = principal
    return None


def _presented(exchange: Exchange, plane: DataPlane) -> Presented | Reason:
    """A connection that repeats its head (the framing hands out the same dict then) presents the same key again."""
    assert exchange.head is not None
    headers, caller = exchange.head.headers, exchange.caller
    if caller.presented is not None and caller.presented[0] is headers:
        return caller.presented[1]
    found = extract(headers)
    if isinstance(found, Reason):
        return found
    presented = plane.keys.table.read(found)
    caller.presented = (headers, presented)
    return presented
