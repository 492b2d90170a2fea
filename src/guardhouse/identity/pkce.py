"""Proof that who asks for something and who comes back for it are the same (RFC 7636), as it is used in two places:
by the gateway towards identity providers, and by `guardhouse login` towards the gateway.
"""

import hashlib
import secrets

from guardhouse.identity import base64url

_LETTERS = "BCDFGHJKLMNPQRSTVWXZ"  # no vowels, so that no words come about


def random_text() -> str:
    """256 random bits as 43 characters: a verifier, a state, a nonce, a code."""
    return base64url.encode(secrets.token_bytes(32)).decode("ascii")


def challenge_of(verifier: str) -> str:
    """S256, RFC 7636, 4.2."""
    return base64url.encode(hashlib.sha256(verifier.encode("ascii")).digest()).decode("ascii")


def words_of(challenge: str) -> str:
    """What both ends show, for a person to compare: eight letters in two groups."""
    number = int.from_bytes(hashlib.sha256(challenge.encode("ascii")).digest()[:8], "big")
    shown = "".join(_LETTERS[number // len(_LETTERS) ** place % len(_LETTERS)] for place in range(8))
    return f"{shown[:4]}-{shown[4:]}"
