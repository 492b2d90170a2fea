"""From verified claims to a principal, by the rules of an issuer."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.identity.claims import LONGEST_ID, identified
from guardhouse.identity.flaw import Flaw
from guardhouse.identity.issuers import Claims, Issuer, Requirement
from guardhouse.identity.workloads import PRESETS
from guardhouse.model.principal import Principal
from identity.signing import AUDIENCE, ISSUER, NOW, URL
from identity.signing import claims as good

DIGEST = b"d" * 32


def judged(document: dict[str, Any], now: float = NOW, **rules: Any) -> Principal | Flaw:
    return identified(document, msgspec.structs.replace(ISSUER, **rules), DIGEST, now)


def whom(document: dict[str, Any], **rules: Any) -> Principal:
    found = judged(document, **rules)
    assert isinstance(found, Principal), found
    return found


def test_members_come_from_the_claims_that_are_named_and_from_no_others() -> None:
    places = Claims(
        id=("email",),
        groups=("https://example.com/groups",),
        roles=("realm_access", "roles"),
        scopes=("scp",),
        team=("org", "team"),
        tier=("tier",),
        attributes={"department": ("department",), "level": ("level",), "absent": ("absent",)},
    )
    document = good(
        email="alice@example.com",
        groups=["not", "these"],
        realm_access={"roles": ["operator", "auditor"]},
        scp="infer read",
        org={"team": "blue"},
        tier="gold",
        department=["research", "legal"],
        level=7,
    )
    document["https://example.com/groups"] = ["research"]
    assert whom(document, claims=places, prefix="") == Principal(
        id="alice@example.com",
        groups=frozenset({"research"}),
        roles=frozenset({"operator", "auditor"}),
        scopes=frozenset({"infer", "read"}),
        team="blue",
        tier="gold",
        attributes={"department": frozenset({"research", "legal"}), "level": frozenset({"7"})},
        method="oidc",
        credential_id="corp:token-0001",
        expires_at=NOW + 300 + ISSUER.skew,
        issuer="corp",
    )


def test_an_address_with_several_at_signs_is_taken_whole() -> None:
    places = Claims(id=("email",))
    assert whom(good(email="eve@evil.example@corp.example"), claims=places).id == "corp:eve@evil.example@corp.example"


def test_claims_that_are_missing_leave_their_members_empty() -> None:
    found = whom(good(groups=None, realm_access={"other": 1}))
    assert (found.groups, found.roles, found.team, found.attributes) == (frozenset(), frozenset(), "", {})


@pytest.mark.parametrize("value", ["research", ["research"]])
def test_one_group_may_stand_by_itself(value: Any) -> None:
    assert whom(good(groups=value)).groups == {"research"}


def test_groups_are_not_split_and_scopes_are() -> None:
    found = whom(good(groups="Domain Users", scope="a  b"))
    assert found.groups == {"Domain Users"}
    assert found.scopes == {"a", "b"}


@pytest.mark.parametrize(
    ("jti", "expected"),
    [("token-0001", "corp:token-0001"), ("short", None), ("with blanks in it", None), ("x" * 65, None), (7, None)],
)
def test_the_credential_is_named_by_its_own_id_if_that_is_fit_to_be_shown(jti: Any, expected: str | None) -> None:
    found = whom(good(jti=jti)).credential_id
    assert found == expected or (expected is None and len(found) == len("corp:") + 16)


@pytest.mark.parametrize(
    ("aud", "accepted"),
    [(AUDIENCE, True), ([AUDIENCE], True), (["other", AUDIENCE], True), ("other", False), ([], False), (None, False)],
)
def test_the_audience_is_one_of_ours_in_either_spelling(aud: Any, accepted: bool) -> None:
    assert isinstance(judged(good(aud=aud)), Principal) == accepted


@pytest.mark.parametrize(
    ("named", "accepted"),
    [
        ({"azp": "app"}, True),
        ({"client_id": "app"}, True),
        ({"azp": "app", "client_id": "app"}, True),
        ({"azp": "app", "client_id": "other"}, False),
        ({"azp": "other"}, False),
        ({"azp": "APP"}, False),
        ({}, False),
    ],
)
def test_the_client_is_one_of_those_that_are_accepted(named: dict[str, str], accepted: bool) -> None:
    found = judged(good(**named), clients=frozenset({"app"}))
    assert isinstance(found, Principal) if accepted else found is Flaw.CLIENT


@pytest.mark.parametrize(
    ("changes", "now", "expected"),
    [
        ({}, NOW + 300, None),
        ({}, NOW + 329, None),
        ({}, NOW + 330, Flaw.EXPIRED),
        ({"nbf": NOW + 30}, NOW, None),
        ({"nbf": NOW + 31}, NOW, Flaw.NOT_YET),
        ({"iat": NOW + 31}, NOW, Flaw.NOT_YET),
        ({"iat": None}, NOW, None),
        ({"exp": NOW + 0.5, "iat": NOW - 0.25}, NOW, None),
    ],
)
def test_times_count_give_or_take_the_skew(changes: dict[str, Any], now: float, expected: Flaw | None) -> None:
    found = judged(good(**changes), now)
    assert found is expected if expected else isinstance(found, Principal)


@pytest.mark.parametrize(
    ("iat", "expected"), [(NOW - 60, None), (NOW - 129, None), (NOW - 130, Flaw.TOO_OLD), (None, Flaw.CLAIMS)]
)
def test_a_greatest_age_needs_a_date_and_bounds_the_token(iat: float | None, expected: Flaw | None) -> None:
    found = judged(good(iat=iat, exp=NOW + 1e6), max_age=100.0)
    if expected:
        assert found is expected
    else:
        assert isinstance(found, Principal)
        assert iat is not None
        assert found.expires_at == iat + 100 + ISSUER.skew


@pytest.mark.parametrize(
    ("rule", "accepted"),
    [
        (Requirement(("hd",), ("example.com", "example.org")), True),
        (Requirement(("hd",), ("Example.com",)), False),
        (Requirement(("verified",), ("true",)), True),
        (Requirement(("level",), ("7",)), True),
        (Requirement(("groups",), ("research",)), True),
        (Requirement(("groups",), ("res",)), False),
        (Requirement(("ref",), ("refs/heads/*",)), True),
        (Requirement(("ref",), ("refs/tags/*",)), False),
        (Requirement(("nested", "deep"), ("x",)), True),
        (Requirement(("nested",), ("x",)), None),
        (Requirement(("absent",), ("", "x")), False),
        (Requirement(("hd", "inner"), ("x",)), False),
    ],
)
def test_what_is_required_must_be_there(rule: Requirement, accepted: bool | None) -> None:
    document = good(hd="example.com", verified=True, level=7, ref="refs/heads/main", nested={"deep": "x"})
    found = judged(document, require=(rule,))
    if accepted is None:
        assert found is Flaw.CLAIMS
    else:
        assert isinstance(found, Principal) if accepted else found is Flaw.REQUIRED


def test_all_that_is_required_must_be_there() -> None:
    rules = (Requirement(("a",), ("1",)), Requirement(("b",), ("1",)))
    assert judged(good(a="1"), require=rules) is Flaw.REQUIRED
    assert isinstance(judged(good(a="1", b="1"), require=rules), Principal)


@pytest.mark.parametrize(("amr", "strength"), [(["pwd"], "single"), (["pwd", "mfa"], "strong"), (None, "single")])
def test_strength_is_what_the_issuer_says_of_the_sign_in(amr: list[str] | None, strength: str) -> None:
    assert whom(good(amr=amr), strong=(Requirement(("amr",), ("mfa", "hwk")),)).strength == strength


def test_an_id_is_never_longer_than_policies_can_name() -> None:
    room = LONGEST_ID - len("corp:")
    assert whom(good(sub="a" * room)).id == "corp:" + "a" * room
    assert judged(good(sub="a" * (room + 1))) is Flaw.CLAIMS


def test_groups_that_were_moved_elsewhere_matter_only_where_groups_do() -> None:
    document = good(groups=None, _claim_names={"groups": "src1"})
    assert judged(document) is Flaw.INCOMPLETE
    assert isinstance(judged(document, claims=Claims()), Principal)


def workload(kind: str, **changes: Any) -> Issuer:
    preset = PRESETS[kind]  # type: ignore[index]
    return msgspec.structs.replace(
        ISSUER, name=kind, claims=preset.claims, prefix=f"{kind}:" if preset.prefixed else "", **changes
    )


def test_a_pod_is_identified_by_its_service_account_and_attested_by_its_cluster() -> None:
    document = good(
        sub="system:serviceaccount:research:trainer",
        groups=["system:masters"],
        **{
            "kubernetes.io": {
                "namespace": "research",
                "node": {"name": "node-7", "uid": "1"},
                "pod": {"name": "trainer-0", "uid": "2"},
                "serviceaccount": {"name": "trainer", "uid": "3"},
            }
        },
    )
    found = identified(document, workload("kubernetes"), DIGEST, NOW)
    assert isinstance(found, Principal)
    assert found.id == "kubernetes:system:serviceaccount:research:trainer"
    assert found.groups == frozenset()
    assert found.attributes == {
        "namespace": {"research"},
        "service_account": {"trainer"},
        "pod": {"trainer-0"},
        "node": {"node-7"},
    }


def test_a_build_is_attested_by_its_forge() -> None:
    document = good(
        iss="https://token.actions.githubusercontent.com",
        sub="repo:example/app:ref:refs/heads/main",
        repository="example/app",
        repository_owner="example",
        ref="refs/heads/main",
        event_name="push",
        workflow_ref="example/app/.github/workflows/ci.yml@refs/heads/main",
    )
    found = identified(document, workload("github"), DIGEST, NOW)
    assert isinstance(found, Principal)
    assert found.attributes["repository"] == {"example/app"}
    assert "environment" not in found.attributes
    assert found.groups == found.roles == frozenset()


def test_a_spiffe_id_stands_as_it_is() -> None:
    document = good(sub="spiffe://example.org/ns/research/sa/trainer")
    found = identified(document, workload("spiffe"), DIGEST, NOW)
    assert isinstance(found, Principal)
    assert found.id == "spiffe://example.org/ns/research/sa/trainer"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 10**12) | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=8,
)
names = st.sampled_from(
    ["iss", "aud", "sub", "exp", "nbf", "iat", "jti", "groups", "realm_access", "scope", "team", "cnf", "azp", "amr"]
)


@given(st.dictionaries(names, json_values, max_size=6))
def test_whatever_a_token_claims_is_a_sound_principal_or_a_flaw(changes: dict[str, Any]) -> None:
    found = judged({**good(), **changes})
    if isinstance(found, Principal):
        assert found.id.startswith("corp:")
        assert 5 < len(found.id) <= LONGEST_ID
        assert found.expires_at is not None
        assert found.expires_at > NOW
        assert (found.method, found.issuer) == ("oidc", "corp")
        assert all(text and text.isprintable() for text in (*found.groups, *found.roles))


def test_the_rules_used_here_are_the_issuers_own() -> None:
    assert (ISSUER.issuer, ISSUER.prefix) == (URL, "corp:")
