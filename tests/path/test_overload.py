"""A model server that is busy, and who gets it."""

from pathlib import Path

import pytest
from playbook import ALICE, BOB, PEPPER, Answer, Play, Wire, chat, chunk_event, completion, perform, post, reply, stream

from guardhouse.identity.api_keys import KeyRecord, digest, key_of
from guardhouse.path.listener import Connection

CAPACITY = "{concurrent: 1, queue: {depth: 2, wait: 200ms}}"


def config(capacity: str = CAPACITY, more: str = "", models: str = "", spare: str = "") -> str:
    return f"""
targets:
  local: {{kind: openai, url: "http://127.0.0.1:9", capacity: {capacity}}}
  other: {{kind: openai, url: "http://127.0.0.2:9"{spare}}}
models:
  small: {{targets: [local]{more}}}
  both: {{targets: [local, other]}}
{models}
policies:
  - {{name: all, who: {{ids: ["*"]}}, may: [chat], models: ["*"]}}
"""


TIERED = """
tiers:
  essential: {weight: 4, fallback: true}
  ordinary: {}
"""


def arrive(play: Play, key: bytes = ALICE, model: str = "small", **members: object) -> tuple[Wire, Connection]:
    wire, caller = play.connect()
    caller.data_received(post(chat("x", model, **members), key=key))
    return wire, caller


def answer_all(play: Play) -> None:
    play.server.script = lambda _: [reply(completion("fine"))]


def silent(_: bytes) -> list[bytes]:
    return []


def raise_tier(play: Play, key: bytes, principal: str, tier: str) -> None:
    """Another key record in the place of the one that the playbook wrote."""
    name = key.decode().split("_")[1]
    record = KeyRecord(id=name, digest=digest(key_of(PEPPER), key), principal=principal, created_at=0.0, tier=tier)
    play.plane.keys.table.put(record)


