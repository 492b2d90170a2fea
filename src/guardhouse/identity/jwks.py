"""Public keys of token issuers: a key set read strictly (RFC 7517), and keys that verify.

What an issuer publishes passes two gates. `read_key_set` takes the set apart in the control process and keeps of each
usable key its public members only; that is what travels to the workers. `verifying` makes of such a key what can verify
signatures, and says which algorithms it may be used with. An algorithm belongs to a type of key and a key that names an
algorithm to that one, so a token cannot have a key used in another way than its issuer meant (RFC 8725, 3.1 and 3.2).

Left out, not refused, because sets hold keys for other purposes: symmetric keys, encryption keys, curves and sizes that
are not accepted here. RSA moduli are 2048 to 8192 bits with a small odd exponent, which bounds the cost of a signature.
"""

from collections.abc import Iterator
from typing import Any, Protocol

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import Key, import_key
from joserfc.jws import JWSRegistry

from guardhouse.identity import base64url
from guardhouse.model.denial import Denial
from guardhouse.wire import json

MOST_KEYS = 100
MOST_BYTES = 256 * 1024

_RSA = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")
_CURVES = {"P-256": ("ES256",), "P-384": ("ES384",), "P-521": ("ES512",), "Ed25519": ("EdDSA", "Ed25519")}
_MEMBERS = {"RSA": ("n", "e"), "EC": ("x", "y"), "OKP": ("x",)}
_USES = ("sig", "jwt-svid")  # SPIFFE's own word for keys of its tokens

ALGORITHMS = frozenset({*_RSA, *(name for names in _CURVES.values() for name in names)})


class PublicKey(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """A key of a set: the members that matter. Equal keys are the same key."""

    kty: str
    kid: str = ""
    alg: str = ""
    crv: str = ""
    n: str = ""
    e: str = ""
    x: str = ""
    y: str = ""


class _Algorithm(Protocol):
    """A signature algorithm of joserfc."""

    def verify(self, msg: bytes, sig: bytes, key: Any) -> bool: ...


class VerifyingKey:
    """A key, ready to verify, with the algorithms it may be used with. `live` until it is no longer published."""

    __slots__ = ("_key", "algorithms", "live", "public")

    def __init__(self, public: PublicKey, key: Key, algorithms: dict[str, _Algorithm]) -> None:
        self.public = public
        self.live = True
        self.algorithms = algorithms
        self._key = key

    def __repr__(self) -> str:
        return f"<VerifyingKey {self.public.kid} {sorted(self.algorithms)}>"

    def verifies(self, algorithm: str, message: bytes, signature: bytes) -> bool:
        model = self.algorithms.get(algorithm)
        if model is None:
            return False
        try:
            return model.verify(message, signature, self._key)
        except (JoseError, ValueError):  # a signature that is not even of the form
            return False


def read_key_set(content: bytes) -> tuple[PublicKey, ...] | str:
    """The usable keys of a set, or what is wrong with the whole."""
    if len(content) > MOST_BYTES:
        return f"is larger than {MOST_BYTES // 1024} KiB"
    decoded = json.decode(content)
    if isinstance(decoded, Denial):
        return "is not strict JSON"
    document = decoded[0]
    listed = document.get("keys") if isinstance(document, dict) else None
    if not isinstance(listed, list):
        return "has no list of keys"
    if len(listed) > MOST_KEYS:
        return f"has more than {MOST_KEYS} keys"
    usable = tuple(dict.fromkeys(_usable(listed)))
    return usable or "has no key that can verify a signature here"


def verifying(public: PublicKey) -> VerifyingKey | None:
    """None for a key that is not acceptable."""
    names = _algorithms(public)
    if not names or (public.kty == "RSA" and not _sound_rsa(public)):
        return None
    members = {name: getattr(public, name) for name in _MEMBERS[public.kty]}
    curve = {"crv": public.crv} if public.crv else {}
    try:
        key = import_key({"kty": public.kty, **curve, **members})
    except (JoseError, ValueError):  # not a point of the curve, not base64url
        return None
    registry = JWSRegistry(algorithms=[_known_as(name) for name in names])
    return VerifyingKey(public, key, {name: registry.get_alg(_known_as(name)) for name in names})


def _usable(listed: list[Any]) -> Iterator[PublicKey]:
    for entry in listed:
        if not isinstance(entry, dict) or not _for_signatures(entry):
            continue
        wanted = ("kty", "kid", "alg", "crv", *_MEMBERS.get(str(entry.get("kty")), ()))
        members = {name: entry[name] for name in wanted if name in entry}
        if "kty" in members and all(isinstance(value, str) and len(value) <= 2048 for value in members.values()):
            public = PublicKey(**members)
            if verifying(public) is not None:
                yield public


def _for_signatures(entry: dict[str, Any]) -> bool:
    operations = entry.get("key_ops", ["verify"])
    return entry.get("use", "sig") in _USES and isinstance(operations, list) and "verify" in operations


def _algorithms(public: PublicKey) -> tuple[str, ...]:
    if public.kty == "RSA":
        own: tuple[str, ...] = _RSA
    elif public.kty == ("OKP" if public.crv == "Ed25519" else "EC"):
        own = _CURVES.get(public.crv, ())
    else:
        own = ()
    if not public.alg:
        return own
    return tuple(name for name in own if _known_as(name) == _known_as(public.alg))


def _known_as(name: str) -> str:
    """EdDSA is the older name of Ed25519 (RFC 9864)."""
    return "Ed25519" if name == "EdDSA" else name


def _sound_rsa(public: PublicKey) -> bool:
    modulus, exponent = _number(public.n), _number(public.e)
    return 2048 <= modulus.bit_length() <= 8192 and exponent % 2 == 1 and 3 <= exponent < 2**32


def _number(text: str) -> int:
    return int.from_bytes(base64url.decode(text.encode("ascii", "replace")) or b"")
