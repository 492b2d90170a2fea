"""Which tokens identify whom, and when one that did ceases to."""

import hashlib
import os
from pathlib import Path

import msgspec
import pytest

from guardhouse.identity import tokens
from guardhouse.identity.api_keys import KeyRecord
from guardhouse.identity.flaw import Flaw
from guardhouse.identity.issuer_bulletin import IssuerBulletin, IssuerKeys
from guardhouse.identity.key_table import KeyTable
from guardhouse.identity.revocation_feed import NAME
from guardhouse.identity.vouchers import Vouchers
from guardhouse.model.principal import Method, Principal
from guardhouse.model.reason import Reason
from identity.signing import ISSUER, KEYS, NOW, OTHER_RSA, P256, RSA, URL, Bench, claims, token, usable

KEYTABLE = KeyTable(b"p" * 32)


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    bench = Bench(tmp_path)
    bench.publish()
    return bench


def judged(bench: Bench, presented: bytes, now: float = NOW) -> Principal | Flaw:
    """As the path does it."""
    digest = tokens.read(presented).digest
    return bench.table.known(digest, KEYTABLE, now) or bench.table.verify(presented, digest, KEYTABLE, now)


@pytest.mark.parametrize("kid", KEYS)
def test_a_token_of_each_algorithm_identifies_its_subject(bench: Bench, kid: str) -> None:
    key, algorithm = KEYS[kid]
    found = judged(bench, token(key=key, alg=algorithm, kid=kid))
    assert isinstance(found, Principal)
    assert (found.id, sorted(found.groups), found.method, found.issuer) == ("corp:alice", ["research"], "oidc", "corp")
    assert found.credential_id == "corp:token-0001"


def test_a_token_that_is_known_is_the_same_principal_and_is_not_verified_again(bench: Bench) -> None:
    presented = token()
    first = judged(bench, presented)
    assert isinstance(first, Principal)
    assert bench.table.known(hashlib.sha256(presented).digest(), KEYTABLE, NOW) is first


def test_tokens_that_share_their_first_bytes_share_nothing(bench: Bench) -> None:
    alice, bob = token(), token(claims(sub="bob"))
    assert alice[:60] == bob[:60]
    assert judged(bench, alice) != judged(bench, bob)
    cut = alice[:-1]
    assert judged(bench, cut) in (Flaw.FORM, Flaw.SIGNATURE)


