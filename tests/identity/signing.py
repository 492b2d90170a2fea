"""An issuer for tests: keys of every kind, and tokens put together member by member, so that any part can be wrong."""

import base64
import hmac
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from guardhouse.identity.issuer_bulletin import IssuerBulletin, IssuerKeys
from guardhouse.identity.issuers import Claims, Issuer
from guardhouse.identity.jwks import ALGORITHMS, PublicKey, read_key_set
from guardhouse.identity.revocation_feed import NAME
from guardhouse.identity.tokens import TokenTable
from guardhouse.model.bulletin import publish
from identity.revoking import publish_revoked

NOW = 1_800_000_000.0
URL = "https://login.example.com"
AUDIENCE = "guardhouse-of-the-tests"

RSA = RSAKey.generate_key(2048)
OTHER_RSA = RSAKey.generate_key(2048)
P256, P384, P521 = (ECKey.generate_key(curve) for curve in ("P-256", "P-384", "P-521"))
ED25519 = OKPKey.generate_key("Ed25519")

KEYS: dict[str, tuple[Key, str]] = {  # key id -> key and the algorithm it is published for
    "rsa": (RSA, "RS256"),
    "pss": (RSA, "PS256"),
    "p256": (P256, "ES256"),
    "p384": (P384, "ES384"),
    "p521": (P521, "ES512"),
    "ed25519": (ED25519, "EdDSA"),
}

ISSUER = Issuer(
    name="corp",
    issuer=URL,
    audience=(AUDIENCE,),
    algorithms=ALGORITHMS,
    prefix="corp:",
    claims=Claims(groups=("groups",), roles=("realm_access", "roles"), scopes=("scope",), team=("team",)),
)

_registry = JWSRegistry(algorithms=[*ALGORITHMS])


def b64(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")


def as_json(document: Any) -> bytes:
    return document if isinstance(document, bytes) else json.dumps(document, separators=(",", ":")).encode()


def jwk(key: Key, **members: Any) -> dict[str, Any]:
    return {**key.as_dict(private=False), **members}


def key_set(keys: dict[str, tuple[Key, str]] | None = None) -> bytes:
    listed = [jwk(key, kid=kid, alg=alg, use="sig") for kid, (key, alg) in (KEYS if keys is None else keys).items()]
    return as_json({"keys": listed})


def usable(keys: dict[str, tuple[Key, str]] | None = None) -> tuple[PublicKey, ...]:
    read = read_key_set(key_set(keys))
    assert not isinstance(read, str), read
    return read


def claims(now: float = NOW, /, **changes: Any) -> dict[str, Any]:
    """Those of a good token; a change of None removes the claim."""
    good = {
        "iss": URL,
        "aud": AUDIENCE,
        "sub": "alice",
        "exp": now + 300,
        "iat": now - 10,
        "groups": ["research"],
        "jti": "token-0001",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not None}


def signature(algorithm: str, key: Key | bytes, message: bytes) -> bytes:
    """By a key, or with a secret."""
    if isinstance(key, bytes):
        return hmac.digest(key, message, f"sha{algorithm[2:]}")
    made: bytes = _registry.get_alg("Ed25519" if algorithm == "EdDSA" else algorithm).sign(message, key)
    return made


def token(
    document: Any = None,
    *,
    key: Key | bytes = RSA,
    alg: Any = "RS256",
    kid: Any = "rsa",
    header: Any = None,
    signed_as: str | None = None,
    **members: Any,
) -> bytes:
    """`signed_as`: the algorithm that is really used, where the header is to say another one."""
    named = {"alg": alg, "typ": "JWT", "kid": kid, **members} if header is None else header
    if isinstance(named, dict):
        named = {name: value for name, value in named.items() if value is not None}
    message = b64(as_json(named)) + b"." + b64(as_json(claims() if document is None else document))
    return message + b"." + b64(signature(signed_as or str(alg), key, message))


@dataclass
class Bench:
    """A token table over a folder, and the hand that publishes for it."""

    folder: Path
    issuers: dict[str, Issuer] = field(default_factory=lambda: {"corp": ISSUER})

    def __post_init__(self) -> None:
        (self.folder / "wanted").mkdir(exist_ok=True)
        self.path = self.folder / "issuers.json"
        self.table = TokenTable(self.issuers, self.path, self.folder / "wanted")

    def publish(self, bulletin: IssuerBulletin | None = None, **changes: Any) -> None:
        good = IssuerBulletin(issuers={"corp": IssuerKeys(URL, usable(), NOW - 60)})
        publish(self.path, msgspec.structs.replace(bulletin or good, **changes))
        if not self.path.with_name(NAME).exists():
            publish_revoked(self.folder)
        self.table.load()

    def revoke(self, *credentials: str) -> None:
        publish_revoked(self.folder, *credentials)
        self.table.load()
