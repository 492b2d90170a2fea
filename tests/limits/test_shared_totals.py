"""What the workers tell the store of shares, totals of their own: by whom, when and after what it is told."""

from collections.abc import Iterator

import pytest
from desks import MIDNIGHT, valkey
from test_shared import BUDGET, QUOTA, Team, valkey_sum

from guardhouse.limits.book import Limited
from guardhouse.limits.quota import Quota
from guardhouse.limits.rate import Concurrency, LimitRule
from guardhouse.limits.shared.journeys import Phrases


@pytest.fixture
def team() -> Iterator[Team]:
    team = Team(3)
    yield team
    team.close()


def test_what_ends_late_and_has_reserved_nothing_does_not_tell_that_nothing_is_used(team: Team) -> None:
    first, other, _ = team.desks
    free = first.taken("alice", BUDGET, 0)
    for now in (1.5, 3.0):
        team.sweep(now)
    first.taken("alice", BUDGET, 900, now=3.1)
    first.settle(free, 0, now=3.2)
    assert isinstance(other.admit("alice", BUDGET, 200, now=3.3), Limited)


def test_what_was_under_way_when_a_policy_changed_is_settled_once_and_hides_nothing(team: Team) -> None:
    first, other, _ = team.desks
    larger = (LimitRule("b", quotas=(Quota("tokens", 1100, "day", budget=True),), concurrent=Concurrency(3)),)
    before = (LimitRule("b", quotas=BUDGET[0].quotas, concurrent=Concurrency(2)),)
    early = first.taken("alice", before, 100)
    late = first.taken("alice", larger, 800)
    first.settle(early, 50)
    assert isinstance(other.admit("alice", larger, 300), Limited)
    assert valkey_sum(team, larger) == 850
    first.settle(late, 800)
    running = [other.taken("alice", larger, 1) for _ in range(3)]
    assert isinstance(first.admit("alice", larger, 1), Limited)
    for admitted in running:
        other.settle(admitted, 1)
    assert valkey_sum(team, larger) == 853


def test_a_changed_policy_goes_on_with_what_was_used(team: Team) -> None:
    desk = team.desks[0]
    desk.settle(desk.taken("alice", QUOTA, 800), 800)
    smaller = (LimitRule("q", quotas=(Quota("tokens", 900, "day"),)),)
    assert isinstance(desk.admit("alice", smaller, 200), Limited)
    desk.taken("alice", smaller, 90)


def test_what_an_older_connection_still_says_does_nothing(team: Team) -> None:
    """The store may read it late, as when it has hung."""
    first, other, _ = team.desks
    courier, share = first.courier, first.shared._holding("alice", BUDGET[0]).share(0, MIDNIGHT)
    phrases = Phrases(courier._place, courier._epoch, MIDNIGHT, courier._connection)
    said = phrases.settle([share], 1)  # that it holds nothing
    first.taken("alice", BUDGET, 900)
    assert courier._wire is not None
    courier._wire._end("it hangs")
    courier.open()
    first.catch_up()
    valkey().client().execute_command(*said)
    assert isinstance(other.admit("alice", BUDGET, 200), Limited)


def test_a_store_that_was_emptied_is_told_again_and_budgets_wait_until_all_have(team: Team) -> None:
    first, second, _ = team.desks
    first.settle(first.taken("alice", BUDGET, 600), 600)
    second.settle(second.taken("alice", BUDGET, 300), 300)
    client = valkey().client()
    client.delete(*client.keys(team.prefix + b"*"))
    refused = first.admit("alice", BUDGET, 300, now=0.1)  # it knows of its own 600 only
    assert isinstance(refused, Limited)
    assert refused.away
    assert first.told == ["limits_store.emptied"]
    team.sweep(1.5)
    assert isinstance(first.admit("alice", BUDGET, 200, now=5.5), Limited)
    first.taken("alice", BUDGET, 100, now=5.6)


def test_budgets_of_an_emptied_store_wait_for_a_worker_that_has_just_begun_its_longest_pause(team: Team) -> None:
    first, second, _ = team.desks
    second.settle(second.taken("alice", BUDGET, 900), 900)
    second.cut()
    client = valkey().client()
    client.delete(*client.keys(team.prefix + b"*"))
    for now in (0.1, 1.0, 2.0, 3.2):  # two seconds of pause, and one for the connection
        refused = first.admit("alice", BUDGET, 200, now=now)
        assert isinstance(refused, Limited)
        assert refused.away
    second.now = 3.2
    second.reconnect()
    assert isinstance(first.admit("alice", BUDGET, 200, now=5.5), Limited)
    first.taken("alice", BUDGET, 100, now=5.6)
