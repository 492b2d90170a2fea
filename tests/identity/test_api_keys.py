import re

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.identity.api_keys import KeyRecord, MintedKey, digest, is_key_id, key_of, mint, parse
from guardhouse.identity.key_table import KeyTable
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.model.secret import Secret

PEPPER = bytes(range(32))
NOW = 1_800_000_000.0

HOSTILE = [
    b"",
    b"gh_",
    b"' OR '1'='1",
    b"' OR '1'='1' --",
    b'" or ""="',
    b"admin'--",
    b"1; DROP TABLE api_keys; --",
    b"gh_' OR id LIKE '%_" + b"A" * 43,
    b"' UNION SELECT id, digest FROM api_keys --",
    b"${jndi:ldap://127.0.0.1/a}",
    b"{{7*7}}",
    b"../../../../etc/passwd",
    b"%00",
    b"\x00" * 59,
    b"null",
    b"undefined",
    b"NaN",
    b"true",
    b"gh_%_%",
    b"gh_____________" + b"_" * 43,
    b"<script>alert(1)</script>",
    b"gh_\xef\xbd\x81\xef\xbd\x82_" + b"A" * 43,
    b"\xff" * 512,
    b"A" * 512,
]


def record(minted: MintedKey, **changes: float | None) -> KeyRecord:
    kept = digest(PEPPER, minted.key.reveal().encode())
    times: dict[str, float | None] = {"expires_at": None, "revoked_at": None, **changes}
    return KeyRecord(
        id=minted.id,
        digest=kept,
        principal="alice",
        groups=("research", "staff"),
        created_at=NOW - 60,
        expires_at=times["expires_at"],
        revoked_at=times["revoked_at"],
    )


@pytest.fixture
def minted() -> MintedKey:
    return mint()


def present(minted: MintedKey) -> bytes:
    return minted.key.reveal().encode()


def test_a_minted_key_has_the_published_form(minted: MintedKey) -> None:
    assert re.fullmatch(r"gh_[a-z0-9]{12}_[A-Za-z0-9]{43}", minted.key.reveal())
    assert parse(present(minted)) == minted.id


def test_no_two_minted_keys_are_alike() -> None:
    keys = [mint() for _ in range(200)]
    assert len({key.id for key in keys}) == len({key.key for key in keys}) == 200


def test_a_minted_key_does_not_show_its_secret(minted: MintedKey) -> None:
    assert minted.key.reveal().rpartition("_")[2] not in f"{minted!r} {minted} {minted.key}"


def test_a_record_does_not_show_its_digest(minted: MintedKey) -> None:
    shown = repr(record(minted))
    assert minted.id in shown
    assert "digest" not in shown
    assert minted.id not in repr(KeyTable(PEPPER, [record(minted)]))


def test_the_holder_of_a_key_is_its_principal(minted: MintedKey) -> None:
    table = KeyTable(PEPPER, [record(minted)])
    assert table.identify(present(minted), NOW) == Principal(
        id="alice",
        groups=frozenset({"research", "staff"}),
        credential_id=minted.id,
        credential_made=NOW - 60,
        strength="single",
    )


def test_the_principal_of_a_key_is_the_same_object_each_time(minted: MintedKey) -> None:
    table = KeyTable(PEPPER, [record(minted)])
    assert table.identify(present(minted), NOW) is table.identify(present(minted), NOW + 1)


def test_a_key_ends_at_its_expiry_and_not_before(minted: MintedKey) -> None:
    table = KeyTable(PEPPER, [record(minted, expires_at=NOW)])
    assert isinstance(table.identify(present(minted), NOW - 0.001), Principal)
    assert table.identify(present(minted), NOW) is Reason.CREDENTIAL_EXPIRED


def test_revocation_does_not_depend_on_the_clock(minted: MintedKey) -> None:
    table = KeyTable(PEPPER, [record(minted, revoked_at=NOW)])
    for now in (0.0, NOW - 86400, NOW + 86400):
        assert table.identify(present(minted), now) is Reason.CREDENTIAL_REVOKED


def test_a_key_both_expired_and_revoked_is_called_revoked(minted: MintedKey) -> None:
    table = KeyTable(PEPPER, [record(minted, revoked_at=NOW, expires_at=NOW - 1)])
    assert table.identify(present(minted), NOW) is Reason.CREDENTIAL_REVOKED


def test_whoever_lacks_the_secret_does_not_learn_that_a_key_has_ended(minted: MintedKey) -> None:
    table = KeyTable(PEPPER, [record(minted, revoked_at=NOW, expires_at=NOW)])
    guess = f"gh_{minted.id}_{'A' * 43}".encode()
    assert table.identify(guess, NOW) is Reason.CREDENTIAL_INVALID


