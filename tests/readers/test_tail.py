import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from audit.journaling import FaultyDisk, closed, denied, exchanges, opened, segments, write, writing
from guardhouse.readers.tail import Position, Tail


def read(tail: Tail, budget: int = 10_000_000) -> bytes:
    return b"".join(block.lines for block in tail.read(budget))


def written(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in segments(directory))


@pytest.mark.parametrize("budget", [1, 100, 1000, 10_000_000])
def test_every_line_is_read_once_across_segments(tmp_path: Path, budget: int) -> None:
    write(tmp_path / "w0", opened("long"), *exchanges(10), segment=900)
    tail, found = Tail(tmp_path), b""
    while part := read(tail, budget):
        assert part.endswith(b"\n")
        found += part
    assert found == written(tmp_path / "w0")
    assert (tail.lag(), tail.resynchronised) == (0, 0)
    tail.close()


def test_a_reader_keeps_up_with_a_writer_that_rotates(tmp_path: Path) -> None:
    tail, found = Tail(tmp_path), b""
    with writing(tmp_path / "w0", segment=700) as journal:
        for record in exchanges(20):
            journal.append(record)
            journal.flush()
            assert tail.lag() > 0
            found += read(tail)
            assert tail.lag() == 0
    assert found == written(tmp_path / "w0")
    assert len(segments(tmp_path / "w0")) > 5
    tail.close()


def test_a_line_is_there_when_its_newline_is(tmp_path: Path) -> None:
    (tmp_path / "w0").mkdir()
    path = tmp_path / "w0" / "00000001.jsonl"
    path.write_bytes(b'{"a":1}\n{"b"')
    tail = Tail(tmp_path)
    assert read(tail) == b'{"a":1}\n'
    assert read(tail) == b""
    with path.open("ab") as file:
        file.write(b":2}\n")
    assert read(tail) == b'{"b":2}\n'
    tail.close()


def test_a_line_longer_than_the_budget_is_read_whole(tmp_path: Path) -> None:
    (tmp_path / "w0").mkdir()
    line = b"x" * 700_000 + b"\n"
    (tmp_path / "w0" / "00000001.jsonl").write_bytes(line * 2)
    tail = Tail(tmp_path)
    assert [len(block.lines) for block in tail.read(10)] == [len(line)]
    tail.close()


def test_an_empty_successor_does_not_end_a_segment(tmp_path: Path) -> None:
    """A rotation that fails leaves nothing, and its writer goes on where it was."""
    write(tmp_path / "w0", denied("a"))
    successor = tmp_path / "w0" / "00000002.jsonl"
    successor.write_bytes(b'{"kind":"segm')
    tail = Tail(tmp_path)
    read(tail)
    assert tail.positions["w0"].segment == 1
    successor.unlink()
    before = len(written(tmp_path / "w0"))
    write(tmp_path / "w0", denied("b"))
    assert read(tail) == written(tmp_path / "w0")[before:]
    tail.close()


@given(st.data())
def test_a_reader_that_starts_again_at_its_positions_misses_and_repeats_nothing(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    root = tmp_path_factory.mktemp("journal")
    positions: dict[str, Position] = {}
    found = {"w0": b"", "w1": b""}
    for step in range(data.draw(st.integers(1, 5))):
        worker = data.draw(st.sampled_from(["w0", "w1"]))
        write(root / worker, *exchanges(data.draw(st.integers(0, 4)), step * 10), segment=800)
        tail = Tail(root, positions)
        for block in tail.read(data.draw(st.integers(1, 4000))):
            found[block.worker] += block.lines
        positions = tail.positions
        tail.close()
    last = Tail(root, positions)
    for block in last.read(10_000_000):
        found[block.worker] += block.lines
    last.close()
    assert {worker: lines for worker, lines in found.items() if lines} == {
        worker: written(root / worker) for worker in ("w0", "w1") if (root / worker).exists()
    }


def test_workers_take_turns_at_being_first(tmp_path: Path) -> None:
    for worker in ("w0", "w1", "w2"):
        write(tmp_path / worker, *exchanges(5))
    tail = Tail(tmp_path)
    assert {block.worker for _ in range(3) for block in tail.read(1)} == {"w0", "w1", "w2"}
    tail.close()


def test_only_directories_of_workers_are_followed(tmp_path: Path) -> None:
    for name in ("w0", "w0.damaged", "old"):
        write(tmp_path / name, denied(name))
    tail = Tail(tmp_path)
    assert read(tail) == written(tmp_path / "w0")
    tail.close()


def test_nothing_is_there_before_the_first_worker_is(tmp_path: Path) -> None:
    tail = Tail(tmp_path / "journal")
    assert (read(tail), tail.lag()) == (b"", 0)
    write(tmp_path / "journal" / "w0", denied("a"))
    assert read(tail) == written(tmp_path / "journal" / "w0")
    tail.close()


def test_what_a_failed_write_left_and_took_back_does_not_put_the_reader_out_of_step(tmp_path: Path) -> None:
    with writing(tmp_path / "w0", disk=FaultyDisk()) as journal:
        journal.append(opened("a"))
        journal.flush()
        path = segments(tmp_path / "w0")[0]
        size = path.stat().st_size
        with path.open("ab") as file:
            file.write(b'{"kind":"closed","id":"taken back"}\n')
        tail = Tail(tmp_path)
        assert b"taken back" in read(tail)
        os.truncate(path, size)
        assert read(tail) == b""
        journal.append(closed("a"))
        journal.flush()
        assert read(tail) == path.read_bytes()[size:]
        assert tail.resynchronised == 1
        tail.close()


def test_a_line_that_grew_over_what_was_taken_back_is_left_and_the_next_is_read(tmp_path: Path) -> None:
    (tmp_path / "w0").mkdir()
    path = tmp_path / "w0" / "00000001.jsonl"
    path.write_bytes(b'{"a":1}\n{"b":2}\n')
    tail = Tail(tmp_path)
    read(tail)
    path.write_bytes(b'{"a":1}\n{"something":"longer"}\n{"c":3}\n')
    assert read(tail) == b'{"c":3}\n'
    assert tail.resynchronised == 1
    tail.close()


def test_segments_that_are_gone_are_skipped(tmp_path: Path) -> None:
    write(tmp_path / "w0", *exchanges(10), segment=900)
    tail = Tail(tmp_path)
    list(tail.read(1))
    positions = tail.positions
    tail.close()
    for path in segments(tmp_path / "w0")[:3]:
        path.unlink()
    tail = Tail(tmp_path, positions)
    assert read(tail) == written(tmp_path / "w0")
    tail.close()


def test_a_directory_that_was_replaced_is_read_from_its_beginning(tmp_path: Path) -> None:
    write(tmp_path / "w0", *exchanges(2))
    tail = Tail(tmp_path)
    read(tail)
    (tmp_path / "w0").rename(tmp_path / "w0.damaged")
    assert read(tail) == b""
    write(tmp_path / "w0", *exchanges(4))
    assert read(tail) == written(tmp_path / "w0")
    again = Tail(tmp_path, tail.positions)
    assert read(again) == b""
    again.close()
    tail.close()
