"""What only the shared book does: leases, several workers over one store, and a store that fails."""

import secrets
from collections.abc import Iterator

import pytest
from desks import MIDNIGHT, SharedDesk, valkey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardhouse.limits.book import Admitted, Limited, Pending
from guardhouse.limits.load import NOTHING, exactly
from guardhouse.limits.quota import Quota
from guardhouse.limits.rate import Concurrency, LimitRule, Queue, Rate
from guardhouse.limits.shared.journeys import Place
from guardhouse.model.secret import Secret

HUNDREDS = (LimitRule("hundreds", Rate(1000, 3600.0)),)
QUOTA = (LimitRule("q", quotas=(Quota("tokens", 1000, "day"),)),)
BUDGET = (LimitRule("b", quotas=(Quota("tokens", 1000, "day", budget=True),)),)
PLACES = (LimitRule("p", concurrent=Concurrency(2), queue=Queue(depth=4, wait=9.0)),)


class Team:
    """Several workers that share one store."""

    def __init__(self, workers: int) -> None:
        prefix = secrets.token_hex(8)
        port = valkey().port
        self.desks = [
            SharedDesk(Place("127.0.0.1", port, worker=f"w{number}", timeout=2.0, prefix=prefix))
            for number in range(workers)
        ]
        self.prefix = prefix.encode() + b"\0"

    def sweep(self, now: float) -> None:
        for desk in self.desks:
            desk.now = now
            desk.shared.sweep(now, MIDNIGHT + now)
            desk.catch_up()

    def close(self) -> None:
        for desk in self.desks:
            desk.close()


def valkey_sum(team: Team, rules: tuple[LimitRule, ...]) -> int:
    """All that the store counts of the first quota of alice, used and held."""
    key = team.desks[0].shared._holding("alice", rules[0]).share(0, MIDNIGHT).key
    return sum(int(value) for value in valkey().client().hgetall(team.prefix + key).values())


@pytest.fixture
def team() -> Iterator[Team]:
    team = Team(3)
    yield team
    team.close()


def test_nearly_no_request_under_a_steady_load_waits_for_the_store(team: Team) -> None:
    desk = team.desks[0]
    waited = 0
    for _ in range(500):
        answer = desk.book.admit("alice", HUNDREDS, NOTHING, 0.0, MIDNIGHT)
        if isinstance(answer, Pending):
            waited += 1
            desk.taken("alice", HUNDREDS)
        desk.catch_up()
    assert waited == 1
    assert desk.courier.journeys < 100


def test_one_limit_over_three_workers_lets_through_what_it_says_but_for_the_leases(team: Team) -> None:
    through = sum(isinstance(desk.admit("alice", HUNDREDS), Admitted) for _ in range(500) for desk in team.desks)
    block = 1000 // 50
    assert 1000 - 3 * 2 * block <= through <= 1000


def test_what_one_worker_does_not_need_is_the_others_a_second_later(team: Team) -> None:
    first, second, _ = team.desks
    first.settle(first.taken("alice", QUOTA, 900), 0)
    assert isinstance(second.admit("alice", QUOTA, 900), Limited)
    team.sweep(1.5)
    second.taken("alice", QUOTA, 900, now=1.5)


def test_a_budget_is_never_overrun_whoever_asks(team: Team) -> None:
    admitted = [desk.admit("alice", BUDGET, 30) for _ in range(20) for desk in team.desks]
    assert sum(isinstance(answer, Admitted) for answer in admitted) == 1000 // 30


def test_an_answer_that_flows_gets_what_was_fetched_ahead_and_never_more_than_the_store_has_given(team: Team) -> None:
    rules = (LimitRule("b", quotas=(Quota("tokens", 100_000, "day", budget=True),)),)
    first, other = team.desks[0], team.desks[1]
    admitted = first.taken("alice", rules, 100)
    assert not first.book.extend(admitted, exactly(100, 0), MIDNIGHT)  # nothing was fetched yet
    first.catch_up()
    assert [first.book.extend(admitted, exactly(100, 0), MIDNIGHT) for _ in range(9)].count(True) == 8
    first.catch_up()
    assert first.book.extend(admitted, exactly(100, 0), MIDNIGHT)
    first.catch_up()
    taken = int(valkey_sum(team, rules))
    other.taken("alice", rules, 100_000 - taken)
    assert [first.book.extend(admitted, exactly(100, 0), MIDNIGHT) for _ in range(50)].count(True) == taken // 100 - 10
    first.catch_up()
    assert not first.book.extend(admitted, exactly(100, 0), MIDNIGHT)


