"""When a model server is left alone, and when it is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.path.breaker import CLOSED, HALF_OPEN, OPEN, REFUSED, Breaker
from guardhouse.policy.resilience import Breaking

WHO = "alice"
RULES = Breaking(failures=3, pause=1.0, longest=4.0)


def ask(breaker: Breaker, now: float, *, failed: bool) -> bool:
    """One exchange that is let in and ends at once."""
    ticket = breaker.enter(now, WHO)
    assert ticket != REFUSED
    return breaker.leave(ticket, now, WHO, failed=failed)


def broken(now: float = 0.0) -> Breaker:
    breaker = Breaker(RULES)
    changes = [ask(breaker, now, failed=True) for _ in range(3)]
    assert changes == [False, False, True]
    return breaker


def test_failures_in_a_row_open_it_and_a_success_between_them_does_not() -> None:
    breaker = Breaker(RULES)
    for failed in (True, True, False, True, True):
        assert not ask(breaker, 0.0, failed=failed)
    assert breaker.state == CLOSED
    assert ask(breaker, 0.0, failed=True)
    assert (breaker.state, breaker.trips) == (OPEN, 1)


def test_a_share_of_failures_opens_it_even_if_they_never_follow_each_other() -> None:
    breaker = Breaker(Breaking(failures=100, share=50))
    for number in range(19):
        ask(breaker, 0.1 * number, failed=number % 2 == 1)
    assert breaker.state == CLOSED
    assert ask(breaker, 2.0, failed=True)
    assert breaker.state == OPEN


def test_a_share_counts_within_ten_seconds_only() -> None:
    breaker = Breaker(Breaking(failures=100, share=50))
    for number in range(100):
        ask(breaker, 1.0 * number, failed=number % 2 == 1)
    assert breaker.state == CLOSED


def test_one_is_let_in_on_trial_when_the_pause_is_over_and_nobody_else() -> None:
    breaker = broken()
    assert breaker.enter(0.9, WHO) == REFUSED
    assert not breaker.admits(0.9, WHO)
    assert breaker.wait(0.4) == pytest.approx(0.6)
    assert breaker.admits(1.0, WHO)
    trial = breaker.enter(1.0, WHO)
    assert breaker.state == HALF_OPEN
    assert breaker.enter(1.0, WHO) == REFUSED
    assert breaker.leave(trial, 1.5, WHO, failed=False)
    assert breaker.state == CLOSED


def test_a_trial_that_fails_doubles_the_pause_up_to_the_longest_and_a_good_one_resets_it() -> None:
    breaker, now = broken(), 1.0
    for pause in (2.0, 4.0, 4.0):
        assert breaker.leave(breaker.enter(now, WHO), now, WHO, failed=True)
        assert breaker.wait(now) == pytest.approx(pause)
        now += pause
    ask(breaker, now, failed=False)
    for _ in range(3):
        ask(breaker, now, failed=True)
    assert breaker.wait(now) == pytest.approx(1.0)


def test_a_trial_of_which_nobody_can_say_how_it_went_lets_the_next_one_try_at_once() -> None:
    breaker = broken()
    assert breaker.give_up(breaker.enter(1.0, WHO), 1.0)
    assert breaker.state == OPEN
    assert breaker.enter(1.0, WHO) != REFUSED


def test_a_trial_that_is_never_heard_of_again_does_not_shut_a_server_out_for_good() -> None:
    breaker = broken()
    lost = breaker.enter(1.0, WHO)
    assert not breaker.admits(600.0, WHO)
    assert breaker.enter(600.0, WHO) == REFUSED
    second = breaker.enter(601.0, WHO)
    assert second != REFUSED
    assert not breaker.leave(lost, 602.0, WHO, failed=True)
    assert breaker.leave(second, 602.0, WHO, failed=False)


def test_what_began_before_it_broke_neither_mends_nor_breaks_it() -> None:
    breaker = Breaker(RULES)
    early = [breaker.enter(0.0, WHO) for _ in range(3)]
    for _ in range(3):
        ask(breaker, 0.0, failed=True)
    assert not breaker.leave(early[0], 0.5, WHO, failed=False)
    assert breaker.state == OPEN
    trial = breaker.enter(1.0, WHO)
    assert not breaker.leave(early[1], 1.0, WHO, failed=False)
    assert not breaker.leave(early[2], 1.0, WHO, failed=True)
    assert not breaker.give_up(early[2], 1.0)
    assert breaker.state == HALF_OPEN
    assert breaker.leave(trial, 1.0, WHO, failed=False)


def test_what_shows_otherwise_that_it_is_back_ends_the_pause() -> None:
    breaker = broken()
    breaker.hasten(0.2)
    assert breaker.enter(0.2, WHO) != REFUSED


def test_who_was_answered_counts_for_a_minute_at_least_and_not_for_good() -> None:
    breaker = Breaker(Breaking(failures=5))
    for name in ("alice", "bob", "carol"):
        breaker.leave(breaker.enter(0.0, name), 0.0, name, failed=False)
    for now, state in ((59.0, CLOSED), (61.0, CLOSED), (119.0, CLOSED), (180.0, OPEN)):
        for name in ("mallory", "trudy") * 3:
            breaker.leave(breaker.enter(now, name), now, name, failed=True, doubtful=True)
        assert breaker.state == state


EVENTS = st.lists(st.tuples(st.sampled_from(["enter", "good", "bad", "nothing", "wait"]), st.floats(0, 3)), max_size=80)


@given(EVENTS)
def test_whatever_happens_one_is_on_trial_at_most_and_it_is_never_shut_for_longer_than_the_longest(
    events: list[tuple[str, float]],
) -> None:
    breaker, now = Breaker(RULES), 0.0
    under_way: list[int] = []
    trials = 0
    for what, figure in events:
        if what == "wait":
            now += figure
        elif what == "enter":
            admits = breaker.admits(now, WHO)
            ticket = breaker.enter(now, WHO)
            assert (ticket != REFUSED) == admits
            if ticket != REFUSED:
                under_way.append(ticket)
                trials += breaker.state == HALF_OPEN
        elif under_way:
            ticket = under_way.pop(int(figure * 1000) % len(under_way))
            before = breaker.state
            changed = (
                breaker.give_up(ticket, now)
                if what == "nothing"
                else breaker.leave(ticket, now, WHO, failed=what == "bad")
            )
            assert changed == (breaker.state != before)
            trials -= changed and before == HALF_OPEN
        assert trials == (breaker.state == HALF_OPEN)
        assert breaker.wait(now) <= RULES.longest
        assert breaker.state != OPEN or breaker.admits(now + RULES.longest, WHO)
