"""Which keys of a published set verify what."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import ECKey, Key, OctKey, OKPKey

from guardhouse.identity.jwks import ALGORITHMS, MOST_BYTES, MOST_KEYS, PublicKey, read_key_set, verifying
from identity.signing import ED25519, KEYS, OTHER_RSA, P256, P384, P521, RSA, as_json, b64, jwk, signature


def read(*entries: Any) -> tuple[PublicKey, ...] | str:
    return read_key_set(as_json({"keys": list(entries)}))


def only(*entries: Any) -> PublicKey:
    found = read(*entries)
    assert not isinstance(found, str), found
    [key] = found
    return key


@pytest.mark.parametrize(
    ("key", "algorithms"),
    [
        (RSA, {"RS256", "RS384", "RS512", "PS256", "PS384", "PS512"}),
        (P256, {"ES256"}),
        (P384, {"ES384"}),
        (P521, {"ES512"}),
        (ED25519, {"EdDSA", "Ed25519"}),
    ],
)
def test_an_algorithm_belongs_to_a_type_of_key(key: Key, algorithms: set[str]) -> None:
    usable = verifying(only(jwk(key)))
    assert usable is not None
    assert set(usable.algorithms) == algorithms
    for algorithm in ALGORITHMS:
        made = signature(algorithm, key, b"message") if algorithm in algorithms else b"x" * 64
        assert usable.verifies(algorithm, b"message", made) == (algorithm in algorithms)
        assert not usable.verifies(algorithm, b"massage", made)


@pytest.mark.parametrize(("kid", "said"), [(kid, algorithm) for kid, (_, algorithm) in KEYS.items()])
def test_a_key_that_names_an_algorithm_is_good_for_that_one(kid: str, said: str) -> None:
    usable = verifying(only(jwk(KEYS[kid][0], kid=kid, alg=said)))
    assert usable is not None
    assert set(usable.algorithms) <= {said, "Ed25519"}


def test_private_members_and_whatever_is_not_needed_stay_behind() -> None:
    whole = RSA.as_dict(private=True)
    key = only({**whole, "kid": "a", "x5c": ["certificate"], "x5u": "https://attacker.example", "ext": True})
    assert key == PublicKey(kty="RSA", kid="a", n=jwk(RSA)["n"], e=jwk(RSA)["e"])
    assert str(whole["d"]) not in repr(key)


@pytest.mark.parametrize(
    "entry",
    [
        OctKey.generate_key(256).as_dict(),
        jwk(RSA, use="enc"),
        jwk(RSA, use="SIG"),
        jwk(RSA, key_ops=["encrypt"]),
        jwk(RSA, key_ops="verify"),
        jwk(RSA, alg="RSA-OAEP"),
        jwk(RSA, alg="HS256"),
        jwk(RSA, alg="none"),
        jwk(RSA, alg=["RS256"]),
        jwk(RSA, kid=7),
        jwk(RSA, kty="rsa"),
        jwk(RSA, kty="EC"),
        jwk(RSA, kty="oct"),
        jwk(RSA, n=b64(b"\xff" * 128).decode()),
        jwk(RSA, n=b64(b"\xff" * 1100).decode()),
        jwk(RSA, e="AQ"),
        jwk(RSA, e="AA"),
        jwk(RSA, e="Ag"),
        jwk(RSA, e=""),
        jwk(RSA, n=""),
        jwk(RSA, n="!" * 400),
        jwk(RSA, n="A" * 5000),
        jwk(P256, x=jwk(P256)["y"]),
        jwk(P256, crv="P-384"),
        jwk(P256, crv="secp256k1"),
        jwk(P256, alg="ES384"),
        jwk(ECKey.generate_key("secp256k1")),
        jwk(OKPKey.generate_key("X25519")),
        jwk(OKPKey.generate_key("Ed448")),
        jwk(ED25519, x="AAAA"),
        jwk(ED25519, kty="EC"),
        {"kty": "RSA"},
        {},
        [],
        "key",
        None,
    ],
    ids=lambda entry: json.dumps(entry)[:40],
)
def test_a_key_that_cannot_be_used_is_left_out_and_its_neighbours_are_not(entry: Any) -> None:
    assert only(entry, jwk(OTHER_RSA, kid="good")).kid == "good"
    assert read(entry) == "has no key that can verify a signature here"


def test_a_key_that_is_there_twice_is_one() -> None:
    assert only(jwk(RSA, kid="a"), jwk(RSA, kid="a", use="sig")).kid == "a"


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"keys":{}}',
        b'{"keys":[],"keys":[]}',
        b"<html>",
        b'{"keys":[' + b"[" * 500 + b"]" * 500 + b"]}",
        b" " * (MOST_BYTES + 1),
        as_json({"keys": [jwk(P256)] * (MOST_KEYS + 1)}),
    ],
    ids=lambda content: repr(content[:20]),
)
def test_what_is_no_key_set_is_said_to_be_none(content: bytes) -> None:
    assert isinstance(read_key_set(content), str)


@given(st.binary(max_size=300))
def test_whatever_an_issuer_sends_is_a_key_set_or_not(content: bytes) -> None:
    assert isinstance(read_key_set(content), str)


@given(st.binary(max_size=600), st.sampled_from(sorted(ALGORITHMS)))
def test_no_signature_is_too_odd_to_be_refused(made: bytes, algorithm: str) -> None:
    for key in (RSA, P256, P384, P521, ED25519):
        usable = verifying(only(jwk(key)))
        assert usable is not None
        assert not usable.verifies(algorithm, b"message", made)
