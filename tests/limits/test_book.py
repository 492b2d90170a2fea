"""What every book of limits does, wherever it counts."""

from collections.abc import Iterator

import pytest
from desks import DESKS, MIDNIGHT, Desk

from guardhouse.limits.book import UNLIMITED, Admitted, Limited, Pending
from guardhouse.limits.load import Load, exactly
from guardhouse.limits.quota import NANO, Quota
from guardhouse.limits.rate import Concurrency, LimitRule, Queue, Rate

BOTH = (LimitRule("both", Rate(3, 60.0), Rate(100, 100.0)),)
DAY = (LimitRule("day", quotas=(Quota("requests", 3, "day"), Quota("tokens", 100, "day"))),)
BUDGET = (LimitRule("paid", quotas=(Quota("money", 10 * NANO, "month", "EUR", budget=True),)),)
PLACES = (LimitRule("places", concurrent=Concurrency(2)),)
QUEUED = (LimitRule("queued", Rate(1, 1.0), queue=Queue(depth=3, wait=10.0)),)


@pytest.fixture(params=list(DESKS))
def desk(request: pytest.FixtureRequest) -> Iterator[Desk]:
    desk = DESKS[request.param]()
    yield desk
    desk.close()


# rates


def test_without_rules_everything_is_admitted(desk: Desk) -> None:
    assert desk.taken("alice", (), 10**9).tokens == 10**9


def test_each_request_counts_and_the_refusal_says_what_and_when(desk: Desk) -> None:
    for _ in range(3):
        desk.taken("alice", BOTH, 1)
    refusal = desk.refused("alice", BOTH, 1)
    assert (refusal.policy, refusal.kind, str(refusal.limit)) == ("both", "requests", "3/min")
    assert refusal.retry_after == pytest.approx(20.0)
    assert not refusal.impossible


def test_principals_do_not_share(desk: Desk) -> None:
    for _ in range(3):
        desk.taken("alice", BOTH, 1)
    desk.refused("alice", BOTH, 1)
    desk.taken("bob", BOTH, 1)


def test_policies_do_not_share(desk: Desk) -> None:
    desk.taken("alice", (LimitRule("one", Rate(1, 60.0)),))
    desk.taken("alice", (LimitRule("other", Rate(1, 60.0)),))


def test_an_estimate_beyond_the_limit_is_impossible_and_names_no_wait(desk: Desk) -> None:
    refusal = desk.refused("alice", BOTH, 101)
    assert (refusal.kind, refusal.impossible, refusal.retry_after) == ("tokens", True, 0.0)


def test_what_never_fits_outweighs_what_only_has_to_wait(desk: Desk) -> None:
    for _ in range(3):
        desk.taken("alice", BOTH, 1)
    assert desk.refused("alice", BOTH, 101).impossible


def test_a_refusal_by_one_rule_takes_nothing_from_the_others(desk: Desk) -> None:
    wide, narrow = LimitRule("wide", Rate(5, 60.0)), LimitRule("narrow", Rate(1, 60.0))
    desk.taken("alice", (narrow,))
    assert desk.refused("alice", (wide, narrow)).policy == "narrow"
    assert desk.taken("alice", (wide,)).levels == [4.0]


def test_the_longest_wait_is_reported(desk: Desk) -> None:
    rules = (LimitRule("minute", Rate(1, 60.0)), LimitRule("day", Rate(1, 86400.0)))
    desk.taken("alice", rules)
    refusal = desk.refused("alice", rules, now=10.0)
    assert refusal.policy == "day"
    assert refusal.retry_after == pytest.approx(86390.0)


def test_settling_gives_back_what_the_estimate_had_too_much(desk: Desk) -> None:
    first = desk.taken("alice", BOTH, 100)
    desk.refused("alice", BOTH, 60)
    desk.settle(first, 40)
    desk.taken("alice", BOTH, 60)


def test_settling_twice_counts_once(desk: Desk) -> None:
    first = desk.taken("alice", BOTH, 80)
    desk.settle(first, 30)
    desk.settle(first, 0)
    assert desk.taken("alice", BOTH).levels == [1.0, 70.0]


