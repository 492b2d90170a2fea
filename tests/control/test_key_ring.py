from collections.abc import Iterator
from pathlib import Path

import pytest

from guardhouse.control.key_ring import KeyRing, Rotated, flaws, state_of
from guardhouse.control.store import Store
from guardhouse.identity.api_keys import KeyTerms, MintedKey, key_of
from guardhouse.identity.key_table import KeyTable
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.model.secret import Secret

PEPPER = Secret("11" * 32)
NOW = 1_800_000_000.0
DAY = 86400.0


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    store = Store(tmp_path / "store.sqlite")
    yield store
    store.close()


@pytest.fixture
def ring(store: Store) -> KeyRing:
    return KeyRing(store, PEPPER)


def identified(store: Store, minted: MintedKey, now: float) -> Principal | Reason:
    return KeyTable(key_of(PEPPER), store.list()).identify(minted.key.reveal().encode(), now)


def rotated(ring: KeyRing, key_id: str, now: float, overlap: float) -> Rotated:
    result = ring.rotate(key_id, now, overlap)
    assert isinstance(result, Rotated)
    return result


def test_a_created_key_identifies_its_principal(ring: KeyRing, store: Store) -> None:
    minted, record = ring.create(KeyTerms(principal="alice", groups=("research",)), NOW)
    principal = identified(store, minted, NOW)
    assert isinstance(principal, Principal)
    assert (principal.id, principal.groups, principal.credential_id) == ("alice", frozenset({"research"}), record.id)


def test_a_key_created_with_an_expiry_ends_there(ring: KeyRing, store: Store) -> None:
    minted, _ = ring.create(KeyTerms(principal="alice"), NOW, expires_at=NOW + DAY)
    assert identified(store, minted, NOW + DAY) is Reason.CREDENTIAL_EXPIRED


def test_a_revoked_key_is_refused_and_keeps_its_first_moment(ring: KeyRing, store: Store) -> None:
    minted, _ = ring.create(KeyTerms(principal="alice"), NOW)
    ring.revoke(minted.id, NOW + 1)
    again = ring.revoke(minted.id, NOW + 2)
    assert again is not None
    assert again.revoked_at == NOW + 1
    assert identified(store, minted, NOW) is Reason.CREDENTIAL_REVOKED


def test_revoking_what_is_not_there_says_so(ring: KeyRing) -> None:
    assert ring.revoke("nosuchkey123", NOW) is None


def test_after_rotation_both_keys_are_valid_until_the_overlap_ends(ring: KeyRing, store: Store) -> None:
    old, _ = ring.create(KeyTerms(principal="alice", groups=("research",)), NOW)
    result = rotated(ring, old.id, NOW, DAY)
    assert result.minted.id != old.id
    for minted in (old, result.minted):
        assert isinstance(identified(store, minted, NOW + DAY - 1), Principal)
    assert identified(store, old, NOW + DAY) is Reason.CREDENTIAL_EXPIRED
    fresh = identified(store, result.minted, NOW + 1000 * DAY)
    assert isinstance(fresh, Principal)
    assert (fresh.id, fresh.groups) == ("alice", frozenset({"research"}))


def test_rotation_without_overlap_revokes_the_old_key_at_once(ring: KeyRing, store: Store) -> None:
    old, _ = ring.create(KeyTerms(principal="alice"), NOW)
    rotated(ring, old.id, NOW, 0)
    assert identified(store, old, NOW) is Reason.CREDENTIAL_REVOKED


def test_an_overlap_never_prolongs_the_old_key(ring: KeyRing, store: Store) -> None:
    old, _ = ring.create(KeyTerms(principal="alice"), NOW, expires_at=NOW + 10)
    assert rotated(ring, old.id, NOW, DAY).old_until == NOW + 10
    assert identified(store, old, NOW + 10) is Reason.CREDENTIAL_EXPIRED


def test_the_new_key_lives_as_long_as_the_old_one_was_given(ring: KeyRing) -> None:
    old, _ = ring.create(KeyTerms(principal="alice"), NOW, expires_at=NOW + 30 * DAY)
    assert rotated(ring, old.id, NOW + 10 * DAY, DAY).record.expires_at == NOW + 40 * DAY


