"""A connection to the store believes only what is plainly an answer; whatever else comes, it ends."""

import asyncio
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any, cast

import pytest
import uvloop
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from guardhouse.limits.shared.wire import Wire, pack


class Line(asyncio.Transport):
    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.aborted = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def abort(self) -> None:
        self.aborted = True


class Scene:
    def __init__(self) -> None:
        self.loop = asyncio.new_event_loop()
        self.lost: list[str] = []
        self.told: list[list[Any]] = []
        self.line = Line()
        self.wire = Wire(self.loop, 0.01, self.lost.append)
        self.wire.connection_made(self.line)

    def say(self, replies: int, told: Callable[[list[Any]], None] | None = None) -> None:
        self.wire.say([("PING",)] * replies, told or self.told.append)


@pytest.fixture
def scene() -> Iterator[Scene]:
    scene = Scene()
    yield scene
    scene.wire.close()
    scene.loop.close()


def test_a_command_is_packed_byte_for_byte() -> None:
    assert pack(("SET", b"k\0", 7)) == b"*3\r\n$3\r\nSET\r\n$2\r\nk\0\r\n$1\r\n7\r\n"


def test_replies_are_told_together_and_then_the_next_may_speak(scene: Scene) -> None:
    scene.say(2)
    assert not scene.wire.silent
    scene.wire.data_received(b":1\r\n$2")
    scene.wire.data_received(b"\r\nab\r\n")
    assert scene.told == [[1, b"ab"]]
    assert scene.wire.silent


@pytest.mark.parametrize(
    ("received", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it sent something that is no reply"),
        (b"-WRONGPASS invalid secret-of-somebody\r\n", "it answered with WRONGPASS"),
        (b":1\r\n:2\r\n", "it sent a reply that nobody asked for"),
    ],
)
def test_what_is_no_answer_ends_the_connection_and_nothing_of_it_is_quoted(
    scene: Scene, received: bytes, why: str
) -> None:
    scene.say(1)
    scene.wire.data_received(received)
    assert scene.lost == [why]
    assert scene.line.aborted


def test_an_answer_of_the_wrong_shape_is_no_answer(scene: Scene) -> None:
    def told(replies: list[Any]) -> None:
        raise ValueError(replies)

    scene.say(1, told)
    scene.wire.data_received(b":1\r\n")
    assert scene.lost == ["it answered something unexpected"]


def test_silence_ends_the_connection_after_its_time(scene: Scene) -> None:
    scene.say(1)
    scene.loop.run_until_complete(asyncio.sleep(0.05))
    assert scene.lost == ["it did not answer in time"]
    scene.wire.data_received(b":1\r\n")
    assert scene.told == []


def test_a_worker_that_was_busy_itself_does_not_blame_the_store() -> None:
    """The reply comes while the loop stands still for longer than the time allowed."""
    loop = uvloop.new_event_loop()
    lost: list[str] = []
    told: list[list[Any]] = []
    wire = Wire(loop, 0.01, lost.append)
    near, store = socket.socketpair()
    work, busy = socket.socketpair()

    def work_for_long() -> None:
        loop.remove_reader(work)
        wire.say([("PING",)], told.append)
        store.sendall(b"+PONG\r\n")
        time.sleep(0.03)

    async def turn() -> None:
        await loop.create_connection(cast(Callable[[], asyncio.BaseProtocol], lambda: wire), sock=near)
        loop.add_reader(work, work_for_long)
        busy.sendall(b"go")
        while not told and not lost:  # noqa: ASYNC110 - nothing tells of it but the lists
            await asyncio.sleep(0)

    with store, work, busy:
        near.setblocking(False)
        loop.run_until_complete(turn())
        wire.close()
        loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    assert (told, lost) == ([[b"PONG"]], [])


def test_an_end_is_told_once_and_not_at_all_if_it_was_wanted(scene: Scene) -> None:
    scene.wire.connection_lost(None)
    scene.wire.connection_lost(None)
    assert scene.lost == ["it closed the connection"]
    other = Scene()
    other.wire.close()
    other.wire.connection_lost(None)
    assert other.lost == []
    other.loop.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.binary(max_size=40), max_size=8))
def test_whatever_bytes_come_nothing_is_raised(parts: list[bytes]) -> None:
    scene = Scene()
    scene.say(2)
    for part in parts:
        scene.wire.data_received(part)
    scene.wire.close()
    scene.loop.close()
    assert len(scene.told) + len(scene.lost) <= 1
