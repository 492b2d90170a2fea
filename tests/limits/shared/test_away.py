import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.book import Admitted, Limited
from guardhouse.limits.load import exactly
from guardhouse.limits.quota import Quota
from guardhouse.limits.rate import Away, Concurrency, LimitRule, Rate
from guardhouse.limits.shared.away import Substitute, part_of

RATED = LimitRule("rated", Rate(6, 60.0))


def ask(substitute: Substitute, *rules: LimitRule) -> Admitted | Limited:
    answer = substitute.admit("alice", rules, exactly(1, 0), 0.0, 0.0, 0.5)
    assert isinstance(answer, Admitted | Limited)
    return answer


def test_a_local_part_is_the_limit_divided_by_all_who_share_it() -> None:
    substitute = Substitute("local", 3)
    answers = [ask(substitute, RATED) for _ in range(3)]
    assert [isinstance(answer, Admitted) for answer in answers] == [True, True, False]
    assert isinstance(answers[2], Limited)
    assert str(answers[2].limit) == "2/min"


def test_what_is_open_is_not_counted_and_what_is_closed_is_refused_until_the_next_try() -> None:
    substitute = Substitute("open", 1)
    assert all(isinstance(ask(substitute, RATED), Admitted) for _ in range(50))
    closed = ask(Substitute("closed", 1), RATED)
    assert isinstance(closed, Limited)
    assert (closed.away, closed.policy, closed.retry_after) == (True, "rated", 0.5)


@pytest.mark.parametrize("said", ["open", "closed", "local"])
def test_what_a_rule_says_itself_comes_first(said: Away) -> None:
    rule = LimitRule("own", Rate(6, 60.0), away=said)
    for otherwise in ("open", "closed", "local"):
        assert Substitute(otherwise, 1).meaning(rule) == said


@pytest.mark.parametrize("said", ["open", "closed", "local", None])
def test_a_budget_is_closed_whatever_anybody_says(said: Away | None) -> None:
    rule = LimitRule("paid", quotas=(Quota("tokens", 9, "day", budget=True),), away=said)
    refused = ask(Substitute("open", 1), rule)
    assert isinstance(refused, Limited)
    assert refused.away


def test_one_closed_rule_refuses_for_the_others_and_nothing_is_taken() -> None:
    substitute = Substitute("local", 1)
    closed = LimitRule("closed", Rate(6, 60.0), away="closed")
    for _ in range(9):
        assert isinstance(ask(substitute, RATED, closed), Limited)
    assert isinstance(ask(substitute, RATED), Admitted)


@given(st.integers(1, 10**9), st.integers(1, 10**6), st.integers(1, 500))
def test_all_parts_together_are_no_more_than_the_limit_unless_that_is_less_than_one_each(
    amount: int, places: int, shares: int
) -> None:
    rule = LimitRule("r", Rate(amount, 60.0), None, Concurrency(places), (Quota("tokens", amount, "day"),))
    part = part_of(rule, shares)
    assert part.requests is not None
    assert part.concurrent is not None
    for own, whole in (
        (part.requests.amount, amount),
        (part.quotas[0].amount, amount),
        (part.concurrent.amount, places),
    ):
        assert own >= 1
        assert own * shares <= max(whole, shares)
