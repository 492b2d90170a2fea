"""The ids of files and batches: what they refer to, sealed for whoever made them.

A model server knows the gateway's credential and nobody else's, so for it every id belongs to everybody. An id that a
caller holds is therefore not the model server's: it is a Sealed under AES-SIV (RFC 5297), with the principal's id as
associated data. It says nothing to its holder, no bit of it can be changed, and for anybody else it opens as little as
something made up. AES-SIV takes no nonce: the same thing has the same id whenever it is told of, as clients expect.

The key is derived from the pepper of the API keys: it is the same in all workers, outlives restarts and reloads, and
whoever replaces the pepper voids ids as well as keys.
"""

import hmac
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error
from collections.abc import Collection
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESSIV

from guardhouse.model.sealed import Sealed, SealedKind
from guardhouse.model.secret import Secret

_PREFIXES: Final[dict[SealedKind, str]] = {"input": "file-", "output": "file-", "batch": "batch_"}
_USE: Final = b"ids of files and batches, 1"
_LONGEST: Final = 2048
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Sealed).decode


class Seals:
    __slots__ = ("_cipher",)

    def __init__(self, pepper: Secret) -> None:
        self._cipher = AESSIV(hmac.digest(bytes.fromhex(pepper.reveal()), _USE, "sha512"))

    def __repr__(self) -> str:
        return "Seals(…)"

    def seal(self, sealed: Sealed, principal: str) -> str:
        encrypted = self._cipher.encrypt(_encode(sealed), [principal.encode()])
        return _PREFIXES[sealed.kind] + urlsafe_b64encode(encrypted).rstrip(b"=").decode("ascii")

    def open(self, text: str, kinds: Collection[SealedKind], principal: str) -> Sealed | None:
        """None for whatever this principal was never given as an id of one of these kinds."""
        prefix = next((_PREFIXES[kind] for kind in kinds if text.startswith(_PREFIXES[kind])), "")
        if not prefix or len(text) > _LONGEST or not text.isascii():
            return None
        coded = text[len(prefix) :]
        try:
            encrypted = urlsafe_b64decode(coded + "=" * (-len(coded) % 4))
            sealed = _decode(self._cipher.decrypt(encrypted, [principal.encode()]))
        except (Error, ValueError, InvalidTag, msgspec.MsgspecError):
            return None
        return sealed if sealed.kind in kinds and self.seal(sealed, principal) == text else None
