import heapq
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.capacity import ONE_TIER, Adaptive, Capacity, Crew, Tier, Waiters, rank_of
from guardhouse.limits.intake import Intake, Slot
from guardhouse.limits.rate import Rate

TIERS = (Tier(name="essential", weight=4, reserve=0.25), Tier(name="standard"), Tier(name="background"))


def test_as_many_go_in_as_there_are_places_and_the_others_wait() -> None:
    intake = Intake(Capacity(concurrent=2), ONE_TIER)
    slots = [intake.enter("a", 0, 0.0) for _ in range(3)]
    assert [slot.inside for slot in slots] == [True, True, False]
    assert repr(intake) == "<Intake 2 of 2.0 in use, 1 waiting>"
    intake.leave(slots[0], 1.0, 0.1, failed=False)
    assert intake.pump(1.0) is None
    assert slots[2].inside
    assert slots[2].since == 1.0


def test_who_waits_is_called_when_its_turn_has_come() -> None:
    intake = Intake(Capacity(concurrent=1), ONE_TIER)
    first, second = intake.enter("a", 0, 0.0), intake.enter("b", 0, 0.0)
    called: list[str] = []
    second.called = lambda: called.append("second")
    intake.leave(first, 0.0, 0.0, failed=False)
    intake.leave(first, 0.0, 0.0, failed=False)
    intake.pump(0.0)
    assert called == ["second"]
    assert intake.in_use == 1


def test_who_comes_while_others_wait_does_not_go_past_them() -> None:
    intake = Intake(Capacity(concurrent=1), ONE_TIER)
    first, second = intake.enter("a", 0, 0.0), intake.enter("b", 0, 0.0)
    intake.leave(first, 0.0, 0.0, failed=False)
    assert not intake.enter("c", 0, 0.0).inside
    intake.pump(0.0)
    assert second.inside


def test_who_leaves_the_queue_takes_no_place() -> None:
    intake = Intake(Capacity(concurrent=1), ONE_TIER)
    first, second, third = (intake.enter(owner, 0, 0.0) for owner in "abc")
    intake.leave(second, 0.0, 0.0, failed=False)
    intake.leave(first, 0.0, 0.0, failed=False)
    intake.pump(0.0)
    assert (second.inside, third.inside, intake.waiting) == (False, True, 0)


def test_whoever_is_dropped_from_a_full_queue_is_told() -> None:
    intake = Intake(Capacity(concurrent=1, queue=Waiters(depth=2, wait=1.0)), ONE_TIER)
    intake.enter("flood", 0, 0.0)
    waiting = [intake.enter("flood", 0, 0.0) for _ in range(2)]
    called: list[str] = []
    waiting[1].called = lambda: called.append("dropped")
    quiet = intake.enter("quiet", 0, 0.0)
    assert called == ["dropped"]
    assert (waiting[1].left, waiting[1].inside, quiet.left) == (True, False, False)
    assert intake.enter("flood", 0, 0.0).left


def test_a_rate_lets_them_go_evenly_and_says_when() -> None:
    intake = Intake(Capacity(concurrent=99, rate=Rate(4, 1.0)), ONE_TIER)
    slots = [intake.enter("a", 0, 10.0) for _ in range(4)]
    assert [slot.inside for slot in slots] == [True, False, False, False]
    assert intake.pump(10.0) == pytest.approx(0.25)
    assert intake.pump(10.25) == pytest.approx(0.25)
    assert intake.pump(10.5) == pytest.approx(0.25)
    assert intake.pump(10.75) is None
    assert [slot.since for slot in slots] == [10.0, 10.25, 10.5, 10.75]
    assert not intake.has_room(0, 10.9)
    assert intake.has_room(0, 11.0)


