"""Tokens that must not identify anybody, by what is wrong with them: the pitfalls of RFC 8725 and of past advisories.

Each is one step away from a token that is accepted, so that it is refused for its own flaw and for no other: whatever
can be signed is signed with the issuer's real key. Here the form of the token is wrong, in forged_claims.py the claims
are. `every(now)` gives them all, by name.
"""

import base64
import json
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from joserfc.jwk import Key

from attack import forged_claims
from identity.signing import (
    ED25519,
    KEYS,
    OTHER_RSA,
    P256,
    P384,
    P521,
    RSA,
    URL,
    as_json,
    b64,
    claims,
    jwk,
    signature,
    token,
)

Forgery = tuple[str, bytes]

_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551  # of P-256


def every(now: float) -> list[Forgery]:
    families = (
        _unsigned,
        _public_key_as_secret,
        _signatures,
        _spellings,
        _headers,
        _extensions,
        _keys_brought_along,
        _key_ids,
        _other_algorithms,
        _kinds,
        *forged_claims.FAMILIES,
    )
    return [(f"{family.__name__.lstrip('_')}: {name}", forged) for family in families for name, forged in family(now)]


def _parts(good: bytes) -> tuple[bytes, bytes, bytes]:
    header, payload, signature = good.split(b".")
    return header, payload, signature


def _unsigned(now: float) -> Iterator[Forgery]:
    payload, signature = b64(as_json(claims(now))), _parts(token(claims(now)))[2]
    said: tuple[Any, ...] = ("none", "None", "NONE", "nOnE", "none ", "", "null", None, [], {}, 0, ["RS256"])
    for alg in said:
        header = b64(as_json({"alg": alg, "typ": "JWT"}))
        yield f"alg {alg!r} without a signature", header + b"." + payload + b"."
        yield f"alg {alg!r} with one", header + b"." + payload + b"." + signature
    yield "no alg at all", b64(as_json({"typ": "JWT", "kid": "rsa"})) + b"." + payload + b"." + signature
    yield "RS256 without a signature", b".".join(_parts(token(claims(now)))[:2]) + b"."
    yield "RS256 without the last segment", b".".join(_parts(token(claims(now)))[:2])


def _public_key_as_secret(now: float) -> Iterator[Forgery]:
    for kid, (key, _) in KEYS.items():
        for form, secret in _forms(key):
            for alg in ("HS256", "HS384", "HS512"):
                yield f"{alg} with {kid} as {form}", token(claims(now), key=secret, alg=alg, kid=kid)
    for name, secret in (("a guess", b"secret"), ("one byte", b"\0"), ("the issuer", URL.encode())):
        yield f"HS256 with {name}", token(claims(now), key=secret, alg="HS256")


def _forms(key: Key) -> Iterator[tuple[str, bytes]]:
    public: Any = key.public_key  # every asymmetric key has it
    encoding, form = serialization.Encoding, serialization.PublicFormat
    yield "DER", public.public_bytes(encoding.DER, form.SubjectPublicKeyInfo)
    yield "SSH", public.public_bytes(encoding.OpenSSH, form.OpenSSH)
    yield "JWK", json.dumps(jwk(key)).encode()
    yield "the JWK's own member", str(jwk(key).get("n") or jwk(key)["x"]).encode()


def _signatures(now: float) -> Iterator[Forgery]:
    header, payload, signature = _parts(token(claims(now)))
    raw = base64.urlsafe_b64decode(signature + b"==")
    rsa = {
        "of another token": _parts(token(claims(now, sub="bob")))[2],
        "by another key": _parts(token(claims(now), key=OTHER_RSA))[2],
        "one bit changed": b64(raw[:-1] + bytes([raw[-1] ^ 1])),
        "cut by a byte": b64(raw[:-1]),
        "with a byte more": b64(raw + b"\0"),
        "with a zero in front": b64(b"\0" + raw),
        "all zeros": b64(bytes(len(raw))),
        "one": b64(bytes(len(raw) - 1) + b"\1"),
        "all ones": b64(b"\xff" * len(raw)),
        "the modulus": b64(_modulus()),
        "one byte": b64(b"\0"),
    }
    for name, forged in rsa.items():
        yield f"RSA, {name}", b".".join((header, payload, forged))
    yield "a changed payload", b".".join((header, b64(as_json(claims(now, groups=["research", "admins"]))), signature))
    changed = b64(as_json({"alg": "RS256", "typ": "JWT", "kid": "rsa", "x": 1}))
    yield "a changed header", b".".join((changed, payload, signature))
    header, payload, signature = _parts(token(claims(now), key=P256, alg="ES256", kid="p256"))
    raw = base64.urlsafe_b64decode(signature + b"==")
    r, s = int.from_bytes(raw[:32]), int.from_bytes(raw[32:])
    pairs = {
        "r and s zero": (0, 0),
        "r zero": (0, s),
        "s zero": (r, 0),
        "r one, s one": (1, 1),
        "r and s of the order": (_ORDER, _ORDER),
        "r and s swapped": (s, r),
        "r and s less than the order by one": (_ORDER - 1, _ORDER - 1),
    }
    for name, (left, right) in pairs.items():
        yield f"ECDSA, {name}", b".".join((header, payload, b64(left.to_bytes(32) + right.to_bytes(32))))
    yield "ECDSA, as DER", b".".join((header, payload, b64(encode_dss_signature(r, s))))
    yield "ECDSA, half of it", b".".join((header, payload, b64(raw[:32])))
    yield "ECDSA, with zeros in front", b".".join((header, payload, b64(bytes(2) + raw[:32] + bytes(2) + raw[32:])))
    header, payload, _ = _parts(token(claims(now), key=ED25519, alg="EdDSA", kid="ed25519"))
    yield "Ed25519, all zeros", b".".join((header, payload, b64(bytes(64))))
    yield "Ed25519, the neutral element", b".".join((header, payload, b64(b"\1" + bytes(63))))


