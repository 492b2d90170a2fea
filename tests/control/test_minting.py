"""The tokens that the gateway mints: what they give, never more than was shown for them, and what ends them."""

import os
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.control import minting
from guardhouse.control.minting import MintedToken, Minter
from guardhouse.control.state import State, prepare
from guardhouse.identity import base64url, minted, tokens
from guardhouse.identity.api_keys import KeyRecord
from guardhouse.identity.flaw import Flaw
from guardhouse.identity.issuer_bulletin import IssuerBulletin, IssuerKeys
from guardhouse.identity.key_table import KeyTable
from guardhouse.identity.tokens import TokenTable
from guardhouse.model.bulletin import publish
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Narrowing, Principal
from identity.revoking import publish_revoked
from identity.signing import ED25519, ISSUER, token, usable

NOW = 1_800_000_000.0
KEY = KeyRecord(id="aliceaaaaaaa", digest=b"d" * 32, principal="alice", groups=("research",), created_at=NOW - 5)
ALICE = Principal(
    id="alice",
    groups=frozenset({"research", "staff"}),
    roles=frozenset({"operator"}),
    scopes=frozenset({"infer"}),
    team="blue",
    tier="gold",
    attributes={"region": frozenset({"eu", "us"})},
    method="api_key",
    strength="strong",
    credential_id=KEY.id,
    credential_made=NOW - 5,
)
KEYS = KeyTable(b"p" * 32, [KEY])


class Mint:
    """A minter, and a worker's table that follows what it publishes."""

    def __init__(self, folder: Path) -> None:
        self.state = State(folder / "state")
        prepare(self.state)
        self.minter = Minter(self.state)
        self.table = TokenTable({}, self.state.issuers, self.state.wanted)
        self.publish()

    def publish(self, *revoked: str) -> None:
        publish_revoked(self.state.root, *revoked)
        publish(self.state.issuers, IssuerBulletin(own=self.minter.public_keys))
        self.table.load()

    def mint(
        self,
        principal: Principal = ALICE,
        narrowing: Narrowing | None = None,
        lifetime: float = 600.0,
        now: float = NOW,
    ) -> MintedToken:
        made = self.minter.mint(principal, narrowing, lifetime, now)
        assert isinstance(made, MintedToken)
        return made

    def judged(self, presented: MintedToken, keys: KeyTable = KEYS, now: float = NOW) -> Principal | Flaw:
        token = presented.token.reveal().encode()
        digest = tokens.read(token).digest
        return self.table.known(digest, keys, now) or self.table.verify(token, digest, keys, now)


@pytest.fixture
def mint(tmp_path: Path) -> Mint:
    return Mint(tmp_path)


def test_a_token_makes_the_principal_that_it_was_minted_for(mint: Mint) -> None:
    made = mint.mint()
    expected = msgspec.structs.replace(
        ALICE, credential_id=made.id, expires_at=NOW + 600, grantors=(KEY.id,), narrowings=()
    )
    assert mint.judged(made) == made.principal == expected


def test_a_token_of_a_token_carries_both_narrowings_and_the_whole_descent(mint: Mint) -> None:
    first = mint.mint(narrowing=Narrowing(operations=frozenset({Operation.CHAT, Operation.EMBEDDINGS})))
    second = mint.mint(first.principal, Narrowing(models=frozenset({"small"})))
    found = mint.judged(second)
    assert isinstance(found, Principal)
    assert found.narrowings == (
        Narrowing(operations=frozenset({Operation.CHAT, Operation.EMBEDDINGS})),
        Narrowing(models=frozenset({"small"})),
    )
    assert found.grantors == (KEY.id, first.id)


@pytest.mark.parametrize(
    ("lifetime", "grantor_ends", "expected"),
    [
        (600.0, None, NOW + 600),
        (600.0, NOW + 60, NOW + 60),
        (600.0, NOW + 6000, NOW + 600),
        (1e9, None, NOW + minting.LONGEST_LIFETIME),
    ],
)
def test_a_token_ends_with_its_grantor_at_the_latest(
    mint: Mint, lifetime: float, grantor_ends: float | None, expected: float
) -> None:
    made = mint.mint(msgspec.structs.replace(ALICE, expires_at=grantor_ends), lifetime=lifetime)
    assert made.expires_at == expected
    assert isinstance(mint.judged(made, now=expected - 0.5), Principal)
    assert mint.judged(made, now=expected) is Flaw.EXPIRED


def test_a_token_counts_only_as_long_as_its_grantors_issuer_is_believed(mint: Mint) -> None:
    vouched = msgspec.structs.replace(ALICE, method="oidc", issuer="corp")
    made = mint.mint(vouched)
    assert mint.judged(made) is Flaw.ISSUER
    mint.table = TokenTable({"corp": ISSUER}, mint.state.issuers, mint.state.wanted)
    mint.table.load()
    assert mint.judged(made) == made.principal


