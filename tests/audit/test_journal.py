import asyncio
import errno
import itertools
import resource
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from audit.journaling import (
    AT,
    FaultyDisk,
    Turns,
    check,
    closed,
    denied,
    exchanges,
    journal_in,
    kinds,
    opened,
    records,
    segments,
    write,
    writing,
)
from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Event, Record
from guardhouse.audit.segment import JournalInUseError


def test_the_records_of_one_turn_go_out_in_one_write_and_then_their_callbacks_run_in_order(tmp_path: Path) -> None:
    turns, disk, said = Turns(), FaultyDisk(), list[str]()
    journal = journal_in(tmp_path / "w0", turns, disk=disk)
    disk.calls.clear()
    for name in ("a", "b", "c"):
        journal.append(opened(name), lambda error, name=name: said.append(f"{name}:{error}"))  # type: ignore[misc]
    assert (len(turns.scheduled), disk.calls, said) == (1, [], [])
    turns.turn()
    assert disk.calls == ["write"]
    assert said == ["a:None", "b:None", "c:None"]
    journal.close()
    assert [record.get("id") for record in records(tmp_path / "w0")] == [None, "a", "b", "c"]


def test_a_record_is_encoded_when_it_is_appended(tmp_path: Path) -> None:
    masked = {"email": 1}
    with writing(tmp_path) as journal:
        journal.append(opened("a", masked=masked))
        masked.clear()
    assert records(tmp_path)[1]["masked"] == {"email": 1}


def test_what_a_callback_appends_goes_out_in_the_next_turn(tmp_path: Path) -> None:
    turns = Turns()
    journal = journal_in(tmp_path, turns)
    journal.append(opened("a"), lambda _: journal.append(closed("a")))
    turns.turn()
    assert kinds(tmp_path) == ["segment", "opened"]
    turns.turn()
    assert kinds(tmp_path) == ["segment", "opened", "closed"]
    journal.close()


def test_a_callback_that_raises_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    said: list[OSError | None] = []

    def fault(_: OSError | None) -> None:
        raise LookupError

    journal = journal_in(tmp_path)
    journal.append(denied("a"), fault)
    journal.append(denied("b"), said.append)
    with pytest.raises(LookupError):
        journal.flush()
    assert said == [None]
    journal.close()


def test_files_are_for_their_owner_alone(tmp_path: Path) -> None:
    write(tmp_path / "journal" / "w0", denied("a"))
    assert stat.S_IMODE((tmp_path / "journal" / "w0").stat().st_mode) == 0o700
    assert [stat.S_IMODE(path.stat().st_mode) for path in segments(tmp_path / "journal" / "w0")] == [0o600]


def test_two_writers_never_share_a_directory(tmp_path: Path) -> None:
    with writing(tmp_path), pytest.raises(JournalInUseError):
        journal_in(tmp_path)
    write(tmp_path, denied("a"))
    assert check(tmp_path).fault is None


def test_a_segment_is_followed_by_one_that_names_its_digest_and_what_is_open(tmp_path: Path) -> None:
    with writing(tmp_path, segment=1500) as journal:
        for record in [opened("long"), *exchanges(6)]:
            journal.append(record)
            journal.flush()
        assert journal.open_count == 1
    report = check(tmp_path)
    assert (report.fault, report.open) == (None, ["long"])
    assert report.segments > 2
    headers = [record for record in records(tmp_path) if record["kind"] == "segment"]
    assert [header["segment"] for header in headers] == list(range(1, report.segments + 1))
    assert all("long" in {each["id"] for each in header["open"]} for header in headers[1:])
    carried = headers[1]["open"][0]
    assert (carried["principal"], carried["operation"], carried["model"]) == ("alice", "chat", "small")


def test_an_orderly_end_writes_what_is_queued(tmp_path: Path) -> None:
    journal = journal_in(tmp_path)
    journal.append(denied("a"))
    journal.close()
    journal.close()
    assert kinds(tmp_path) == ["segment", "closed"]


def test_a_closed_journal_takes_nothing_more(tmp_path: Path) -> None:
    said: list[OSError | None] = []
    journal = journal_in(tmp_path)
    journal.close()
    journal.append(denied("a"), said.append)
    journal.flush()
    assert [error and error.errno for error in said] == [errno.EBADF]
    assert kinds(tmp_path) == ["segment"]


def test_a_new_journal_continues_the_chain_of_its_predecessor(tmp_path: Path) -> None:
    for start in range(3):
        write(tmp_path, *exchanges(2, start * 2))
    report = check(tmp_path)
    assert (report.fault, report.segments, report.records, report.open) == (None, 1, 13, [])


def test_coroutines_wait_for_the_write_of_their_turn_together(tmp_path: Path) -> None:
    async def scene() -> list[OSError | None]:
        journal = Journal(tmp_path, worker="w0", schedule=asyncio.get_running_loop().call_soon)
        assert await journal.durable() is None
        journal.append(denied("a"))
        waiting = [asyncio.ensure_future(journal.durable()) for _ in range(3)]
        waiting[0].cancel()
        said = await asyncio.gather(*waiting[1:])
        assert kinds(tmp_path) == ["segment", "closed"]
        journal.close()
        return said

    assert asyncio.run(scene()) == [None, None]


def test_coroutines_are_told_the_error(tmp_path: Path) -> None:
    async def scene() -> OSError | None:
        disk = FaultyDisk()
        journal = Journal(tmp_path, worker="w0", schedule=asyncio.get_running_loop().call_soon, disk=disk)
        disk.room = 0
        journal.append(denied("a"))
        said = await journal.durable()
        journal.close()
        return said

    error = asyncio.run(scene())
    assert error is not None
    assert error.errno == errno.ENOSPC


