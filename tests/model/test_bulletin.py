"""A bulletin is seen as a whole or not at all, and a bad one changes nothing."""

import errno
from pathlib import Path

import msgspec
import pytest

from guardhouse.model.bulletin import Bulletin, beat, publish


class News(msgspec.Struct):
    words: list[str]


def no_descriptors(_path: Path) -> bytes:
    raise OSError(errno.EMFILE, "Too many open files")


def test_what_is_published_is_read_once_and_then_only_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "news.json"
    bulletin = Bulletin(path, News)
    seen: list[tuple[bool, News | None]] = [(bulletin.refresh(), bulletin.current)]
    for word in ("a", "b"):
        publish(path, News([word]))
        seen += [(bulletin.refresh(), bulletin.current), (bulletin.refresh(), bulletin.current)]
    assert seen == [(False, None), (True, News(["a"])), (False, News(["a"])), (True, News(["b"])), (False, News(["b"]))]


def test_a_beat_is_a_sign_of_life_and_no_news(tmp_path: Path) -> None:
    path = tmp_path / "news.json"
    bulletin = Bulletin(path, News)
    assert bulletin.age(1000.0) == float("inf")
    publish(path, News([]))
    bulletin.refresh()
    beat(path, 5000.0)
    assert not bulletin.refresh()
    assert bulletin.age(5003.0) == 3.0


def test_a_file_that_cannot_be_decoded_leaves_what_was_known(tmp_path: Path) -> None:
    path = tmp_path / "news.json"
    bulletin = Bulletin(path, News)
    publish(path, News(["a"]))
    bulletin.refresh()
    fresh = tmp_path / "other"
    fresh.write_bytes(b'{"words": 7}')
    fresh.replace(path)
    assert not bulletin.refresh()
    assert bulletin.current == News(["a"])
    assert bulletin.faults == 1


def test_a_file_that_cannot_be_decoded_is_no_sign_of_life_however_often_it_is_touched(tmp_path: Path) -> None:
    path = tmp_path / "news.json"
    publish(path, News(["a"]))
    beat(path, 1000.0)
    bulletin = Bulletin(path, News)
    bulletin.refresh()
    assert (bulletin.age(1000.0), bulletin.unreadable) == (0.0, False)
    path.write_bytes(b'{"names":')
    for now in (1001.0, 1002.0, 1900.0):
        beat(path, now)
        assert not bulletin.refresh()
        assert (bulletin.age(now), bulletin.unreadable) == (now - 1000.0, True)
    assert bulletin.faults == 1, "it is decoded once"
    publish(path, News(["a"]))
    beat(path, 2000.0)
    assert bulletin.refresh()
    assert (bulletin.age(2000.0), bulletin.unreadable) == (0.0, False)


def test_an_empty_file_is_none_either(tmp_path: Path) -> None:
    path = tmp_path / "news.json"
    path.touch()
    bulletin = Bulletin(path, News)
    bulletin.refresh()
    assert (bulletin.age(0.0), bulletin.unreadable) == (float("inf"), True)


def test_a_file_that_could_not_be_opened_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "news.json"
    bulletin = Bulletin(path, News)
    publish(path, News(["a"]))
    with monkeypatch.context() as exhausted:
        exhausted.setattr(Path, "read_bytes", no_descriptors)
        assert not bulletin.refresh()
    assert bulletin.refresh()
    assert (bulletin.current, bulletin.faults) == (News(["a"]), 1)


def test_a_file_that_is_gone_leaves_what_was_known(tmp_path: Path) -> None:
    path = tmp_path / "news.json"
    bulletin = Bulletin(path, News)
    publish(path, News(["a"]))
    bulletin.refresh()
    path.unlink()
    assert not bulletin.refresh()
    assert bulletin.current == News(["a"])


def test_only_the_owner_may_read_it_and_a_left_over_half_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "news.json"
    (tmp_path / "news.new").write_text("left by a crash")
    publish(path, News(["a"]))
    assert path.stat().st_mode & 0o777 == 0o600
    assert [each.name for each in tmp_path.iterdir()] == ["news.json"]