def test_nothing_is_minted_for_somebody_whose_credential_has_ended(mint: Mint) -> None:
    assert mint.minter.mint(msgspec.structs.replace(ALICE, expires_at=NOW), None, 60.0, NOW) == "ended"


def test_nothing_is_minted_that_no_header_could_carry(mint: Mint) -> None:
    many = msgspec.structs.replace(ALICE, groups=frozenset(f"group-{number:0100}" for number in range(100)))
    assert mint.minter.mint(many, None, 60.0, NOW) == "too_large"


@pytest.mark.parametrize("known_before", [True, False])
@pytest.mark.parametrize("depth", [1, 3])
def test_a_token_ends_with_the_key_that_it_descends_from(mint: Mint, depth: int, known_before: bool) -> None:
    made = mint.mint()
    for _ in range(depth - 1):
        made = mint.mint(made.principal)
    if known_before:
        assert isinstance(mint.judged(made), Principal)
    revoked = KeyTable(b"p" * 32, [msgspec.structs.replace(KEY, revoked_at=NOW)])
    assert mint.judged(made, revoked) is Flaw.GRANTOR_REVOKED
    expired = KeyTable(b"p" * 32, [msgspec.structs.replace(KEY, expires_at=NOW)])
    assert mint.judged(made, expired) is Flaw.GRANTOR_EXPIRED
    assert mint.judged(made, KeyTable(b"p" * 32)) is Flaw.GRANTOR_REVOKED


@pytest.mark.parametrize("known_before", [True, False])
def test_revoking_a_token_ends_it_and_what_descends_from_it_and_nothing_else(mint: Mint, known_before: bool) -> None:
    parent, other = mint.mint(), mint.mint()
    child = mint.mint(mint.mint(parent.principal).principal)
    if known_before:
        assert all(isinstance(mint.judged(made), Principal) for made in (parent, other, child))
    mint.publish(parent.id)
    assert mint.judged(parent) is Flaw.REVOKED
    assert mint.judged(child) is Flaw.GRANTOR_REVOKED
    assert isinstance(mint.judged(other), Principal)


def test_a_token_of_one_gateway_is_nothing_at_another(mint: Mint, tmp_path: Path) -> None:
    """What binds a token to its installation is the key, which each state directory makes for itself."""
    other = Mint(tmp_path / "other")
    for made in (other.mint(), other.mint(ALICE, Narrowing(None, None), 60.0)):
        assert isinstance(other.judged(made), Principal)
        assert mint.judged(made) is Flaw.KEY
    assert not set(mint.minter.public_keys) & set(other.minter.public_keys)


def test_a_key_of_an_issuer_with_the_id_of_the_gateway_s_own_signs_nothing_for_it(mint: Mint) -> None:
    own = mint.minter.public_keys[0].kid
    claims = msgspec.to_builtins(minted.claims_of(ALICE, "gt_" + "x" * 20, NOW, NOW + 60))
    keys = IssuerKeys(ISSUER.issuer, usable({own: (ED25519, "EdDSA")}), NOW)
    mint.table = TokenTable({"corp": ISSUER}, mint.state.issuers, mint.state.wanted)
    publish(mint.state.issuers, IssuerBulletin(own=mint.minter.public_keys, issuers={"corp": keys}))
    mint.table.load()
    for alg in ("EdDSA", "Ed25519"):
        forged = token(claims, key=ED25519, alg=alg, kid=own, typ=minted.KIND)
        found = mint.table.verify(forged, tokens.read(forged).digest, KEYS, NOW)
        assert found in (Flaw.SIGNATURE, Flaw.ALGORITHM)
    as_issuer = token({**claims, "iss": ISSUER.issuer}, key=ED25519, alg="EdDSA", kid=own, typ=minted.KIND)
    assert mint.table.verify(as_issuer, tokens.read(as_issuer).digest, KEYS, NOW) is Flaw.TYPE


def test_what_an_open_answer_is_overseen_by_says_the_same(mint: Mint) -> None:
    made = mint.mint()
    assert mint.table.ended(made.principal, KEYS, NOW) is None
    assert mint.table.ended(made.principal, KEYS, NOW + 600) is Flaw.EXPIRED
    assert mint.table.ended(made.principal, KeyTable(b"p" * 32), NOW) is Flaw.GRANTOR_REVOKED
    mint.publish(made.id)
    assert mint.table.ended(made.principal, KEYS, NOW) is Flaw.REVOKED


