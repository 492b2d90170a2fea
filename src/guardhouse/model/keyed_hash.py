"""HMAC-SHA256 (RFC 2104) with the key's share of the work done once.

HMAC hashes the padded key before each message and again before each result. Both states depend on the key alone, so
they are kept and copied: for the short messages of the path that is half the time of `hmac.digest`, which also looks
the algorithm up anew at every call. The results are the same; a test compares them.
"""

import hashlib
from hashlib import sha256

_BLOCK = 64  # bytes of a SHA-256 block


class KeyedHash:
    __slots__ = ("_inner", "_outer")

    def __init__(self, key: bytes) -> None:
        padded = (sha256(key).digest() if len(key) > _BLOCK else key).ljust(_BLOCK, b"\0")
        self._inner = sha256(bytes(byte ^ 0x36 for byte in padded))
        self._outer = sha256(bytes(byte ^ 0x5C for byte in padded))

    def __repr__(self) -> str:
        return "KeyedHash(…)"

    def begin(self) -> "hashlib._Hash":
        """For a message that comes in parts: `update` it with each, and have it made an end of."""
        return self._inner.copy()

    def end(self, begun: "hashlib._Hash") -> bytes:
        """The digest of what was begun: 32 bytes."""
        outer = self._outer.copy()
        outer.update(begun.digest())
        return outer.digest()

    def digest(self, message: bytes) -> bytes:
        """32 bytes."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.digest()
