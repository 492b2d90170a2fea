"""From the claims of a verified token to a principal, by the rules of its issuer (RFC 7519, RFC 8725, RFC 9068).

Each check is a function that says None or what is wrong; `identified` puts them in order. Everything is read with its
type: a date that is text, a list where one word belongs, an empty or over-long value, is a flaw and never converted.
Missing and unreadable are told apart on purpose: a claim that is not there leaves its member empty, while one that
cannot be read could have been the group that a policy denies. For the same reason a token whose groups were moved
elsewhere for their number (`_claim_names`, OpenID Connect 5.6.2) is refused when its groups matter.
"""

import hashlib
import re
from collections.abc import Iterable
from typing import Any

from guardhouse.identity.flaw import Flaw
from guardhouse.identity.issuers import CLIENT_CLAIMS, Claim, Issuer, Requirement
from guardhouse.model.principal import Principal

LONGEST_VALUE = 256
LONGEST_ID = 128
MOST_VALUES = 1000
_LATEST = 1e11  # a date beyond the year 5000 is milliseconds, or worse

_token_id = re.compile(r"[A-Za-z0-9._~-]{8,64}").fullmatch
_word = re.compile(r"[^\s*\x00-\x1f\x7f]+").fullmatch
_plain = re.compile(r"[^\x00-\x1f\x7f]+").fullmatch


class _UnreadableError(Exception):
    """A claim has a value of a kind that it cannot have; never leaves this file."""


def identified(claims: dict[str, Any], issuer: Issuer, digest: bytes, now: float) -> Principal | Flaw:
    """The principal of a token whose signature was verified. `digest`: SHA-256 of the whole token."""
    try:
        flaw = (
            _meant_for_us(claims, issuer)
            or _timely(claims, issuer, now)
            or (None if all(_met(rule, claims) for rule in issuer.require) else Flaw.REQUIRED)
            or _whole(claims, issuer)
        )
        return flaw or _principal(claims, issuer, digest)
    except _UnreadableError:
        return Flaw.CLAIMS


def _meant_for_us(claims: dict[str, Any], issuer: Issuer) -> Flaw | None:
    if not set(_values(claims.get("aud"))) & set(issuer.audience):
        return Flaw.AUDIENCE
    if issuer.clients:
        named = {value for path in CLIENT_CLAIMS for value in _values(_find(claims, path))}
        if not named or not named <= issuer.clients:
            return Flaw.CLIENT
    return Flaw.BOUND if "cnf" in claims else None


def _timely(claims: dict[str, Any], issuer: Issuer, now: float) -> Flaw | None:
    expires, begins, made = (_date(claims, name) for name in ("exp", "nbf", "iat"))
    if expires is None or (made is None and issuer.max_age is not None):
        return Flaw.CLAIMS
    if max(begins or 0.0, made or 0.0) > now + issuer.skew:
        return Flaw.NOT_YET
    if expires + issuer.skew <= now:
        return Flaw.EXPIRED
    if issuer.max_age is not None and made is not None and made + issuer.max_age + issuer.skew <= now:
        return Flaw.TOO_OLD
    return None


def _ends(claims: dict[str, Any], issuer: Issuer) -> float:
    ends, made = _date(claims, "exp") or 0.0, _date(claims, "iat") or 0.0
    return issuer.skew + (ends if issuer.max_age is None else min(ends, made + issuer.max_age))


def _met(rule: Requirement, claims: dict[str, Any]) -> bool:
    values = _values(_find(claims, rule.claim))
    return any(_equals(wanted, value) for wanted in rule.values for value in values)


def _equals(wanted: str, value: str) -> bool:
    return value.startswith(wanted[:-1]) if wanted.endswith("*") else value == wanted


def _whole(claims: dict[str, Any], issuer: Issuer) -> Flaw | None:
    elsewhere = claims.get("_claim_names")
    wanted = (issuer.claims.groups, issuer.claims.roles, *issuer.claims.attributes.values())
    if isinstance(elsewhere, dict) and any(path is not None and path[0] in elsewhere for path in wanted):
        return Flaw.INCOMPLETE
    return None


def _principal(claims: dict[str, Any], issuer: Issuer, digest: bytes) -> Principal | Flaw:
    places = issuer.claims
    own_id = _one(claims, places.id)
    principal_id = issuer.prefix + own_id
    if not own_id or len(principal_id) > LONGEST_ID or not _word(principal_id):
        return Flaw.CLAIMS
    token_id = claims.get("jti")
    if not isinstance(token_id, str) or not _token_id(token_id):
        token_id = hashlib.sha256(digest).hexdigest()[:16]
    return Principal(
        id=principal_id,
        groups=_many(claims, places.groups),
        roles=_many(claims, places.roles),
        scopes=frozenset(word for value in _many(claims, places.scopes) for word in value.split()),
        team=_one(claims, places.team),
        tier=_one(claims, places.tier),
        attributes={name: values for name, path in places.attributes.items() if (values := _many(claims, path))},
        method="oidc",
        strength="strong" if any(_met(rule, claims) for rule in issuer.strong) else "single",
        credential_id=f"{issuer.name}:{token_id}",
        expires_at=_ends(claims, issuer),
        issuer=issuer.name,
    )


def _date(claims: dict[str, Any], name: str) -> float | None:
    """Seconds since 1970; None when there is no such claim."""
    if name not in claims:
        return None
    value = claims[name]
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= _LATEST:
        raise _UnreadableError
    return float(value)


def _find(claims: Any, path: Claim) -> Any:
    """None when there is no such claim."""
    for name in path:
        if not isinstance(claims, dict):
            return None
        claims = claims.get(name)
    return claims


def _one(claims: dict[str, Any], path: Claim | None) -> str:
    found = _many(claims, path)
    if len(found) > 1:
        raise _UnreadableError
    return next(iter(found), "")


def _many(claims: dict[str, Any], path: Claim | None) -> frozenset[str]:
    return frozenset() if path is None else frozenset(_values(_find(claims, path)))


def _values(claim: Any) -> Iterable[str]:
    """A claim of one value or a list of them, as text."""
    if claim is None:
        return ()
    listed = claim if isinstance(claim, list) else [claim]
    if len(listed) > MOST_VALUES:
        raise _UnreadableError
    return [_text(value) for value in listed]


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    text = str(value) if isinstance(value, int) else value
    if not isinstance(text, str) or not 0 < len(text) <= LONGEST_VALUE or not _plain(text):
        raise _UnreadableError
    return text