def test_power_durability_syncs_every_flush_and_the_default_none(tmp_path: Path) -> None:
    for durability, expected in (("power", ["write", "sync"]), ("process", ["write"])):
        disk = FaultyDisk()
        with writing(tmp_path / durability, disk=disk, durability=durability) as journal:
            disk.calls.clear()
            journal.append(denied("a"))
            journal.flush()
            assert disk.calls == expected


@pytest.mark.parametrize("room", range(0, 2000, 90))
def test_a_full_disk_is_told_to_all_leaves_no_trace_and_is_recovered_from(tmp_path: Path, room: int) -> None:
    disk, said = FaultyDisk(), list[OSError | None]()
    with writing(tmp_path, disk=disk) as journal:
        journal.append(opened("before"))
        journal.flush()
        good = segments(tmp_path)[0].read_bytes()
        disk.room = room
        lost_records: list[Record] = [closed("before"), opened("a"), *(denied(f"d{n}") for n in range(10))]
        for record in lost_records:
            journal.append(record, said.append)
        journal.flush()
        assert {error.errno for error in said if error} == {errno.ENOSPC}
        assert (len(said), journal.healthy, journal.failures, journal.lost) == (12, False, 1, 12)
        assert segments(tmp_path)[0].read_bytes() == good
        disk.room, said[:] = None, []
        journal.append(denied("after"), said.append)
        journal.flush()
        assert (said, journal.healthy, journal.open_count) == ([None], True, 0)
    report = check(tmp_path)
    assert (report.fault, report.open) == (None, [])
    outage, lost, after = records(tmp_path)[2:]
    assert (outage["kind"], outage["records"], outage["error"]) == ("outage", 12, "ENOSPC")
    assert (lost["id"], lost["outcome"], lost["reason"]) == ("before", "failed", "audit_unavailable")
    assert after["id"] == "after"


def test_a_journal_that_nobody_appends_to_recovers_by_retry(tmp_path: Path) -> None:
    turns, disk, health = Turns(), FaultyDisk(), list[bool]()
    journal = journal_in(tmp_path, turns, disk=disk)
    journal.retry()
    assert turns.scheduled == []
    disk.room = 0
    journal.append(denied("a"))
    turns.turn()
    journal.retry()
    turns.turn()
    health.append(journal.healthy)
    disk.room = None
    journal.retry()
    journal.retry()
    assert len(turns.scheduled) == 1
    turns.turn()
    health.append(journal.healthy)
    assert health == [False, True]
    assert records(tmp_path)[1]["records"] == 1
    journal.close()


def test_an_outage_counts_every_lost_record_once(tmp_path: Path) -> None:
    moments = itertools.count(AT)
    disk = FaultyDisk()
    with writing(tmp_path, disk=disk, clock=lambda: next(moments)) as journal:
        disk.room = 0
        for name in "abc":
            journal.append(denied(name))
            journal.flush()
        disk.room = None
        journal.append(denied("d"))
    assert (outage := records(tmp_path)[1])["records"] == 3
    assert outage["since"] < outage["at"]
    assert (journal.lost, journal.written, check(tmp_path).fault) == (3, 1, None)


@pytest.mark.parametrize("room", [0, 50, 400])
def test_a_rotation_that_fails_leaves_the_old_segment_in_use(tmp_path: Path, room: int) -> None:
    disk, said = FaultyDisk(), list[OSError | None]()
    with writing(tmp_path, disk=disk, segment=400) as journal:
        journal.append(opened("a"))
        journal.flush()
        disk.room = room
        journal.append(closed("a"), said.append)
        journal.flush()
        assert said[0] is not None
        disk.room = None
        journal.append(denied("b"), said.append)
        journal.flush()
        assert said[1] is None
    report = check(tmp_path)
    assert (report.fault, report.segments, report.open) == (None, 2, [])


@contextmanager
def file_size_limit(limit: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("room", [0, 1, 100, 900])
def test_the_systems_own_refusal_to_grow_a_file_is_survived(tmp_path: Path, room: int) -> None:
    said: list[OSError | None] = []
    with writing(tmp_path) as journal:
        journal.append(opened("a"))
        journal.flush()
        size = segments(tmp_path)[0].stat().st_size
        with file_size_limit(size + room):
            for record in exchanges(5):
                journal.append(record, said.append)
            journal.flush()
            assert segments(tmp_path)[0].stat().st_size == size
        assert {error.errno for error in said if error} == {errno.EFBIG}
        assert len(said) == 10
        journal.append(closed("a"))
    assert kinds(tmp_path) == ["segment", "opened", "outage", "closed"]
    assert check(tmp_path).fault is None


def test_an_event_stands_by_itself_in_the_chain_and_opens_nothing(tmp_path: Path) -> None:
    with writing(tmp_path) as journal:
        journal.append(opened("a"))
        journal.append(Event(at=AT, name="identity.failure_burst", client="192.0.2.7", facts={"failures": 20}))
        journal.append(closed("a"))
        assert journal.open_count == 0
    assert kinds(tmp_path) == ["segment", "opened", "event", "closed"]
    assert check(tmp_path).fault is None


def test_an_event_that_cannot_be_written_is_counted_as_lost_and_owes_nothing(tmp_path: Path) -> None:
    turns, disk = Turns(), FaultyDisk()
    journal = journal_in(tmp_path, turns, disk=disk)
    disk.broken.add("write")
    journal.append(Event(at=AT, name="policy.activated"))
    turns.turn()
    assert (journal.lost, journal.healthy) == (1, False)
    disk.broken.clear()
    journal.close()
    assert "closed" not in kinds(tmp_path)
