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
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane


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
    if principal.method == "api_key" and not principal.grantors:
        reason = plane.keys.table.ended(principal.credential_id, now)
        return None if reason is None else Denial(reason)
    flaw = plane.tokens.ended(principal, plane.keys.table, now)
    return None if flaw is None else flaw.denial()
