"""One caller whose requests time out, or break the server's answers off, and others who go on being served."""

from pathlib import Path
from typing import Any

import pytest
from playbook import ALICE, BOB, PEPPER, Answer, Play, chat, completion, perform, post, reply

from guardhouse.identity.api_keys import KeyRecord, digest
from guardhouse.identity.api_keys import key_of as pepper_of
from guardhouse.identity.key_feed import record_line

FINE = reply(completion("fine"))
CONFIG = """
targets:
  local: {kind: openai, url: "http://127.0.0.1:9", breaker: {failures: 3, pause: 1s}}
  other: {kind: openai, url: "http://127.0.0.2:9", breaker: {failures: 3, pause: 1s}}
models:
  small: {targets: [local]}
  two: {targets: [local, other]}
policies:
  - {name: all, who: {ids: ["*"]}, may: [chat, embeddings], models: ["*"]}
"""
LONG = b"a long story"


def unless_long(instead: list[bytes | None]) -> Any:
    return lambda request: instead if LONG in request else [FINE]


def held(play: Play) -> Any:
    """The clock by which breakers go, as something to set."""
    clock = [play.plane.loop_time()]
    play.plane.loop_time = lambda: clock[0]
    return clock


async def time_out(play: Play) -> None:
    for target in play.plane.snapshot.targets.values():
        play.plane.upstreams.pool(target).sweep(play.plane.loop.time() + 200)
    await play.turn()


def key_of(play: Play, name: str) -> bytes:
    """The key of one more caller."""
    key_id = name.ljust(12, "x")
    key = f"gh_{key_id}_{'K' * 43}".encode()
    made = digest(pepper_of(PEPPER), key)
    with (play.directory / "keys.feed").open("ab") as feed:
        feed.write(record_line(KeyRecord(id=key_id, digest=made, principal=name, created_at=0.0)))
    play.plane.keys.load()
    return key


async def bad(play: Play, model: str = "small", key: bytes = BOB) -> str:
    wire, caller = play.connect()
    caller.data_received(post(chat(LONG.decode(), model), key=key))
    await play.turn()
    if not wire.written:
        await time_out(play)
    answer = Answer(wire.written)
    caller.connection_lost(None)
    return "" if answer.status == 200 else answer.code


@pytest.mark.parametrize(
    ("script", "code"), [([], "upstream_first_byte_timeout"), ([None], "upstream_closed_early")], ids=["late", "broken"]
)
def test_one_callers_failures_keep_that_caller_away_and_nobody_else(
    tmp_path: Path, script: list[bytes | None], code: str
) -> None:
    async def scene(play: Play) -> None:
        clock = held(play)
        play.server.script = unless_long(script)
        assert [await bad(play) for _ in range(5)] == [code] * 3 + ["upstream_unavailable"] * 2
        for _ in range(4):
            assert (await play.say(post(chat("hello"), key=ALICE))).status == 200
            assert (await bad(play)) == "upstream_unavailable"
        clock[0] += 1.0
        assert (await bad(play)) == code
        assert (await play.say(post(chat("hello"), key=ALICE))).status == 200
        events = play.plane.upstreams.wards.take_news(0.0)
        assert {(event.name, event.principal) for event in events} == {("target.broken", "bob")}

    perform(tmp_path, scene, None, CONFIG)


def test_a_caller_that_is_kept_away_is_served_by_another_target(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.script = unless_long([])
        for _ in range(3):
            await bad(play, "two")
        play.server.script = lambda _: [FINE]
        assert (await bad(play, "two")) == ""
        assert play.records[-1]["target"] == "other"
        assert (await play.say(post(chat("hello", "two"), key=ALICE))).status == 200
        assert play.records[-1]["target"] == "local"

    perform(tmp_path, scene, None, CONFIG)


def test_a_server_that_hangs_is_left_alone_when_its_only_caller_has_found_out(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        clock = held(play)
        play.server.script = lambda _: []
        codes = [await bad(play) for _ in range(20)]
        assert codes == ["upstream_first_byte_timeout"] * 3 + ["upstream_unavailable"] * 17
        play.server.script = lambda _: [FINE]
        clock[0] += 1.0
        assert (await bad(play)) == ""
        assert play.plane.upstreams.wards.calm
        events = [event.name for event in play.plane.upstreams.wards.take_news(0.0)]
        assert events == ["target.broken", "target.mended"]

    perform(tmp_path, scene, None, CONFIG)


def test_two_bad_callers_take_a_server_away_from_none_of_three_others(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        held(play)
        good, trudy = [ALICE, key_of(play, "carol"), key_of(play, "dave")], key_of(play, "trudy")
        play.server.script = unless_long([None])
        for key in good:
            assert (await play.say(post(chat("hello"), key=key))).status == 200
        for key in (BOB, trudy) * 2:
            assert (await bad(play, key=key)) == "upstream_closed_early"
        for key in good:
            assert (await play.say(post(chat("hello"), key=key))).status == 200
        assert play.plane.upstreams.wards.take_news(0.0) == []

    perform(tmp_path, scene, None, CONFIG)


def test_a_server_that_hangs_for_two_callers_is_left_alone_by_all(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        held(play)
        play.server.script = lambda _: []
        for _ in range(2):
            await bad(play)
        await play.say(post(chat("hello"), key=ALICE))
        await time_out(play)
        assert (await play.say(post(chat("hello"), key=ALICE))).code == "upstream_unavailable"
        assert (await bad(play)) == "upstream_unavailable"
        events = [(event.name, event.principal) for event in play.plane.upstreams.wards.take_news(0.0)]
        assert events == [("target.broken", "")]

    perform(tmp_path, scene, None, CONFIG)
