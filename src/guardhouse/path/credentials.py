"""What becomes of an answer that is about the gateway's own credential: the caller gets nothing of it.

A model server that refuses the credential says 401, and many repeat what they were sent, whole or in part. For the
caller it would look as if its own key were wrong. An error that repeats the credential is no answer for anybody else.
"""

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path.exchange import Exchange
from guardhouse.path.plane import DataPlane


def refused(exchange: Exchange, plane: DataPlane, status: int) -> Denial:
    """The operator is told, once in a while."""
    target = exchange.target
    if target is not None:
        ward = plane.upstreams.pool(target).ward
        ward.report("target.credential_refused", "alert", f"status_{status}", plane.loop_time())
    return Denial(Reason.UPSTREAM_CREDENTIAL_REFUSED)


def is_in(content: bytes, exchange: Exchange, plane: DataPlane) -> bool:
    target = exchange.target
    secret = None if target is None else plane.upstreams.pool(target).credential.current
    return secret is not None and secret.reveal().encode("ascii") in content
