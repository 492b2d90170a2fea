"""Who is calling? Stage one of authorisation, and the only maker of principals.

Runs when the head is complete, before a byte of the body is accepted, so an unknown caller cannot make the gateway hold
anything. A key table that nobody has refreshed for longer than `identity.stale_after` answers no one: a revocation
might be missing from it. Credentials that fail are counted (identity/guard.py); from a burst of them on, whoever fails
is told to wait.
"""

from guardhouse.audit.record import Event
from guardhouse.identity.api_keys import Presented
from guardhouse.identity.credentials import extract
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane

_FAILURES = (Reason.CREDENTIAL_INVALID, Reason.CREDENTIAL_EXPIRED, Reason.CREDENTIAL_REVOKED)


def identify(exchange: Exchange, plane: DataPlane) -> Verdict:
    if plane.guard.strict:
        wait = plane.guard.wait(exchange.client, exchange.at)
        if wait > 0.0:
            return _sent_away(exchange, wait, "")
    denial = _identify(exchange, plane)
    return denial if denial is None or denial.reason not in _FAILURES else _note_failure(exchange, plane, denial)


def _note_failure(exchange: Exchange, plane: DataPlane, denial: Denial) -> Denial:
    aimed_at = _aimed_at(exchange, plane)
    setback = plane.guard.failed(exchange.client, aimed_at, exchange.at)
    for burst in setback.bursts:
        plane.journal.append(
            Event(
                at=exchange.at,
                name="identity.failure_burst",
                severity="warning",
                credential=aimed_at if burst.of == "credential" else "",
                client=exchange.client,
                facts={"of": burst.of, "subject": burst.subject, "failures": burst.failures, "seconds": burst.seconds},
            )
        )
    return denial if setback.wait <= 0.0 else _sent_away(exchange, setback.wait, denial.detail or denial.reason.message)


def _aimed_at(exchange: Exchange, plane: DataPlane) -> str:
    """The id of the key that was presented with a wrong secret, or that has ended; empty if there is no such key."""
    presented, head = exchange.caller.presented, exchange.head
    if presented is None or head is None or presented[0] is not head.headers:
        return ""
    return plane.keys.table.known_id(presented[1])


def _sent_away(exchange: Exchange, wait: float, detail: str) -> Denial:
    exchange.keep_alive = False
    return Denial(Reason.SIGNIN_BACKOFF, detail, retry_after=wait)


def _identify(exchange: Exchange, plane: DataPlane) -> Verdict:
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
