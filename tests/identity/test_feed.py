"""What all feeds have in common: lines as they are complete, one inode at a time, and nothing after what cannot be."""

from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.identity import feed as feeds
from guardhouse.identity.feed import Feed, Reading


class Lines(Reading):
    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.taken: list[bytes] = []

    def take(self, line: bytes) -> bool:
        if line == b"broken":
            raise msgspec.DecodeError("broken")
        self.taken.append(line)
        return line != b"wrong"


class Following(Feed):
    def __init__(self, path: Path, reading: Reading | None) -> None:
        super().__init__(path)
        self._reading = reading
        self.left = 3

    @property
    def reading(self) -> Reading | None:
        return self._reading

    def refresh(self) -> bool:
        self.left -= 1
        return self.left > 0


@settings(max_examples=100)
@given(lines=st.lists(st.binary(max_size=20).filter(lambda line: b"\n" not in line)), size=st.integers(1, 64))
def test_however_small_the_slices_are_each_whole_line_is_taken_once(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes], size: int
) -> None:
    path = tmp_path_factory.mktemp("feed") / "lines"
    path.write_bytes(b"".join(line + b"\n" for line in lines) + b"not yet")
    reading, whole = Lines(path), path.stat().st_size
    kept, feeds.SLICE = feeds.SLICE, size
    try:
        while reading.offset < whole and not reading.condemned:
            reading.read_slice()
    finally:
        feeds.SLICE = kept
    if not reading.condemned:
        assert reading.taken == lines
        assert reading.rest == b"not yet"


@pytest.mark.parametrize("line", [b"wrong", b"broken"])
def test_nothing_is_taken_behind_what_cannot_stand_there(tmp_path: Path, line: bytes) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\n" + line + b"\ntwo\n")
    reading = Lines(path)
    reading.read_slice()
    assert reading.condemned
    assert b"two" not in reading.taken
    assert Following(path, reading).condemned


def test_a_file_that_was_replaced_is_not_taken_for_the_one_that_is_read(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\n")
    reading = Lines(path)
    path.unlink()
    path.write_bytes(b"two\n")
    assert path.stat().st_ino != reading.inode
    reading.read_slice()
    assert reading.taken == [b"one"]


def test_nothing_stays_open_of_a_reading_that_is_given_up(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"one\n")
    before = len(list(Path("/proc/self/fd").iterdir()))
    for _ in range(3):
        Lines(path).read_slice()
    with pytest.raises(FileNotFoundError):
        Lines(tmp_path / "nothing")
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_feed_that_nobody_has_seen_is_infinitely_old_and_loading_it_reads_to_the_end(tmp_path: Path) -> None:
    feed = Following(tmp_path / "lines", None)
    assert feed.age(0.0) == float("inf")
    assert not feed.condemned
    feed.load()
    assert feed.left == 0
