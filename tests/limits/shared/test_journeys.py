import pytest

from guardhouse.limits.book import Pending
from guardhouse.limits.rate import LimitRule, Queue, Rate
from guardhouse.limits.shared.holding import Holding
from guardhouse.limits.shared.journeys import Ask, Phrases, Place, missing, note_settled, note_taken, unsaid
from guardhouse.limits.shared.leases import Lease, Share, Tank
from guardhouse.model.secret import Secret

PLACE = Place("127.0.0.1", 6379, worker="w0", password=Secret("canary"))
PHRASES = Phrases(PLACE, b"e1", None, 7)


def tank(held: int = 0) -> Tank:
    tank = Tank(b"k", Rate(100, 60.0), None)
    tank.held = held
    return tank


def waiting(lease: Lease, need: int, calls: list[int]) -> Ask:
    pending = Pending(1.0)
    pending.resume = lambda: calls.append(need)
    return Ask([(lease, need)], [], pending)


def test_each_asks_for_what_is_missing_after_those_before_it() -> None:
    lease, calls = tank(held=5), []  # type: tuple[Tank, list[int]]
    asks = [waiting(lease, need, calls) for need in (3, 4, 2)]
    assert missing(asks, 0.0) == asks[1:]
    assert [ask.sent for ask in asks] == [[], [(lease, 2)], [(lease, 2)]]
    assert calls == [3]


def test_what_is_held_but_overdrawn_travels_for_the_news() -> None:
    lease = tank(held=5)
    lease.see(-20.0, 0.0)
    ask = waiting(lease, 3, [])
    assert missing([ask], 0.0) == [ask]
    assert ask.sent == [(lease, 0)]


def test_who_has_left_does_not_travel() -> None:
    ask = waiting(tank(), 1, [])
    assert ask.pending is not None
    ask.pending.resume = None
    assert missing([ask], 0.0) == []


def test_where_there_is_a_queue_the_store_is_asked_even_if_nothing_is_missing() -> None:
    holding = Holding(LimitRule("p", Rate(1, 1.0), queue=Queue()), b"k")
    assert holding.requests is not None
    holding.requests.held = 1
    ask = waiting(holding.requests, 1, [])
    ask.holdings = [holding]
    assert missing([ask], 0.0) == [ask]
    note_taken([1, b"2.5"], ask, 10.0)
    assert list(holding.turns) == [12.5]
    assert missing([ask], 0.0) == []


def test_a_lease_that_changed_twice_is_told_once() -> None:
    lease = tank()
    lease.owe(3)
    lease.owe(-1)
    assert unsaid([lease, lease]) == [lease]
    assert unsaid([lease]) == []


def test_the_phrases_name_the_epoch_the_worker_and_each_key_under_the_prefix() -> None:
    lease = tank()
    lease.owe(-7)
    said = PHRASES.settle([lease], 3)
    assert said[0] == "EVALSHA"
    assert list(said[2:5]) == [2, b"guardhouse\0epoch", b"guardhouse\0k"]
    assert said[5] == b"e1"
    assert list(said[-5:]) == ["t", 100, "60.0", -7, 0]
    assert lease.owed == 0
    assert "canary" not in repr(said)


def test_what_is_granted_is_held_and_what_is_left_is_known() -> None:
    lease = tank()
    ask = waiting(lease, 3, [])
    missing([ask], 0.0)
    assert note_taken([1, b"0", b"5", b"42.5", 0], ask, 10.0)
    assert (lease.held, lease.left, lease.fresh(10.0)) == (5, 42.5, True)
    lease.owe(-2)  # while the next journey is under way
    assert note_settled([1, b"40"], [lease], 11.0)
    assert lease.left == 38.0


def test_a_store_that_has_lost_its_epoch_changes_nothing() -> None:
    lease = tank()
    ask = waiting(lease, 3, [])
    missing([ask], 0.0)
    assert not note_taken([b"epoch"], ask, 10.0)
    assert not note_settled([b"epoch"], [lease], 10.0)
    assert (lease.held, lease.known) == (0, False)


@pytest.mark.parametrize("reply", [[], [1], [1, b"x"], [1, b"0", b"1"], [1, b"0", b"1", None, 0], b"OK", None, 7])
def test_a_reply_of_another_shape_is_an_error_of_a_kind_that_the_wire_expects(reply: object) -> None:
    ask = waiting(tank(), 3, [])
    missing([ask], 0.0)
    with pytest.raises((TypeError, ValueError, IndexError)):
        note_taken(reply, ask, 10.0)  # type: ignore[arg-type]  # what a store may send


def test_a_share_is_told_as_a_total() -> None:
    lease = Share(b"s", 50, 60.0, None, (0.0, 1.0))
    lease.spent, lease.reserved, lease.held = 4, 3, 2
    assert list(PHRASES.settle([lease], 3)[-5:]) == ["s", 50, "60.0", 4, 5]
