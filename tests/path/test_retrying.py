"""What may be tried again, of how many."""

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.path.retrying import LEAST, MOST, RetryBudget, pause
from guardhouse.policy.resilience import Retries


def test_a_share_of_the_requests_may_be_tried_again() -> None:
    budget = RetryBudget(Retries(share=20), 0.0)
    while budget.take(0.0):
        pass
    budget.requests += 50
    taken = 0
    while budget.take(0.0):
        taken += 1
    assert taken == 10
    assert budget.refused == 2


def test_a_quiet_gateway_may_try_again_as_well_but_saves_nothing_up_for_long() -> None:
    budget = RetryBudget(Retries(share=20), 0.0)
    while budget.take(0.0):
        pass
    assert [budget.take(1.0), budget.take(1.0)] == [True, False]
    taken = 0
    while budget.take(1e6):
        taken += 1
    assert taken == MOST


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 30), st.floats(0, 2)), max_size=40), st.integers(1, 100))
def test_never_more_than_the_share_and_what_it_began_with(steps: list[tuple[int, int, float]], share: int) -> None:
    budget, now, taken, requests = RetryBudget(Retries(share=share), 0.0), 0.0, 0, 0
    for made, wanted, later in steps:
        now += later
        budget.requests += made
        requests += made
        taken += sum(budget.take(now) for _ in range(wanted))
        assert taken <= requests * share / 100 + now * LEAST + MOST / 10 + 1e-6
    assert budget.taken == taken


@given(st.integers(0, 20), st.floats(0, 1, exclude_max=True), st.floats(0.001, 5))
def test_a_pause_grows_is_never_none_and_stays_bounded(number: int, draw: float, first: float) -> None:
    rules = Retries(pause=first)
    assert 0 < pause(rules, number, draw) <= 1.0
    assert pause(rules, number, draw) <= pause(rules, number + 1, draw)