def test_a_cancelled_exchange_settles_with_what_it_used(desk: Desk) -> None:
    desk.settle(desk.taken("alice", BOTH, 80), 0)
    assert desk.taken("alice", BOTH).levels == [1.0, 100.0]


def test_more_than_estimated_is_a_debt(desk: Desk) -> None:
    desk.settle(desk.taken("alice", BOTH, 10), 150)
    assert desk.refused("alice", BOTH, 1).retry_after == pytest.approx(51.0)


def test_a_nonsense_usage_gives_back_no_more_than_was_taken(desk: Desk) -> None:
    first = desk.taken("alice", BOTH, 10)
    second = desk.taken("alice", BOTH, 10)
    desk.settle(first, -1000)
    assert second.levels == [1.0, 80.0]
    assert desk.taken("alice", BOTH).levels == [0.0, 90.0]


def test_several_rules_of_a_new_principal_are_all_charged(desk: Desk) -> None:
    rules = tuple(LimitRule(f"rule-{number}", Rate(1, 60.0)) for number in range(8))
    desk.taken("alice", rules)
    for rule in rules:
        desk.refused("alice", (rule,))


# quotas and budgets


def test_a_quota_is_used_up_until_its_window_ends(desk: Desk) -> None:
    noon = 12 * 3600.0
    for _ in range(3):
        desk.settle(desk.taken("alice", DAY, now=noon), now=noon)
    refusal = desk.refused("alice", DAY, now=noon)
    assert (refusal.kind, str(refusal.limit), refusal.until) == ("requests", "3 requests/day", MIDNIGHT + 86400.0)
    assert refusal.retry_after == pytest.approx(noon)
    desk.taken("alice", DAY, now=86400.0)


def test_a_quota_counts_what_is_reserved_until_it_is_settled(desk: Desk) -> None:
    first = desk.taken("alice", DAY, 60)
    assert desk.refused("alice", DAY, 60).kind == "tokens"
    desk.settle(first, 30)
    desk.taken("alice", DAY, 60)


def test_more_than_the_whole_quota_never_fits(desk: Desk) -> None:
    assert desk.refused("alice", DAY, 101).impossible


def test_what_overran_a_quota_leaves_less_for_the_rest_of_the_window(desk: Desk) -> None:
    desk.settle(desk.taken("alice", DAY, 10), 250)
    assert desk.refused("alice", DAY, 1).kind == "tokens"
    desk.taken("alice", DAY, 1, now=86400.0)


def test_a_budget_that_is_used_up_refuses_even_what_costs_nothing(desk: Desk) -> None:
    desk.settle(desk.taken("alice", BUDGET, money=10 * NANO), money=10 * NANO)
    refusal = desk.refused("alice", BUDGET, money=0)
    assert (refusal.kind, str(refusal.limit)) == ("money", "10 EUR/month")


def test_money_is_exact_to_the_last_billionth(desk: Desk) -> None:
    desk.settle(desk.taken("alice", BUDGET, money=1), money=10 * NANO - 1)
    desk.refused("alice", BUDGET, money=2)
    desk.settle(desk.taken("alice", BUDGET, money=1), money=1)
    desk.refused("alice", BUDGET, money=1)


def test_of_200_at_once_a_budget_for_ten_admits_ten(desk: Desk) -> None:
    answers = [desk.admit("alice", BUDGET, money=NANO) for _ in range(200)]
    assert sum(not isinstance(answer, Limited) for answer in answers) == 10


def test_a_reservation_of_a_window_that_has_ended_weighs_on_no_other(desk: Desk) -> None:
    late = desk.taken("alice", DAY, 100, now=86399.0)
    assert desk.refused("alice", DAY, 1, now=86399.5).kind == "tokens"
    first = desk.taken("alice", DAY, 100, now=86401.0)
    desk.settle(late, 100, now=86402.0)
    desk.settle(first, 50, now=86402.0)
    desk.taken("alice", DAY, 50, now=86403.0)
    desk.refused("alice", DAY, 1, now=86403.0)


