"""Mints the gateway's own tokens: short-lived, signed with Ed25519, worth no more than what was shown for them.

The key is a secret of the state directory, and its id in tokens is its thumbprint (RFC 7638). `rotate` puts a new one
in its place and keeps the old one beside it, of which tokens may still be under way. `refresh`, called now and then by
the control process, rotates a key that is `ROTATE_AFTER` old, removes a previous one of which no token can be left, and
takes over what another process has rotated. A new key signs only when it is `SETTLED` seconds old, so that every worker
knows it by then.

What a token can say, and why that is never more than its grantor has, is in identity/minted.py.
"""

import os
import secrets
import string
from pathlib import Path
from typing import Literal

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from joserfc.jwk import OKPKey

from guardhouse.control.state import State, create_secret, load_secret
from guardhouse.identity import base64url, minted
from guardhouse.identity.credentials import LONGEST
from guardhouse.identity.jwks import PublicKey
from guardhouse.model.principal import Narrowing, Principal
from guardhouse.model.secret import Secret

LIFETIME = 900.0  # seconds, unless asked otherwise
LONGEST_LIFETIME = 43_200.0
ROTATE_AFTER = 30 * 86_400.0
SETTLED = 2.0
_ID_LETTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 20

Refusal = Literal["ended", "too_large"]


class MintedToken(msgspec.Struct, frozen=True):
    """A new token, the only time it is known whole."""

    id: str  # the credential id, safe to log
    token: Secret
    expires_at: float
    principal: Principal  # whom it will identify


class Minter:
    """The signing keys of one state directory."""

    def __init__(self, state: State, longest: float = LONGEST_LIFETIME) -> None:
        self._state = state
        self._longest = longest
        self._seen: tuple[float, ...] = ()
        self._keys: list[_SigningKey] = []  # the newest first
        self._load()

    def __repr__(self) -> str:
        return f"<Minter {[key.public.kid for key in self._keys]}>"

    @property
    def public_keys(self) -> tuple[PublicKey, ...]:
        return tuple(key.public for key in self._keys)

    def mint(
        self, principal: Principal, narrowing: Narrowing | None, lifetime: float, now: float
    ) -> MintedToken | Refusal:
        """A token for `principal`, narrowed once more if so wished, that ends with it at the latest."""
        if principal.expires_at is not None and principal.expires_at <= now:
            return "ended"
        ends = now + min(lifetime, self._longest)
        if principal.expires_at is not None:
            ends = min(ends, principal.expires_at)
        narrowed = msgspec.structs.replace(
            principal, narrowings=(*principal.narrowings, *(() if narrowing is None else (narrowing,)))
        )
        token_id = minted.ID_PREFIX + "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
        claims = minted.claims_of(narrowed, token_id, now, ends)
        token = self._signing(now).sign(msgspec.json.encode(claims))
        if len(token) > LONGEST:
            return "too_large"
        identified = minted.principal_of(claims)
        assert isinstance(identified, Principal)
        return MintedToken(token_id, Secret(token.decode("ascii")), ends, identified)

    def refresh(self, now: float) -> bool:
        """Look after the keys; True when they are others than before."""
        made = self._state.token_key.stat().st_mtime
        if now - made > ROTATE_AFTER:
            rotate(self._state, now)
        elif now - made > LONGEST_LIFETIME:
            self._state.previous_token_key.unlink(missing_ok=True)
        if self._seen == self._look():
            return False
        self._load()
        return True

    def _signing(self, now: float) -> "_SigningKey":
        newest = self._keys[0]
        return newest if abs(now - newest.made) >= SETTLED else self._keys[-1]

    def _load(self) -> None:
        self._seen = self._look()
        files = (self._state.token_key, self._state.previous_token_key)
        self._keys = [_SigningKey(path) for path in files if path.exists()]

    def _look(self) -> tuple[float, ...]:
        files = (self._state.token_key, self._state.previous_token_key)
        return tuple(path.stat().st_mtime if path.exists() else 0.0 for path in files)


def rotate(state: State, now: float) -> None:
    """A new key from `now` on. May be called by any process; those that mint notice."""
    state.token_key.replace(state.previous_token_key)
    create_secret(state.token_key)
    os.utime(state.token_key, (now, now))  # its age, by the clock that judges it


class _SigningKey:
    def __init__(self, path: Path) -> None:
        seed = bytes.fromhex(load_secret(path).reveal())
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.made = path.stat().st_mtime
        x = base64url.encode(self._key.public_key().public_bytes_raw()).decode("ascii")
        thumbprint = OKPKey.import_key({"kty": "OKP", "crv": "Ed25519", "x": x}).thumbprint()
        self.public = PublicKey(kty="OKP", crv="Ed25519", alg="Ed25519", kid=thumbprint, x=x)

    def __repr__(self) -> str:
        return f"<_SigningKey {self.public.kid}>"

    def sign(self, payload: bytes) -> bytes:
        header = {"alg": "Ed25519", "kid": self.public.kid, "typ": minted.KIND}
        message = base64url.encode(msgspec.json.encode(header)) + b"." + base64url.encode(payload)
        return message + b"." + base64url.encode(self._key.sign(message))
