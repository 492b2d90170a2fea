import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.book import NEVER
from guardhouse.limits.quota import Quota
from guardhouse.limits.rate import Queue, Rate
from guardhouse.limits.shared.leases import FRESH, Share, Tank

AMOUNTS = st.integers(0, 10**6)


def tank(amount: int = 100, window: float = 100.0, queue: Queue | None = None) -> Tank:
    return Tank(b"k", Rate(amount, window), queue)


def share(amount: int = 1000, *, budget: bool = False) -> Share:
    return Share(b"k", amount, 60.0, Quota("tokens", amount, "day", budget=budget), (0.0, 86400.0))


def test_a_fiftieth_is_taken_ahead_but_nothing_of_queues_budgets_and_places() -> None:
    assert (tank(1000).block, tank(49).block, share(1000).block) == (20, 0, 20)
    assert (tank(1000, queue=Queue()).block, share(1000, budget=True).block) == (0, 0)
    assert Share(b"k", 1000, 60.0, None, (0.0, NEVER)).block == 0


def test_only_fresh_knowledge_counts() -> None:
    lease = tank()
    assert not lease.fresh(0.0)
    lease.see(7.0, 10.0)
    assert lease.fresh(10.0 + FRESH / 2)
    assert not lease.fresh(10.0 + FRESH)
    lease.forget()
    assert not lease.fresh(10.0)


def test_what_is_left_of_a_rate_refills_but_never_beyond_it() -> None:
    lease = tank()
    lease.see(-50.0, 10.0)
    assert lease.wait(1, 10.0) == pytest.approx(51.0)
    assert lease.available(30.0) == -30.0
    assert lease.available(1e6) == 100.0
    assert lease.wait(101, 1e6) == NEVER
    assert lease.available(9.0) == -50.0


@given(st.integers(1, 1000), AMOUNTS, AMOUNTS)
def test_a_settled_rate_gives_back_or_owes_exactly_the_difference(held: int, reserved: int, used: int) -> None:
    lease = tank(10**6)
    lease.held, lease.left = held, 0.0
    lease.settle(reserved - used, 0.0)
    assert lease.held + lease.owed == held + reserved - used
    assert lease.held >= 0
    assert lease.left == lease.owed <= 0
    assert lease.changed == (lease.owed != 0)


@given(st.integers(0, 1000), AMOUNTS, AMOUNTS)
def test_a_settled_share_says_what_was_used_and_holds_no_debt(held: int, reserved: int, used: int) -> None:
    lease = share(10**7)
    lease.held, lease.left = held + reserved, 500.0
    lease.reserve(reserved, 0.0)
    lease.settle(reserved, used, 0.0)
    assert (lease.spent, lease.reserved) == (used, 0)
    assert lease.held == max(0, held + reserved - used)
    assert lease.left - 500.0 == min(0, held + reserved - used)


def test_what_lies_idle_or_is_too_much_is_surplus() -> None:
    lease = share(1000)
    lease.held, lease.used_at = 40, 10.0
    assert not lease.surplus(11.0)
    assert lease.surplus(11.1)
    lease.held = 41
    assert lease.surplus(10.0)
    lease.give_back()
    assert (lease.held, lease.left, lease.changed) == (0, 1041.0, True)


def test_a_share_is_kept_until_what_was_spent_of_it_is_history() -> None:
    lease = share()
    assert lease.idle(0.0)
    lease.held = 10
    lease.reserve(10, 0.0)
    assert not lease.idle(0.0)
    lease.settle(10, 10, 0.0)
    lease.changed = False
    assert not lease.idle(86399.0)
    assert lease.idle(86400.0)


def test_the_next_block_is_fetched_when_half_of_it_is_gone() -> None:
    lease = tank(1000)
    lease.held = 10
    assert not lease.wants_more()
    lease.held = 9
    assert lease.wants_more()
    lease.filling = True
    assert not lease.wants_more()
    assert not tank(49).wants_more()