def test_what_is_awaited_is_named_until_it_was_told(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    assert bench.table.awaited(NOW) == [NAME, "issuers.json"]
    bench.publish(IssuerBulletin())
    assert bench.table.awaited(NOW) == ["corp"]
    bench.publish(IssuerBulletin(unavailable=("corp",)))
    assert bench.table.awaited(NOW) == []
    bench.publish()
    assert bench.table.awaited(NOW) == []
    assert bench.table.awaited(NOW + 50_000) == ["corp"]


def test_what_was_refused_is_not_remembered(bench: Bench) -> None:
    for number in range(50):
        judged(bench, token(claims(sub=f"user-{number}"), key=OTHER_RSA))
    assert len(bench.table) == 0


def test_a_token_ends_when_it_says_so(bench: Bench) -> None:
    presented = token()
    assert isinstance(judged(bench, presented, NOW + 329), Principal)
    assert judged(bench, presented, NOW + 330) is Flaw.EXPIRED
    assert len(bench.table) == 0
    assert judged(bench, presented, NOW + 330) is Flaw.EXPIRED


def test_a_token_ends_when_its_key_is_no_longer_published(bench: Bench) -> None:
    presented = token()
    assert isinstance(judged(bench, presented), Principal)
    without = {kid: kept for kid, kept in KEYS.items() if kid != "rsa"}
    bench.publish(issuers={"corp": IssuerKeys(URL, usable(without), NOW)})
    assert judged(bench, presented) is Flaw.KEY


def test_a_key_that_comes_back_has_its_tokens_verified_again(bench: Bench) -> None:
    presented = token()
    first = judged(bench, presented)
    bench.publish(issuers={"corp": IssuerKeys(URL, usable({"p256": (P256, "ES256")}), NOW)})
    assert judged(bench, presented) is Flaw.KEY
    bench.publish()
    again = judged(bench, presented)
    assert again == first
    assert again is not first


def test_keys_that_come_do_not_end_tokens_of_keys_that_stay(bench: Bench) -> None:
    presented = token()
    first = judged(bench, presented)
    bench.publish(issuers={"corp": IssuerKeys(URL, usable({**KEYS, "new": (OTHER_RSA, "RS256")}), NOW)})
    assert judged(bench, presented) is first
    assert isinstance(judged(bench, token(claims(sub="bob"), key=OTHER_RSA, kid="new")), Principal)


def test_a_token_ends_when_it_is_revoked(bench: Bench) -> None:
    presented = token()
    assert isinstance(judged(bench, presented), Principal)
    bench.revoke("corp:token-0001")
    assert judged(bench, presented) is Flaw.REVOKED
    assert Flaw.REVOKED.denial().reason is Reason.CREDENTIAL_REVOKED


def test_a_token_ends_when_its_issuer_is_not_believed_any_more_and_counts_again_when_it_is(bench: Bench) -> None:
    presented = token()
    for known_before in (False, True):
        bench.table.believe(Vouchers(frozenset({"lab"}), frozenset({"corp"})))
        assert judged(bench, presented) is Flaw.ISSUER, known_before
        bench.table.believe(Vouchers(frozenset({"corp"}), frozenset()))
        assert isinstance(judged(bench, presented), Principal)


@pytest.mark.parametrize(
    ("method", "issuer", "expected"),
    [
        ("oidc", "corp", None),
        ("oidc", "campus", Flaw.ISSUER),
        ("token", "campus", None),
        ("token", "corp", Flaw.ISSUER),
        ("api_key", "", None),
        ("mtls", "", None),
    ],
)
def test_what_was_minted_ends_with_who_vouched_for_its_grantor(
    bench: Bench, method: Method, issuer: str, expected: Flaw | None
) -> None:
    bench.table.believe(Vouchers(frozenset({"corp"}), frozenset({"campus"})))
    principal = Principal(id="alice", credential_id="gt_1", method=method, issuer=issuer, grantors=("gs_1",))
    keys = KeyTable(b"p" * 32, [KeyRecord(id="gs_1", digest=b"", principal="alice", created_at=NOW)])
    assert bench.table.ended(principal, keys, NOW) is expected


def test_keys_that_cannot_be_decoded_are_named_and_grow_old(bench: Bench) -> None:
    assert bench.table.unsound() == []
    at = bench.path.stat().st_mtime
    os.utime(bench.path.with_name(NAME), (at + 99, at + 99))
    bench.path.write_bytes(b'{"issuers":')
    os.utime(bench.path, (at + 99, at + 99))
    bench.table.load()
    assert bench.table.unsound() == ["issuers.json"]
    assert bench.table.age(at + 99) == 99
    bench.path.with_name(NAME).write_bytes(b"")
    bench.table.load()
    assert bench.table.unsound() == [NAME, "issuers.json"]
    bench.publish()
    bench.revoke()
    assert bench.table.unsound() == []


def test_tokens_count_as_long_as_the_keys_of_their_issuer_are_fresh(bench: Bench) -> None:
    long_lived = token(claims(exp=NOW + 1e6))
    fetched = NOW - 60
    assert isinstance(judged(bench, long_lived), Principal)
    assert isinstance(judged(bench, long_lived, fetched + ISSUER.stale_after - 1), Principal)
    assert judged(bench, long_lived, fetched + ISSUER.stale_after) is Flaw.STALE
    assert judged(bench, token(claims(exp=NOW + 1e6, sub="bob")), fetched + ISSUER.stale_after) is Flaw.STALE
    assert Flaw.STALE.denial().reason is Reason.IDENTITY_STALE


def test_keys_that_were_never_had_refuse_for_now_and_not_for_good(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.publish(issuers={})
    assert judged(bench, token()) is Flaw.STALE


def test_keys_of_an_issuer_that_had_the_name_before_count_nothing(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.publish(issuers={"corp": IssuerKeys("https://former.example.com", usable(), NOW)})
    assert judged(bench, token()) is Flaw.STALE


def test_keys_of_one_issuer_do_not_verify_tokens_of_another(tmp_path: Path) -> None:
    other = msgspec.structs.replace(ISSUER, name="lab", issuer="https://lab.example.com", prefix="lab:")
    bench = Bench(tmp_path, {"corp": ISSUER, "lab": other})
    both = IssuerBulletin(
        issuers={
            "corp": IssuerKeys(URL, usable({"rsa": (RSA, "RS256")}), NOW),
            "lab": IssuerKeys(other.issuer, usable({"rsa": (OTHER_RSA, "RS256"), "p256": (P256, "ES256")}), NOW),
        }
    )
    bench.publish(both)
    assert isinstance(judged(bench, token()), Principal)
    assert judged(bench, token(claims(iss=other.issuer))) is Flaw.SIGNATURE
    assert judged(bench, token(key=OTHER_RSA)) is Flaw.SIGNATURE
    assert judged(bench, token(key=P256, alg="ES256", kid="p256")) is Flaw.KEY
    lab = judged(bench, token(claims(iss=other.issuer), key=OTHER_RSA))
    assert isinstance(lab, Principal)
    assert lab.id == "lab:alice"


def test_an_unknown_key_makes_the_control_process_look_and_a_flood_of_them_hardly_more(bench: Bench) -> None:
    wanted = bench.folder / "wanted" / "corp"
    touched = 0
    for number in range(50):
        assert judged(bench, token(claims(sub=str(number)), kid=f"made-up-{number}")) is Flaw.KEY
        touched += wanted.exists()
        wanted.unlink(missing_ok=True)
    assert touched == 1
    assert judged(bench, token(kid="made-up"), NOW + 1.0) is Flaw.KEY
    assert wanted.exists()


def test_a_bad_signature_with_a_known_key_asks_nobody(bench: Bench) -> None:
    assert judged(bench, token(key=OTHER_RSA)) is Flaw.SIGNATURE
    assert not any((bench.folder / "wanted").iterdir())


def test_a_full_table_forgets_the_oldest_and_goes_on(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokens, "MOST_REMEMBERED", 8)
    kept = [token(claims(sub=f"user-{number}"), key=P256, alg="ES256", kid="p256") for number in range(20)]
    for presented in kept:
        assert isinstance(judged(bench, presented), Principal)
        assert len(bench.table) <= 8
    newest = hashlib.sha256(kept[-1]).digest()
    assert isinstance(bench.table.known(newest, KEYTABLE, NOW), Principal)
    assert isinstance(judged(bench, kept[0]), Principal)


def test_the_age_is_that_of_the_last_sign_of_life(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.table.refresh()
    assert bench.table.age(NOW) == float("inf")
    bench.publish()
    os.utime(bench.path.with_name(NAME), (bench.path.stat().st_mtime,) * 2)
    assert bench.table.age(bench.path.stat().st_mtime + 3) == pytest.approx(3)


def test_neither_a_token_nor_its_digest_is_shown() -> None:
    presented = tokens.read(token())
    assert repr(presented) == "PresentedToken(…)"


@pytest.mark.parametrize(("presented", "expected"), [(b"a.b.c", True), (b"gh_abc_def", False), (b"gh_a.b", False)])
def test_only_what_holds_a_dot_and_is_no_key_is_judged_as_a_token(presented: bytes, expected: bool) -> None:
    assert tokens.is_token(presented) is expected
