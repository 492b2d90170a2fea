import asyncio
import os

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.control.roll import Caller, Roll, Standing

NAMES = ("w0", "w1")


def read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    finally:
        os.close(descriptor)


def test_until_anything_is_told_no_worker_is_up() -> None:
    assert Roll(NAMES).problems() == ["worker w0 is not up", "worker w1 is not up"]


def test_a_worker_that_hangs_is_told_apart_from_one_that_is_down() -> None:
    roll = Roll(NAMES)
    roll.take(b"w0 up\nw1 up\n")
    assert roll.problems() == []
    roll.take(b"w1 silent\n")
    assert roll.problems() == ["worker w1 hangs"]


def test_a_listener_that_begins_late_is_told_the_whole_roll() -> None:
    caller, roll = Caller(NAMES), Roll(NAMES)
    caller.note("w0", "up")
    caller.note("w1", "silent")
    reading = caller.begin()
    caller.note("w1", "up")
    roll.take(read(reading))
    caller.close()
    assert roll.problems() == []


def test_a_listener_that_has_ended_or_does_not_read_stops_nobody() -> None:
    caller = Caller(NAMES)
    reading = caller.begin()
    for number in range(20_000):
        caller.note("w0", "up" if number % 2 else "silent")
    os.close(reading)
    caller.note("w0", "silent")
    assert caller.standings["w0"] == "silent"
    caller.close()


def test_the_control_process_is_not_on_the_roll() -> None:
    caller = Caller(NAMES)
    caller.note("control", "up")
    assert set(caller.standings) == set(NAMES)


def test_lines_are_heard_through_a_pipe_until_its_end() -> None:
    async def scene() -> Roll:
        caller, roll = Caller(NAMES), Roll(NAMES)
        reading = caller.begin()
        roll.listen(asyncio.get_running_loop(), reading)
        caller.note("w0", "up")
        caller.note("w1", "up")
        while roll.problems():  # noqa: ASYNC110 - what another end of a pipe does has no event
            await asyncio.sleep(0)
        caller.close()
        for _ in range(3):
            await asyncio.sleep(0)
        os.close(reading)
        return roll

    assert asyncio.run(scene()).problems() == []


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from(("down", "up", "silent")))), st.data())
def test_however_the_lines_are_cut_the_last_word_on_each_worker_counts(
    told: list[tuple[str, Standing]], data: st.DataObject
) -> None:
    text = "".join(f"{name} {standing}\n" for name, standing in told).encode()
    roll = Roll(NAMES)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(text)), max_size=5)))
    for begin, end in zip([0, *cuts], [*cuts, len(text)], strict=True):
        roll.take(text[begin:end])
    last: dict[str, Standing] = {**dict.fromkeys(NAMES, "down"), **dict(told)}
    up = {name for name in NAMES if not any(name in problem for problem in roll.problems())}
    assert up == {name for name, standing in last.items() if standing == "up"}
