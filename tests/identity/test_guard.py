import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.identity import guard
from guardhouse.identity.guard import Burst, Guard, Patience, Setback, source_of

PATIENCE = Patience(failures=3, window=60.0, first=1.0, longest=8.0)
HERE = "192.0.2.7"


def fail(guarded: Guard, times: list[float], address: str = HERE, credential: str = "") -> list[float]:
    return [guarded.failed(address, credential, now).wait for now in times]


def test_a_few_failures_are_borne() -> None:
    guarded = Guard(PATIENCE)
    assert [guarded.failed(HERE, "", now) for now in (0.0, 1.0)] == [Setback(0.0), Setback(0.0)]


def test_after_a_burst_the_next_failure_has_to_wait() -> None:
    guarded = Guard(PATIENCE)
    assert all(wait <= 0 for wait in fail(guarded, [0.0, 0.0, 0.0]))
    assert fail(guarded, [0.25]) == [0.75]


def test_the_wait_doubles_with_each_failure_after_it_up_to_the_longest() -> None:
    guarded = Guard(PATIENCE)
    fail(guarded, [0.0, 0.0])
    now, waits = 0.0, []
    for _ in range(6):
        [burst] = guarded.failed(HERE, "", now).bursts
        waits.append(burst.seconds)
        now += burst.seconds
    assert waits == [1.0, 2.0, 4.0, 8.0, 8.0, 8.0]


def test_failures_while_waiting_neither_prolong_the_wait_nor_make_another_event() -> None:
    guarded = Guard(PATIENCE)
    fail(guarded, [0.0, 0.0, 0.0])
    setbacks = [guarded.failed(HERE, "", now) for now in (0.1, 0.5, 0.9)]
    assert [each.bursts for each in setbacks] == [(), (), ()]
    assert setbacks[-1].wait == pytest.approx(0.1)


def test_a_burst_tells_how_many_failures_it_took() -> None:
    guarded = Guard(PATIENCE)
    fail(guarded, [0.0, 0.0])
    assert guarded.failed(HERE, "", 0.0).bursts == (Burst("address", HERE, 3, 1.0),)


def test_quiet_for_a_window_and_everything_is_forgotten() -> None:
    guarded = Guard(PATIENCE)
    fail(guarded, [0.0, 0.0, 0.0])
    assert guarded.failed(HERE, "", 61.5).bursts == ()
    assert all(wait <= 0 for wait in fail(guarded, [61.6]))


def test_failures_far_apart_never_make_a_burst() -> None:
    guarded = Guard(PATIENCE)
    assert all(guarded.failed(HERE, "", at * 61.0).bursts == () for at in range(50))


def test_addresses_do_not_answer_for_each_other() -> None:
    guarded = Guard(PATIENCE)
    fail(guarded, [0.0] * 4)
    assert guarded.failed("192.0.2.8", "", 0.1).wait == 0.0


def test_a_key_that_is_aimed_at_from_many_addresses_makes_a_burst_of_its_own() -> None:
    guarded = Guard(PATIENCE)
    setbacks = [guarded.failed(f"192.0.2.{number}", "aliceaaaaaaa", 0.0) for number in range(4)]
    assert [each.bursts for each in setbacks] == [(), (), (Burst("credential", "aliceaaaaaaa", 3, 1.0),), ()]
    assert setbacks[3].wait == 1.0


def test_whoever_does_not_fail_is_not_looked_at() -> None:
    guarded = Guard(PATIENCE)
    assert guarded.wait(HERE, 0.0) == 0.0
    fail(guarded, [0.0] * 3)
    assert guarded.wait(HERE, 0.5) == 0.5
    assert guarded.wait("192.0.2.8", 0.5) == 0.0
    assert guarded.wait(HERE, 2.0) <= 0.0


def test_a_clock_that_is_set_back_sends_nobody_away_for_that_long() -> None:
    guarded = Guard(PATIENCE)
    fail(guarded, [86_400.0] * 4)
    assert guarded.wait(HERE, 0.0) == 0.0
    assert guarded.failed(HERE, "", 0.0).wait == 0.0


@pytest.mark.parametrize(
    ("address", "source"),
    [
        ("192.0.2.7", "192.0.2.7"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::1", "2001:db8:1:2::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.7", "192.0.2.7"),
        ("local", "local"),
        ("a:b", "a:b"),
    ],
)
def test_an_address_counts_as_what_one_machine_can_fill(address: str, source: str) -> None:
    assert source_of(address) == source


def test_memory_is_bounded_and_the_oldest_goes_first(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(guard, "MOST", 4)
    guarded = Guard(PATIENCE)
    fail(guarded, [0.0] * 3, "192.0.2.1")
    for number in range(2, 5):
        fail(guarded, [0.0], f"192.0.2.{number}")
    fail(guarded, [0.1], "192.0.2.1")  # recent again
    fail(guarded, [0.1], "192.0.2.5")
    assert len(guarded) == 4
    assert guarded.wait("192.0.2.1", 0.2) > 0


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["", "k1", "k2"]), st.floats(0, 30)), max_size=60),
    st.integers(1, 5),
)
def test_whatever_the_order_waits_are_bounded_and_bursts_come_only_after_enough_failures(
    attempts: list[tuple[str, str, float]], failures: int
) -> None:
    guarded = Guard(Patience(failures=failures, window=20.0, first=1.0, longest=8.0))
    now, seen = 0.0, {"a": 0, "b": 0, "c": 0, "k1": 0, "k2": 0}
    for address, credential, pause in attempts:
        now += pause
        seen[address] += 1
        if credential:
            seen[credential] += 1
        setback = guarded.failed(address, credential, now)
        assert setback.wait <= 8.0
        for burst in setback.bursts:
            assert failures <= burst.failures <= seen[burst.subject]
            assert 1.0 <= burst.seconds <= 8.0
    assert len(guarded) <= 5
