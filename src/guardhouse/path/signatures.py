"""Is the signature that a request carries a good one? Asked where the body is complete, before it is read.

Whether a request needs one is for policies to say (`require`); authorization asks for what was noted here. One that is
carried must hold, needed or not. Where nobody can sign, nobody is asked.
"""

from typing import Final

from guardhouse.identity.replays import Seen
from guardhouse.identity.signing import Signatures, verify
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane
from guardhouse.wire.signatures.message import message_of

_REPLAYED: Final = {
    Seen.AGAIN: Denial(Reason.SIGNATURE_REPLAYED),
    Seen.EARLY: Denial(Reason.SIGNATURE_INVALID, "The signature is older than what is remembered of signatures."),
    Seen.FULL: Denial(Reason.SIGNATURE_MEMORY_FULL, retry_after=1.0),
}


def judge(exchange: Exchange, plane: DataPlane, signatures: Signatures) -> Verdict:
    head, principal = exchange.head, exchange.principal
    assert head is not None
    assert principal is not None
    if b"signature-input" not in head.headers and b"signature" not in head.headers:
        return None
    message = message_of(head, signatures.scheme)
    if message is None:
        return Denial(Reason.SIGNATURE_INVALID, "The request has no host.")
    now = plane.now()
    signed = verify(signatures, message, exchange.body, principal.id, now)
    if isinstance(signed, str):
        return Denial(Reason.SIGNATURE_INVALID, signed)
    seen = plane.replays.use(signed.nonce, signed.created, signed.until, now)
    if seen is not Seen.FIRST:
        return _REPLAYED[seen]
    exchange.signed_by = signed.key
    return None
