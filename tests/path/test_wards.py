"""Whom a failing model server is kept from: all when it has failed, one when only that one's requests have."""

from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.path.breaker import CLOSED, HALF_OPEN, OPEN, REFUSED
from guardhouse.path.by_caller import MOST, ByCaller
from guardhouse.path.wards import SURE, Ward, Wards
from guardhouse.policy.resilience import Breaking

RULES = Breaking(failures=3, pause=1.0, longest=4.0)
LATE = "upstream_first_byte_timeout"
BROKEN = "upstream_closed_early"
GONE = "upstream_unreachable"
BAD = "mallory"


def a_ward(rules: Breaking = RULES) -> Ward:
    return Ward("local", rules, Wards())


def ask(ward: Ward, now: float, caller: str, why: str = "") -> bool:
    """Whether one exchange, which ends at once, was let in."""
    ticket = ward.enter(now, caller)
    if ticket == REFUSED:
        return False
    ward.leave(ticket, now, caller, why)
    return True


def news(ward: Ward) -> list[tuple[str, str]]:
    return [(event.name, event.principal) for event in ward._wards.take_news(0.0)]


def test_failures_before_anything_was_sent_are_nobodys_doing() -> None:
    assert GONE in SURE
    assert LATE not in SURE
    ward = a_ward()
    for _ in range(3):
        assert ask(ward, 0.0, "alice", GONE)
    assert ward.breaker.state == OPEN
    assert not ask(ward, 0.0, "bob")
    assert news(ward) == [("target.broken", "")]


@pytest.mark.parametrize("why", [LATE, BROKEN, "status_503"])
def test_whoever_alone_had_failures_alone_is_kept_away(why: str) -> None:
    ward = a_ward()
    for _ in range(3):
        assert ask(ward, 0.0, BAD, why)
    assert not ask(ward, 0.0, BAD)
    assert ask(ward, 0.0, "bob")
    assert (ward.breaker.state, ward.callers.kept_away) == (CLOSED, 1)
    assert news(ward) == [("target.broken", BAD)]
    assert ask(ward, 1.0, BAD)
    assert ward.callers.kept_away == 0
    assert news(ward) == [("target.mended", BAD)]


def test_a_dead_server_is_asked_by_its_only_caller_no_more_than_the_pauses_allow() -> None:
    ward, let_in = a_ward(), []
    for tick in range(400):
        if ask(ward, tick / 10, "alice", LATE):
            let_in.append(tick / 10)
    assert let_in[:7] == [0.0, 0.1, 0.2, 1.2, 3.2, 7.2, 11.2]
    assert ward.wait(39.9, "alice") > 0.0


def test_a_second_caller_with_a_failure_shows_that_it_is_the_server() -> None:
    ward = a_ward()
    for _ in range(3):
        ask(ward, 0.0, BAD, LATE)
    assert ask(ward, 0.0, "bob", LATE)
    assert ward.breaker.state == OPEN
    assert not ask(ward, 0.0, "carol")


@pytest.mark.parametrize("rules", [Breaking(failures=5), Breaking(failures=1000, share=50)], ids=["row", "share"])
def test_two_callers_do_not_take_a_server_away_from_several_whom_it_answers(rules: Breaking) -> None:
    ward = a_ward(rules)
    for number in range(3):
        ask(ward, 0.0, f"good {number}")
    for number in range(100):
        ask(ward, 10.0 + number / 100, ("mallory", "trudy")[number % 2], LATE)
    assert ward.breaker.state == CLOSED
    assert all(ask(ward, 12.0, f"good {number}") for number in range(3))
    assert {principal for _, principal in news(ward)} <= {"mallory", "trudy"}


def test_a_server_that_fails_for_many_is_left_alone_when_as_many_callers_as_failures_have_found_out() -> None:
    ward = a_ward(Breaking(failures=5))
    for number in range(100):
        ask(ward, 0.0, f"caller {number}")
    for number in range(5):
        assert ward.breaker.state == CLOSED
        ask(ward, 1.0, f"caller {number}", LATE)
    assert ward.breaker.state == OPEN


def test_one_failure_of_connecting_among_those_of_a_caller_shows_it_too() -> None:
    ward = a_ward()
    for why in (LATE, LATE, GONE):
        assert ask(ward, 0.0, BAD, why)
    assert ward.breaker.state == OPEN


