import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.identity.credentials import LONGEST, extract
from guardhouse.model.reason import Reason

KEY = b"gh_abcdefghijkl_" + b"S" * 43
VISIBLE = st.text(string.ascii_letters + string.digits + string.punctuation, min_size=1, max_size=LONGEST).map(
    str.encode
)


def carriers(key: bytes) -> list[dict[bytes, bytes]]:
    return [{b"authorization": b"Bearer " + key}, {b"x-api-key": key}, {b"api-key": key}]


@pytest.mark.parametrize("headers", carriers(KEY), ids=["bearer", "x-api-key", "api-key"])
def test_each_carrier_gives_the_same_credential(headers: dict[bytes, bytes]) -> None:
    assert extract({b"host": b"a", **headers}) == KEY


@pytest.mark.parametrize("scheme", [b"Bearer ", b"bearer ", b"BEARER ", b"bEaReR  "])
def test_the_scheme_is_read_without_regard_to_case(scheme: bytes) -> None:
    assert extract({b"authorization": scheme + KEY}) == KEY


@pytest.mark.parametrize(
    "value",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        b"Bearer\t" + KEY,
        b"Bearer " + KEY + b" ",
        b"Bearer " + KEY + b" " + KEY,
        b"Bearer " + KEY + b",Bearer " + KEY,
        b"Basic " + KEY,
        b"Digest " + KEY,
        b"Bearer" + KEY,
        b" Bearer " + KEY,
        b"Bearer " + KEY + b"\n",
        b"Bearer " + KEY + b"\x00",
        b"Bearer \xff\xfe",
        b"Bearer " + b"a" * (LONGEST + 1),
        KEY,
    ],
)
def test_an_authorization_that_is_not_one_bearer_token_is_invalid(value: bytes) -> None:
    assert extract({b"authorization": value}) is Reason.CREDENTIAL_INVALID


@pytest.mark.parametrize("value", [b"", b"a b", b"\x7f", b"\xc3\xa9", b"a\x00", b"a" * (LONGEST + 1), b"Bearer " + KEY])
@pytest.mark.parametrize("name", [b"x-api-key", b"api-key"])
def test_a_bare_carrier_holds_visible_ascii_of_bounded_length(name: bytes, value: bytes) -> None:
    assert extract({name: value}) is Reason.CREDENTIAL_INVALID


def test_no_carrier_means_no_credential() -> None:
    assert extract({b"host": b"a", b"proxy-authorization": b"Bearer " + KEY}) is Reason.CREDENTIAL_MISSING


def test_an_unreadable_carrier_is_not_skipped_in_favour_of_another() -> None:
    assert extract({b"authorization": b"Basic abc", b"x-api-key": KEY}) is Reason.CREDENTIAL_INVALID
    assert extract({b"x-api-key": KEY, b"api-key": b""}) is Reason.CREDENTIAL_INVALID


@given(st.lists(st.sampled_from([0, 1, 2]), min_size=1, max_size=3, unique=True), VISIBLE)
def test_the_same_credential_in_several_carriers_is_one(chosen: list[int], key: bytes) -> None:
    headers = {name: value for index in chosen for name, value in carriers(key)[index].items()}
    assert extract(headers) == key


@given(VISIBLE, VISIBLE, st.permutations([0, 1, 2]))
def test_two_different_credentials_are_a_conflict(one: bytes, other: bytes, order: list[int]) -> None:
    headers = {**carriers(one)[order[0]], **carriers(other)[order[1]]}
    assert extract(headers) == (one if one == other else Reason.CREDENTIALS_CONFLICT)


@given(st.dictionaries(st.sampled_from([b"authorization", b"x-api-key", b"api-key"]), st.binary(max_size=600)))
def test_whatever_the_bytes_the_answer_is_a_bounded_visible_credential_or_a_reason(headers: dict[bytes, bytes]) -> None:
    found = extract(headers)
    if isinstance(found, bytes):
        assert 0 < len(found) <= LONGEST
        assert all(0x21 <= byte <= 0x7E for byte in found)
        assert any(value.endswith(found) for value in headers.values())
    else:
        assert (found is Reason.CREDENTIAL_MISSING) == (not headers)
