import asyncio

from guardhouse.limits.capacity import ONE_TIER, Capacity, Tier
from guardhouse.limits.rate import Rate
from guardhouse.path.intakes import Intakes


def test_a_target_keeps_its_intake_until_its_capacity_changes() -> None:
    intakes = Intakes(asyncio.new_event_loop())
    first = intakes.of("a", Capacity(concurrent=2), ONE_TIER)
    assert intakes.of("a", Capacity(concurrent=2), (Tier(name=""),)) is first
    assert intakes.of("a", Capacity(concurrent=3), ONE_TIER) is not first
    assert intakes.of("b", Capacity(concurrent=2), ONE_TIER) is not first
    intakes._loop.close()


def test_two_snapshots_that_take_turns_each_keep_their_intake() -> None:
    """As those of a canary and of what is active do, for as long as it takes."""
    intakes = Intakes(asyncio.new_event_loop())
    old, new = Capacity(concurrent=1), Capacity(concurrent=2)
    inside = sum(intakes.of("a", old if n % 2 else new, ONE_TIER).enter("x", 0, 0.0).inside for n in range(50))
    assert inside == 3
    assert intakes.depths()["a"][::2] == (3, 47)
    intakes._loop.close()


def test_an_intake_that_nobody_is_in_goes_when_another_comes() -> None:
    intakes = Intakes(asyncio.new_event_loop())
    for concurrent in range(1, 50):
        intakes.of("a", Capacity(concurrent=concurrent), ONE_TIER)
    assert len(intakes._by_target["a"]) == 1
    intakes._loop.close()


def test_a_rate_lets_the_next_one_go_by_a_timer() -> None:
    async def scene() -> None:
        loop = asyncio.get_running_loop()
        intakes = Intakes(loop)
        intake = intakes.of("a", Capacity(concurrent=9, rate=Rate(1000, 1.0)), ONE_TIER)
        slots = [intake.enter("x", 0, loop.time()) for _ in range(5)]
        called = asyncio.Event()
        slots[-1].called = called.set
        intakes.pump(intake, loop.time())
        intakes.pump(intake, loop.time())
        assert intakes.depths() == {"a": (1, 9, 4)}
        async with asyncio.timeout(10):
            await called.wait()
        assert intakes.depths() == {"a": (5, 9, 0)}

    asyncio.run(scene())


def test_being_full_is_news_once_in_a_while() -> None:
    intakes = Intakes(asyncio.new_event_loop())
    assert [intakes.is_news("a", now) for now in (0.0, 1.0, 59.0, 118.0, 180.0)] == [True, False, False, False, True]
    assert intakes.is_news("b", 1.0)
    intakes._loop.close()
