"""May those who are being served still be? Asked again, once a second, while an answer is under way.

The stages judge an exchange at its beginning, and a stream may go on for an hour after that. So the worker's sweep has
each connection ask here, and an exchange whose credential has been revoked or has expired meanwhile, or whose principal
has been suspended, is ended with the reason that its next request would meet. A model that is closed lets the answers
that are under way finish. A stream that has begun ends with the terminator of its dialect, an answer that
has not is an error like any other. What is looked at is the same as in identity.py; a new way to lose the right to an
answer belongs in both.

An exchange that has not gone out yet is not looked at here: it is identified again when its turn comes.
"""

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane

_BY_THEMSELVES = ("api_key", "mtls")  # methods whose credentials end in their own way; the rest are tokens


def oversee(exchange: Exchange, plane: DataPlane) -> Verdict:
    """Why the exchange has to end, or None."""
    principal = exchange.principal
    if principal is None:
        return None
    now = plane.now()
    if plane.keys.age(now) > plane.settings.identity.stale_after:
        return Denial(Reason.IDENTITY_STALE, retry_after=5.0)
    if plane.gates.suspended:
        refusal = plane.gates.refuse_principal(principal.id, now)
        if refusal is not None:
            return refusal
    certificate = exchange.caller.certificate
    if certificate is not None and plane.certificates is not None:
        reason = plane.certificates.ended(certificate, now)
        if reason is not None:
            return Denial(reason)
    return _ended(principal, plane, now)


def _ended(principal: Principal, plane: DataPlane, now: float) -> Verdict:
    if principal.grantors or principal.method not in _BY_THEMSELVES:
        flaw = plane.tokens.ended(principal, plane.keys.table, now)
        return None if flaw is None else flaw.denial()
    reason = plane.keys.table.ended(principal.credential_id, now) if principal.method == "api_key" else None
    return None if reason is None else Denial(reason)