def test_an_answer_that_flows_steadily_is_always_ahead_of_its_need(team: Team) -> None:
    rules = (LimitRule("b", quotas=(Quota("tokens", 100_000, "day", budget=True),)),)
    desk = team.desks[0]
    admitted = desk.taken("alice", rules, 100)
    desk.extend(admitted, 0, 0)
    given = []
    for _ in range(200):
        given.append(desk.book.extend(admitted, exactly(64, 0), MIDNIGHT))
        desk.catch_up()
    assert given.count(False) == 1  # the very first, which makes the worker fetch
    assert desk.courier.journeys < 70


def test_of_a_budget_with_little_left_an_answer_takes_only_what_the_store_has_given(team: Team) -> None:
    rules = (LimitRule("b", quotas=(Quota("tokens", 1000, "day", budget=True),)),)
    first, other = team.desks[0], team.desks[1]
    admitted = first.taken("alice", rules, 100)
    other.taken("alice", rules, 850)
    assert not first.book.extend(admitted, exactly(60, 0), MIDNIGHT)
    first.catch_up()
    assert not first.book.extend(admitted, exactly(60, 0), MIDNIGHT)


def test_what_an_exchange_has_not_used_of_a_budget_is_at_once_the_others(team: Team) -> None:
    first, other = team.desks[0], team.desks[1]
    first.settle(first.taken("alice", BUDGET, 900), 10)
    other.taken("alice", BUDGET, 990)


def test_a_place_that_another_worker_frees_is_found_by_who_waits(team: Team) -> None:
    first, second, _ = team.desks
    running = [first.taken("alice", PLACES) for _ in range(2)]
    pending = second.ask("alice", PLACES)
    assert isinstance(pending, Pending)
    called: list[str] = []
    pending.resume = lambda: called.append("called")
    team.sweep(0.5)
    assert called == []
    first.settle(running[0], now=0.6)
    team.sweep(1.0)
    team.sweep(1.5)
    assert called == ["called"]
    pending.asks()
    second.taken("alice", PLACES, now=1.5)
    pending.passed()
    assert isinstance(first.ask("alice", PLACES, now=1.6), Pending)


@pytest.mark.parametrize("asked", [False, True], ids=["before it looked", "while it looked"])
def test_who_waits_for_a_place_gets_it_though_the_connection_was_lost_meanwhile(team: Team, asked: bool) -> None:
    first, second, _ = team.desks
    running = [first.taken("alice", PLACES) for _ in range(2)]
    pending = second.ask("alice", PLACES)
    assert isinstance(pending, Pending)
    called: list[str] = []
    pending.resume = lambda: called.append("called")
    if asked:
        first.settle(running[0], now=0.1)
        second.now = 0.5
        second.shared.sweep(0.5, MIDNIGHT + 0.5)  # what it takes is taken, and nobody hears of it
    second.cut()
    assert called == []
    if not asked:
        first.settle(running[0], now=0.6)
    second.reconnect()
    for now in (1.0, 1.5, 2.0):
        team.sweep(now)
    assert called == ["called"]
    pending.asks()
    second.taken("alice", PLACES, now=2.0)
    pending.passed()
    assert isinstance(first.ask("alice", PLACES, now=2.1), Pending)  # both are taken, and neither twice
    first.settle(running[1], now=2.2)
    team.sweep(2.5)
    first.taken("alice", PLACES, now=2.6)


TOKENS = (LimitRule("t", tokens=Rate(1000, 86_400.0)),)


def level(team: Team) -> float:
    """What is left of the rate of tokens, in the store and in leases."""
    tanks = [desk.shared._holding("alice", TOKENS[0]).tokens for desk in team.desks]
    assert tanks[0] is not None
    kept = valkey().client().hget(team.prefix + tanks[0].key, "l")
    return (1000.0 if kept is None else float(kept)) + sum(tank.held for tank in tanks if tank is not None)


@pytest.mark.parametrize("said", [True, False])
@pytest.mark.parametrize("used", [700, 100, 10])
def test_what_a_rate_is_told_counts_once_though_its_answer_was_lost(team: Team, said: bool, used: int) -> None:
    desk = team.desks[0]
    admitted = desk.taken("alice", TOKENS, 100)
    desk.book.settle(admitted, exactly(used, 0), 0.0)
    desk.shared.give_back()
    desk.cut(said=said)
    desk.reconnect()
    assert level(team) == 1000 - used
    desk.cut(said=said)
    desk.reconnect()
    assert level(team) == 1000 - used


def test_what_a_rate_is_told_counts_though_the_store_was_emptied_meanwhile(team: Team) -> None:
    desk = team.desks[0]
    admitted = desk.taken("alice", TOKENS, 100)
    client = valkey().client()
    client.delete(*client.keys(team.prefix + b"*"))
    desk.settle(admitted, 700)
    assert level(team) == 420  # a full bucket, less what was used on top and not covered by the lease of twenty


