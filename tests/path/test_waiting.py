"""Exchanges that are held, and the three ways in which their wait ends."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from limited import config
from playbook import ALICE, PEPPER, Answer, Play, Wire, chat, completion, perform, post, reply

from guardhouse.identity.api_keys import KeyRecord, digest, key_of
from guardhouse.limits.load import NOTHING
from guardhouse.path.listener import Connection
from guardhouse.path.plane import DataPlane

OTHER = b"gh_otheraaaaaaa_" + b"D" * 43
QUEUED = "{requests: 1/s, queue: {depth: 2, wait: 3s}}"
PLACES = "{concurrent: 1, queue: {depth: 2, wait: 300ms}}"


def arrive(play: Play) -> tuple[Wire, Connection]:
    wire, caller = play.connect()
    caller.data_received(post(chat("x")))
    return wire, caller


class Timers:
    """The loop of a plane with timers that go off when the test says so."""

    def __init__(self, plane: DataPlane) -> None:
        self._loop = plane.loop
        self.delays: list[float] = []
        self._set: list[asyncio.Handle] = []
        plane.loop = cast(asyncio.AbstractEventLoop, self)

    def call_later(self, delay: float, callback: Callable[..., Any], *args: Any, context: Any = None) -> Any:
        self.delays.append(delay)
        handle = asyncio.Handle(callback, args, self._loop, context)
        self._set.append(handle)
        return handle

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Any = None) -> asyncio.Handle:
        return self._loop.call_soon(callback, *args, context=context)

    def create_task(self, coroutine: Any, **named: Any) -> asyncio.Task[Any]:
        return self._loop.create_task(coroutine, **named)

    async def go_off(self, play: Play) -> None:
        for handle in self._set:
            if not handle.cancelled():
                handle._run()
        self._set.clear()
        await play.turn()


def test_what_comes_too_early_is_answered_when_its_turn_has_come(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        timers = Timers(play.plane)
        first, second = arrive(play), arrive(play)
        await play.turn()
        assert Answer(first[0].written).status == 200
        assert second[0].written == b""
        assert play.plane.held == 1
        assert [record["kind"] for record in play.records] == ["opened", "closed"]
        await timers.go_off(play)
        answer = Answer(second[0].written)
        assert answer.status == 200
        assert play.plane.held == 0
        assert timers.delays == [pytest.approx(1.0, abs=0.5)]
        assert play.records[-1]["waited"] > 0.0
        assert play.records[-1]["controls"]["admission"] == "passed"

    perform(tmp_path, scene, config=config(QUEUED))


def test_beyond_the_queue_there_is_a_refusal(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        callers = [arrive(play) for _ in range(4)]
        await play.turn()
        refused = Answer(callers[3][0].written)
        assert (refused.status, refused.code) == (429, "request_rate_exceeded")
        assert play.plane.held == 2
        for _, caller in callers:
            caller.connection_lost(None)

    perform(tmp_path, scene, config=config(QUEUED))


def test_a_caller_that_leaves_while_it_is_held_is_recorded_and_sends_nothing(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        arrive(play)
        _, caller = arrive(play)
        await play.turn()
        asked = len(play.server.requests)
        caller.connection_lost(None)
        await play.turn()
        closed = play.records[-1]
        assert (closed["outcome"], closed["reason"], closed["decision"]) == ("cancelled", "client_left", "denied")
        assert play.plane.held == 0
        assert len(play.server.requests) == asked

    perform(tmp_path, scene, config=config(QUEUED))


def test_a_key_that_is_revoked_meanwhile_does_not_go_on(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        timers = Timers(play.plane)
        arrive(play)
        wire, _ = arrive(play)
        await play.turn()
        table = play.plane.keys.table
        record = KeyRecord(
            id="aliceaaaaaaa", digest=table.read(ALICE).digest, principal="alice", created_at=0.0, revoked_at=1.0
        )
        table.put(record)
        await timers.go_off(play)
        assert Answer(wire.written).code == "credential_revoked"
        assert len(play.server.requests) == 1

    perform(tmp_path, scene, config=config(QUEUED))


def test_a_place_that_becomes_free_is_given_to_who_waits_for_it(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        first = arrive(play)
        await play.turn()
        second = arrive(play)
        await play.turn()
        assert play.plane.held == 1
        play.server.script = lambda _: [reply(completion("fine"))]
        first[1].connection_lost(None)
        await play.turn()
        assert Answer(second[0].written).status == 200
        assert play.plane.held == 0

    perform(tmp_path, scene, config=config(PLACES))


def test_who_comes_while_one_that_was_called_is_on_its_way_does_not_overtake_it(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        first = arrive(play)
        await play.turn()
        wire, second = play.connect()
        second.data_received(post(chat("second")))
        await play.turn()
        first[1].connection_lost(None)  # the second is called, and goes on at a later turn
        _, third = play.connect()
        third.data_received(post(chat("third")))
        await play.turn()
        assert [document["messages"][0]["content"] for document in map(play.server.document, (0, 1))] == ["x", "second"]
        assert play.plane.held == 1
        for caller in (second, third):
            caller.connection_lost(None)
        await play.turn()
        assert (wire.written, play.plane.held) == (b"", 0)

    perform(tmp_path, scene, config=config(PLACES))


@pytest.mark.parametrize("ending", ["revoked", "gone", "too much"])
def test_a_place_that_is_not_taken_by_who_was_called_goes_to_the_next(tmp_path: Path, ending: str) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        first = arrive(play)
        await play.turn()
        wire, second = play.connect()
        second.data_received(post(chat("x"), key=OTHER))
        await play.turn()
        third = arrive(play)
        await play.turn()
        assert play.plane.held == 2
        play.server.script = lambda _: [reply(completion("fine"))]
        if ending == "revoked":
            play.plane.keys.table.put(another_key(revoked_at=1.0))
        elif ending == "too much":
            second._current.encoded = b" " * 10_000_000  # type: ignore[union-attr]
        first[1].connection_lost(None)
        if ending == "gone":
            second.connection_lost(None)
        await play.turn()
        assert ending == "gone" or Answer(wire.written).status in (400, 401)
        assert Answer(third[0].written).status == 200
        assert play.plane.held == 0

    def another_key(**more: Any) -> KeyRecord:
        groups = ("research",)
        digested = digest(key_of(PEPPER), OTHER)
        return KeyRecord(id="otheraaaaaaa", digest=digested, principal="alice", groups=groups, created_at=0.0, **more)

    async def with_another_key(play: Play) -> None:
        play.plane.keys.table.put(another_key())
        await scene(play)

    limits = "{concurrent: 1, quota: 1M tokens/day, queue: {depth: 2, wait: 300s}}"
    perform(tmp_path, with_another_key, config=config(limits))


def test_who_waits_too_long_for_a_place_is_refused(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        timers = Timers(play.plane)
        play.server.script = lambda _: []
        first = arrive(play)
        await play.turn()
        wire, _ = arrive(play)
        await timers.go_off(play)
        answer = Answer(wire.written)
        assert (answer.status, answer.code) == (429, "concurrency_exceeded")
        assert "allows 1 at a time." in answer.json["error"]["message"]
        assert play.records[-1]["controls"]["admission"] == "blocked"
        first[1].connection_lost(None)

    perform(tmp_path, scene, config=config(PLACES))


def test_nothing_leaks_however_200_exchanges_end(tmp_path: Path) -> None:
    """Answered, refused by the model server, broken off, left by the caller: afterwards every place is free again and
    no token is reserved."""
    scripts = [
        lambda _: [reply(completion("fine"))],
        lambda _: [reply({"error": {}}, b"500 Internal Server Error")],
        lambda _: [b"HTTP/1.1 200 OK\r\ncontent-length: 99\r\n\r\n{", None],
        lambda _: [b"nonsense\r\n\r\n"],
        lambda _: [],
    ]

    async def scene(play: Play) -> None:
        for number in range(200):
            play.server.script = scripts[number % len(scripts)]  # type: ignore[assignment]
            _, caller = arrive(play)
            await play.turn(20)
            caller.connection_lost(None)
        await play.turn()
        answer = play.plane.limits.admit(
            "alice", next(iter(play.plane.snapshot.policies)).grant.limits, NOTHING, 0.0, 0.0
        )
        assert "0 reserved" in repr(answer.holds[0].counter)  # type: ignore[union-attr]
        assert answer.places[0].in_use == 1  # type: ignore[union-attr, index]

    perform(tmp_path, scene, config=config("{concurrent: 50, quota: 1M tokens/month}"))
