from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.principal import Method, Principal, Strength
from guardhouse.policy.callers import Callers, values_of
from guardhouse.policy.sections.who import Who

METHODS: tuple[Method, ...] = ("api_key", "oidc", "mtls", "token")
STRENGTHS: tuple[Strength, ...] = ("single", "strong")


def means(who: Who, principal: Principal) -> bool:
    """The plain reading that the tables have to agree with."""
    united = (
        who.everybody
        or principal.id in set(who.ids) - {"*"}
        or bool(principal.groups.intersection(who.groups))
        or bool(principal.roles.intersection(who.roles))
        or bool(principal.team and principal.team in who.teams)
    )
    return (
        united
        and principal.scopes.issuperset(who.scopes)
        and (not who.tiers or principal.tier in who.tiers)
        and (not who.methods or principal.method in who.methods)
        and (who.strength is None or principal.strength == who.strength)
        and (not who.issuers or principal.issuer in who.issuers)
        and all(principal.attributes.get(name, frozenset()) & set(held) for name, held in who.attributes.items())
    )


words = st.sampled_from(["a", "b", "c"])
some = st.lists(words, max_size=2, unique=True).map(tuple)
few = st.just(()) | some
whos = st.builds(
    Who,
    ids=some | st.just(("*",)),
    groups=some,
    roles=some,
    teams=some,
    scopes=few,
    tiers=few,
    methods=st.just(()) | st.lists(st.sampled_from(METHODS), max_size=2, unique=True).map(tuple),
    strength=st.none() | st.sampled_from(STRENGTHS),
    issuers=few,
    attributes=st.just({})
    | st.dictionaries(words, st.lists(words, min_size=1, max_size=2, unique=True).map(tuple), max_size=2),
)
sets = st.frozensets(words, max_size=2)
principals = st.builds(
    Principal,
    id=words,
    groups=sets,
    roles=sets,
    scopes=sets,
    team=words | st.just(""),
    tier=words | st.just(""),
    attributes=st.dictionaries(words, sets, max_size=2),
    method=st.sampled_from(METHODS),
    strength=st.sampled_from(STRENGTHS),
    issuer=words | st.just(""),
    credential_id=st.just("c"),
)


@given(st.lists(whos, max_size=8), st.lists(principals, min_size=1, max_size=4))
def test_the_tables_say_what_a_plain_reading_says(whos: list[Who], principals: list[Principal]) -> None:
    callers = Callers(whos)
    for principal in (*principals, *principals):  # the second time from what is known
        expected = sum(1 << number for number, who in enumerate(whos) if means(who, principal))
        assert callers.policies_of(principal) == expected


@pytest.mark.parametrize(
    "fields", [{}, {"team": ""}, {"tier": ""}, {"attributes": {}}, {"attributes": {"department": frozenset()}}]
)
def test_what_is_not_known_of_a_principal_matches_nothing(fields: dict[str, Any]) -> None:
    callers = Callers(
        [
            Who(teams=("",)),
            Who(ids=("*",), tiers=("",)),
            Who(ids=("*",), issuers=("",)),
            Who(ids=("*",), attributes={"department": ("",)}),
            Who(ids=("*",), scopes=("",)),
        ]
    )
    assert callers.policies_of(Principal(id="alice", credential_id="c", **fields)) == 0


def test_what_is_known_of_one_principal_is_not_taken_for_another(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guardhouse.policy.callers._MOST_KNOWN", 10)
    callers = Callers([Who(ids=(f"p{number}",)) for number in range(50)])
    for _ in range(3):
        for number in range(50):
            assert callers.policies_of(Principal(id=f"p{number}", credential_id="c")) == 1 << number


def test_members_are_read_as_sets() -> None:
    principal = Principal(
        id="alice", groups=frozenset("g"), team="blue", attributes={"x": frozenset("y")}, credential_id="c"
    )
    assert values_of(principal, "id") == {"alice"}
    assert values_of(principal, "groups") == {"g"}
    assert values_of(principal, "team") == {"blue"}
    assert values_of(principal, "tier") == set()
    assert values_of(principal, "x") == {"y"}
    assert values_of(principal, "credential_id") == set()
