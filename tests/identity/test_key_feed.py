import errno
import gc
import math
import os
import tempfile
import tracemalloc
from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.identity import key_feed
from guardhouse.identity.api_keys import KeyRecord, MintedKey, digest, key_of, mint
from guardhouse.identity.feed import SLICE
from guardhouse.identity.key_feed import KeyFeed, header_line, record_line
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.model.secret import Secret

PEPPER = Secret("5a" * 32)
NOW = 1_800_000_000.0


def record(minted: MintedKey, revoked_at: float | None = None) -> KeyRecord:
    return KeyRecord(
        id=minted.id,
        digest=digest(key_of(PEPPER), minted.key.reveal().encode()),
        principal="alice",
        groups=("research",),
        created_at=NOW,
        revoked_at=revoked_at,
    )


def write_feed(path: Path, records: Iterable[KeyRecord], base: int | None = None) -> None:
    lines = [record_line(each) for each in records]
    fresh = path.with_suffix(".new")
    fresh.write_bytes(header_line(len(lines) if base is None else base) + b"".join(lines))
    fresh.replace(path)


def append(path: Path, line: bytes) -> None:
    with path.open("ab") as file:
        file.write(line)


def no_descriptors(*_: object, **__: object) -> None:
    raise OSError(errno.EMFILE, "Too many open files")


def beat(path: Path, at: float) -> None:
    os.utime(path, (at, at))


def known(feed: KeyFeed, minted: MintedKey) -> Principal | Reason:
    return feed.table.identify(minted.key.reveal().encode(), NOW)


@pytest.fixture
def minted() -> MintedKey:
    return mint()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "keys.feed"


@pytest.fixture
def feed(path: Path) -> Iterator[KeyFeed]:
    feed = KeyFeed(path, PEPPER)
    yield feed
    feed.close()


def test_without_a_feed_nobody_is_known_and_the_age_is_infinite(feed: KeyFeed, minted: MintedKey) -> None:
    assert feed.refresh() is False
    assert feed.age(NOW) == math.inf
    assert known(feed, minted) is Reason.CREDENTIAL_INVALID