def test_an_exchange_that_waits_for_the_store_is_called_when_the_connection_is_lost(team: Team) -> None:
    desk = team.desks[0]
    pending = desk.book.admit("alice", BUDGET, exactly(100, 0), 0.0, MIDNIGHT)
    assert isinstance(pending, Pending)
    called: list[str] = []
    pending.resume = lambda: called.append("called")
    desk.cut()
    assert called == ["called"]
    refused = desk.book.admit("alice", BUDGET, exactly(100, 0), 0.0, MIDNIGHT)
    assert isinstance(refused, Limited)
    assert refused.away
    desk.reconnect()
    desk.taken("alice", BUDGET, 1000)  # what the lost answer had taken has come back


def forget_the_first_worker(team: Team) -> None:
    """It gives no sign of life any more."""
    client = valkey().client()
    for key in client.keys(team.prefix + b"alive*w0*"):
        client.delete(key)


def test_what_a_worker_that_is_gone_held_is_free_when_it_gives_no_sign_of_life(team: Team) -> None:
    first, second, _ = team.desks
    first.taken("alice", QUOTA, 900)
    assert isinstance(second.admit("alice", QUOTA, 900), Limited)
    forget_the_first_worker(team)
    second.taken("alice", QUOTA, 900, now=1.0)


def test_what_a_worker_that_is_gone_had_reserved_of_a_budget_counts_as_used(team: Team) -> None:
    first, second, third = team.desks
    first.taken("alice", BUDGET, 500)
    first.settle(first.taken("alice", BUDGET, 100), 50)
    forget_the_first_worker(team)
    for desk in (second, third):
        assert isinstance(desk.admit("alice", BUDGET, 451, now=1.0), Limited)
    third.taken("alice", BUDGET, 450, now=2.0)


def test_an_orderly_end_gives_everything_back(team: Team) -> None:
    first, second, _ = team.desks
    first.settle(first.taken("alice", QUOTA, 900), 100)
    first.shared.give_back()
    first.catch_up()
    second.taken("alice", QUOTA, 880)


def test_nothing_is_kept_of_principals_who_are_not_seen_any_more(team: Team) -> None:
    desk = team.desks[0]
    for number in range(50):
        desk.settle(desk.taken(f"p{number}", HUNDREDS))
    assert len(desk.shared) == 50
    for now in (2.0, 3.0):
        team.sweep(now)
    assert len(desk.shared) == 0


def test_nobody_asks_in_vain_where_something_is_held_of_what_is_overdrawn(team: Team) -> None:
    desk = team.desks[0]
    rules = (LimitRule("t", tokens=Rate(1000, 1000.0)),)
    first, second = desk.taken("alice", rules, 400), desk.taken("alice", rules, 400)
    desk.settle(first, 2000)  # a debt
    desk.settle(second, 100)  # and something that comes back
    refused = desk.admit("alice", rules, 10, now=5.0)
    assert isinstance(refused, Limited)
    spent = (LimitRule("s", quotas=(Quota("money", 100, "day", "EUR", budget=True),)),)
    desk.settle(desk.taken("alice", spent, money=100), money=100)
    assert isinstance(desk.admit("alice", spent, money=0, now=5.0), Limited)


ACTS = st.lists(
    st.tuples(
        st.integers(0, 2), st.sampled_from(["take", "settle", "sweep"]), st.integers(0, 300), st.integers(0, 400)
    ),
    max_size=25,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(ACTS)
def test_whatever_three_workers_do_what_they_reserve_fits_and_the_store_adds_up(
    acts: list[tuple[int, str, int, int]],
) -> None:
    team = Team(3)
    open_now: list[tuple[SharedDesk, Admitted]] = []
    used, now = 0, 0.0
    try:
        for worker, act, reserved, real in acts:
            now += 0.3
            desk = team.desks[worker]
            if act == "take":
                answer = desk.admit("alice", BUDGET, reserved, now=now)
                if isinstance(answer, Admitted):
                    assert used + sum(admitted.tokens for _, admitted in open_now) + reserved <= 1000
                    open_now.append((desk, answer))
            elif act == "settle" and open_now:
                owner, admitted = open_now.pop(0)
                owner.settle(admitted, min(real, admitted.tokens), now=now)
                used += min(real, admitted.tokens)
            else:
                team.sweep(now)
        team.sweep(now + 2.0)
        assert valkey_sum(team, BUDGET) == used + sum(admitted.tokens for _, admitted in open_now)
    finally:
        team.close()


def test_a_store_with_users_lets_in_who_has_the_password_and_a_refusal_quotes_nothing() -> None:
    valkey().client().execute_command("ACL", "SETUSER", "gate", "on", ">canary-of-the-store", "~*", "+@all")
    for password, whys in (("canary-of-the-store", []), ("another", ["it answered with WRONGPASS"])):
        place = Place("127.0.0.1", valkey().port, worker="w0", timeout=2.0, user="gate", password=Secret(password))
        desk = SharedDesk(place)
        assert desk.whys == whys
        assert desk.courier.away == bool(whys)
        desk.close()
