import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from audit.journaling import FaultyDisk
from guardhouse.audit.segment import JournalInUseError, SegmentFile, list_segments, lock, make_private, segment_path


def test_directories_are_created_for_their_owner_alone(tmp_path: Path) -> None:
    make_private(tmp_path / "state" / "journal" / "w0")
    for path in (tmp_path / "state", tmp_path / "state" / "journal", tmp_path / "state" / "journal" / "w0"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700


def test_a_segment_is_readable_by_its_owner_alone_and_never_replaced(tmp_path: Path) -> None:
    SegmentFile.create(tmp_path, 1, FaultyDisk()).close()
    assert stat.S_IMODE(segment_path(tmp_path, 1).stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        SegmentFile.create(tmp_path, 1, FaultyDisk())


def test_only_segments_are_listed_in_order_of_their_numbers(tmp_path: Path) -> None:
    for name in ("00000010.jsonl", "00000002.jsonl", "2.jsonl", "00000003.jsonl.gz", "note.txt"):
        (tmp_path / name).touch()
    assert [path.name for path in list_segments(tmp_path)] == ["00000002.jsonl", "00000010.jsonl"]


def test_a_short_write_is_completed(tmp_path: Path) -> None:
    segment = SegmentFile.create(tmp_path, 1, FaultyDisk(piece=3))
    segment.append(b"0123456789", sync=False)
    segment.close()
    assert segment_path(tmp_path, 1).read_bytes() == b"0123456789"


def test_a_failed_append_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    disk = FaultyDisk(room=6)
    segment = SegmentFile.create(tmp_path, 1, disk)
    segment.append(b"good", sync=False)
    with pytest.raises(OSError):
        segment.append(b"too long", sync=False)
    assert segment_path(tmp_path, 1).read_bytes() == b"good"
    disk.room = None
    segment.append(b" again", sync=False)
    segment.close()
    assert segment_path(tmp_path, 1).read_bytes() == b"good again"


def test_nothing_is_written_behind_a_tail_that_could_not_be_cut(tmp_path: Path) -> None:
    disk = FaultyDisk(room=6)
    disk.broken = {"truncate"}
    segment = SegmentFile.create(tmp_path, 1, disk)
    segment.append(b"good", sync=False)
    for _ in range(2):
        with pytest.raises(OSError):
            segment.append(b"lost", sync=False)
        assert segment_path(tmp_path, 1).read_bytes() == b"goodlo"
    disk.room, disk.broken = None, set()
    segment.append(b" again", sync=False)
    segment.close()
    assert segment_path(tmp_path, 1).read_bytes() == b"good again"


def test_a_failed_sync_takes_the_write_back(tmp_path: Path) -> None:
    disk = FaultyDisk()
    segment = SegmentFile.create(tmp_path, 1, disk)
    disk.broken = {"sync"}
    with pytest.raises(OSError):
        segment.append(b"lost", sync=True)
    segment.close()
    assert segment_path(tmp_path, 1).read_bytes() == b""


def test_a_write_that_makes_no_progress_is_an_error(tmp_path: Path) -> None:
    segment = SegmentFile.create(tmp_path, 1, FaultyDisk(piece=0))
    with pytest.raises(OSError):
        segment.append(b"lost", sync=False)
    segment.close()


def test_a_directory_has_one_holder_until_it_lets_go(tmp_path: Path) -> None:
    held = lock(tmp_path)
    with pytest.raises(JournalInUseError, match="another process"):
        lock(tmp_path)
    os.close(held)
    os.close(lock(tmp_path))


def test_the_lock_ends_with_its_process_and_not_with_its_child(tmp_path: Path) -> None:
    source = (
        "import os, subprocess, sys\nfrom pathlib import Path\nfrom guardhouse.audit.segment import lock\n"
        f"lock(Path({str(tmp_path)!r}))\n"
        "child = subprocess.Popen(['sleep', '60'], close_fds=False)\n"
        "print(child.pid, flush=True)\nos.kill(os.getpid(), 9)\n"
    )
    with subprocess.Popen([sys.executable, "-c", source], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        child = int(holder.stdout.readline())
        holder.wait()
    try:
        os.close(lock(tmp_path))
    finally:
        os.kill(child, 9)
