"""What breaks between two stages ends the exchange: it is answered or cut, recorded, and keeps nothing."""

from pathlib import Path
from typing import Any

import msgspec
import pytest
from limited import config
from playbook import Answer, Play, chat, completion, perform, post, reply
from test_waiting import PLACES, QUEUED, Timers, arrive

from guardhouse.limits.book import Admitted
from guardhouse.path.exchange import Exchange

CAPACITY = """
targets:
  local: {kind: openai, url: "http://127.0.0.1:9", capacity: {concurrent: 1, queue: {depth: 4, wait: 9s}}}
models:
  small: {targets: [local]}
policies:
  - name: research
    who: {groups: [research]}
    may: [chat]
    models: [small]
    limits: {concurrent: 9, quota: 1M tokens/day}
"""


def held(play: Play, caller: Any) -> Exchange:
    exchange: Exchange = caller._current
    assert exchange.carriage is not None
    return exchange


def without_signals(exchange: Exchange) -> None:
    """So that its opened record cannot be made, behind all stages."""
    exchange.signals = None


@pytest.mark.parametrize(
    "limits", [config(QUEUED), config(PLACES), CAPACITY], ids=["for its turn", "for a place", "for a model server"]
)
def test_a_held_exchange_that_breaks_when_it_goes_on_is_closed_and_frees_what_it_had(
    tmp_path: Path, limits: str
) -> None:
    async def scene(play: Play) -> None:
        timers = Timers(play.plane)
        play.server.script = lambda _: []
        first = arrive(play)
        await play.turn()
        wire, caller = arrive(play)
        await play.turn()
        exchange = held(play, caller)
        without_signals(exchange)
        first[1].connection_lost(None)
        await play.turn()
        await timers.go_off(play)
        answer = Answer(wire.written)
        assert (answer.status, answer.code) == (500, "internal")
        assert play.records[-1]["reason"] == "internal"
        assert play.plane.held == 0
        assert exchange.admission is None or (isinstance(exchange.admission, Admitted) and exchange.admission.settled)
        assert exchange.slot is None or exchange.slot.left
        play.server.script = lambda _: [reply(completion("fine"))]
        third = arrive(play)
        await play.turn()
        await timers.go_off(play)
        assert Answer(third[0].written).status == 200

    perform(tmp_path, scene, config=limits)


def test_an_exchange_that_breaks_when_it_sets_out_is_closed(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        wire, caller = arrive(play)
        exchange: Any = caller._current
        exchange.target = None  # behind its opened record
        await play.turn()
        answer = Answer(wire.written)
        assert (answer.status, answer.code) == (500, "internal")
        assert [record["kind"] for record in play.records] == ["opened", "closed"]
        assert play.records[-1]["outcome"] == "failed"

    perform(tmp_path, scene)


def test_the_place_that_was_kept_for_it_goes_to_the_next(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = lambda _: []
        first = arrive(play)
        await play.turn()
        _, second = arrive(play)
        third = arrive(play)
        await play.turn()
        without_signals(held(play, second))
        play.server.script = lambda _: [reply(completion("fine"))]
        first[1].connection_lost(None)
        await play.turn()
        assert Answer(third[0].written).status == 200
        assert play.plane.held == 0

    perform(tmp_path, scene, config=config(PLACES))


def test_an_exchange_that_cannot_be_closed_either_is_cut_off_and_keeps_no_memory(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        wire, caller = play.connect()
        whole = post(chat("x" * 9000))
        caller.data_received(whole[:500])
        exchange: Any = caller._arriving
        exchange.snapshot = msgspec.structs.replace(exchange.snapshot, revision=7)  # no answer can be made of that
        caller.data_received(whole[500:])
        await play.turn()
        assert wire.aborted
        assert play.plane.memory.held == 0

    perform(tmp_path, scene)
