"""Bytes are shared out fairly, counted exactly, and waited for without anybody holding up anybody else."""

from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.path.memory import Charge, Claim, Memory, Pool

LIMIT = 64 * 1024
ALL = LIMIT // 8 * 7  # without what is set aside


class Later:
    """What is scheduled, run when the test says so."""

    def __init__(self) -> None:
        self.due: list[Callable[[], None]] = []

    def __call__(self, callback: Callable[[], None]) -> None:
        self.due.append(callback)

    def run(self) -> None:
        while self.due:
            self.due.pop(0)()


def memory(limit: int = LIMIT) -> tuple[Memory, Later]:
    later = Later()
    return Memory("requests", limit, later), later


def is_empty(shared: Memory) -> bool:
    """To the byte, and no owner is remembered."""
    return (shared.held, shared._aside._by_owner, shared._pool._by_owner, shared._claims) == (0, {}, {}, {})


def test_one_owner_gets_half_and_leaves_the_others_as_much() -> None:
    shared, _ = memory(1600)
    assert shared.charge("hog", 701) is None
    charge = shared.charge("hog", 700)
    assert charge is not None
    assert repr(charge) == "<Charge of 700 bytes>"
    assert shared.charge("hog", 1) is None
    assert shared.charge("other", 350) is not None
    assert shared.charge("other", 1) is None
    assert repr(shared) == "<Memory for requests: 1050 of 1600 held, 0 waiting>"


@given(st.integers(1, 30), st.integers(1, 400))
def test_however_many_take_what_they_can_there_is_room_for_one_more(hogs: int, step: int) -> None:
    shared = Pool(100_000)
    taken = True
    while taken:  # in turns, as all of them would
        taken = sum(shared.take(f"hog{number}", step) for number in range(hogs)) > 0
    fair = 100_000 // (hogs + 1)
    for number in range(hogs):
        assert shared.of(f"hog{number}") > fair - 2 * step
    assert shared.limit - shared.held > fair - 2 * step
    assert shared.take("newcomer", (fair - 2 * step) // 2) or fair <= 2 * step


def test_a_charge_that_cannot_grow_keeps_what_it_has() -> None:
    shared, _ = memory(1600)
    charge = shared.charge("a", 100)
    assert charge is not None
    assert not charge.resize(701)
    assert (charge.size, shared.held) == (100, 100)
    assert charge.resize(20)
    assert (shared.held, shared.of("a")) == (20, 20)
    charge.give_back()
    charge.give_back()
    assert is_empty(shared)


def test_who_waits_is_called_when_all_of_it_is_free_at_once() -> None:
    shared, later = memory()
    first = shared.charge("a", ALL // 2)
    assert first is not None
    called: list[str] = []
    claim = shared.wait("a", 2000, 20_000, lambda: called.append("a"))
    assert claim is not None
    assert (shared.waiting, claim.size, shared.of("a")) == (1, 2000, ALL // 2 + 2000)
    first.resize(ALL // 2 - 10_000)
    later.run()
    assert called == []
    first.give_back()
    later.run()
    assert called == ["a"]
    assert (claim.size, shared.held, shared.waiting) == (20_000, 20_000, 0)
    claim.give_back()
    assert is_empty(shared)
    assert not later.due


def test_owners_take_turns_and_each_of_them_in_the_order_of_arrival() -> None:
    shared, later = memory()
    hog = shared.charge("hog", ALL // 2)
    assert hog is not None
    called: list[str] = []

    def told(name: str) -> Callable[[], None]:
        return lambda: called.append(name)

    for number in range(2):
        for owner in ("x", "y"):
            assert shared.wait(owner, 0, 9_000, told(f"{owner}{number}")) is not None
    hog.resize(ALL // 4)
    later.run()
    assert called == ["x0", "y0"]
    hog.give_back()
    later.run()
    assert called == ["x0", "y0", "x1", "y1"]
    assert shared.waiting == 0


def test_those_who_wait_hold_an_eighth_at_most_and_one_owner_half_of_that() -> None:
    shared, _ = memory()
    claims = 0
    while shared.wait("hog", 1024, 60_000, lambda: None) is not None:
        claims += 1
    assert claims == 4
    assert shared.wait("other", 1024, 60_000, lambda: None) is not None


def test_one_who_leaves_frees_its_place_and_is_not_called() -> None:
    shared, later = memory()
    hog = shared.charge("hog", ALL // 2)
    assert hog is not None
    called: list[str] = []
    first = shared.wait("hog", 0, 30_000, lambda: called.append("first"))
    second = shared.wait("hog", 0, 20_000, lambda: called.append("second"))
    assert first is not None
    assert second is not None
    first.give_back()
    hog.give_back()
    later.run()
    assert called == ["second"]
    shared.leave(second)
    second.give_back()
    assert is_empty(shared)


@given(
    st.lists(
        st.tuples(
            st.sampled_from(["take", "wait", "resize", "back", "run"]), st.integers(0, 3), st.integers(1, LIMIT // 3)
        ),
        max_size=80,
    )
)
def test_whatever_happens_the_sum_is_exact_and_returns_to_zero(steps: list[tuple[str, int, int]]) -> None:
    shared, later = memory()
    charges: list[Charge] = []
    for what, number, size in steps:
        owner = f"o{number}"
        if what == "take":
            charge = shared.charge(owner, size)
        elif what == "wait":
            charge = shared.wait(owner, size // 40, size, lambda: None)
        else:
            charge = None
            if what == "run":
                later.run()
            elif charges and what == "resize" and not isinstance(charges[number % len(charges)], Claim):
                charges[number % len(charges)].resize(size)
            elif charges and what == "back":
                charges.pop(number % len(charges)).give_back()
        if charge is not None:
            charges.append(charge)
        assert shared.held == sum(charge.size for charge in charges) <= LIMIT
        waiting = [charge for charge in charges if isinstance(charge, Claim) and charge.waits]
        assert shared.waiting == len(waiting)
        assert sum(charge.size for charge in waiting) <= LIMIT // 8
    for charge in charges:
        charge.give_back()
    later.run()
    assert is_empty(shared)


@given(st.lists(st.tuples(st.integers(0, 4), st.integers(1, LIMIT // 4)), min_size=1, max_size=60))
def test_whoever_may_wait_is_called_in_the_end(wanted: list[tuple[int, int]]) -> None:
    """Everybody who is called goes on and gives back; nothing else is needed for all to come through."""
    shared, later = memory()
    hog = shared.charge("o0", ALL // 2)
    assert hog is not None
    served: list[Claim] = []
    claims = [shared.wait(f"o{number}", size // 8, size, lambda: None) for number, size in wanted]
    waiting = [claim for claim in claims if claim is not None]
    hog.give_back()
    while waiting:
        later.run()
        through = [claim for claim in waiting if not claim.waits]
        assert through
        for claim in through:
            claim.give_back()
            waiting.remove(claim)
            served.append(claim)
    assert shared.held == 0


def test_the_first_refusal_of_a_while_is_news() -> None:
    shared, _ = memory()
    assert [shared.is_news(now) for now in (0.0, 1.0, 30.0, 91.0)] == [True, False, False, True]
