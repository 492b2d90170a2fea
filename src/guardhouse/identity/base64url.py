"""base64url without padding, read strictly (RFC 7515, 2): one spelling for each sequence of bytes.

Lenient readers skip what is not of the alphabet, take padding or not, and drop the unused bits of the last character.
Each of that gives one token many spellings, of which a cache, a revocation or a log knows only one.
"""

import base64
import re

_alphabet = re.compile(rb"[A-Za-z0-9_-]*").fullmatch


def decode(text: bytes) -> bytes | None:
    """None for anything that `encode` would not have written."""
    if len(text) % 4 == 1 or not _alphabet(text):
        return None
    content = base64.urlsafe_b64decode(text + b"=" * (-len(text) % 4))
    return content if encode(content) == text else None


def encode(content: bytes) -> bytes:
    return base64.urlsafe_b64encode(content).rstrip(b"=")
