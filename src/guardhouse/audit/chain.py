"""The seal of a line, and the chain that the seals make.

A line of the journal is one JSON object whose last member is `chain`, 64 hex digits:

    {"kind":"closed",…,"chain":"<SHA-256(previous digest + the object without its chain)>"}

The previous digest is taken as 32 raw bytes, the object as the very bytes that were written; the first line of a
journal follows GENESIS. The chain runs on from segment to segment. It costs one hash per line and needs no key, so
whoever can write the files can also forge everything from some line on: the chain shows damage, loss, insertion and
reordering, and shows forgery only to those who kept a later digest elsewhere. `verify.py` states these rules a second
time, because it must run alone; a test compares the two.
"""

from binascii import hexlify
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

GENESIS: Final = bytes(32)

_MARK: Final = b',"chain":"'
_END: Final = b'"}\n'
_SEAL_LENGTH: Final = len(_MARK) + 64 + len(_END)


def link(previous: bytes, bodies: Iterable[bytes]) -> tuple[bytes, bytes]:
    """Seal JSON objects that follow `previous`: the lines as one block, and the digest of the last one."""
    parts: list[bytes] = []
    for body in bodies:
        previous = sha256(previous + body).digest()
        parts += (body[:-1], _MARK, hexlify(previous), _END)
    return b"".join(parts), previous


def follow(previous: bytes, line: bytes) -> bytes | None:
    """The digest of a sealed line, or None if the line does not follow `previous`."""
    digest = sha256(previous + line[:-_SEAL_LENGTH] + b"}").digest()
    return digest if line[-_SEAL_LENGTH:] == _MARK + hexlify(digest) + _END else None
