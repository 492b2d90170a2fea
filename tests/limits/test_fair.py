from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.fair import FairQueue, Place


def put(queue: FairQueue, owner: str, times: int = 1, rank: int = 0) -> list[Place | None]:
    return [queue.put(Place(owner, rank)) for _ in range(times)]


def owners(queue: FairQueue, times: int, ranks: list[int]) -> list[str]:
    return [place.owner for place in (queue.take(ranks) for _ in range(times)) if place is not None]


def test_one_owner_is_served_in_the_order_of_arrival() -> None:
    queue = FairQueue([1], 10)
    places = [Place("a", 0) for _ in range(4)]
    for place in places:
        queue.put(place)
    assert [queue.take([0]) for _ in range(5)] == [*places, None]


def test_who_floods_the_queue_waits_behind_itself() -> None:
    queue = FairQueue([1], 1000)
    put(queue, "flood", 500)
    put(queue, "quiet", 3)
    assert owners(queue, 6, [0]).count("quiet") == 3


def test_turns_are_given_by_weight() -> None:
    queue = FairQueue([3, 1], 1000)
    put(queue, "heavy", 100, rank=0)
    put(queue, "light", 100, rank=1)
    turns = Counter(owners(queue, 80, [0, 1]))
    assert 58 <= turns["heavy"] <= 62


def test_only_the_ranks_that_may_go_do() -> None:
    queue = FairQueue([1, 1], 10)
    put(queue, "low", 2, rank=1)
    assert queue.take([0]) is None
    assert owners(queue, 9, [1]) == ["low", "low"]


def test_a_full_queue_drops_the_last_of_who_has_the_most() -> None:
    queue = FairQueue([1], 4)
    put(queue, "flood", 4)
    (victim,) = put(queue, "quiet")
    assert victim is not None
    assert victim.owner == "flood"
    (victim,) = put(queue, "flood")
    assert victim is not None
    assert (victim.owner, victim.gone) == ("flood", True)
    assert Counter(owners(queue, 9, [0])) == {"flood": 3, "quiet": 1}


def test_a_full_queue_drops_the_lowest_rank_first() -> None:
    queue = FairQueue([1, 1, 1], 3)
    put(queue, "essential", 2, rank=0)
    put(queue, "background", 1, rank=2)
    assert [victim.owner for victim in put(queue, "standard", rank=1) if victim] == ["background"]
    assert [victim.owner for victim in put(queue, "background", rank=2) if victim] == ["background"]
    assert [victim.owner for victim in put(queue, "essential", rank=0) if victim] == ["standard"]


def test_what_is_removed_is_not_served() -> None:
    queue = FairQueue([1], 10)
    places = [Place("a", 0) for _ in range(3)]
    for place in places:
        queue.put(place)
    queue.remove(places[0])
    queue.remove(places[0])
    assert len(queue) == 2
    assert queue.take([0]) is places[1]


def test_owners_that_have_gone_are_forgotten() -> None:
    queue = FairQueue([1], 10)
    put(queue, "stays", 1)
    for number in range(2000):
        place = Place(f"caller-{number}", 0)
        queue.put(place)
        queue.take([0]) if number % 2 else queue.remove(place)
        put(queue, "stays", 1 if not len(queue) else 0)
    assert len(queue._owners[0]) < 300
    assert repr(queue).startswith("<FairQueue of ")


steps = st.lists(
    st.tuples(st.sampled_from(["put", "take", "remove"]), st.integers(0, 4), st.integers(0, 2)), max_size=120
)


@given(steps)
def test_nothing_is_lost_and_nothing_is_served_twice(steps: list[tuple[str, int, int]]) -> None:
    queue, waiting, served = FairQueue([4, 2, 1], 8), list[Place](), list[Place]()
    for what, number, rank in steps:
        if what == "put":
            place = Place(f"o{number}", rank)
            victim = queue.put(place)
            waiting.append(place)
            if victim is not None:
                waiting.remove(victim)
        elif what == "take":
            taken = queue.take([rank])
            if taken is not None:
                assert taken not in served
                served.append(taken)
                waiting.remove(taken)
        elif waiting:
            queue.remove(waiting.pop(number % len(waiting)))
        assert len(queue) == len(waiting) <= 8
    rest = [queue.take([0, 1, 2]) for _ in range(len(waiting))]
    assert {id(place) for place in rest} == {id(place) for place in waiting}
    assert queue.take([0, 1, 2]) is None


@given(st.lists(st.integers(1, 60), min_size=2, max_size=5))
def test_owners_of_one_weight_who_keep_the_queue_busy_get_the_same(backlogs: list[int]) -> None:
    """Whatever the others put in: as long as two of them have something waiting, neither gets two turns more."""
    queue = FairQueue([1], 10_000)
    for number, backlog in enumerate(backlogs):
        put(queue, f"o{number}", backlog)
    turns: Counter[str] = Counter()
    for _ in range(min(backlogs) * len(backlogs)):
        place = queue.take([0])
        assert place is not None
        turns[place.owner] += 1
        busy = [turns[f"o{number}"] for number, backlog in enumerate(backlogs) if turns[f"o{number}"] < backlog]
        assert not busy or max(busy) - min(busy) <= 1


def test_who_comes_and_leaves_again_leaves_nothing_behind() -> None:
    queue = FairQueue([1], 128)
    put(queue, "steady")
    for _ in range(5000):
        place = Place("flood", 0)
        queue.put(place)
        queue.remove(place)
    assert len(queue._heaps[0]) < 200
    for _ in range(5000):
        first, second = Place("flood", 0), Place("flood", 0)
        queue.put(first)
        queue.put(second)
        queue.remove(first)
        put(queue, "steady")
        queue.remove(second)
        queue.take([0])
    assert len(queue._heaps[0]) < 300
    assert sum(len(owner.things) for owner in queue._owners[0].values()) < 300


def test_things_in_the_middle_that_are_gone_are_forgotten_as_well() -> None:
    queue = FairQueue([1], 128)
    put(queue, "flood")
    before = Place("flood", 0)
    queue.put(before)
    for _ in range(5000):
        place = Place("flood", 0)
        queue.put(place)
        queue.remove(before)
        before = place
    assert len(queue) == 2
    assert sum(len(owner.things) for owner in queue._owners[0].values()) < 200


def test_what_was_turned_away_is_not_held_against_its_owner() -> None:
    queue = FairQueue([1], 3)
    put(queue, "unlucky", 2)
    put(queue, "steady")
    for _ in range(1000):
        (victim,) = put(queue, "unlucky")
        assert victim is not None
        assert victim.owner == "unlucky"
    served: list[str] = []
    for owner in ("unlucky", *["steady"] * 7):
        served += owners(queue, 1, [0])
        put(queue, owner)
    assert served.count("unlucky") == 3
