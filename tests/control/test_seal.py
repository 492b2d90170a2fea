import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from guardhouse.control.seal import is_signed, public_pem, report_key


def test_the_key_of_an_installation_stays_the_same_and_is_its_own(tmp_path: Path) -> None:
    path = tmp_path / "report-key"
    first, second = report_key(path), report_key(path)
    assert public_pem(first) == public_pem(second)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert public_pem(report_key(tmp_path / "other")) != public_pem(first)


def test_a_signature_is_of_exactly_these_bytes_by_this_key(tmp_path: Path) -> None:
    key, other = report_key(tmp_path / "a"), report_key(tmp_path / "b")
    signature = key.sign(b"report")
    assert is_signed(b"report", signature, public_pem(key))
    assert not is_signed(b"rep0rt", signature, public_pem(key))
    assert not is_signed(b"report", signature[:-1], public_pem(key))
    assert not is_signed(b"report", signature, public_pem(other))


def test_a_key_of_another_kind_is_no_key_here() -> None:
    pem = generate_private_key(SECP256R1()).public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    with pytest.raises(ValueError, match="Ed25519"):
        is_signed(b"", b"", pem)
