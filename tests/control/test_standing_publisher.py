import errno
import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest

from guardhouse.audit.journal import Journal
from guardhouse.audit.segment import Disk
from guardhouse.control.standing_publisher import StandingPublisher, publish_standing
from guardhouse.control.standing_store import Act, StandingStore
from guardhouse.control.store import Store
from guardhouse.limits.rate import Rate
from guardhouse.policy.settings import SuspendRule
from guardhouse.policy.standing import Cap, Standing

NOW = 1_800_000_000.0


class FullDisk(Disk):
    def __init__(self) -> None:
        self.full = False

    def write(self, descriptor: int, content: Any) -> int:
        if self.full:
            raise OSError(errno.ENOSPC, "full")
        return os.write(descriptor, content)


class Desk:
    """The control process's side, and an operator's beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "standing.json"
        self.store, self.other = Store(folder / "store.sqlite"), Store(folder / "store.sqlite")
        self.acts = StandingStore(self.other.engine)
        self.turns: list[Callable[[], None]] = []
        self.disk = FullDisk()
        self.journal = Journal(folder / "journal", worker="control", schedule=self.turns.append, disk=self.disk)
        self.publisher = StandingPublisher(self.store, self.file, self.journal)

    def poll(self, now: float = NOW) -> Standing:
        self.publisher.poll(now)
        while self.turns:
            self.turns.pop(0)()
        return msgspec.json.decode(self.file.read_bytes(), type=Standing)

    def suspend(self, name: str = "alice", until: float | None = None) -> None:
        self.acts.enter(Act(kind="principal", name=name, at=NOW, by="root", because="a reason", until=until))

    @property
    def events(self) -> list[dict[str, Any]]:
        lines = (self.folder / "journal" / "00000001.jsonl").read_bytes().splitlines()
        return [record for record in map(json.loads, lines) if record["kind"] == "event"]

    def close(self) -> None:
        self.journal.close()
        self.store.close()
        self.other.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def test_what_an_operator_enters_is_published_and_recorded_once(desk: Desk) -> None:
    assert desk.poll() == Standing()
    desk.suspend(until=NOW + 60)
    desk.acts.enter(Act(kind="tier", name="free", at=NOW, by="root", cap=Rate(100, 60.0)))
    desk.acts.enter(Act(kind="model", name="small", at=NOW, by="root"))
    in_force = Standing(
        suspended={"alice": NOW + 60}, closed={"small": None}, capped={"free": Cap(Rate(100, 60.0), None)}
    )
    assert [desk.poll(), desk.poll(), desk.poll()] == [in_force] * 3
    told = [(event["name"], event["by"], event["severity"]) for event in desk.events]
    assert told == [(name, "root", "warning") for name in ("principal.suspended", "tier.capped", "model.closed")]
    assert desk.events[0]["principal"] == "alice"
    assert desk.events[0]["facts"] == {"until": NOW + 60, "because": "a reason"}
    assert desk.events[1]["facts"] == {"tier": "free", "requests": "100/min"}


def test_what_is_lifted_is_no_longer_published(desk: Desk) -> None:
    desk.suspend()
    assert desk.poll() == Standing(suspended={"alice": None})
    desk.acts.enter(Act(kind="principal", name="alice", at=NOW, by="eve", lifted=True))
    assert desk.poll() == Standing()
    assert [event["name"] for event in desk.events] == ["principal.suspended", "principal.unsuspended"]


def test_an_end_that_has_come_is_told_as_expiry(desk: Desk) -> None:
    desk.suspend(until=NOW + 60)
    assert desk.poll(NOW + 59).suspended
    assert desk.poll(NOW + 60) == Standing()
    assert desk.poll(NOW + 61) == Standing()
    assert [(event["name"], event["by"]) for event in desk.events] == [
        ("principal.suspended", "root"),
        ("principal.unsuspended", "expiry"),
    ]


def test_what_was_entered_while_no_gateway_ran_is_recorded_by_the_next(desk: Desk) -> None:
    desk.suspend()
    publish_standing(desk.store, desk.file, NOW)
    assert msgspec.json.decode(desk.file.read_bytes(), type=Standing) == Standing(suspended={"alice": None})
    assert desk.events == []
    desk.poll()
    assert [event["name"] for event in desk.events] == ["principal.suspended"]


def test_a_full_disk_delays_the_record_and_not_the_suspension(desk: Desk) -> None:
    desk.poll()
    desk.suspend()
    desk.disk.full = True
    assert desk.poll() == Standing(suspended={"alice": None})
    assert desk.events == []
    desk.disk.full = False
    desk.poll()
    desk.poll()
    assert [event["name"] for event in desk.events] == ["principal.suspended"]


def test_a_rule_suspends_and_never_shortens_a_suspension(desk: Desk) -> None:
    assert desk.publisher.suspend("alice", NOW + 60, by="rule:flood", because="", now=NOW)
    assert desk.poll() == Standing(suspended={"alice": NOW + 60})
    assert not desk.publisher.suspend("alice", NOW + 30, by="rule:flood", because="", now=NOW)
    assert desk.publisher.suspend("alice", NOW + 90, by="rule:flood", because="", now=NOW)
    assert desk.poll() == Standing(suspended={"alice": NOW + 90})
    desk.suspend()
    assert not desk.publisher.suspend("alice", NOW + 9000, by="rule:flood", because="", now=NOW)
    assert desk.poll() == Standing(suspended={"alice": None})


RULE = SuspendRule(name="flood", reasons=("request_rate_exceeded",), above=Rate(2, 60.0), lasting=600.0)


def test_a_rule_that_is_met_is_told_and_suspends_for_its_time(desk: Desk) -> None:
    desk.poll()
    desk.publisher.answer(RULE, "alice", 3, NOW - 1)
    assert desk.poll() == Standing(suspended={"alice": NOW + 599})
    told, suspended = desk.events
    assert (told["name"], told["principal"]) == ("principal.refused_often", "alice")
    assert told["facts"] == {"rule": "flood", "refusals": 3, "limit": "2/min"}
    assert (suspended["by"], suspended["facts"]["because"]) == ("rule:flood", "more than 2/min refusals")


def test_a_rule_without_a_time_and_one_that_comes_too_late_only_tell(desk: Desk) -> None:
    desk.poll()
    desk.publisher.answer(msgspec.structs.replace(RULE, lasting=None), "alice", 3, NOW)
    desk.publisher.answer(RULE, "bob", 3, NOW - 601)
    assert desk.poll() == Standing()
    assert [event["name"] for event in desk.events] == ["principal.refused_often"] * 2
