"""Signed tokens in compact form (RFC 7515): one reading of the bytes, before anything is believed.

A token is `header.payload.signature`. `read` takes it apart and refuses whatever two readers could understand
differently or what would make verification mean something else: base64url with other spellings, JSON with a member
twice, extensions (`crit`, `b64`), encrypted, compressed or nested content; and what no issuer writes and only costs,
numbers of many digits, lists without number and escaped colons. Header members that tell a verifier where to
find a key (`jwk`, `jku`, `x5u`, `x5c`) are never looked at; keys come from the configured issuer alone.

`verified_by` chooses among the keys of that issuer: those of the token's `kid`, or all of them for a token without one,
and of these the ones that may be used with the token's algorithm. Nothing else of a token decides over its keys.

Nothing here depends on the clock or on who the issuer is (claims.py, tokens.py). Cost: linear in `LONGEST` bytes,
some 100 µs for the worst of them.
"""

import re
from collections.abc import Sequence
from typing import Any

import msgspec

from guardhouse.identity import base64url
from guardhouse.identity.credentials import LONGEST
from guardhouse.identity.flaw import Flaw
from guardhouse.identity.jwks import VerifyingKey
from guardhouse.wire import json

MOST_TRIED = 4  # keys per token; a set with more of one id, or a token without an id and a larger set, is refused
_LONGEST_KEY_ID = 256
_long_run = re.compile(rb"(?<![0-9])[0-9]{40}").search  # the time for a number grows with the square of its digits
_strings = re.compile(rb'"(?:[^"\\]|\\.)*"', re.DOTALL)
_ESCAPED_COLONS = (b"\\u003a", b"\\u003A")  # each would have the whole read a second time, and slowly
_MOST_BRACKETS = 500  # objects and lists of a token
_UNSUPPORTED = frozenset({"crit", "b64", "zip", "enc", "epk", "cty"})


class Signed(msgspec.Struct, frozen=True):
    """A token that could be read. Nothing of it is to be believed before `verified_by` has found a key."""

    algorithm: str
    key_id: str | None
    kind: str  # the header's `typ` in lower case, without "application/"; empty when there is none
    claims: dict[str, Any]
    payload: bytes
    message: bytes  # what is signed
    signature: bytes

    def __repr__(self) -> str:
        return f"Signed({self.algorithm!r})"


def read(token: bytes) -> Signed | Flaw:
    segments = token.split(b".") if len(token) <= LONGEST else []
    if len(segments) != 3:
        return Flaw.FORM
    header, payload, signature = map(base64url.decode, segments)
    if header is None or payload is None or signature is None:
        return Flaw.FORM
    members, claims = _object(header), _object(payload)
    if members is None or claims is None:
        return Flaw.FORM
    algorithm, key_id, kind = members.get("alg"), members.get("kid"), members.get("typ", "")
    if not isinstance(algorithm, str) or not isinstance(kind, str) or not _UNSUPPORTED.isdisjoint(members):
        return Flaw.HEADER
    if "kid" in members and (not isinstance(key_id, str) or not 0 < len(key_id) <= _LONGEST_KEY_ID):
        return Flaw.HEADER
    return Signed(
        algorithm=algorithm,
        key_id=key_id,
        kind=kind.lower().removeprefix("application/"),
        claims=claims,
        payload=payload,
        message=token[: token.rindex(b".")],
        signature=signature,
    )


def verified_by(signed: Signed, keys: Sequence[VerifyingKey]) -> VerifyingKey | Flaw:
    """The key that made the signature."""
    named = [key for key in keys if signed.key_id is None or key.public.kid == signed.key_id]
    if not named:
        return Flaw.KEY
    fitting = [key for key in named if signed.algorithm in key.algorithms]
    if not fitting or len(fitting) > MOST_TRIED:
        return Flaw.ALGORITHM if not fitting else Flaw.KEY
    for key in fitting:
        if key.verifies(signed.algorithm, signed.message, signed.signature):
            return key
    return Flaw.SIGNATURE


def _object(content: bytes) -> dict[str, Any] | None:
    if _is_costly(content):
        return None
    decoded = json.decode_quietly(content)
    return decoded if isinstance(decoded, dict) else None


def _is_costly(content: bytes) -> bool:
    if any(colon in content for colon in _ESCAPED_COLONS):
        return True
    if _long_run(content) is None and _brackets(content) <= _MOST_BRACKETS:
        return False
    outside = _strings.sub(b'""', content)
    return _long_run(outside) is not None or _brackets(outside) > _MOST_BRACKETS


def _brackets(content: bytes) -> int:
    return content.count(b"{") + content.count(b"[")
