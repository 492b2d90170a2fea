"""What is the in-process book's own: its memory, and its arithmetic under random use."""

import pytest
from desks import LocalDesk
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.book import Admission, Admitted, Limited
from guardhouse.limits.rate import LimitRule, Rate

BOTH = (LimitRule("both", Rate(3, 60.0), Rate(100, 100.0)),)


def admitted(admission: Admission) -> Admitted:
    assert isinstance(admission, Admitted)
    return admission


def limited(admission: Admission) -> Limited:
    assert isinstance(admission, Limited)
    return admission


def test_settling_reaches_the_account_even_when_it_was_forgotten() -> None:
    table = LocalDesk()
    long_running = admitted(table.admit("alice", BOTH, 10, 0.0))
    for number in range(20):
        table.admit(f"other-{number}", BOTH, 1, 1000.0)
    table.settle(long_running, 110, 1000.0)
    assert limited(table.admit("alice", BOTH, 1, 1000.0)).retry_after == pytest.approx(1.0)


def test_giving_back_to_a_forgotten_account_needs_no_account() -> None:
    table = LocalDesk()
    rule = (LimitRule("t", tokens=Rate(100, 1.0)),)
    long_running = admitted(table.admit("alice", rule, 10, 0.0))
    table.admit("bob", rule, 100, 1000.0)
    assert len(table.table) == 1
    table.settle(long_running, 0, 1000.0)
    assert len(table.table) == 1


def test_a_changed_policy_keeps_what_was_used() -> None:
    table = LocalDesk()
    first = admitted(table.admit("alice", BOTH, 60, 0.0))
    wider = (LimitRule("both", Rate(10, 60.0), Rate(200, 100.0)),)
    assert admitted(table.admit("alice", wider, 0, 0.0)).levels == [8.0, 140.0]
    table.settle(first, 0, 0.0)
    assert admitted(table.admit("alice", wider, 0, 0.0)).levels == [7.0, 200.0]


def test_a_changed_policy_may_add_and_drop_kinds() -> None:
    table = LocalDesk()
    table.admit("alice", (LimitRule("p", Rate(3, 60.0)),), 0, 0.0)
    assert admitted(table.admit("alice", (LimitRule("p", tokens=Rate(9, 60.0)),), 4, 0.0)).levels == [5.0]


def test_accounts_that_are_full_again_are_forgotten() -> None:
    table = LocalDesk()
    for number in range(5_000):
        table.admit(f"caller-{number}", BOTH, 1, float(number))
    assert len(table.table) < 300


def test_accounts_in_use_are_kept() -> None:
    table = LocalDesk()
    rule = (LimitRule("day", Rate(1, 86400.0)),)
    for number in range(500):
        table.admit(f"caller-{number}", rule, 1, 0.0)
    assert len(table.table) == 500
    assert all(isinstance(table.admit(f"caller-{number}", rule, 1, 1.0), Limited) for number in range(500))


def test_reprs_show_figures_and_no_principal() -> None:
    table = LocalDesk()
    first = admitted(table.admit("alice", BOTH, 100, 0.0))
    refusal = table.admit("alice", BOTH, 100, 0.0)
    table.settle(first, 1, 0.0)
    assert repr(first) == "<Admitted 100 tokens under 1 rules, settled>"
    assert repr(refusal) == "<Limited by 'both' to 100/100s tokens, retry after 100 s>"
    assert repr(table.table) == "<LimitTable of 1 accounts>"


# a call is an arrival with an estimate, or the end of one of the calls under way with what it really used
calls = st.lists(
    st.tuples(st.sampled_from(["arrive", "end"]), st.integers(0, 120), st.floats(0, 8, allow_nan=False)), max_size=80
)


@given(calls, st.sampled_from(["alice", "bob"]))
def test_reservations_under_way_and_usage_never_exceed_the_limit(
    calls: list[tuple[str, int, float]], principal: str
) -> None:
    """Whatever the interleaving: used tokens + reserved tokens <= capacity + refill, while estimates hold."""
    table, now = LocalDesk(), 0.0
    under_way: list[Admitted] = []
    used = requests = 0
    for what, tokens, elapsed in calls:
        now += elapsed
        if what == "arrive":
            admission = table.admit(principal, BOTH, tokens, now)
            if isinstance(admission, Admitted):
                under_way.append(admission)
                requests += 1
        elif under_way:
            ended = under_way.pop(tokens % len(under_way))
            actual = min(tokens, ended.tokens)
            used += actual
            table.settle(ended, actual, now)
        reserved = sum(admission.tokens for admission in under_way)
        assert used + reserved <= 100 + now + 1e-3
        assert requests <= 3 + now * 3 / 60 + 1e-3


@given(st.lists(st.tuples(st.integers(0, 100), st.integers(0, 300)), max_size=30))
def test_after_everything_is_settled_the_level_is_capacity_less_usage(pairs: list[tuple[int, int]]) -> None:
    rules = (LimitRule("t", tokens=Rate(100_000, 86400.0)),)
    table = LocalDesk()
    running = [(admitted(table.admit("alice", rules, estimate, 0.0)), actual) for estimate, actual in pairs]
    for admission, actual in reversed(running):
        table.settle(admission, actual, 0.0)
    probe = admitted(table.admit("alice", rules, 0, 0.0))
    assert probe.levels == [100_000 - sum(actual for _, actual in pairs)]