def _modulus() -> bytes:
    n = str(jwk(RSA)["n"])
    return base64.urlsafe_b64decode(n + "=" * (-len(n) % 4))


def _spellings(now: float) -> Iterator[Forgery]:
    good = token(claims(now))
    header, payload, signature = _parts(good)
    for name, mark in (
        ("padding", b"="),
        ("double padding", b"=="),
        ("a dot", b"."),
        ("a plus", b"+"),
        ("a slash", b"/"),
    ):
        yield f"{name} behind the signature", good + mark
        yield f"{name} behind the header", b".".join((header + mark, payload, signature))
        yield f"{name} behind the payload", b".".join((header, payload + mark, signature))
    yield "unused bits of the signature set", good[:-1] + _next_letter(good[-1:])
    yield "unused bits of the payload set", _with_unused_bits(now)
    yield "a dot in front", b"." + good
    yield "two segments only", header + b"." + payload
    yield "five segments, as if encrypted", good + b"." + signature + b"." + signature
    yield "nothing but dots", b".."
    yield "an empty header", b".".join((b"", payload, signature))
    yield "an empty payload", b".".join((header, b"", signature))
    yield "header and payload swapped", b".".join((payload, header, signature))
    yield "the token twice", good + good
    yield "quoted", b'"' + good + b'"'
    yield "with a percent escape", good.replace(b".", b"%2E")
    yield (
        "as JSON",
        as_json({"payload": payload.decode(), "protected": header.decode(), "signature": signature.decode()}),
    )
    yield "over-long", token(claims(now, padding="x" * 9000))


def _next_letter(letter: bytes) -> bytes:
    alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = alphabet.index(letter)
    return alphabet[at + 1 : at + 2] if at % 16 != 15 else alphabet[at - 1 : at]


def _with_unused_bits(now: float) -> bytes:
    """A payload whose length leaves bits over; signed in the wrong spelling, so that only the spelling is at fault."""
    payload = next(payload for fill in ("", "x", "xx") if len(payload := b64(as_json(claims(now, fill=fill)))) % 4)
    message = _parts(token(claims(now)))[0] + b"." + payload[:-1] + _next_letter(payload[-1:])
    return message + b"." + b64(signature("RS256", RSA, message))


def _headers(now: float) -> Iterator[Forgery]:
    members = '"alg":"RS256","typ":"JWT","kid":"rsa"'
    raw = {
        "alg twice": b'{"alg":"none",' + members.encode() + b"}",
        "alg twice, the good one first": b"{" + members.encode() + b',"alg":"none"}',
        "alg twice by an escape": b'{"\\u0061lg":"HS256",' + members.encode() + b"}",
        "kid twice": b"{" + members.encode() + b',"kid":"p256"}',
        "a list": b'[{"alg":"RS256"}]',
        "a text": b'"RS256"',
        "null": b"null",
        "not JSON": b"alg=RS256",
        "nothing": b"",
        "trailing bytes": b"{" + members.encode() + b"} {}",
        "a trailing comma": b"{" + members.encode() + b",}",
        "a comment": b"{" + members.encode() + b"/**/}",
        "NaN": b"{" + members.encode() + b',"x":NaN}',
        "a byte-order mark": b"\xef\xbb\xbf{" + members.encode() + b"}",
        "UTF-16": ("{" + members + "}").encode("utf-16"),
        "not UTF-8": b"{" + members.encode() + b',"x":"\xff"}',
        "half a surrogate": b"{" + members.encode() + b',"x":"\\ud800"}',
        "nested too deeply": b"{" + members.encode() + b',"x":' + b"[" * 200 + b"]" * 200 + b"}",
    }
    for name, header in raw.items():
        yield name, token(claims(now), header=header, signed_as="RS256")