def test_an_ended_key_is_not_brought_back_by_rotation(ring: KeyRing, store: Store) -> None:
    revoked, _ = ring.create(KeyTerms(principal="alice"), NOW)
    ring.revoke(revoked.id, NOW)
    expired, _ = ring.create(KeyTerms(principal="alice"), NOW, expires_at=NOW + 1)
    assert ring.rotate(revoked.id, NOW) == "revoked"
    assert ring.rotate(expired.id, NOW + 1) == "expired"
    assert ring.rotate("nosuchkey123", NOW) == "unknown"
    assert len(store.list()) == 2


def test_the_state_of_a_key_follows_from_its_record(ring: KeyRing) -> None:
    _, record = ring.create(KeyTerms(principal="alice"), NOW, expires_at=NOW + 1)
    assert state_of(record, NOW) == "active"
    assert state_of(record, NOW + 1) == "expired"
    revoked = ring.revoke(record.id, NOW)
    assert revoked is not None
    assert state_of(revoked, NOW + 1) == "revoked"


def test_no_secret_reaches_the_store_file(ring: KeyRing, tmp_path: Path) -> None:
    minted, _ = ring.create(KeyTerms(principal="alice"), NOW)
    secret = minted.key.reveal().rpartition("_")[2].encode()
    for path in tmp_path.iterdir():
        assert secret not in path.read_bytes()
        assert PEPPER.reveal().encode() not in path.read_bytes()


TERMS = KeyTerms(
    principal="nightly-report",
    groups=("batch",),
    roles=("reader",),
    scopes=("infer",),
    team="finance",
    tier="standard",
    owner="bob",
    service=True,
    operations=(Operation.EMBEDDINGS,),
    models=("small",),
)


def test_all_that_a_key_was_made_for_reaches_its_principal(ring: KeyRing, store: Store) -> None:
    minted, record = ring.create(TERMS, NOW, expires_at=NOW + DAY)
    principal = identified(store, minted, NOW)
    assert isinstance(principal, Principal)
    assert (principal.id, principal.team, principal.tier) == ("nightly-report", "finance", "standard")
    assert principal.groups | principal.roles | principal.scopes == {"batch", "reader", "infer"}
    assert "reader" in principal.roles
    assert "infer" in principal.scopes
    assert principal.attributes == {"owner": {"bob"}, "kind": {"service"}}
    assert (principal.method, principal.credential_id) == ("api_key", record.id)
    assert (principal.credential_made, principal.expires_at) == (NOW, NOW + DAY)
    [narrowing] = principal.narrowings
    assert narrowing.operations == frozenset({Operation.EMBEDDINGS})
    assert narrowing.models == frozenset({"small"})


def test_rotation_hands_on_all_terms(ring: KeyRing) -> None:
    old, _ = ring.create(TERMS, NOW)
    new = rotated(ring, old.id, NOW + DAY, DAY).record
    assert {name: getattr(new, name) for name in KeyTerms.__struct_fields__} == {
        name: getattr(TERMS, name) for name in KeyTerms.__struct_fields__
    }
    assert new.created_at == NOW + DAY


def test_sound_terms_have_no_flaws() -> None:
    assert list(flaws(TERMS)) == []
    assert list(flaws(KeyTerms(principal="alice"))) == []


@pytest.mark.parametrize(
    ("member", "value"),
    [
        ("principal", ""),
        ("principal", "*"),
        ("groups", ("a b",)),
        ("roles", ("",)),
        ("scopes", ("x" * 129,)),
        ("team", "a\tb"),
        ("tier", "*"),
        ("owner", "a\u202eb"),
        ("models", ("a", "b c")),
        ("models", ()),
        ("operations", ()),
    ],
)
def test_terms_that_no_policy_could_speak_of_are_told_by_their_member(member: str, value: object) -> None:
    [told] = flaws(KeyTerms(**{"principal": "alice", member: value}))  # type: ignore[arg-type]
    assert told.startswith(f"{member}: ")


def test_a_service_needs_somebody_who_answers_for_it() -> None:
    [told] = flaws(KeyTerms(principal="nightly-report", service=True))
    assert told.startswith("owner: ")