def test_a_published_key_is_known(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    write_feed(path, [record(minted)])
    feed.load()
    assert isinstance(known(feed, minted), Principal)


def test_an_empty_base_is_a_feed_too(feed: KeyFeed, path: Path) -> None:
    write_feed(path, [])
    beat(path, NOW)
    feed.load()
    assert feed.age(NOW) == 0


def test_a_change_that_is_appended_is_followed(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    write_feed(path, [record(minted)])
    feed.load()
    append(path, record_line(record(minted, revoked_at=NOW)))
    assert feed.refresh() is False
    assert known(feed, minted) is Reason.CREDENTIAL_REVOKED


def test_an_untouched_feed_is_not_read_again(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    write_feed(path, [record(minted)])
    feed.load()
    principal = known(feed, minted)
    feed.refresh()
    assert known(feed, minted) is principal


def test_the_heartbeat_is_the_modification_time(feed: KeyFeed, path: Path) -> None:
    write_feed(path, [])
    beat(path, NOW)
    feed.load()
    assert feed.age(NOW + 7) == 7
    beat(path, NOW + 6)
    feed.refresh()
    assert feed.age(NOW + 7) == 1


def test_a_feed_that_vanished_only_grows_older(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    write_feed(path, [record(minted)])
    beat(path, NOW)
    feed.load()
    path.unlink()
    assert feed.refresh() is False
    assert isinstance(known(feed, minted), Principal)
    assert feed.age(NOW + 1000) == 1000


def test_a_feed_that_cannot_be_opened_is_tried_again(
    feed: KeyFeed, path: Path, minted: MintedKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_feed(path, [record(minted)])
    feed.load()
    beat(path, NOW)
    feed.refresh()
    write_feed(path, [record(minted, revoked_at=NOW)])
    beat(path, NOW + 60)
    with monkeypatch.context() as exhausted:
        exhausted.setattr("guardhouse.identity.feed.os.open", no_descriptors)
        assert not feed.refresh()
    assert feed.age(NOW + 60) == 60, "what cannot be read is no sign of life"
    feed.load()
    assert known(feed, minted) is Reason.CREDENTIAL_REVOKED


def test_a_replaced_feed_takes_over_whole(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    other = mint()
    write_feed(path, [record(minted)])
    feed.load()
    write_feed(path, [record(other)])
    feed.load()
    assert known(feed, minted) is Reason.CREDENTIAL_INVALID
    assert isinstance(known(feed, other), Principal)


def test_a_replaced_table_is_freed_in_parts(feed: KeyFeed, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(key_feed, "FREED", 2)
    write_feed(path, [record(mint()) for _ in range(5)])
    feed.load()
    old = feed.table
    write_feed(path, [])
    sizes = []
    while feed.refresh():
        sizes.append(len(old))
    assert sizes == [5, 3, 1]
    assert len(old) == 0
    assert feed.refresh() is False


def test_a_key_that_nobody_uses_weighs_little_more_than_its_line(feed: KeyFeed, path: Path) -> None:
    records = [record(mint()) for _ in range(4000)]
    write_feed(path, records)
    gc.collect()
    tracemalloc.start()
    feed.load()
    grown, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    lines = sum(len(record_line(each)) for each in records)
    assert grown < lines + 250 * len(records)


def test_until_a_replacement_is_complete_the_old_feed_answers(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    other = mint()
    write_feed(path, [record(minted)])
    beat(path, NOW)
    feed.load()
    write_feed(path, [record(other)], base=2)
    feed.load()
    assert isinstance(known(feed, minted), Principal)
    assert feed.age(NOW + 5) == 5
    append(path, record_line(record(minted, revoked_at=NOW)))
    feed.load()
    assert known(feed, minted) is Reason.CREDENTIAL_REVOKED
    assert isinstance(known(feed, other), Principal)


def test_a_replacement_that_is_itself_replaced_is_dropped(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    write_feed(path, [], base=5)
    feed.load()
    write_feed(path, [record(minted)])
    feed.load()
    assert isinstance(known(feed, minted), Principal)


def test_a_feed_that_became_shorter_is_read_anew(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    write_feed(path, [record(minted), record(mint()), record(mint())])
    feed.load()
    path.write_bytes(header_line(0))
    feed.load()
    assert known(feed, minted) is Reason.CREDENTIAL_INVALID


def test_a_torn_last_line_waits_for_its_end(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    write_feed(path, [record(minted)])
    feed.load()
    line = record_line(record(minted, revoked_at=NOW))
    append(path, line[:40])
    feed.refresh()
    assert isinstance(known(feed, minted), Principal)
    append(path, line[40:])
    feed.refresh()
    assert known(feed, minted) is Reason.CREDENTIAL_REVOKED


@given(st.lists(st.integers(min_value=1, max_value=90), min_size=1, max_size=30))
@settings(deadline=None, max_examples=50)
def test_however_the_writes_are_cut_the_table_ends_the_same(cuts: list[int]) -> None:
    keys = [mint() for _ in range(3)]
    whole = header_line(2) + b"".join(record_line(record(key)) for key in keys)
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "keys.feed"
        feed = KeyFeed(path, PEPPER)
        for cut in [*cuts, len(whole)]:
            append(path, whole[:cut])
            whole = whole[cut:]
            feed.load()
        assert all(isinstance(known(feed, key), Principal) for key in keys)
        feed.close()


@pytest.mark.parametrize(
    "line",
    [b"\n", b"{}\n", b"not json\n", b'{"id":"x"}\n', b'{"feed":1,"base":0}\n', b"\xff\xfe\n", b"null\n"],
)
def test_a_line_that_cannot_be_understood_condemns_the_feed(
    feed: KeyFeed, path: Path, minted: MintedKey, line: bytes
) -> None:
    write_feed(path, [record(minted)])
    beat(path, NOW)
    feed.load()
    append(path, line)
    feed.load()
    assert feed.age(NOW) == math.inf


def test_a_condemned_feed_stays_condemned_while_it_is_appended_to(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    write_feed(path, [record(minted)])
    append(path, b"rubbish\n")
    feed.load()
    append(path, record_line(record(mint())))
    feed.load()
    assert feed.age(NOW) == math.inf


def test_a_new_feed_lifts_the_condemnation(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    write_feed(path, [])
    append(path, b"rubbish\n")
    feed.load()
    write_feed(path, [record(minted)])
    beat(path, NOW)
    feed.load()
    assert feed.age(NOW) == 0
    assert isinstance(known(feed, minted), Principal)


def test_a_feed_of_another_format_is_not_believed(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    path.write_bytes(b'{"feed":2,"base":1}\n' + record_line(record(minted)))
    beat(path, NOW)
    feed.load()
    assert feed.age(NOW) == math.inf
    assert known(feed, minted) is Reason.CREDENTIAL_INVALID


def test_a_hundred_thousand_keys_are_loaded_in_bounded_slices(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    template = record(minted)
    lines = (record_line(template).replace(minted.id.encode(), b"%012d" % n) for n in range(99_999))
    path.write_bytes(header_line(100_000) + b"".join(lines) + record_line(template))
    slices = 1
    while feed.refresh():
        slices += 1
    assert slices == math.ceil(path.stat().st_size / SLICE)
    assert len(feed.table) == 100_000
    assert isinstance(known(feed, minted), Principal)


def test_the_feed_shows_neither_keys_nor_digests(feed: KeyFeed, path: Path, minted: MintedKey) -> None:
    write_feed(path, [record(minted)])
    feed.load()
    assert repr(feed) == "<KeyFeed keys.feed: 1 keys>"
    assert minted.key.reveal().rpartition("_")[2].encode() not in path.read_bytes()
