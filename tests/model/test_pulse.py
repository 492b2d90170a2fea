import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from guardhouse.model.pulse import Pulse


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    pair = os.pipe()
    yield pair
    for descriptor in pair:
        os.close(descriptor)


def test_it_says_that_it_is_ready_and_then_beats(pipe: tuple[int, int]) -> None:
    pulse = Pulse(pipe[1])
    pulse.beat()
    pulse.ready()
    pulse.beat()
    pulse.beat()
    assert os.read(pipe[0], 100) == b"ready\nbeat\nbeat\n"


def test_a_pipe_that_nobody_reads_stops_nothing(pipe: tuple[int, int]) -> None:
    pulse = Pulse(pipe[1])
    pulse.ready()
    for _ in range(100_000):
        pulse.beat()
    assert len(os.read(pipe[0], 10_000_000)) < 1_000_000


def test_a_reader_that_is_gone_is_no_failure() -> None:
    reading, writing = os.pipe()
    pulse = Pulse(writing)
    pulse.ready()
    os.close(reading)
    pulse.beat()
    os.close(writing)


def test_what_was_started_by_hand_does_not_beat(tmp_path: Path) -> None:
    with (tmp_path / "out").open("wb") as file:
        pulse = Pulse(file.fileno())
        pulse.ready()
        pulse.beat()
    assert (tmp_path / "out").read_bytes() == b"ready\n"
