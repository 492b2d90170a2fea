"""The feed of revocations as a worker follows it: nothing is missed, and what cannot be trusted is infinitely old."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.identity import feed as feeds
from guardhouse.identity.revocation_feed import RevocationFeed, end_line, header_line, revocation_line

NOW = 1_800_000_000.0
UNTIL = NOW + 600


class Paper:
    """The writing hand."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "revoked.feed"
        self.lines = 0

    def publish(self, *credentials: str, last: int | None = None, end: bool = True) -> None:
        """A new file with these as its base."""
        self.lines = len(credentials)
        base = b"".join(revocation_line(n, n, name, UNTIL) for n, name in enumerate(credentials, 1))
        fresh = self.path.with_suffix(".new")
        closing = end_line(self.lines, self.lines if last is None else last) if end else b""
        fresh.write_bytes(header_line() + base + closing)
        fresh.replace(self.path)
        self.beat(NOW)

    def append(self, content: bytes) -> None:
        with self.path.open("ab") as file:
            file.write(content)
        self.beat(NOW)

    def revoke(self, credential: str, number: int | None = None) -> None:
        self.lines += 1
        self.append(revocation_line(self.lines, self.lines if number is None else number, credential, UNTIL))

    def beat(self, now: float) -> None:
        os.utime(self.path, (now, now))


@pytest.fixture
def paper(tmp_path: Path) -> Paper:
    return Paper(tmp_path)


def following(paper: Paper) -> RevocationFeed:
    feed = RevocationFeed(paper.path)
    feed.load()
    return feed


def test_without_a_feed_nothing_is_trusted(paper: Paper) -> None:
    feed = following(paper)
    assert feed.age(NOW) == float("inf")
    paper.publish()
    feed.load()
    assert (feed.age(NOW + 2), feed.revoked) == (2.0, {})


def test_what_is_appended_is_known_at_the_next_look(paper: Paper) -> None:
    paper.publish("gt_one")
    feed = following(paper)
    changes = feed.changes
    assert feed.revoked == {"gt_one": UNTIL}
    paper.revoke("corp:two")
    assert not feed.refresh()
    assert feed.revoked == {"gt_one": UNTIL, "corp:two": UNTIL}
    assert feed.changes == changes + 1
    feed.refresh()
    assert feed.changes == changes + 1, "nothing is new"


def test_the_longer_memory_of_a_credential_counts(paper: Paper) -> None:
    paper.publish()
    paper.append(revocation_line(1, 1, "gt_one", UNTIL) + revocation_line(2, 5, "gt_one", UNTIL + 5))
    assert following(paper).revoked == {"gt_one": UNTIL + 5}


def test_a_line_that_is_still_being_written_is_awaited_without_counting_the_heartbeat(paper: Paper) -> None:
    paper.publish()
    feed = following(paper)
    line = revocation_line(1, 1, "gt_one", UNTIL)
    paper.append(line[:9])
    paper.beat(NOW + 3)
    feed.refresh()
    assert feed.age(NOW + 3) == 3.0
    paper.append(line[9:])
    paper.beat(NOW + 4)
    feed.refresh()
    assert (feed.age(NOW + 4), list(feed.revoked)) == (0.0, ["gt_one"])


def test_a_feed_that_was_made_anew_takes_over_when_its_base_is_complete(
    paper: Paper, monkeypatch: pytest.MonkeyPatch
) -> None:
    paper.publish("gt_one", "gt_two")
    feed = following(paper)
    monkeypatch.setattr(feeds, "SLICE", 32)
    paper.publish("gt_two", "gt_three", "gt_four", last=9)
    seen = set()
    while feed.refresh():
        seen.add(frozenset(feed.revoked))
    assert frozenset({"gt_one", "gt_two"}) in seen
    assert seen <= {frozenset({"gt_one", "gt_two"}), frozenset({"gt_two", "gt_three", "gt_four"})}
    assert set(feed.revoked) == {"gt_two", "gt_three", "gt_four"}
    assert feed.age(NOW) == 0.0


def truncated(paper: Paper) -> None:
    with paper.path.open("r+b") as file:
        file.truncate(paper.path.stat().st_size - 5)


def emptied(paper: Paper) -> None:
    paper.path.write_bytes(b"")


def cut_and_continued(paper: Paper) -> None:
    """Cut off between two looks, and the writer goes on at the new end."""
    size = paper.path.stat().st_size
    paper.revoke("gt_lost")
    with paper.path.open("r+b") as file:
        file.truncate(size)
    paper.revoke("gt_next")