def test_a_flood_of_one_callers_failures_is_no_share_of_the_exchanges() -> None:
    rules = Breaking(failures=1000, share=50)
    ward = a_ward(rules)
    tickets = [ward.enter(0.0, BAD) for _ in range(200)]
    for ticket in tickets:
        ward.leave(ticket, 1.0, BAD, LATE)
        assert ask(ward, 1.0, "bob")
    assert ward.breaker.state == CLOSED
    assert ward.callers.kept_away == 1


def test_a_share_of_failures_under_many_callers_opens_it_for_all() -> None:
    ward = a_ward(Breaking(failures=1000, share=50))
    for number in range(40):
        ask(ward, 0.1 * number, f"caller {number}", LATE if number % 5 < 3 else "")
    assert ward.breaker.state == OPEN


def broken(ward: Ward) -> None:
    for _ in range(3):
        ask(ward, 0.0, "alice", GONE)
    assert ward.breaker.state == OPEN


def test_a_trial_that_lasts_keeps_nobody_else_from_theirs_for_longer_than_the_pause() -> None:
    ward = a_ward()
    broken(ward)
    endless = ward.enter(1.0, BAD)
    assert ward.breaker.state == HALF_OPEN
    assert not ward.admits(1.9, "bob")
    assert not ward.admits(2.0, BAD)
    slow = ward.enter(2.0, "bob")
    assert slow != REFUSED
    ward.leave(endless, 2.5, BAD, LATE)
    assert ward.breaker.state == HALF_OPEN
    ward.leave(slow, 9.0, "bob", "")
    assert ward.breaker.state == CLOSED


def test_who_takes_a_trial_and_leaves_again_and_again_undoes_nobody_elses() -> None:
    ward = a_ward()
    broken(ward)
    slow = ward.enter(1.0, "bob")
    for tick in range(2, 9):
        ticket = ward.enter(float(tick), BAD)
        assert ticket != REFUSED
        ward.give_up(ticket, float(tick), BAD)
    ward.leave(slow, 9.0, "bob", "")
    assert ward.breaker.state == CLOSED


def test_a_trial_that_fails_under_one_caller_leaves_the_next_to_another_without_a_longer_pause() -> None:
    ward = a_ward()
    broken(ward)
    assert ask(ward, 1.0, BAD, LATE)
    assert ward.breaker.state == OPEN
    assert not ask(ward, 2.0, BAD, LATE)
    assert ask(ward, 2.0, "bob")
    assert ward.breaker.state == CLOSED


def test_trials_that_fail_under_several_callers_double_the_pause() -> None:
    ward = a_ward()
    broken(ward)
    assert ask(ward, 1.0, "alice", LATE)
    assert ward.wait(1.0, "dave") == pytest.approx(1.0)
    assert ask(ward, 2.0, "bob", LATE)
    assert ward.wait(2.0, "dave") == pytest.approx(2.0)
    assert ask(ward, 4.0, "carol", LATE)
    assert ward.wait(4.0, "dave") == pytest.approx(4.0)


def test_the_first_part_of_an_answer_mends_once_and_its_end_says_nothing_more() -> None:
    ward = a_ward()
    broken(ward)
    trial = ward.enter(1.0, "alice")
    assert ward.tries(trial, "alice")
    ward.judge(trial, 1.5, "alice", "")
    assert ward.breaker.state == CLOSED
    ward.leave(trial, 9.0, "alice", BROKEN)
    assert (ward.pending, ward.breaker.state) == (0, CLOSED)


def test_callers_of_whom_there_is_nothing_left_to_say_are_forgotten() -> None:
    wards = Wards()
    ward = Ward("local", RULES, wards)
    for number in range(MOST + 5):
        ask(ward, 0.0, f"caller {number}", LATE if number % 2 else "")
    assert len(ward.callers) <= MOST
    for _ in range(3):
        ask(ward, 0.0, BAD, LATE)
    ward.callers.sweep(70.0)
    assert (len(ward.callers), ward.callers.kept_away) == (0, 0)


def test_no_more_callers_are_told_apart_than_there_is_room_for() -> None:
    callers = ByCaller(RULES)
    for number in range(MOST + 50):
        callers.leave(0, 0.0, str(number), failed=True, on_trial=False)
    assert len(callers) == MOST