def test_a_longer_answer_takes_more_of_a_budget_as_long_as_there_is_some(desk: Desk) -> None:
    first = desk.taken("alice", BUDGET, money=4 * NANO)
    second = desk.taken("alice", BUDGET, money=4 * NANO)
    assert desk.extend(first, 0, 2 * NANO)
    assert not desk.extend(second, 0, 1)
    desk.settle(first, money=5 * NANO)
    desk.settle(second, money=4 * NANO)
    desk.taken("alice", BUDGET, money=NANO)
    desk.refused("alice", BUDGET, money=1)


def test_an_answer_that_flows_over_midnight_is_charged_to_both_days(desk: Desk) -> None:
    rules = (LimitRule("d", quotas=(Quota("tokens", 100, "day", budget=True),)),)
    late = desk.taken("alice", rules, 40, now=86399.0)
    assert desk.extend(late, 30, 0, now=86401.0)
    desk.settle(late, 60, now=86402.0)  # 40 of them are yesterday's
    desk.taken("alice", rules, 80, now=86403.0)
    desk.refused("alice", rules, 1, now=86403.0)


def test_what_is_no_budget_never_stops_an_answer(desk: Desk) -> None:
    assert desk.extend(desk.taken("alice", (*BOTH, *DAY), 100), 10**6, 0)


def test_the_room_for_an_answer_is_what_the_tightest_capping_rule_leaves(desk: Desk) -> None:
    capping = LimitRule("c", tokens=Rate(500, 60.0), quotas=(BUDGET[0].quotas[0],), cap_output=True)
    desk.taken("alice", (capping,), 100, money=NANO)
    assert desk.room("alice", (capping, *DAY)) == (400, 9 * NANO)
    assert desk.room("alice", (capping, *DAY), exactly(50, NANO)) == (350, 8 * NANO)
    assert desk.room("alice", DAY) == (UNLIMITED, UNLIMITED)


def test_an_admission_tells_what_is_left_of_places_and_quotas(desk: Desk) -> None:
    rules = (LimitRule("all", concurrent=Concurrency(5), quotas=DAY[0].quotas),)
    assert desk.taken("alice", rules, 10, now=3600.0).more == [4, 0, 2, 82800, 90, 82800]
    assert desk.refused("alice", rules, 99, now=3600.0).more == [4, 0, 2, 82800, 90, 82800]


def test_a_budget_that_reserves_a_bound_counts_the_most_and_all_others_the_estimate(desk: Desk) -> None:
    bound = Quota("tokens", 1000, "day", budget=True, bound=True)
    rule = LimitRule("b", tokens=Rate(1000, 1000.0), quotas=(bound, Quota("tokens", 1000, "day")))
    first = desk.admit_load("alice", (rule,), Load(100, 0, 600, 0))
    assert isinstance(first, Admitted)
    assert (first.levels, first.more) == ([900.0], [400, 86400, 900, 86400])
    refusal = desk.admit_load("alice", (rule,), Load(100, 0, 600, 0))
    assert isinstance(refusal, Limited)
    assert refusal.limit is bound
    assert refusal.load is not None
    assert refusal.load.most_tokens == 600
    desk.settle(first, 120)
    assert desk.taken("alice", (rule,), 0).more == [880, 86400, 880, 86400]


def test_what_nobody_reported_is_charged_at_its_bound_where_a_bound_was_reserved(desk: Desk) -> None:
    money = Quota("money", 1000, "day", "EUR", budget=True, bound=True)
    rule = LimitRule("b", quotas=(money, Quota("money", 1000, "month", "EUR", budget=True)))
    first = desk.admit_load("alice", (rule,), Load(0, 100, 0, 600))
    assert isinstance(first, Admitted)
    desk.settle_load(first, Load(0, 100, 0, 600))
    assert (desk.taken("alice", (rule,), 0).more or [])[::2] == [400, 900]


def test_the_room_beside_what_is_given_is_that_of_budgets_that_reserve_a_bound_as_well(desk: Desk) -> None:
    rule = LimitRule(
        "b", Rate(9, 60.0), Rate(50, 60.0), quotas=(Quota("tokens", 1000, "day", budget=True, bound=True),)
    )
    assert desk.room("alice", (rule,), Load(10, 0, 300, 0)) == (700, UNLIMITED)
    assert desk.room("alice", (rule,), Load(10, 0, 3000, 0)) == (0, UNLIMITED)


