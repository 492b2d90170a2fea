import hmac

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.keyed_hash import KeyedHash


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_it_is_hmac_sha256(key: bytes, message: bytes) -> None:
    assert KeyedHash(key).digest(message) == hmac.digest(key, message, "sha256")


def test_a_result_does_not_depend_on_earlier_ones() -> None:
    keyed = KeyedHash(b"key")
    assert keyed.digest(b"a") != keyed.digest(b"b")
    assert keyed.digest(b"a") == hmac.digest(b"key", b"a", "sha256")


def test_the_key_is_not_shown() -> None:
    assert "key" not in repr(KeyedHash(b"key")).removeprefix("KeyedHash")
