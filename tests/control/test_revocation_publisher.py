"""The feed of revocations as it is published: appended to, made anew where that is worth it, mended where changed."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardhouse.audit.record import Event
from guardhouse.control import revocation_publisher
from guardhouse.control.revocation_publisher import REVIEWED, RevocationPublisher
from guardhouse.control.revocations import Revocations
from guardhouse.control.store import Store
from guardhouse.identity.revocation_feed import RevocationFeed

NOW = 1_800_000_000.0


class Press:
    def __init__(self, folder: Path) -> None:
        self.file = folder / "revoked.feed"
        self.store = Store(folder / "store.sqlite")
        self.events: list[Event] = []
        self.publisher = RevocationPublisher(self.store, self.file, self.events.append)
        self.reader = RevocationFeed(self.file)

    def poll(self, now: float = NOW) -> set[str]:
        """What a worker knows after it."""
        self.publisher.poll(now)
        self.reader.load()
        return set(self.reader.revoked)

    def revoke(self, *credentials: str, until: float = NOW + 600, now: float = NOW) -> None:
        for credential in credentials:
            self.publisher.revoke(credential, "olga", now, until)

    def close(self) -> None:
        self.publisher.close()
        self.store.close()


@pytest.fixture
def press(tmp_path: Path) -> Iterator[Press]:
    made = Press(tmp_path)
    yield made
    made.close()


def test_a_worker_knows_what_was_revoked_before_and_after_the_start(press: Press) -> None:
    press.revoke("gt_one")
    assert press.poll() == {"gt_one"}
    assert press.reader.age(NOW) == pytest.approx(0, abs=1)
    press.revoke("gt_two")
    assert press.poll() == {"gt_one", "gt_two"}
    assert press.file.stat().st_mode & 0o777 == 0o600


def test_one_more_revocation_is_one_more_line_of_the_same_file(press: Press) -> None:
    press.revoke(*(f"gt_{number}" for number in range(50)))
    press.poll()
    inode, size = press.file.stat().st_ino, press.file.stat().st_size
    press.revoke("gt_more")
    press.poll()
    assert press.file.stat().st_ino == inode
    assert 0 < press.file.stat().st_size - size < 100


def test_each_revocation_is_told_once_whoever_made_it(press: Press, tmp_path: Path) -> None:
    press.poll()
    press.revoke("gt_one")
    elsewhere = Store(tmp_path / "store.sqlite")
    Revocations(elsewhere.engine).revoke("gt_two", "command line", NOW)
    elsewhere.close()
    for _ in range(3):
        press.poll()
    press.revoke("gt_one", until=NOW + 9000)  # remembered for longer
    press.poll()
    told = [(event.name, event.credential, event.by) for event in press.events]
    assert told == [
        ("identity.token_revoked", "gt_one", "olga"),
        ("identity.token_revoked", "gt_two", "command line"),
    ]


def test_a_restart_tells_what_the_one_before_did_not_and_nothing_twice(press: Press, tmp_path: Path) -> None:
    press.revoke("gt_one")
    press.poll()
    press.revoke("gt_two")
    successor = Press(tmp_path)
    assert successor.poll() == {"gt_one", "gt_two"}
    assert [event.credential for event in successor.events] == ["gt_two"]
    successor.close()


def test_a_turn_without_news_touches_the_file_once_a_second_and_writes_nothing(press: Press) -> None:
    press.poll()
    size = press.file.stat().st_size
    press.poll(NOW + 0.4)
    assert press.file.stat().st_mtime != NOW + 0.4
    press.poll(NOW + 1.2)
    assert (press.file.stat().st_mtime, press.file.stat().st_size) == (NOW + 1.2, size)


@pytest.mark.parametrize("damage", ["removed", "replaced", "cut", "continued"])
def test_a_file_that_somebody_changed_is_published_anew(press: Press, damage: str) -> None:
    press.revoke("gt_one")
    press.poll()
    if damage == "removed":
        press.file.unlink()
    elif damage == "replaced":
        press.file.with_suffix(".other").write_bytes(b"{}")
        press.file.with_suffix(".other").replace(press.file)
    elif damage == "cut":
        os.truncate(press.file, 3)
    else:
        with press.file.open("ab") as file:
            file.write(b"nonsense\n")
    press.reader.load()
    assert press.reader.age(NOW + 1.4) >= 1.4
    assert press.poll(NOW + 1.5) == {"gt_one"}
    assert press.reader.age(NOW + 1.5) == 0.0


def test_it_is_made_anew_when_as_much_was_appended_as_there_was(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation_publisher, "SLACK", 10)
    monkeypatch.setattr(revocation_publisher, "PART", 4)
    press.poll()
    inode = press.file.stat().st_ino
    names = [f"gt_{number}" for number in range(11)]
    press.revoke(*names)
    polls = 0
    while press.file.stat().st_ino == inode:
        assert press.poll() == set(names), "nothing is missing while it is written"
        polls += 1
        if polls == 1:
            press.revoke("gt_meanwhile")
            names.append("gt_meanwhile")
        assert polls < 10
    assert polls > 1, "in parts"
    assert press.poll() == set(names)
    assert press.reader.age(NOW) <= 1.0


def test_what_has_ended_is_left_out_when_most_has(press: Press, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(revocation_publisher, "SLACK", 2)
    press.revoke(*(f"gt_{number}" for number in range(10)), until=NOW + 60)
    press.revoke("gt_long", until=NOW + 90_000)
    press.poll()
    later = NOW + REVIEWED + 1
    press.revoke("gt_new", until=later + 600, now=later)  # which forgets those that have ended
    assert len(press.poll(later - 2)) == 12
    assert press.poll(later) == {"gt_long", "gt_new"}


def test_the_latest_number_is_told_even_if_its_revocation_has_ended(press: Press, tmp_path: Path) -> None:
    """Else a worker would take the feed of a new process for an older one than it knows."""
    press.revoke("gt_long", until=NOW + 90_000)
    press.revoke("gt_short", until=NOW + 1)
    press.poll()
    press.revoke("gt_long", until=NOW + 90_000, now=NOW + 5)  # deletes gt_short and adds nothing
    successor = Press(tmp_path)
    successor.publisher.poll(NOW + 6)
    press.reader.load()
    assert press.reader.age(NOW + 6) <= 1.0
    assert set(press.reader.revoked) == {"gt_long"}
    successor.close()