def _extensions(now: float) -> Iterator[Forgery]:
    extended: dict[str, dict[str, Any]] = {
        "crit with an unknown name": {"crit": ["exp"], "exp": now + 300},
        "crit, empty": {"crit": []},
        "crit that is text": {"crit": "b64"},
        "crit naming b64": {"crit": ["b64"], "b64": True},
        "b64 false": {"b64": False},
        "b64 false, critical": {"b64": False, "crit": ["b64"]},
        "compressed": {"zip": "DEF"},
        "encrypted": {"enc": "A256GCM"},
        "a token inside": {"cty": "JWT"},
        "crit null": {"crit": 0},
    }
    for name, members in extended.items():
        yield name, token(claims(now), **members)
    inner = token(claims(now))
    yield "a token as payload", token(inner, cty="JWT")
    yield "a token as payload, not said", token(inner)
    yield "a token as JSON text", token(b'"' + inner + b'"')


def _keys_brought_along(now: float) -> Iterator[Forgery]:
    for kid in ("rsa", "attacker", None):
        brought: dict[str, dict[str, Any]] = {
            "jwk": {"jwk": jwk(OTHER_RSA)},
            "jwk with the trusted id": {"jwk": jwk(OTHER_RSA, kid="rsa")},
            "jku": {"jku": "https://attacker.example/keys.json"},
            "x5u": {"x5u": "https://attacker.example/chain.pem"},
            "x5c": {"x5c": [base64.b64encode(b"certificate").decode()]},
        }
        for name, members in brought.items():
            yield f"{name}, kid {kid}", token(claims(now), key=OTHER_RSA, kid=kid, **members)


def _key_ids(now: float) -> Iterator[Forgery]:
    for kid in (
        "../../../../dev/null",
        "/dev/null",
        "' OR '1'='1",
        "rsa' UNION SELECT 'x",
        "https://attacker.example/key",
        "file:///etc/passwd",
        "rsa\0",
        " rsa",
        "RSA",
        "rsa\n",
        "x" * 300,
        "",
        0,
        True,
        ["rsa"],
        {"kid": "rsa"},
        "${jndi:ldap://127.0.0.1/a}",
        "|id",
        "p256",  # another key of the same issuer
        "pss",  # the same key, published for another algorithm
    ):
        yield f"kid {str(kid)[:40]!r}", token(claims(now), kid=kid)
    yield "no kid where there are several keys, by a stranger", token(claims(now), key=OTHER_RSA, kid=None)
    yield "kid null", token(claims(now), header={"alg": "RS256", "kid": 0}, signed_as="RS256")


def _other_algorithms(now: float) -> Iterator[Forgery]:
    good = claims(now)
    for said, used, key, kid in (
        ("RS256", "PS256", RSA, "rsa"),
        ("PS256", "RS256", RSA, "pss"),
        ("RS256", "RS512", RSA, "rsa"),
        ("RS512", "RS512", RSA, "rsa"),
        ("RS384", "RS384", RSA, "rsa"),
        ("PS512", "PS512", RSA, "pss"),
        ("RS256", "RS256", RSA, "pss"),
        ("PS256", "PS256", RSA, "rsa"),
        ("ES256", "ES384", P384, "p256"),
        ("ES384", "ES384", P384, "p256"),
        ("ES256", "ES256", P256, "p384"),
        ("ES512", "ES512", P521, "p256"),
        ("ES256", "EdDSA", ED25519, "p256"),
        ("EdDSA", "EdDSA", ED25519, "p256"),
        ("EdDSA", "ES256", P256, "ed25519"),
        ("RS256", "ES256", P256, "p256"),
        ("ES256", "RS256", RSA, "rsa"),
        ("rs256", "RS256", RSA, "rsa"),
        ("RS256 ", "RS256", RSA, "rsa"),
        ("ES256K", "ES256", P256, "p256"),
        ("Ed448", "EdDSA", ED25519, "ed25519"),
        ("RSA1_5", "RS256", RSA, "rsa"),
        ("dir", "RS256", RSA, "rsa"),
        ("http://www.w3.org/2001/04/xmldsig-more#rsa-sha256", "RS256", RSA, "rsa"),
    ):
        yield f"{said} that is {used}, kid {kid}", token(good, key=key, alg=said, kid=kid, signed_as=used)


def _kinds(now: float) -> Iterator[Forgery]:
    for kind in (
        "gh+jwt",
        "dpop+jwt",
        "logout+jwt",
        "secevent+jwt",
        "oauth-authz-req+jwt",
        "JWE",
        "jwt,gh+jwt",
        " JWT",
    ):
        yield f"typ {kind!r}", token(claims(now), typ=kind)
    for odd in (0, ["JWT"], {"a": 1}):
        yield f"typ {odd!r}", token(claims(now), typ=odd)
