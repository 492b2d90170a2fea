"""Those who wait for a model server when an operator takes it out of use."""

from pathlib import Path

import pytest
from playbook import ALICE, BOB, Answer, Play, Wire, chat, completion, perform, post, reply
from test_waiting import Timers

from guardhouse.model.bulletin import publish
from guardhouse.path.listener import Connection
from guardhouse.policy.standing import Standing

CONFIG = """
targets:
  local: {kind: openai, url: "http://127.0.0.1:9", region: eu, capacity: {concurrent: 1, queue: {depth: 8, wait: 9s}}}
  other: {kind: openai, url: "http://127.0.0.2:9", region: eu}
  narrow: {kind: openai, url: "http://127.0.0.3:9", region: eu, capacity: {concurrent: 1, queue: {depth: 8, wait: 4s}}}
models:
  lone: {targets: [local]}
  both: {targets: [local, narrow]}
  soft: {targets: [local], fallback: tiny}
  tiny: {targets: [other]}
policies:
  - {name: all, who: {ids: ["*"]}, may: [chat], models: ["*"]}
"""
FINE = reply(completion("fine"))


def arrive(play: Play, model: str, key: bytes = ALICE) -> tuple[Wire, Connection]:
    wire, caller = play.connect()
    caller.data_received(post(chat("x", model), key=key))
    return wire, caller


def drain(play: Play, **drained: float | None) -> None:
    publish(play.directory / "standing.json", Standing(drained=drained))
    play.plane.gates.refresh(play.plane.loop_time())
    sweep(play)


def sweep(play: Play) -> None:
    play.plane.intakes.dismiss(play.plane.gates.drained_at(play.plane.now()))


def silent(_: bytes) -> list[bytes]:
    return []


def test_they_go_where_there_is_room_and_who_is_inside_stays(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        first, filler = arrive(play, "lone"), arrive(play, "both")
        await play.turn()
        waiting = [arrive(play, "both", key) for key in (ALICE, BOB)]
        await play.turn()
        assert play.plane.intakes.depths() == {"local": (1, 1, 2), "narrow": (1, 1, 0)}
        drain(play, local=None)
        await play.turn()
        assert play.plane.intakes.depths() == {"local": (1, 1, 0), "narrow": (1, 1, 2)}
        assert play.plane.held == 2
        play.server.script = lambda _: [FINE]
        filler[1].connection_lost(None)
        await play.turn()
        assert [Answer(wire.written).status for wire, _ in waiting] == [200, 200]
        assert {record["target"] for record in play.records[-2:]} == {"narrow"}
        assert first[0].written == b""
        first[1].connection_lost(None)
        await play.turn()
        assert play.plane.intakes.depths() == {"local": (0, 1, 0), "narrow": (0, 1, 0)}
        assert play.plane.held == 0

    perform(tmp_path, scene, silent, CONFIG)


def test_they_wait_no_longer_in_all_than_the_queue_says_that_they_wait_in(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for model in ("lone", "both"):
            arrive(play, model)
        await play.turn()
        clock = play.plane.loop_time()
        play.plane.loop_time = lambda: clock
        timers = Timers(play.plane)
        wire, _ = arrive(play, "both")
        await play.turn()
        clock += 3.0
        drain(play, local=None)
        await play.turn()
        assert timers.delays == [pytest.approx(9.0), pytest.approx(1.0)]
        await timers.go_off(play)
        await play.turn()
        assert (Answer(wire.written).status, Answer(wire.written).code) == (503, "queue_timeout")
        assert play.records[-1]["waited"] == pytest.approx(3.0)

    perform(tmp_path, scene, silent, CONFIG)


def test_they_are_refused_where_nobody_else_may_serve_them(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        first = arrive(play, "lone")
        await play.turn()
        wire, _ = arrive(play, "lone")
        await play.turn()
        drain(play, local=play.plane.now() + 100.0)
        await play.turn()
        answer = Answer(wire.written)
        assert (answer.status, answer.code) == (503, "upstream_unavailable")
        assert 90 <= int(answer.headers[b"retry-after"]) <= 100
        assert (play.records[-1]["decision"], play.records[-1]["controls"]["routing"]) == ("denied", "blocked")
        assert first[0].written == b""
        assert play.plane.intakes.depths() == {"local": (1, 1, 0)}

    perform(tmp_path, scene, silent, CONFIG)


def test_they_go_down_the_models_fallbacks(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        arrive(play, "lone")
        await play.turn()
        wire, _ = arrive(play, "soft")
        await play.turn()
        assert wire.written == b""
        play.server.script = lambda _: [FINE]
        drain(play, local=None)
        await play.turn()
        assert Answer(wire.written).status == 200
        assert (play.records[-1]["model"], play.records[-1]["instead_of"]) == ("tiny", "soft")

    perform(tmp_path, scene, silent, CONFIG)


def test_who_leaves_in_the_very_turn_is_recorded_once(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        arrive(play, "lone")
        await play.turn()
        _, caller = arrive(play, "lone")
        await play.turn()
        drain(play, local=None)
        caller.connection_lost(None)
        await play.turn()
        assert [record["reason"] for record in play.records if record["kind"] == "closed"] == ["client_left"]
        assert (play.plane.held, play.plane.intakes.depths()) == (0, {"local": (1, 1, 0)})

    perform(tmp_path, scene, silent, CONFIG)


def test_a_drain_that_is_over_moves_nobody(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        arrive(play, "both")
        arrive(play, "both")
        await play.turn()
        wire, _ = arrive(play, "lone")
        await play.turn()
        drain(play, local=1000.0)
        await play.turn()
        assert wire.written == b""
        assert play.plane.intakes.depths()["local"] == (1, 1, 1)

    perform(tmp_path, scene, silent, CONFIG)
