from math import ceil, isinf

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.bucket import Bucket
from guardhouse.limits.rate import Rate

WINDOWS = [1.0, 60.0, 3600.0, 86400.0]
rates = st.builds(Rate, st.integers(1, 5_000), st.sampled_from(WINDOWS))
steps = st.lists(st.tuples(st.integers(1, 400), st.floats(-5, 90, allow_nan=False)), max_size=60)
START = 1_700_000_000.0


def test_a_new_bucket_gives_its_capacity_at_once_and_no_more() -> None:
    bucket = Bucket(Rate(60, 60.0), 0.0)
    assert [bucket.try_take(1, 0.0) for _ in range(60)] == [0.0] * 60
    assert bucket.try_take(1, 0.0) == 1.0
    assert bucket.remaining(0.0) == 0


def test_a_refusal_takes_nothing() -> None:
    bucket = Bucket(Rate(10, 10.0), 0.0)
    assert bucket.try_take(8, 0.0) == 0.0
    assert bucket.try_take(5, 0.0) == 3.0
    assert bucket.remaining(0.0) == 2


def test_what_is_larger_than_the_bucket_never_fits() -> None:
    assert isinf(Bucket(Rate(10, 10.0), 0.0).try_take(11, 0.0))


def test_it_refills_with_time_and_not_beyond_its_capacity() -> None:
    bucket = Bucket(Rate(10, 10.0), 0.0)
    bucket.try_take(10, 0.0)
    assert bucket.remaining(4.0) == 4
    assert bucket.reset_after(4.0) == 6.0
    assert bucket.remaining(1000.0) == 10
    assert bucket.reset_after(1000.0) == 0.0


def test_a_clock_set_back_neither_refills_nor_empties() -> None:
    bucket = Bucket(Rate(10, 10.0), 100.0)
    bucket.try_take(10, 100.0)
    assert bucket.remaining(40.0) == 0
    assert bucket.remaining(100.0) == 0
    assert bucket.remaining(101.0) == 1


def test_settling_more_than_was_there_makes_a_debt_that_is_paid_by_waiting() -> None:
    bucket = Bucket(Rate(10, 10.0), 0.0)
    bucket.try_take(10, 0.0)
    bucket.settle(-5, 0.0)
    assert bucket.remaining(0.0) == 0
    assert bucket.try_take(1, 0.0) == 6.0
    assert bucket.remaining(5.0) == 0
    assert bucket.try_take(1, 6.0) == 0.0


def test_a_smaller_rate_keeps_what_was_used_but_makes_no_debt_by_itself() -> None:
    bucket = Bucket(Rate(60, 60.0), 0.0)
    bucket.try_take(30, 0.0)
    assert bucket.resized(Rate(40, 60.0), 0.0).remaining(0.0) == 10
    assert bucket.resized(Rate(20, 60.0), 0.0).level == 0.0
    assert bucket.resized(Rate(90, 60.0), 0.0).remaining(0.0) == 60


def test_a_debt_survives_a_change_of_rate() -> None:
    bucket = Bucket(Rate(10, 10.0), 0.0)
    bucket.try_take(10, 0.0)
    bucket.settle(-7, 0.0)
    assert bucket.resized(Rate(5, 10.0), 0.0).level == -7.0
    assert bucket.resized(Rate(1000, 10.0), 0.0).level == 983.0


def test_its_repr_shows_how_full_it_is() -> None:
    assert repr(Bucket(Rate(10, 10.0), 0.0)) == "<Bucket 10 of 10>"


@given(rates, steps)
def test_never_more_than_capacity_and_refill_is_taken(rate: Rate, steps: list[tuple[int, float]]) -> None:
    bucket = Bucket(rate, START)
    now = latest = START
    taken = 0
    for amount, elapsed in steps:
        now += elapsed
        latest = max(latest, now)
        if bucket.try_take(amount, now) == 0.0:
            taken += amount
        assert taken <= rate.amount + (latest - START) * rate.amount / rate.window + 1e-2


@given(rates, steps, st.lists(st.integers(-400, 400), max_size=60))
def test_settling_mints_nothing(rate: Rate, steps: list[tuple[int, float]], deltas: list[int]) -> None:
    """What is taken, less what was given back, stays within capacity and refill; and the level within the capacity."""
    bucket = Bucket(rate, START)
    now = latest = START
    used = 0
    for (amount, elapsed), delta in zip(steps, deltas, strict=False):
        now += elapsed
        latest = max(latest, now)
        if bucket.try_take(amount, now) == 0.0:
            bucket.settle(min(delta, amount), now)
            used += amount - max(0, min(delta, amount))
        assert bucket.level <= rate.amount
        assert used <= rate.amount + (latest - START) * rate.amount / rate.window + 1e-2


@given(rates, st.integers(1, 5_000), st.integers(0, 5_000))
def test_waiting_as_long_as_told_is_enough(rate: Rate, first: int, second: int) -> None:
    bucket = Bucket(rate, START)
    bucket.try_take(min(first, rate.amount), START)
    wait = bucket.try_take(min(second, rate.amount), START)
    assert bucket.try_take(min(second, rate.amount), START + wait) == 0.0 or wait == 0.0


@given(rates, st.integers(0, 5_000), st.integers(0, 600))
def test_remaining_is_what_can_be_taken(rate: Rate, used: int, elapsed: int) -> None:
    bucket = Bucket(rate, START)
    bucket.try_take(min(used, rate.amount), START)
    now = START + elapsed
    left = bucket.remaining(now)
    assert bucket.wait_for(left, now) == 0.0
    assert bucket.wait_for(left + 1, now) > 0.0
    assert bucket.remaining(now + ceil(bucket.reset_after(now))) == rate.amount
