"""Who is calling? Stage one of authorisation, and the only maker of principals.

Runs when the head is complete, before a byte of the body is accepted, so an unknown caller cannot make the gateway hold
anything. What is known of keys, tokens and revocations comes from the control process. If that has given no sign of
life for longer than `identity.stale_after`, nobody is identified: a revocation might be missing. Credentials that fail
are counted (identity/guard.py); from a burst of them on, whoever fails is told to wait.
"""

from typing import Final

from guardhouse.audit.record import Event
from guardhouse.identity import tokens
from guardhouse.identity.certificate import Certified
from guardhouse.identity.credentials import extract
from guardhouse.identity.key_table import Presented
from guardhouse.identity.tokens import PresentedToken
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane

# one that has expired is none: its holder has it by right, and has to hear 401 in order to renew it
_FAILURES: Final = (Reason.CREDENTIAL_INVALID, Reason.CREDENTIAL_REVOKED, Reason.CERTIFICATE_INVALID)


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
    return plane.keys.table.known_id(presented[1]) if isinstance(presented[1], Presented) else ""


def _sent_away(exchange: Exchange, wait: float, detail: str) -> Denial:
    exchange.keep_alive = False
    return Denial(Reason.SIGNIN_BACKOFF, detail, retry_after=wait)


def _identify(exchange: Exchange, plane: DataPlane) -> Verdict:
    presented = _presented(exchange, plane)
    certificate = exchange.caller.certificate
    holder = None if certificate is None else _holder(certificate, presented, plane, exchange.at)
    if holder is not None and type(holder) is Denial:
        return holder
    if type(presented) is Reason and (holder is None or presented is not Reason.CREDENTIAL_MISSING):
        return Denial(presented)
    if exchange.at - plane.keys.touched > plane.settings.identity.stale_after:
        return Denial(Reason.IDENTITY_STALE, retry_after=5.0)
    if isinstance(presented, PresentedToken):
        return _by_token(exchange, plane, presented)
    if not isinstance(presented, Presented):  # the certificate is all there is
        exchange.principal = holder
        return None
    principal = plane.keys.table.judge(presented, exchange.at)
    if not isinstance(principal, Principal):
        return Denial(principal)
    exchange.principal = principal
    return None


def _holder(
    certificate: Certified, presented: Presented | PresentedToken | Reason, plane: DataPlane, now: float
) -> Principal | Denial:
    """Whom the client certificate names. A bad one is refused even where a key beside it would say who it is."""
    certificates = plane.certificates
    assert certificates is not None
    named = certificates.judge(certificate, now)
    if isinstance(named, Principal) and presented is not Reason.CREDENTIAL_MISSING and not certificates.key_decides:
        return Denial(Reason.CREDENTIALS_CONFLICT, "There is a key or token beside the client certificate.")
    return named


def _by_token(exchange: Exchange, plane: DataPlane, presented: PresentedToken) -> Verdict:
    table, now = plane.tokens, exchange.at
    if now - table.touched > plane.settings.identity.stale_after:
        return Denial(Reason.IDENTITY_STALE, retry_after=5.0)
    found = table.known(presented.digest, plane.keys.table, now)
    if found is None:
        assert exchange.head is not None
        token = extract(exchange.head.headers)
        assert isinstance(token, bytes)
        found = table.verify(token, presented.digest, plane.keys.table, now)
    if not isinstance(found, Principal):
        return found.denial()
    exchange.principal = found
    return None


def _presented(exchange: Exchange, plane: DataPlane) -> Presented | PresentedToken | Reason:
    """A connection that repeats its head (the framing hands out the same dict then) presents the same again."""
    assert exchange.head is not None
    headers, caller = exchange.head.headers, exchange.caller
    if caller.presented is not None and caller.presented[0] is headers:
        return caller.presented[1]
    found = extract(headers)
    if isinstance(found, Reason):
        return found
    presented = tokens.read(found) if tokens.is_token(found) else plane.keys.table.read(found)
    caller.presented = (headers, presented)
    return presented
