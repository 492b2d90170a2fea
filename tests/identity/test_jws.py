"""The form of a token: read in one way or not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from attack.forgeries import every
from guardhouse.identity import jws
from guardhouse.identity.flaw import Flaw
from guardhouse.identity.jwks import VerifyingKey, read_key_set, verifying
from guardhouse.wire import json
from identity.signing import NOW, P256, RSA, b64, claims, jwk, token, usable

KEYS = [key for public in usable() if (key := verifying(public)) is not None]
GOOD = token(claims(), key=P256, alg="ES256", kid="p256")


def test_a_good_token_is_read_and_verified_by_its_key() -> None:
    signed = jws.read(GOOD)
    assert isinstance(signed, jws.Signed)
    assert (signed.algorithm, signed.key_id, signed.kind) == ("ES256", "p256", "jwt")
    key = jws.verified_by(signed, KEYS)
    assert isinstance(key, VerifyingKey)
    assert key.public.kid == "p256"
    assert "alice" not in repr(signed)


@pytest.mark.parametrize(
    ("kind", "read_as"), [("JWT", "jwt"), ("at+jwt", "at+jwt"), ("application/at+JWT", "at+jwt"), (None, "")]
)
def test_the_kind_is_read_as_media_types_are(kind: str | None, read_as: str) -> None:
    signed = jws.read(token(typ=kind))
    assert isinstance(signed, jws.Signed)
    assert signed.kind == read_as


@pytest.mark.parametrize(
    "costly",
    [
        b'{"sub":"alice","n":' + b"1" * 40 + b"}",
        b'{"sub":"alice","n":-' + b"9" * 4200 + b"}",
        b'{"sub":"alice","n":0.' + b"9" * 4200 + b"}",
        b'{"sub":"alice","' + b"1" * 50 + b'":[' + b"1" * 50 + b"]}",
        b'{"sub":"\\"","n":' + b"1" * 50 + b"}",
        b'{"sub":"alice","a\\u003a":1}',
        b'{"sub":"alice","a":[' + b",".join([b"[]"] * 500) + b"]}",
        b'{"sub":"alice","a\\u003A":1}',
    ],
)
def test_what_only_costs_is_refused_before_it_is_read(costly: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[bytes] = []
    plain = json.decode_quietly

    def noting(body: bytes) -> object:
        read.append(body)
        return plain(body)

    monkeypatch.setattr(json, "decode_quietly", noting)
    assert jws.read(token(costly)) is Flaw.FORM
    assert costly not in read


def test_digits_in_a_text_are_no_number() -> None:
    signed = jws.read(token(claims(account="1" * 200, quoted='"' + "2" * 60, brackets="[{" * 300, n=10**38)))
    assert isinstance(signed, jws.Signed)
    assert (signed.claims["account"], signed.claims["n"]) == ("1" * 200, 10**38)


def test_a_token_without_a_key_id_is_verified_by_whichever_key_fits() -> None:
    signed = jws.read(token(key=P256, alg="ES256", kid=None))
    assert isinstance(signed, jws.Signed)
    assert isinstance(jws.verified_by(signed, KEYS), VerifyingKey)


def test_a_token_without_a_key_id_costs_no_more_than_a_few_verifications() -> None:
    read = read_key_set(b'{"keys":[' + b",".join(repr_of(number) for number in range(jws.MOST_TRIED + 1)) + b"]}")
    assert not isinstance(read, str)
    keys = [key for public in read if (key := verifying(public)) is not None]
    signed = jws.read(token(kid=None))
    assert isinstance(signed, jws.Signed)
    assert jws.verified_by(signed, keys) is Flaw.KEY
    assert isinstance(jws.verified_by(signed, keys[: jws.MOST_TRIED]), VerifyingKey)


def repr_of(number: int) -> bytes:
    members = {**jwk(RSA), "kid": f"key-{number}"}
    return b"{" + b",".join(f'"{name}":"{value}"'.encode() for name, value in members.items()) + b"}"


@pytest.mark.parametrize(("name", "forged"), every(NOW), ids=[name for name, _ in every(NOW)])
def test_what_is_read_of_a_forgery_is_what_was_signed_or_nothing(name: str, forged: bytes) -> None:
    signed = jws.read(forged)
    if isinstance(signed, jws.Signed):
        assert signed.message + b"." + b64(signed.signature) == forged
        assert b64(signed.payload) == forged.split(b".")[1]


@given(st.binary(max_size=200))
def test_whatever_is_presented_is_read_or_refused(presented: bytes) -> None:
    assert isinstance(jws.read(presented), Flaw)


@given(st.integers(0, len(GOOD) - 1), st.integers(1, 255))
def test_no_changed_byte_goes_unnoticed(at: int, change: int) -> None:
    changed = GOOD[:at] + bytes([GOOD[at] ^ change]) + GOOD[at + 1 :]
    signed = jws.read(changed)
    assert isinstance(signed if isinstance(signed, Flaw) else jws.verified_by(signed, KEYS), Flaw)


@given(st.integers(0, len(GOOD) - 1))
def test_no_cut_goes_unnoticed(at: int) -> None:
    signed = jws.read(GOOD[:at])
    assert isinstance(signed if isinstance(signed, Flaw) else jws.verified_by(signed, KEYS), Flaw)
