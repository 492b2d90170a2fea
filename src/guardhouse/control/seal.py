"""Signs documents with a key of this installation, so that somebody elsewhere can tell that it was this one.

The key is Ed25519, made of a secret of the state directory like the others there (state.py). A signature stands in a
file of its own beside the document, as its 64 bytes, and the public key is PEM: OpenSSL verifies the one by the other.
"""

from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_public_key

from guardhouse.control.state import create_secret, load_secret


def report_key(path: Path) -> Ed25519PrivateKey:
    """The key at `path`, made if there is none."""
    create_secret(path)
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(load_secret(path).reveal()))


def public_pem(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def is_signed(document: bytes, signature: bytes, pem: bytes) -> bool:
    """Whether the holder of the key signed exactly these bytes; ValueError if `pem` is no such key."""
    public = load_pem_public_key(pem)
    if not isinstance(public, Ed25519PublicKey):
        raise ValueError("not an Ed25519 key")  # noqa: TRY004 - the file is wrong, not the call
    try:
        public.verify(signature, document)
    except InvalidSignature:
        return False
    return True