STEPS = st.lists(
    st.tuples(st.sampled_from(["bad enters", "bad fails", "bad leaves", "good", "wait"]), st.floats(0, 3)), max_size=120
)


@given(STEPS, st.sampled_from([1, 3, 1000]), st.sampled_from([LATE, BROKEN, "status_503"]))
def test_whatever_one_caller_does_a_server_that_answers_others_is_never_kept_from_them(
    steps: list[tuple[str, float]], failures: int, why: str
) -> None:
    ward = a_ward(Breaking(failures=failures, share=10, pause=1.0, longest=4.0))
    now = 0.0
    under_way: list[int] = []
    names: Iterator[str] = (f"caller {number}" for number in range(1000))
    for what, figure in steps:
        if what == "wait":
            now += figure
        elif what == "good":
            assert ask(ward, now, next(names))
        elif what == "bad enters":
            ticket = ward.enter(now, BAD)
            if ticket != REFUSED:
                under_way.append(ticket)
        elif under_way:
            ticket = under_way.pop(int(figure * 1000) % len(under_way))
            if what == "bad fails":
                ward.leave(ticket, now, BAD, why)
            else:
                ward.give_up(ticket, now, BAD)
    assert ward.pending == len(under_way)
    assert ward.breaker.trips == 0


@given(STEPS)
def test_after_a_fault_the_next_who_asks_again_and_again_is_served_within_two_pauses(
    steps: list[tuple[str, float]],
) -> None:
    """One caller spoils every trial that it gets; another asks ten times a second and would be answered."""
    ward = a_ward()
    broken(ward)
    now = 0.0
    under_way: list[int] = []
    for what, figure in steps:
        if what == "wait":
            now += min(figure, 0.1)
        elif what == "bad enters":
            ticket = ward.enter(now, BAD)
            if ticket != REFUSED:
                under_way.append(ticket)
        elif what == "bad fails" and under_way:
            ward.leave(under_way.pop(), now, BAD, LATE)
        elif what == "bad leaves" and under_way:
            ward.give_up(under_way.pop(), now, BAD)
    deadline = now + 2 * RULES.pause + 0.2
    while not ask(ward, now, "bob"):
        now += 0.1
        spoiled = ward.enter(now, BAD)
        if spoiled != REFUSED:
            ward.leave(spoiled, now, BAD, LATE)
        assert now <= deadline
    assert ward.breaker.state == CLOSED


RUNS = st.lists(st.tuples(st.integers(0, 7), st.integers(1, 6), st.sampled_from([0.0, 0.0, 4.0, 30.0])), max_size=60)


@given(st.integers(0, 5), RUNS, st.sampled_from([2, 5, 1000]), st.sampled_from([10, 50]))
def test_callers_whose_requests_fail_take_no_server_away_from_as_many_whom_it_answers(
    crowd: int, runs: list[tuple[int, int, float]], failures: int, share: int
) -> None:
    """The requests of callers 0 to 2 fail, and those of the others are answered."""
    ward = a_ward(Breaking(failures=failures, share=share, pause=1.0, longest=4.0))
    now, answered, bad = 0.0, dict[int, float](), set[int]()
    for number, times, wait in [*((3 + number, 1, 0.0) for number in range(crowd)), *runs]:
        now += wait
        for _ in range(times):
            ask(ward, now, f"caller {number}", LATE if number < 3 else "")
        if number < 3:
            bad.add(number)
        else:
            answered[number] = now
        if ward.breaker.trips:
            assert len(bad) >= 2
            assert len(bad) >= failures or len(bad) > sum(now - at <= 60.0 for at in answered.values())
            return


@given(st.integers(2, 12), st.integers(1, 12), st.integers(0, 3))
def test_a_server_that_fails_for_all_its_callers_is_left_alone_after_one_round_of_them_at_most(
    callers: int, failures: int, rounds: int
) -> None:
    ward = a_ward(Breaking(failures=failures))
    for number in range(rounds * callers):
        ask(ward, 0.0, f"caller {number % callers}")
    enough = max(failures, callers)
    for number in range(enough):
        ask(ward, 1.0, f"caller {number % callers}", LATE)
    assert ward.breaker.state == OPEN