def test_a_reserve_is_kept_for_its_tier_under_overload() -> None:
    intake = Intake(Capacity(concurrent=8), TIERS)
    ordinary = [intake.enter(f"s{number}", 1, 0.0) for number in range(20)]
    assert sum(slot.inside for slot in ordinary) == 6
    essential = [intake.enter("e", 0, 0.0) for _ in range(3)]
    assert [slot.inside for slot in essential] == [True, True, False]
    intake.leave(ordinary[0], 0.0, 0.1, failed=False)
    intake.pump(0.0)
    assert essential[2].inside  # its weight puts it before those who came first


def test_an_adversary_gets_no_more_than_its_share() -> None:
    """A hundred requests at a time against one now and then: the quiet caller never waits for more than two ends."""
    intake = Intake(Capacity(concurrent=4, queue=Waiters(depth=64, wait=9.0)), ONE_TIER)
    flood = [intake.enter("flood", 0, 0.0) for _ in range(500)]
    for _ in range(50):
        quiet = intake.enter("quiet", 0, 0.0)
        ends = 0
        while not quiet.inside:
            assert not quiet.left
            flood = [slot for slot in flood if not slot.left]
            intake.leave(next(slot for slot in flood if slot.inside), 0.0, 0.1, failed=False)
            flood.append(intake.enter("flood", 0, 0.0))
            intake.pump(0.0)
            ends += 1
        assert ends <= 2
        intake.leave(quiet, 0.0, 0.1, failed=False)
        intake.pump(0.0)


def test_a_tier_that_is_not_listed_is_among_the_last() -> None:
    assert [rank_of(TIERS, name) for name in ("essential", "background", "nobody", "")] == [0, 2, 2, 2]


def test_slow_answers_and_failures_lower_the_limit_once_per_latency() -> None:
    intake = Intake(Capacity(concurrent=10, adaptive=Adaptive(latency=2.0, floor=3)), ONE_TIER)
    slots = [intake.enter("a", 0, 0.0) for _ in range(10)]
    for slot in slots[:4]:
        intake.leave(slot, 5.0, 4.0, failed=False)
    assert intake.limit == pytest.approx(8.0)
    intake.leave(slots[4], 7.0, 0.0, failed=True)
    assert intake.limit == pytest.approx(6.4)
    for number, slot in enumerate(slots[5:]):
        intake.leave(slot, 10.0 * (number + 1), 9.0, failed=False)
    assert intake.limit == 3.0


def test_a_limit_that_is_not_used_up_does_not_rise() -> None:
    intake = Intake(Capacity(concurrent=10, adaptive=Adaptive(latency=2.0)), ONE_TIER)
    intake.limit = 5.0
    intake.leave(intake.enter("a", 0, 0.0), 1.0, 0.5, failed=False)
    assert intake.limit == 5.0
    slots = [intake.enter("a", 0, 0.0) for _ in range(5)]
    intake.leave(slots[0], 1.0, 0.5, failed=False)
    assert intake.limit == pytest.approx(5.2)


def simulated(capacity: int, good: float, adaptive: Adaptive, seconds: float) -> list[float]:
    """The limits at each end of an exchange, of a server that is `capacity` wide: beyond that everybody is slower."""
    intake, now, limits = Intake(Capacity(concurrent=64, adaptive=adaptive), ONE_TIER), 0.0, []
    running: list[tuple[float, int, Slot]] = []
    number = 0
    while now < seconds:
        while intake.has_room(0, now):
            slot = intake.enter("a", 0, now)
            number += 1
            heapq.heappush(running, (now + good * max(1.0, intake.in_use / capacity), number, slot))
        now, _, slot = heapq.heappop(running)
        intake.leave(slot, now, now - slot.since, failed=False)
        limits.append(intake.limit)
    return limits


