import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from audit.journaling import FaultyDisk
from guardhouse.audit.journal import Journal
from guardhouse.control.key_acts import KeyAct, KeyActs, KeyAnnouncer
from guardhouse.control.key_ring import KeyRing, Rotated
from guardhouse.control.store import Store
from guardhouse.identity.api_keys import KeyTerms
from guardhouse.model.secret import Secret

PEPPER = Secret("11" * 32)
NOW = 1_800_000_000.0
ALICE = KeyTerms(principal="alice")


class Desk:
    """A store, somebody at the command line, and a control process whose loop turns when told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.store = Store(folder / "store.sqlite")
        self.ring = KeyRing(self.store, PEPPER, "olga")
        self._due: list[Callable[[], None]] = []
        self.disk = FaultyDisk()
        self.journal = Journal(folder / "journal", worker="control", schedule=self._due.append, disk=self.disk)
        self.announcer = KeyAnnouncer(self.store, self.journal)

    def turn(self) -> None:
        self.announcer.poll(NOW)
        while self._due:
            self._due.pop()()

    def events(self) -> list[dict[str, Any]]:
        lines = b"".join(path.read_bytes() for path in (self.folder / "journal").glob("*.jsonl"))
        return [record for record in map(json.loads, lines.splitlines()) if record["kind"] == "event"]

    def close(self) -> None:
        self.journal.close()
        self.store.close()


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    desk = Desk(tmp_path)
    yield desk
    desk.close()


def test_what_is_done_to_a_key_becomes_an_event_with_who_did_it_once(desk: Desk) -> None:
    minted, _ = desk.ring.create(ALICE, NOW)
    rotated = desk.ring.rotate(minted.id, NOW + 1)
    assert isinstance(rotated, Rotated)
    desk.ring.revoke(rotated.minted.id, NOW + 2)
    for _ in range(3):
        desk.turn()
    assert [(each["name"], each["credential"], each["at"]) for each in desk.events()] == [
        ("key.created", minted.id, NOW),
        ("key.rotated", rotated.minted.id, NOW + 1),
        ("key.revoked", rotated.minted.id, NOW + 2),
    ]
    assert {(each["principal"], each["by"]) for each in desk.events()} == {("alice", "olga")}
    assert desk.events()[1]["facts"] == {"replaces": minted.id}


def test_what_changes_nothing_is_no_event(desk: Desk) -> None:
    minted, _ = desk.ring.create(ALICE, NOW)
    for _ in range(2):
        desk.ring.revoke(minted.id, NOW + 1)
    desk.ring.revoke("nosuchkey123", NOW)
    assert desk.ring.rotate(minted.id, NOW) == "revoked"
    desk.turn()
    assert [each["name"] for each in desk.events()] == ["key.created", "key.revoked"]


def test_what_was_done_while_no_gateway_ran_is_told_by_the_next_one(desk: Desk, tmp_path: Path) -> None:
    desk.ring.create(ALICE, NOW)
    acts = KeyActs(desk.store.engine)
    assert [act.by for act in acts.unannounced()] == ["olga"]
    desk.turn()
    assert acts.unannounced() == []
    KeyAnnouncer(desk.store, desk.journal).poll(NOW)
    desk.turn()
    assert len(desk.events()) == 1


def test_whoever_writes_the_journal_itself_is_not_announced(desk: Desk) -> None:
    KeyRing(desk.store, PEPPER).create(ALICE, NOW)
    desk.turn()
    assert desk.events() == []


def test_an_act_that_failed_leaves_no_trace(desk: Desk) -> None:
    _, record = desk.ring.create(ALICE, NOW)
    act = KeyAct(kind="created", key_id=record.id, principal="alice", at=NOW, by="olga")
    acts = KeyActs(desk.store.engine)
    with pytest.raises(Exception, match="UNIQUE"):
        desk.store.add(record, acts.noting(act))
    assert len(acts.unannounced()) == 1


def test_an_event_that_could_not_be_written_is_tried_again(desk: Desk) -> None:
    desk.ring.create(ALICE, NOW)
    desk.disk.broken = {"write"}
    desk.turn()
    assert desk.events() == []
    desk.disk.broken = set()
    desk.journal.retry()
    desk.turn()
    assert [each["name"] for each in desk.events()] == ["key.created"]