def test_what_a_server_cannot_take_waits_and_goes_when_one_has_ended(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        first, second = arrive(play), arrive(play)
        await play.turn()
        assert len(play.server.requests) == 1
        assert play.plane.held == 1
        assert play.plane.intakes.depths() == {"local": (1, 1, 1)}
        answer_all(play)
        first[1].connection_lost(None)
        await play.turn()
        assert Answer(second[0].written).status == 200
        assert play.plane.intakes.depths() == {"local": (0, 1, 0)}
        assert play.records[-1]["waited"] > 0.0
        assert play.records[-1]["controls"]["routing"] == "passed"

    perform(tmp_path, scene, silent, config())


def test_a_stream_that_waited_still_hides_the_usage_that_the_gateway_asked_for(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        first, second = arrive(play), arrive(play, stream=True)
        await play.turn()
        play.server.script = lambda _: stream(chunk_event("hi"), chunk_event(None, "stop"), b"data: [DONE]\n\n")
        first[1].connection_lost(None)
        await play.turn()
        assert play.server.document()["stream_options"] == {"include_usage": True}
        assert b"usage" not in Answer(second[0].written).body

    perform(tmp_path, scene, silent, config())


def test_a_queue_that_is_full_turns_away_the_last_of_who_has_the_most(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        flood = [arrive(play) for _ in range(3)]
        quiet = arrive(play, BOB)
        await play.turn()
        turned_away = Answer(flood[2][0].written)
        assert (turned_away.status, turned_away.code) == (503, "overloaded")
        assert turned_away.headers[b"retry-after"] == b"1"
        assert [wire.written for wire, _ in (flood[0], flood[1], quiet)] == [b"", b"", b""]
        assert play.records[-1]["controls"]["routing"] == "blocked"
        arrive(play)
        await play.turn()
        journal = b"".join(path.read_bytes() for path in (tmp_path / "journal").glob("*.jsonl"))
        assert journal.count(b'"name":"capacity.overloaded"') == 1
        for _, caller in (*flood, quiet):
            caller.connection_lost(None)
        await play.turn()
        assert play.plane.intakes.depths() == {"local": (0, 1, 0)}
        assert play.plane.held == 0

    perform(tmp_path, scene, silent, config())


def test_who_waits_for_too_long_is_refused(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        first, second = arrive(play), arrive(play)
        await play.turn()
        waiting = second[1]._current
        assert waiting is not None
        waiting.carriage._expired()  # type: ignore[union-attr]
        await play.turn()
        answer = Answer(second[0].written)
        assert (answer.status, answer.code) == (503, "queue_timeout")
        assert play.plane.intakes.depths() == {"local": (1, 1, 0)}
        first[1].connection_lost(None)

    perform(tmp_path, scene, silent, config())


def test_who_leaves_the_queue_is_recorded_and_lets_the_next_go(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        first, second, third = (arrive(play) for _ in range(3))
        await play.turn()
        second[1].connection_lost(None)
        await play.turn()
        assert (play.records[-1]["reason"], play.records[-1]["decision"]) == ("client_left", "denied")
        answer_all(play)
        first[1].connection_lost(None)
        await play.turn()
        assert Answer(third[0].written).status == 200

    perform(tmp_path, scene, silent, config())


def test_the_next_target_is_taken_if_the_first_is_busy(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        arrive(play, model="both")
        await play.turn()
        arrive(play, model="both")
        await play.turn()
        opened = [record["target"] for record in play.records if record["kind"] == "opened"]
        assert opened == ["local", "other"]
        assert play.plane.held == 0
        for connection in tuple(play.plane.connections):
            connection.abort()

    perform(tmp_path, scene, silent, config())


def test_a_target_that_cannot_be_reached_gives_its_place_back(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        wire, _ = arrive(play, model="both")
        await play.turn()
        assert Answer(wire.written).status == 200
        assert play.records[-1]["target"] == "other"
        wire, _ = arrive(play)
        await play.turn()
        assert Answer(wire.written).code == "upstream_unreachable"
        assert play.plane.intakes.depths()["local"][0] == 0

    perform(tmp_path, scene, None, config())


def test_an_essential_caller_goes_to_the_fallback_and_others_wait(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        raise_tier(play, BOB, "bob", "essential")
        first = arrive(play)
        await play.turn()
        ordinary = arrive(play)
        await play.turn()
        answer_all(play)
        essential = arrive(play, BOB)
        await play.turn()
        assert Answer(essential[0].written).status == 200
        assert ordinary[0].written == b""
        closed = play.records[-1]
        assert (closed["model"], closed["instead_of"], closed["target"]) == ("tiny", "small", "other")
        assert play.server.document()["model"] == "tiny-1b"
        for _, caller in (first, ordinary):
            caller.connection_lost(None)

    models = "  tiny: {targets: [other], name: tiny-1b}"
    perform(tmp_path, scene, silent, config(more=", fallback: tiny", models=models) + TIERED)


def test_a_fallback_that_other_policies_allow_is_not_taken(tmp_path: Path) -> None:
    narrowed = config(more=", fallback: tiny", models="  tiny: {targets: [other]}") + TIERED
    narrowed = narrowed.replace('models: ["*"]', "models: [small, both]").replace(
        "policies:", 'policies:\n  - {name: t, who: {ids: ["*"]}, may: [chat], models: [tiny], mask: {entities: [all]}}'
    )

    async def scene(play: Play) -> None:
        raise_tier(play, BOB, "bob", "essential")
        first = arrive(play)
        await play.turn()
        essential = arrive(play, BOB)
        await play.turn()
        assert essential[0].written == b""
        assert play.plane.held == 1
        for _, caller in (first, essential):
            caller.connection_lost(None)

    perform(tmp_path, scene, silent, narrowed)


@pytest.mark.parametrize(("output", "status"), [("2 EUR/1M", 200), ("3 EUR/1M", 0)])
def test_a_fallback_that_costs_more_than_what_was_reserved_is_not_taken(
    tmp_path: Path, output: str, status: int
) -> None:
    price = "price: {input: 1 EUR/1M, output: %s}"
    priced = config(
        more=", fallback: tiny, " + price % "2 EUR/1M", models="  tiny: {targets: [other], %s}" % (price % output)
    )
    priced = priced.replace("  both: {targets: [local, other]}", "").replace(
        'models: ["*"]', 'models: ["*"], limits: {budget: 5 EUR/day}'
    )

    async def scene(play: Play) -> None:
        raise_tier(play, BOB, "bob", "essential")
        first = arrive(play)
        await play.turn()
        answer_all(play)
        essential = arrive(play, BOB)
        await play.turn()
        assert Answer(essential[0].written).status == status
        for _, caller in (first, essential):
            caller.connection_lost(None)

    perform(tmp_path, scene, silent, priced + TIERED)


@pytest.mark.parametrize("status", [b"429 Too Many Requests", b"503 Service Unavailable"])
def test_a_server_that_says_it_is_busy_is_given_less(tmp_path: Path, status: bytes) -> None:
    async def scene(play: Play) -> None:
        for _ in range(2):
            arrive(play)
            await play.turn()
        assert play.plane.intakes.depths() == {"local": (0, 8, 0)}

    capacity = "{concurrent: 10, adaptive: {latency: 5s, floor: 2}}"
    perform(tmp_path, scene, lambda _: [reply({"error": {}}, status)], config(capacity))


def test_without_a_capacity_there_is_no_intake(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for _ in range(5):
            arrive(play, model="small")
        await play.turn()
        assert play.plane.intakes.depths() == {}
        assert len(play.server.requests) == 5
        for connection in tuple(play.plane.connections):
            connection.abort()

    open_ = config().replace(f", capacity: {CAPACITY}", "")
    perform(tmp_path, scene, silent, open_)
