"""Signatures of requests (HTTP Message Signatures, RFC 9421): the keys, and whether a signature is what it has to be.

A key has one algorithm, which the configuration says; a signature that names another is refused, so that nothing can be
verified with a public key as if it were a secret. A key speaks for the principals it is given for and for no others: a
signature adds to the credential of a request and never takes its place.

A signature has to cover what makes a request what it is: method, host, path, query and the digest of the body; and it
has to say when and by whom it was made, and a nonce. What it says is fresh for `window` seconds; within them the nonce
counts once (replays.py), over all workers of a machine.
"""

import base64
import hashlib
import hmac
from collections.abc import Mapping
from typing import Final, Literal

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import load_der_public_key, load_pem_public_key

from guardhouse.identity.replays import OWNER
from guardhouse.model.secret import Secret
from guardhouse.wire.signatures.fields import InnerList, Item, read_dictionary
from guardhouse.wire.signatures.message import Message, base_of, digest_fits

Algorithm = Literal["ed25519", "ecdsa-p256-sha256", "hmac-sha256"]
_PARAMETERS: Final = frozenset(("alg", "created", "expires", "keyid", "nonce", "tag"))
_LONGEST_NONCE: Final = 128
LEAST_SECRET: Final = 32  # bytes


class SigningKey(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    algorithm: Algorithm
    public: Ed25519PublicKey | EllipticCurvePublicKey | None = None
    secret: Secret | None = None  # base64
    of: frozenset[str]


class Signatures(msgspec.Struct, frozen=True, kw_only=True):
    """What is asked of signatures, and who may make them."""

    keys: dict[str, SigningKey]
    authorities: frozenset[str]
    scheme: str = "https"
    window: float = 60.0
    skew: float = 5.0


class Signed(msgspec.Struct, frozen=True):
    """A signature that holds, if it was not used before."""

    key: str
    nonce: bytes  # digests of the key, and of key and nonce
    created: float
    until: float  # when it is not fresh any more


Fault = str


def verify(
    signatures: Signatures, message: Message, body: bytes | bytearray, principal: str, now: float
) -> Signed | Fault:
    """The signature of a request, or what is wrong with it."""
    headers = message.head.headers
    inputs = read_dictionary(headers.get(b"signature-input", b""))
    given = read_dictionary(headers.get(b"signature", b""))
    if not inputs or not given or inputs.keys() != given.keys() or len(inputs) != 1:
        return "Signature and Signature-Input must hold one signature, under one name."
    ((label, covered),) = inputs.items()
    value = given[label]
    if not isinstance(covered, InnerList) or not isinstance(value, Item) or type(value.value) is not bytes:
        return "Signature and Signature-Input are not of the form that they must have."
    parameters = dict(covered.parameters)
    key = signatures.keys.get(str(parameters.get("keyid")))
    if key is None or principal not in key.of:
        return "The key of the signature is none of this caller's."
    fault = _judge_parameters(signatures, key, parameters, now) or _judge_cover(signatures, message, covered, body)
    if fault is not None:
        return fault
    base = base_of(message, covered)
    if base is None:
        return "The signature covers something that is not there or not known."
    if not fits(key, base, value.value):
        return "The signature does not fit the request."
    created, nonce = float(str(parameters["created"])), str(parameters["nonce"])
    owner = hashlib.sha256(key.name.encode()).digest()[:OWNER]
    digest = hashlib.sha256(f"{key.name}\0{nonce}".encode()).digest()
    return Signed(key.name, (owner + digest)[:16], created, created + signatures.window + signatures.skew)


def _judge_parameters(
    signatures: Signatures, key: SigningKey, parameters: Mapping[str, object], now: float
) -> Fault | None:
    created, expires, nonce = parameters.get("created"), parameters.get("expires"), parameters.get("nonce")
    if not parameters.keys() <= _PARAMETERS:
        return "The signature has a parameter that is not known."
    if parameters.get("alg", key.algorithm) != key.algorithm or type(parameters["keyid"]) is not str:
        return "The algorithm of the signature is not that of its key."
    if type(created) is not int or not -signatures.skew <= now - created <= signatures.window + signatures.skew:
        return "The signature must say when it was created, and be fresh."
    if expires is not None and (type(expires) is not int or expires < created or expires + signatures.skew < now):
        return "The signature has expired."
    if type(nonce) is not str or not 0 < len(nonce) <= _LONGEST_NONCE:
        return f"The signature must have a nonce, of {_LONGEST_NONCE} characters at most."
    return None


def _judge_cover(signatures: Signatures, message: Message, covered: InnerList, body: bytes | bytearray) -> Fault | None:
    names = {item.value for item in covered.items if not item.parameters}
    if message.authority not in signatures.authorities:
        return "The host of the request is none of the gateway's."
    target = {"@target-uri", "@request-target"} & names or (
        "@path" in names and ("@query" in names or not message.head.query)
    )
    if not {"@method", "@authority"} <= names or not target:
        return "The signature must cover @method, @authority and @target-uri, or @path and @query."
    field = message.head.headers.get(b"content-digest")
    if (body and field is None) or (field is not None and not digest_fits(field, body)):
        return "The request must have a Content-Digest that fits its body."
    if field is not None and "content-digest" not in names:
        return "The signature must cover content-digest."
    return None


def fits(key: SigningKey, base: bytes, signature: bytes) -> bool:
    """Whether the key has signed this text."""
    try:
        if key.secret is not None:
            secret = base64.b64decode(key.secret.reveal(), validate=True)
            return hmac.compare_digest(hmac.digest(secret, base, "sha256"), signature)
        if isinstance(key.public, Ed25519PublicKey):
            key.public.verify(signature, base)
            return True
        if isinstance(key.public, EllipticCurvePublicKey) and len(signature) == 64:
            r, s = int.from_bytes(signature[:32]), int.from_bytes(signature[32:])
            key.public.verify(encode_dss_signature(r, s), base, ECDSA(hashes.SHA256()))
            return True
    except (InvalidSignature, ValueError):
        return False
    return False


def read_public(text: str, algorithm: str) -> Ed25519PublicKey | EllipticCurvePublicKey | None:
    """A public key, as PEM or as the base64 in it; None if it is none for the algorithm."""
    try:
        if "-----BEGIN PUBLIC KEY-----" in text:
            key = load_pem_public_key(text.strip().encode("ascii"))
        else:
            key = load_der_public_key(base64.b64decode("".join(text.split()), validate=True))
    except (ValueError, UnicodeEncodeError):
        return None
    if algorithm == "ed25519" and isinstance(key, Ed25519PublicKey):
        return key
    is_p256 = isinstance(key, EllipticCurvePublicKey) and isinstance(key.curve, SECP256R1)
    return key if algorithm == "ecdsa-p256-sha256" and is_p256 and isinstance(key, EllipticCurvePublicKey) else None


def is_secret(text: str) -> bool:
    """Whether it can be the key of an HMAC: base64 of enough bytes."""
    try:
        return len(base64.b64decode(text, validate=True)) >= LEAST_SECRET
    except ValueError:
        return False
