import hashlib
import os
import random
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.journaling import (
    AT,
    FaultyDisk,
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
from guardhouse.audit.recovery import read_segment, recover
from guardhouse.audit.segment import JournalDamagedError, JournalInUseError, segment_path

KILLS = 20  # raise it for a soak; each round starts one process


def test_an_empty_directory_has_nothing_to_recover(tmp_path: Path) -> None:
    assert recover(tmp_path, AT) is None


def test_a_journal_that_ended_in_order_is_owed_nothing(tmp_path: Path) -> None:
    write(tmp_path, *exchanges(3))
    before = segments(tmp_path)[0].read_bytes()
    state = recover(tmp_path, AT)
    assert state is not None
    assert (state.owed, state.open, state.size) == ([], {}, len(before))
    write(tmp_path)
    assert segments(tmp_path)[0].read_bytes() == before


def test_what_was_left_open_is_closed_as_aborted_with_its_identity(tmp_path: Path) -> None:
    write(tmp_path, opened("a"), opened("b"), closed("a"))
    write(tmp_path, clock=lambda: AT + 60)
    last = records(tmp_path)[-1]
    assert (last["kind"], last["id"], last["at"]) == ("closed", "b", AT + 60)
    assert (last["outcome"], last["reason"], last["decision"]) == ("aborted", "worker_died", "allowed")
    assert (last["principal"], last["operation"], last["model"], last["target"]) == ("alice", "chat", "small", "local")
    assert (check(tmp_path).fault, check(tmp_path).open) == (None, [])


def test_an_exchange_opened_segments_ago_is_closed_from_the_last_segment_alone(tmp_path: Path) -> None:
    write(tmp_path, opened("long"), *exchanges(8), segment=900)
    count = len(segments(tmp_path))
    assert count > 3
    for path in segments(tmp_path)[:-1]:
        path.unlink()
    write(tmp_path)
    last = records(tmp_path)[-1]
    assert (last["id"], last["outcome"], last["principal"]) == ("long", "aborted", "alice")
    report = check(tmp_path)
    assert (report.fault, report.first, report.open) == (None, count, [])


def test_a_write_torn_at_any_byte_is_mended_and_noted(tmp_path: Path) -> None:
    """Every length that a kill can leave of a last write of three records."""
    source = tmp_path / "source"
    write(source, *exchanges(1))
    good = segments(source)[0].read_bytes()
    with writing(source) as journal:
        for record in (opened("a"), denied("b"), closed("a")):
            journal.append(record)
    whole = segments(source)[0].read_bytes()
    for length in range(len(good), len(whole) + 1):
        copy = tmp_path / str(length)
        shutil.copytree(source, copy)
        os.truncate(segments(copy)[0], length)
        write(copy, denied("after"))
        report = check(copy)
        assert (report.fault, report.open) == (None, []), length
        left = whole[:length]
        tail = left[left.rfind(b"\n") + 1 :]
        notes = [record for record in records(copy) if record["kind"] == "mended"]
        expected = [(len(tail), hashlib.sha256(tail).hexdigest(), length - len(tail))] if tail else []
        assert [(note["dropped"], note["sha256"], note["offset"]) for note in notes] == expected
        assert segments(copy)[0].read_bytes().startswith(left[: length - len(tail)])
        shutil.rmtree(copy)


def test_a_rotation_interrupted_at_any_byte_of_the_header_goes_on_in_the_old_segment(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write(source, opened("long"), *exchanges(2), segment=1100)
    header = segments(source)[1].read_bytes().splitlines(keepends=True)[0]
    for length in range(len(header)):
        copy = tmp_path / str(length)
        shutil.copytree(source, copy)
        os.truncate(segments(copy)[1], length)
        write(copy, denied("after"), segment=1100)
        report = check(copy)
        assert (report.fault, report.open, report.segments) == (None, [], 2)
        assert kinds(copy).count("mended") == (1 if length else 0)
        shutil.rmtree(copy)


def test_a_first_segment_that_never_got_its_header_is_begun_again(tmp_path: Path) -> None:
    segment_path(tmp_path, 1).write_bytes(b'{"kind":"segm')
    write(tmp_path, denied("a"))
    assert (kinds(tmp_path), check(tmp_path).fault) == (["segment", "closed"], None)


@given(st.data())
def test_damage_in_the_middle_is_refused_by_file_and_line_and_changes_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    directory = tmp_path_factory.mktemp("w0")
    write(directory, *exchanges(3))
    path = segments(directory)[0]
    content = bytearray(path.read_bytes())
    place = data.draw(st.integers(0, len(content) - 2))
    content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    line = 1 + bytes(content).count(b"\n", 0, place)
    with pytest.raises(JournalDamagedError) as raised:
        journal_in(directory)
    assert (raised.value.path, raised.value.line) == (path, line)
    assert f"{path}:{line}: " in str(raised.value)
    assert path.read_bytes() == content


def test_a_refused_directory_can_be_set_aside_for_a_new_journal(tmp_path: Path) -> None:
    write(tmp_path / "w0", *exchanges(1))
    path = segments(tmp_path / "w0")[0]
    path.write_bytes(path.read_bytes().replace(b"alice", b"mallo"))
    with pytest.raises(JournalDamagedError):
        journal_in(tmp_path / "w0")
    (tmp_path / "w0").rename(tmp_path / "w0.damaged")
    write(tmp_path / "w0", *exchanges(1))
    assert check(tmp_path / "w0").fault is None


def test_a_header_of_another_segment_is_damage(tmp_path: Path) -> None:
    write(tmp_path, denied("a"))
    segment_path(tmp_path, 1).rename(segment_path(tmp_path, 2))
    with pytest.raises(JournalDamagedError):
        journal_in(tmp_path)


def test_what_is_owed_waits_for_the_disk(tmp_path: Path) -> None:
    write(tmp_path, opened("a"))
    with segments(tmp_path)[0].open("ab") as file:
        file.write(b'{"kind":"clo')
    disk = FaultyDisk(room=0)
    with writing(tmp_path, disk=disk) as journal:
        assert (journal.healthy, journal.open_count) == (False, 1)
        disk.room = None
        journal.append(denied("b"))
        journal.flush()
        assert journal.open_count == 0
    assert kinds(tmp_path) == ["segment", "opened", "outage", "mended", "closed", "closed"]
    assert check(tmp_path).fault is None


def test_reading_stops_at_the_torn_tail(tmp_path: Path) -> None:
    write(tmp_path, denied("a"))
    path = segments(tmp_path)[0]
    whole = path.read_bytes()
    path.write_bytes(whole + b"torn")
    state, tail = read_segment(path)
    assert state is not None
    assert (state.size, tail) == (len(whole), b"torn")


WRITER = """
import sys
from pathlib import Path
from audit.journaling import closed, journal_in, opened, Turns
turns = Turns()
journal = journal_in(Path(sys.argv[1]), turns, segment=60_000)
for n in range(10**9):
    name = f"{sys.argv[2]}-{n}"
    journal.append(opened(name, message_hashes=["f" * 32] * (n % 40)))
    if n > 5:
        journal.append(closed(f"{sys.argv[2]}-{n - 5}"))
    turns.turn()
    print(name, flush=True)
"""


def test_kill_minus_nine_loses_nothing_that_was_acknowledged(tmp_path: Path) -> None:
    """A writer tells the id of each record once it is durable; whatever it told must be there after its death."""
    directory, told = tmp_path / "w0", list[str]()
    draw = random.Random(9)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    for kill in range(KILLS):
        command = [sys.executable, "-c", WRITER, str(directory), str(kill)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as writer:
            assert writer.stdout is not None
            told += [writer.stdout.readline().strip() for _ in range(draw.randrange(1, 400))]
            writer.kill()
            told += [line.strip() for line in writer.stdout if line.endswith("\n")]
    with writing(directory), pytest.raises(JournalInUseError):
        journal_in(directory)
    report = check(directory)
    assert (report.fault, report.open) == (None, [])
    written = {record["id"] for record in records(directory) if record["kind"] == "opened"}
    assert set(told) <= written