def test_a_record_put_again_replaces_what_was_known(minted: MintedKey) -> None:
    table = KeyTable(PEPPER, [record(minted)])
    table.put(record(minted, revoked_at=NOW))
    assert len(table) == 1
    assert table.identify(present(minted), NOW) is Reason.CREDENTIAL_REVOKED


def test_a_key_kept_under_another_pepper_is_unknown(minted: MintedKey) -> None:
    assert KeyTable(bytes(32), [record(minted)]).identify(present(minted), NOW) is Reason.CREDENTIAL_INVALID


def test_the_digest_on_record_is_no_key(minted: MintedKey) -> None:
    kept = record(minted)
    table = KeyTable(PEPPER, [kept])
    for presented in (kept.digest, kept.digest.hex().encode(), f"gh_{minted.id}_".encode() + kept.digest):
        assert table.identify(presented, NOW) is Reason.CREDENTIAL_INVALID


@pytest.mark.parametrize("presented", HOSTILE)
def test_hostile_bearers_identify_nobody(minted: MintedKey, presented: bytes) -> None:
    assert KeyTable(PEPPER, [record(minted)]).identify(presented, NOW) is Reason.CREDENTIAL_INVALID
    assert parse(presented) is None


@given(st.binary(max_size=512))
def test_arbitrary_bytes_identify_nobody(presented: bytes) -> None:
    assert KeyTable(PEPPER, [record(mint())]).identify(presented, NOW) is Reason.CREDENTIAL_INVALID
    assert parse(presented) is None or re.fullmatch(rb"gh_[a-z0-9]{12}_[A-Za-z0-9]{43}", presented)


@given(st.integers(min_value=0, max_value=58), st.integers(min_value=1, max_value=255))
def test_a_key_with_any_byte_changed_is_no_key(position: int, change: int) -> None:
    minted = mint()
    altered = bytearray(present(minted))
    altered[position] ^= change
    table = KeyTable(PEPPER, [record(minted)])
    assert table.identify(bytes(altered), NOW) is Reason.CREDENTIAL_INVALID


@given(st.binary(min_size=1, max_size=20))
def test_a_key_with_something_before_or_after_it_is_no_key(more: bytes) -> None:
    minted = mint()
    table = KeyTable(PEPPER, [record(minted)])
    assert table.identify(present(minted) + more, NOW) is Reason.CREDENTIAL_INVALID
    assert table.identify(more + present(minted), NOW) is Reason.CREDENTIAL_INVALID


@given(st.text(max_size=14))
def test_only_twelve_lower_case_letters_and_digits_make_an_id(text: str) -> None:
    assert is_key_id(text) == bool(re.fullmatch(r"[a-z0-9]{12}", text))


def test_the_pepper_is_kept_as_hexadecimal_text() -> None:
    assert key_of(Secret("00ff" * 16)) == b"\x00\xff" * 16


def test_a_key_in_use_ends_at_its_expiry_and_by_its_revocation_or_loss(minted: MintedKey) -> None:
    table = KeyTable(PEPPER, [record(minted, expires_at=NOW)])
    assert table.ended(minted.id, NOW - 1) is None
    assert table.ended(minted.id, NOW) is Reason.CREDENTIAL_EXPIRED
    table.put(record(minted, revoked_at=NOW))
    assert table.ended(minted.id, NOW - 1) is Reason.CREDENTIAL_REVOKED
    assert KeyTable(PEPPER).ended(minted.id, NOW) is Reason.CREDENTIAL_REVOKED


def test_a_line_that_is_no_record_is_refused_and_changes_nothing(minted: MintedKey) -> None:
    table = KeyTable(PEPPER, [record(minted)])
    for line in (b"", b"{}", b"null", b'{"id": 1}', msgspec.json.encode({"id": minted.id})):
        with pytest.raises(msgspec.MsgspecError):
            table.put_line(line)
    assert isinstance(table.identify(present(minted), NOW), Principal)


@given(
    st.none() | st.lists(st.sampled_from(Operation), unique=True).map(tuple),
    st.none() | st.lists(st.text(max_size=5)).map(tuple),
)
def test_a_key_is_narrowed_to_what_its_record_says_and_to_nothing_where_that_is_empty(
    operations: tuple[Operation, ...] | None, models: tuple[str, ...] | None
) -> None:
    minted = mint()
    table = KeyTable(PEPPER, [msgspec.structs.replace(record(minted), operations=operations, models=models)])
    principal = table.identify(present(minted), NOW)
    assert isinstance(principal, Principal)
    if operations is None and models is None:
        assert principal.narrowings == ()
    else:
        [narrowing] = principal.narrowings
        assert narrowing.operations == (None if operations is None else set(operations))
        assert narrowing.models == (None if models is None else set(models))