# places


def test_a_place_is_free_again_when_an_exchange_ends(desk: Desk) -> None:
    first = desk.taken("alice", PLACES)
    desk.taken("alice", PLACES)
    refusal = desk.refused("alice", PLACES)
    assert (refusal.kind, str(refusal.limit)) == ("concurrent", "2 at a time")
    assert refusal.retry_after > 0.0
    desk.settle(first)
    desk.settle(first)
    desk.taken("alice", PLACES)
    desk.refused("alice", PLACES)


def test_with_a_queue_one_waits_for_a_place_and_the_first_to_come_is_called_first(desk: Desk) -> None:
    rules = (LimitRule("p", concurrent=Concurrency(1), queue=Queue(depth=2, wait=7.0)),)
    running = desk.taken("alice", rules)
    called: list[str] = []
    waiting: list[Pending] = []
    for name in ("one", "two"):
        pending = desk.ask("alice", rules)
        assert isinstance(pending, Pending)
        assert pending.wait == 7.0
        assert pending.otherwise is not None
        pending.resume = lambda name=name: called.append(name)
        waiting.append(pending)
    desk.refused("alice", rules)  # the queue is full
    desk.settle(running)
    assert called == ["one"]
    newcomer = desk.ask("alice", rules)  # one has left the queue, and has not come back yet
    assert isinstance(newcomer, Pending)
    newcomer.resume = lambda: called.append("newcomer")
    waiting[0].asks()
    running = desk.taken("alice", rules)
    waiting[0].passed()
    assert called == ["one"]
    desk.settle(running)
    assert called == ["one", "two"]


def test_who_has_left_the_queue_is_not_called(desk: Desk) -> None:
    rules = (LimitRule("p", concurrent=Concurrency(1), queue=Queue(depth=1, wait=7.0)),)
    running = desk.taken("alice", rules)
    called: list[str] = []
    for name in ("left", "stayed"):
        pending = desk.ask("alice", rules)
        assert isinstance(pending, Pending)
        pending.resume = None if name == "left" else lambda: called.append("stayed")
    desk.settle(running)
    assert called == ["stayed"]


# queues


def test_what_comes_too_early_is_given_its_turn(desk: Desk) -> None:
    assert [desk.taken("alice", QUEUED).delay for _ in range(4)] == pytest.approx([0.0, 1.0, 2.0, 3.0])
    assert desk.refused("alice", QUEUED).kind == "requests"  # three wait already
    assert desk.taken("alice", QUEUED, now=1.5).delay == pytest.approx(2.5)


def test_nobody_waits_for_longer_than_the_queue_allows(desk: Desk) -> None:
    rules = (LimitRule("slow", Rate(1, 60.0), queue=Queue(depth=9, wait=60.0)),)
    assert [desk.taken("alice", rules).delay for _ in range(2)] == pytest.approx([0.0, 60.0])
    desk.refused("alice", rules)


def test_a_rule_without_a_queue_refuses_for_those_that_have_one(desk: Desk) -> None:
    rules = (*QUEUED, LimitRule("hard", Rate(1, 1.0)))
    desk.taken("alice", rules)
    assert desk.refused("alice", rules).kind == "requests"
    assert desk.taken("alice", QUEUED).delay == pytest.approx(1.0)


def test_a_cap_that_was_taken_out_of_a_policy_for_a_while_has_lost_no_place(desk: Desk) -> None:
    capped = (LimitRule("p", Rate(100, 1.0), concurrent=Concurrency(2)),)
    plain = (LimitRule("p", Rate(100, 1.0)),)
    desk.settle(desk.taken("alice", capped))
    for _ in range(5):
        desk.settle(desk.taken("alice", plain))
    kept = [desk.taken("alice", capped), desk.taken("alice", capped)]
    assert desk.refused("alice", capped).kind == "concurrent"
    for each in kept:
        desk.settle(each)