def torn(paper: Paper) -> None:
    paper.append(b'[2,2,"gt_th\n')


def nonsense(paper: Paper) -> None:
    paper.append(b"\xff\xfe\n")


def out_of_place(paper: Paper) -> None:
    paper.append(revocation_line(9, 9, "gt_nine", UNTIL))


def backwards(paper: Paper) -> None:
    paper.append(revocation_line(3, 1, "gt_three", UNTIL))


def ended_twice(paper: Paper) -> None:
    paper.append(end_line(2, 2))


def an_earlier_state(paper: Paper) -> None:
    paper.publish("gt_one")


def a_base_that_is_cut_off(paper: Paper) -> None:
    paper.publish("gt_one", "gt_two", "gt_three", end=False)


def a_base_with_a_hole(paper: Paper) -> None:
    lines = [revocation_line(n, n, f"gt_{n}", UNTIL) for n in (1, 3)]
    paper.path.with_suffix(".new").write_bytes(header_line() + b"".join(lines) + end_line(2, 3))
    paper.path.with_suffix(".new").replace(paper.path)


def of_another_format(paper: Paper) -> None:
    paper.path.with_suffix(".new").write_bytes(b'{"revocations":2}\n{"base":0,"last":9}\n')
    paper.path.with_suffix(".new").replace(paper.path)


@pytest.mark.parametrize(
    "damage",
    [
        truncated,
        emptied,
        cut_and_continued,
        torn,
        nonsense,
        out_of_place,
        backwards,
        ended_twice,
        an_earlier_state,
        a_base_that_is_cut_off,
        a_base_with_a_hole,
        of_another_format,
    ],
)
def test_a_damaged_feed_is_infinitely_old_until_another_takes_its_place(
    paper: Paper, damage: Callable[[Paper], None]
) -> None:
    paper.publish("gt_one", "gt_two")
    feed = following(paper)
    damage(paper)
    paper.beat(NOW)
    feed.load()
    assert feed.age(NOW) == float("inf")
    assert feed.condemned
    assert {"gt_one", "gt_two"} <= feed.revoked.keys(), "what was known goes on to count"
    for _ in range(3):
        paper.beat(NOW + 1)
        feed.load()
    assert feed.age(NOW + 1) == float("inf"), "it does not mend by itself"
    paper.publish("gt_one", "gt_two", "gt_three", last=20)
    feed.load()
    assert (feed.age(NOW), len(feed.revoked), feed.condemned) == (0.0, 3, False)


def test_a_feed_that_was_removed_only_grows_older(paper: Paper) -> None:
    paper.publish("gt_one")
    feed = following(paper)
    paper.path.unlink()
    feed.load()
    assert (feed.age(NOW + 60), feed.revoked) == (60.0, {"gt_one": UNTIL})


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_feed_that_cannot_be_opened_only_grows_older(paper: Paper) -> None:
    paper.publish("gt_one")
    feed = following(paper)
    paper.publish("gt_one", "gt_two")
    paper.path.chmod(0)
    feed.load()
    assert (feed.age(NOW + 60), feed.revoked) == (60.0, {"gt_one": UNTIL})


@settings(max_examples=150)
@given(content=st.binary(max_size=200), cut=st.integers(0, 200))
def test_no_content_raises_or_passes_for_trusted(
    tmp_path_factory: pytest.TempPathFactory, content: bytes, cut: int
) -> None:
    paper = Paper(tmp_path_factory.mktemp("feed"))
    paper.path.write_bytes(header_line()[:cut] + content)
    feed = following(paper)
    if content + header_line()[:cut] != header_line() + end_line(0, 0):
        assert feed.age(NOW) == float("inf")


@settings(max_examples=60)
@given(names=st.lists(st.text(min_size=1, max_size=12), max_size=20), bounds=st.integers(1, 64))
def test_however_it_is_cut_into_slices_everything_arrives(
    tmp_path_factory: pytest.TempPathFactory, names: list[str], bounds: int
) -> None:
    paper = Paper(tmp_path_factory.mktemp("feed"))
    paper.publish(*names[: len(names) // 2])
    for name in names[len(names) // 2 :]:
        paper.revoke(name)
    kept, feeds.SLICE = feeds.SLICE, bounds
    try:
        feed = following(paper)
    finally:
        feeds.SLICE = kept
    assert feed.revoked.keys() == set(names)
    assert feed.age(NOW) == 0.0
