"""How often people may try to sign in: per address, in all, and at a time; bounded, told and counted."""

from contextlib import ExitStack

import pytest

from guardhouse.audit.record import Event
from guardhouse.control import trails
from guardhouse.control.signin_pace import MOST_AT_ONCE, SigninPace
from guardhouse.control.trails import TOLD_EVERY
from guardhouse.limits.rate import Rate
from guardhouse.policy.settings import Signins

NOW = 1_800_000_000.0


class Door:
    def __init__(self, attempts: int, in_all: int) -> None:
        self.now = NOW
        self.events: list[Event] = []
        signins = Signins(attempts=Rate(attempts, 60.0), attempts_in_all=Rate(in_all, 60.0))
        self.pace = SigninPace(signins, self.events.append, lambda: self.now)

    def admits(self, client: str) -> bool:
        return self.pace.admit(client, self.now) == 0.0

    @property
    def counts(self) -> dict[str, float]:
        [metric] = self.pace.collect()
        return {sample.labels["outcome"]: sample.value for sample in metric.samples}


def test_an_address_has_its_share_which_comes_back_with_time() -> None:
    door = Door(3, 100)
    assert [door.admits("192.0.2.1") for _ in range(4)] == [True] * 3 + [False]
    assert door.admits("192.0.2.2")
    assert door.pace.admit("192.0.2.1", NOW) == pytest.approx(20.0)
    door.now += 20
    assert door.admits("192.0.2.1")
    assert door.counts == {"admitted": 5, "address": 2, "all": 0, "at_once": 0}


def test_one_machine_s_worth_of_ipv6_is_one_address() -> None:
    door = Door(2, 100)
    assert [door.admits(f"2001:db8::{number}") for number in range(1, 4)] == [True, True, False]


def test_all_addresses_together_have_a_share_as_well() -> None:
    door = Door(3, 5)
    assert sum(door.admits(f"192.0.2.{number}") for number in range(50)) == 5
    assert door.counts["all"] == 45
    [event] = door.events
    assert (event.name, event.client, event.facts) == ("admin.signins_paced", "", {"of": "all"})


def test_few_are_judged_at_a_time_and_whoever_is_done_makes_room() -> None:
    door = Door(100, 100)
    with ExitStack() as under_way:
        for _ in range(MOST_AT_ONCE - 1):
            assert under_way.enter_context(door.pace.judging(NOW)) == 0.0
        with door.pace.judging(NOW), door.pace.judging(NOW) as wait:
            assert wait > 0.0
        with door.pace.judging(NOW) as wait:
            assert wait == 0.0
    with door.pace.judging(NOW) as wait:
        assert wait == 0.0
    assert door.counts["at_once"] == 1


def test_a_flood_is_told_once_a_minute() -> None:
    door = Door(1, 1000)
    for _ in range(200):
        door.admits("192.0.2.1")
    assert [event.client for event in door.events] == ["192.0.2.1"]
    door.now += TOLD_EVERY / 2
    door.admits("192.0.2.1")
    door.now += TOLD_EVERY / 2
    for _ in range(2):
        door.admits("192.0.2.1")
    assert len(door.events) == 2


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trails, "MOST", 8)
    door = Door(1, 10_000)
    for number in range(200):
        door.admits(f"192.0.2.{number}")
        assert len(door.pace) <= 8
