"""Tokens that the gateway signs itself: what they say, and the principal that one of them makes.

Such a token stands for somebody who has shown another credential. It carries all that its grantor is and how that was
established, never more: the same groups, attributes, method and strength (a policy may deny by any of them), the same
age of the credential, and every narrowing of the grantor with one more at the end. It ends no later than its grantor,
and it names the credentials that it descends from, so that revoking one of those ends it too.

The header says `typ: gh+jwt` and the claims `iss: guardhouse`, so that neither can a token of an issuer be taken for
one of these nor the other way round, even if keys were confused. Whether the signature is by the gateway's own key is
asked before anything here (tokens.py).
"""

from typing import Any

import msgspec

from guardhouse.identity.flaw import Flaw
from guardhouse.model.described import Described, as_described, description_of, in_order
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Method, Narrowing, Principal

KIND = "gh+jwt"
ISSUER = "guardhouse"
ID_PREFIX = "gt_"

_OPERATIONS = {operation.word: operation for operation in Operation}


class WrittenNarrowing(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    operations: tuple[str, ...] | None = None
    models: tuple[str, ...] | None = None


class MintedClaims(Described, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    iss: str
    aud: str
    jti: str
    sub: str
    iat: float
    exp: float
    method: Method = "token"
    made: float = 0.0  # when the first credential of the descent was
    grantors: tuple[str, ...] = ()  # credential ids, the first one first
    narrowings: tuple[WrittenNarrowing, ...] = ()


def claims_of(principal: Principal, token_id: str, now: float, ends: float) -> MintedClaims:
    """What the token says that `principal` is given for the credential it has shown."""
    return MintedClaims(
        **description_of(principal),
        iss=ISSUER,
        aud=ISSUER,
        jti=token_id,
        sub=principal.id,
        iat=now,
        exp=ends,
        made=principal.credential_made,
        grantors=(*principal.grantors, principal.credential_id),
        narrowings=tuple(map(_written, principal.narrowings)),
    )


def read_claims(claims: dict[str, Any], now: float) -> MintedClaims | Flaw:
    """The clock is the one that wrote the dates, so there is no skew."""
    try:
        read = msgspec.convert(claims, MintedClaims)
    except msgspec.ValidationError:
        return Flaw.CLAIMS
    if read.iss != ISSUER or read.aud != ISSUER:
        return Flaw.AUDIENCE
    return Flaw.EXPIRED if read.exp <= now else read


def principal_of(read: MintedClaims) -> Principal | Flaw:
    narrowings = tuple(map(_narrowing, read.narrowings))
    if None in narrowings:
        return Flaw.CLAIMS  # an operation that this release does not know
    bare = Principal(
        id=read.sub,
        credential_id=read.jti,
        credential_made=read.made,
        expires_at=read.exp,
        narrowings=tuple(narrowing for narrowing in narrowings if narrowing is not None),
        grantors=read.grantors,
    )
    return as_described(read, bare)


def _written(narrowing: Narrowing) -> WrittenNarrowing:
    operations = narrowing.operations
    return WrittenNarrowing(
        None if operations is None else in_order(operation.word for operation in operations),
        None if narrowing.models is None else in_order(narrowing.models),
    )


def _narrowing(written: WrittenNarrowing) -> Narrowing | None:
    words = written.operations
    if words is not None and not _OPERATIONS.keys() >= set(words):
        return None
    return Narrowing(
        None if words is None else frozenset(_OPERATIONS[word] for word in words),
        None if written.models is None else frozenset(written.models),
    )
