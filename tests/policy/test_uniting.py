from hypothesis import given
from hypothesis import strategies as st
from rulings import ALL
from worlds import snapshot_of

from guardhouse.limits.rate import LimitRule, Rate
from guardhouse.policy.snapshot import Approval, Grant
from guardhouse.policy.uniting import unite

names = st.sampled_from(["a", "b", "c"])
grants = st.lists(
    st.builds(
        Grant,
        policies=st.just(()),
        mask_request=st.integers(0, 15),
        mask_response=st.integers(0, 15),
        refuse_unknown_fields=st.booleans(),
        limits=st.lists(st.builds(LimitRule, names, st.just(Rate(1, 1.0))), max_size=2).map(tuple),
        cap_output=st.booleans(),
        approvals=st.lists(st.builds(Approval, names, st.just(("law",))), max_size=2).map(tuple),
        route=st.none() | st.frozensets(names),
        flags=st.lists(names, max_size=2, unique=True).map(tuple),
    ),
    max_size=4,
)


@given(grants)
def test_what_is_united_is_at_least_as_strict_as_each_part(grants: list[Grant]) -> None:
    united = unite(("p",), grants)
    assert united.policies == ("p",)
    for grant in grants:
        assert grant.mask_request & ~united.mask_request == 0
        assert grant.mask_response & ~united.mask_response == 0
        assert united.refuse_unknown_fields >= grant.refuse_unknown_fields
        assert united.cap_output >= grant.cap_output
        assert set(grant.limits) <= set(united.limits)
        assert set(grant.approvals) <= set(united.approvals)
        assert set(grant.flags) <= set(united.flags)
        if grant.route is not None:
            assert united.route is not None
            assert united.route <= grant.route


@given(grants)
def test_nothing_comes_from_nowhere(grants: list[Grant]) -> None:
    united = unite((), grants)
    assert sum(len(grant.limits) for grant in grants) == len(united.limits)
    assert (united.route is None) == all(grant.route is None for grant in grants)
    assert set(united.flags) == {flag for grant in grants for flag in grant.flags}
    assert len(set(united.flags)) == len(united.flags)
    assert united.refuse_unknown_fields == any(grant.refuse_unknown_fields for grant in grants)


@given(grants, st.integers(0, 4))
def test_it_does_not_matter_how_they_are_grouped(grants: list[Grant], at: int) -> None:
    halves = unite((), [unite((), grants[:at]), unite((), grants[at:])])
    assert halves == unite((), grants)


def test_what_comes_with_several_policies_adds_up() -> None:
    asks = {**ALL, "name": "asks", "effect": "restrict", "approve": {"by": ["security"]}, "route": ["local"]}
    more = {**asks, "name": "more", "approve": {"by": ["law"]}, "route": ["spare", "local"], "flag": ["b", "a"]}
    grant = unite((), [policy.grant for policy in snapshot_of([ALL, {**more, "flag": ["a"]}, asks]).policies])
    assert grant.approvals == (Approval("more", ("law",)), Approval("asks", ("security",)))
    assert grant.route == frozenset({"local"})
    grant = unite((), [policy.grant for policy in snapshot_of([ALL, {**more, "route": ["spare"]}, asks]).policies])
    assert (grant.route, grant.flags) == (frozenset(), ("b", "a"))