@pytest.mark.parametrize("capacity", [4, 16, 40])
def test_the_limit_finds_what_a_server_can_take(capacity: int) -> None:
    """Answers of a good second may take two, so twice the width is where it becomes too slow."""
    limits = simulated(capacity, 1.0, Adaptive(latency=2.0, floor=2), 600.0)
    settled = limits[len(limits) // 2 :]
    assert capacity <= sum(settled) / len(settled) <= 2.2 * capacity
    assert min(limits) >= 2


moves = st.lists(
    st.tuples(st.sampled_from(["enter", "leave"]), st.integers(0, 3), st.integers(0, 2), st.floats(0, 2)), max_size=100
)


@given(moves, st.sampled_from([None, Rate(5, 1.0)]))
def test_no_place_is_lost_or_given_twice(moves: list[tuple[str, int, int, float]], rate: Rate | None) -> None:
    intake = Intake(Capacity(concurrent=4, rate=rate, queue=Waiters(depth=5, wait=1.0)), TIERS)
    now, alive = 0.0, list[Slot]()
    for what, number, rank, elapsed in moves:
        now += elapsed
        if what == "enter":
            alive.append(intake.enter(f"o{number}", rank, now))
        elif alive:
            intake.leave(alive.pop(number % len(alive)), now, 0.1, failed=False)
        intake.pump(now)
        alive = [slot for slot in alive if not slot.left]
        assert sum(slot.inside for slot in alive) == intake.in_use <= 4
        assert sum(not slot.inside for slot in alive) == intake.waiting <= 5
    for slot in alive:
        intake.leave(slot, now, 0.1, failed=False)
    assert (intake.in_use, intake.waiting) == (0, 0)


@given(
    st.integers(1, 8),
    st.integers(8, 80),
    st.lists(st.floats(0.01, 0.3), min_size=1, max_size=3),
    st.one_of(st.none(), st.integers(1, 9)),
)
def test_what_all_workers_give_a_server_is_what_its_capacity_says(
    workers: int, concurrent: int, reserves: list[float], pace: int | None
) -> None:
    tiers = (*[Tier(name=f"t{number}", reserve=share) for number, share in enumerate(reserves)], Tier(name="rest"))
    capacity = Capacity(concurrent=concurrent, queue=Waiters(depth=concurrent, wait=1.0))
    crew = [Intake(capacity, tiers, Crew(worker, workers)) for worker in range(workers)]
    rest = [sum(intake.enter("x", len(reserves), 0.0).inside for _ in range(concurrent)) for intake in crew]
    assert min(rest) >= 1  # nobody is shut out by where its connection leads
    free = concurrent - sum(int(share * concurrent) for share in reserves)
    assert free <= sum(rest) <= free + sum(intake.capacity.concurrent <= 2 for intake in crew) * 2
    if concurrent >= 10 * workers:
        assert sum(rest) == free
    for rank in range(len(reserves)):
        for intake in crew:
            for _ in range(concurrent):
                intake.enter(f"r{rank}", rank, 0.0)
    assert sum(intake.in_use for intake in crew) == concurrent
    assert all(intake.fits(capacity, tiers) for intake in crew)
    if pace is not None:
        paced = [Intake(Capacity(concurrent=99, rate=Rate(pace, 1.0)), tiers, Crew(n, workers)) for n in range(workers)]
        gone = 0
        for tick in range(workers * 1000 + 1):
            now = tick / 100
            gone += sum(intake.enter("x", 0, now).inside for intake in paced if intake.has_room(0, now))
        assert gone <= pace * workers * 10 + workers


def test_all_who_wait_are_dismissed_in_their_order_and_who_is_inside_stays() -> None:
    intake = Intake(Capacity(concurrent=1, queue=Waiters(depth=8)), ONE_TIER)
    inside = intake.enter("a", 0, 0.0)
    waiting = [intake.enter(owner, 0, 1.0) for owner in ("a", "a", "b")]
    told: list[int] = []
    for number, slot in enumerate(waiting):
        slot.called = partial(told.append, number)
    intake.dismiss()
    assert told == [0, 2, 1]
    assert all(slot.left and slot.dismissed and not slot.inside for slot in waiting)
    assert (inside.inside, intake.in_use, intake.waiting) == (True, 1, 0)
    for slot in waiting:
        intake.leave(slot, 2.0, 0.0, failed=True)
    assert (intake.in_use, intake.waiting) == (1, 0)