def test_rotation_ends_no_token_and_the_new_key_signs_when_every_worker_knows_it(mint: Mint) -> None:
    before = mint.mint()
    minting.rotate(mint.state, NOW)
    mint.minter.refresh(NOW)
    new = mint.minter.public_keys[0].kid
    assert len(mint.minter.public_keys) == 2
    early, late = mint.mint(now=NOW + 0.5), mint.mint(now=NOW + minting.SETTLED)
    assert key_id_of(early) == key_id_of(before) != new
    assert key_id_of(late) == new
    mint.publish()
    assert isinstance(mint.judged(before), Principal)


def test_another_process_may_rotate(mint: Mint) -> None:
    assert not mint.minter.refresh(mint.state.token_key.stat().st_mtime)
    minting.rotate(mint.state, NOW)
    assert mint.minter.refresh(NOW + 1)
    assert len(mint.minter.public_keys) == 2


def test_a_key_is_rotated_by_its_age_and_the_old_one_goes_when_nothing_of_it_is_left(mint: Mint) -> None:
    old = mint.minter.public_keys[0].kid
    os.utime(mint.state.token_key, (NOW - minting.ROTATE_AFTER - 1,) * 2)
    assert mint.minter.refresh(NOW)
    assert [key.kid for key in mint.minter.public_keys][1] == old
    assert not mint.minter.refresh(NOW + minting.LONGEST_LIFETIME)
    assert mint.minter.refresh(NOW + minting.LONGEST_LIFETIME + 1)
    assert old not in {key.kid for key in mint.minter.public_keys}


def test_the_signing_key_is_a_secret_that_nothing_shows(mint: Mint) -> None:
    secret = mint.state.token_key.read_text().strip()
    assert mint.state.token_key.stat().st_mode & 0o777 == 0o600
    assert secret not in repr(mint.minter) + repr(vars(mint.minter))
    assert secret.encode() not in mint.state.issuers.read_bytes()
    made = mint.mint()
    assert made.token.reveal() not in repr(made)


def key_id_of(made: MintedToken) -> str:
    header = base64url.decode(made.token.reveal().encode().split(b".")[0])
    assert header is not None
    return str(msgspec.json.decode(header)["kid"])


names = st.text(st.characters(categories=("L", "N")), min_size=1, max_size=8)
sets = st.frozensets(names, max_size=3)
narrowings = st.builds(
    Narrowing,
    operations=st.none() | st.frozensets(st.sampled_from(Operation), max_size=3),
    models=st.none() | sets,
)
principals = st.builds(
    Principal,
    id=names,
    groups=sets,
    roles=sets,
    scopes=sets,
    team=names | st.just(""),
    tier=names | st.just(""),
    attributes=st.dictionaries(names, st.frozensets(names, min_size=1, max_size=2), max_size=2),
    method=st.sampled_from(["api_key", "oidc", "mtls", "token"]),
    strength=st.sampled_from(["single", "strong"]),
    credential_id=names,
    credential_made=st.floats(0, 1e9),
    expires_at=st.none() | st.floats(NOW + 1, NOW + 1e6),
    narrowings=st.lists(narrowings, max_size=2).map(tuple),
    issuer=names | st.just(""),
)


@given(principals, st.none() | narrowings, st.floats(1, 1e6))
def test_a_token_is_its_grantor_but_for_one_narrowing_more_and_an_earlier_end(
    principal: Principal, narrowing: Narrowing | None, lifetime: float
) -> None:
    ends = min(NOW + lifetime, principal.expires_at or float("inf"))
    narrowed = msgspec.structs.replace(
        principal, narrowings=(*principal.narrowings, *([] if narrowing is None else [narrowing]))
    )
    written = msgspec.json.encode(minted.claims_of(narrowed, "gt_x", NOW, ends))
    read = minted.read_claims(msgspec.json.decode(written), NOW)
    assert not isinstance(read, Flaw)
    assert minted.principal_of(read) == msgspec.structs.replace(
        narrowed, credential_id="gt_x", expires_at=ends, grantors=(principal.credential_id,)
    )


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "corp"},
        {"aud": "other"},
        {"exp": NOW},
        {"exp": "later"},
        {"exp": None},
        {"groups": "research"},
        {"method": "magic"},
        {"narrowings": [{"operations": ["fly"]}]},
        {"narrowings": [{"operations": ["chat"], "unknown": 1}]},
        {"unknown": 1},
        {"sub": 7},
    ],
)
def test_claims_that_this_release_would_not_have_written_are_refused(change: dict[str, object]) -> None:
    good = msgspec.to_builtins(minted.claims_of(ALICE, "gt_x", NOW, NOW + 60))
    assert isinstance(minted.read_claims(good, NOW), minted.MintedClaims)
    read = minted.read_claims({**good, **change}, NOW)
    assert isinstance(read if isinstance(read, Flaw) else minted.principal_of(read), Flaw)
