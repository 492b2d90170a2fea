from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.counter import Counter, Hold
from guardhouse.limits.quota import Quota

DAY = Quota("tokens", 100, "day")


def test_a_clock_set_back_reopens_no_window() -> None:
    counter = Counter(DAY, 86400.0)
    Hold(counter, 100).settle(100)
    assert counter.left(0.0) == 0
    assert counter.left(86400.0 * 2) == 100


def test_it_is_idle_when_nothing_is_used_or_reserved() -> None:
    counter = Counter(DAY, 0.0)
    assert counter.idle(0.0)
    hold = Hold(counter, 1)
    assert not counter.idle(0.0)
    hold.settle(0)
    assert counter.idle(0.0)


def test_a_changed_amount_keeps_the_use_and_a_changed_window_does_not() -> None:
    counter = Counter(DAY, 0.0)
    Hold(counter, 30).settle(30)
    counter.follow(Quota("tokens", 50, "day"), 0.0)
    assert counter.left(0.0) == 20
    counter.follow(Quota("tokens", 50, "week"), 0.0)
    assert counter.left(0.0) == 50


def test_its_repr_shows_how_much_is_gone() -> None:
    counter = Counter(DAY, 0.0)
    Hold(counter, 30)
    assert repr(counter) == "<Counter 0 used and 30 reserved of 100 tokens/day>"


steps = st.lists(
    st.tuples(st.sampled_from(["take", "more", "end"]), st.integers(0, 120), st.floats(0, 20_000)), max_size=60
)


@given(steps)
def test_what_is_used_and_reserved_of_a_window_never_exceeds_it(steps: list[tuple[str, int, float]]) -> None:
    """However takes, extensions, ends and windows follow each other, while nobody uses more than was reserved."""
    counter, at = Counter(DAY, 0.0), 0.0
    under_way: list[tuple[Hold, list[int]]] = []
    for what, amount, elapsed in steps:
        at += elapsed
        if what == "take" and counter.left(at) >= amount:
            under_way.append((Hold(counter, amount), [amount]))
        elif under_way and what == "more":
            hold, total = under_way[amount % len(under_way)]
            if hold.extend(amount, at):
                total[0] += amount
        elif under_way and what == "end":
            hold, total = under_way.pop(amount % len(under_way))
            hold.settle(min(amount, total[0]))
        assert 0 <= counter.used + counter.reserved <= 100
        assert counter.reserved >= 0
    for hold, _ in under_way:
        hold.settle(0)
    assert counter.reserved == 0
