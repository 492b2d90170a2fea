"""Everything that can go wrong between exchanges and model servers, mixed at random: nobody is lost, nothing is kept.

Three callers ask models whose targets have queues, breakers, fallbacks and retries, while servers answer, stall, break
off, refuse connections or say that they are busy, callers leave, operators drain targets, and time goes by. Whatever
the order: each exchange is recorded once, whoever stayed has an answer or a cut connection, and in the end nothing is
under way, waiting or held.
"""

import json
from collections import Counter
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playbook import ALICE, BOB, Answer, Play, Wire, chat, chunk_event, completion, perform, post, reply, stream

from guardhouse.model.bulletin import publish
from guardhouse.path.listener import Connection
from guardhouse.policy.standing import Standing

CONFIG = """
upstream: {retries: {attempts: 2, pause: 1ms}}
targets:
  one: {kind: openai, url: "http://127.0.0.1:9", region: eu, breaker: {failures: 2, pause: 1s},
        capacity: {concurrent: 2, queue: {depth: 3, wait: 9s}}}
  two: {kind: openai, url: "http://127.0.0.2:9", region: eu, breaker: {failures: 2, pause: 1s},
        capacity: {concurrent: 2, adaptive: {latency: 5s, floor: 1}, queue: {depth: 2, wait: 9s}}}
  three: {kind: openai, url: "http://127.0.0.3:9", region: eu, breaker: {failures: 1, pause: 1s}}
models:
  small: {targets: [one, two], choose: least_pending}
  large: {targets: [two, three], fallback: tiny, repeat: unanswered}
  tiny: {targets: [one]}
policies:
  - {name: all, who: {ids: ["*"]}, may: [chat, embeddings], models: ["*"],
     limits: {concurrent: 4, quota: 1M tokens/month}}
"""
TARGETS = ("one", "two", "three")
FINE = [reply(completion("fine"))]
BEHAVIOURS: dict[str, list[bytes | None]] = {
    "answers": [*FINE],
    "streams": [*stream(chunk_event("a "), chunk_event("b", "stop"), b"data: [DONE]\n\n")],
    "stalls": [],
    "stalls amid": [stream(chunk_event("a "))[0]],
    "breaks off": [None],
    "breaks off amid": [stream(chunk_event("a "))[0], None],
    "is busy": [reply({"error": {}}, b"503 Service Unavailable")],
    "fails": [reply({"error": {}}, b"500 Oh")],
    "babbles": [b"nonsense\r\n\r\n"],
}
STEP = st.one_of(
    st.tuples(st.just("ask"), st.sampled_from(["small", "large", "tiny"]), st.sampled_from([ALICE, BOB])),
    st.tuples(st.just("leave"), st.integers(0, 20), st.none()),
    st.tuples(st.just("become"), st.sampled_from(sorted(BEHAVIOURS)), st.none()),
    st.tuples(st.just("refuse"), st.sets(st.sampled_from(TARGETS)), st.none()),
    st.tuples(st.just("drain"), st.sets(st.sampled_from(TARGETS)), st.none()),
    st.tuples(st.just("time out"), st.none(), st.none()),
    st.tuples(st.just("wait"), st.sampled_from([0.5, 1.0, 70.0]), st.none()),
    st.tuples(st.just("turn"), st.sampled_from([0, 1, 3, 100]), st.none()),
)


class Scene:
    def __init__(self, play: Play) -> None:
        self.play = play
        self.callers: list[tuple[Wire, Connection]] = []
        self.left: set[int] = set()
        self.clock = play.plane.loop_time()
        play.plane.loop_time = lambda: self.clock
        play.server.script = lambda _: FINE

    async def step(self, what: str, which: Any, key: Any) -> None:
        play = self.play
        if what == "ask":
            wire, caller = play.connect()
            self.callers.append((wire, caller))
            caller.data_received(post(chat("x", which), key=key))
        elif what == "leave" and which < len(self.callers):
            self.leave(which)
        elif what == "become":
            play.server.script = lambda _: BEHAVIOURS[which]
        elif what == "refuse":
            play.server.refuses = set(which)
        elif what == "drain":
            self.drain(which)
        elif what == "time out":
            self.time_out()
        elif what == "wait":
            self.clock += which
            play.plane.upstreams.wards.sweep(self.clock)
        elif what == "turn":
            await play.turn(which)

    def leave(self, number: int) -> None:
        if number not in self.left:
            self.left.add(number)
            self.callers[number][1].connection_lost(None)

    def drain(self, targets: set[str]) -> None:
        play = self.play
        publish(play.directory / "standing.json", Standing(drained=dict.fromkeys(targets)))
        play.plane.gates.refresh(self.clock)
        play.plane.intakes.dismiss(play.plane.gates.drained_at(play.plane.now()))

    def time_out(self) -> None:
        for target in self.play.plane.snapshot.targets.values():
            self.play.plane.upstreams.pool(target).sweep(self.play.plane.loop.time() + 1000)

    async def settle(self) -> None:
        """Servers answer again, nothing is drained, and what stalls times out: everybody who waits is served."""
        play = self.play
        play.server.script, play.server.refuses = lambda _: FINE, set()
        self.drain(set())
        for _ in range(40):
            await play.turn(30)
            if not any(self.state()):
                return
            self.time_out()

    def state(self) -> tuple[int, ...]:
        plane = self.play.plane
        depths = [(inside, waiting) for inside, _, waiting in plane.intakes.depths().values()]
        pending = sum(ward.pending for ward in plane.upstreams.wards.all())
        return plane.held, plane.journal.open_count, pending, *map(sum, depths), plane.memory.held


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.lists(STEP, min_size=5, max_size=60))
def test_whatever_happens_nobody_is_lost_and_nothing_is_kept(
    tmp_path_factory: pytest.TempPathFactory, steps: list[tuple[str, Any, Any]]
) -> None:
    async def scene(play: Play) -> None:
        mishaps = Scene(play)
        for step in steps:
            await mishaps.step(*step)
        await mishaps.settle()
        assert not any(mishaps.state()), mishaps.state()
        closed = Counter(record["id"] for record in play.records if record["kind"] == "closed")
        assert len(closed) == len(mishaps.callers)
        assert set(closed.values()) <= {1}
        opened = [record["id"] for record in play.records if record["kind"] == "opened"]
        assert len(opened) == len(set(opened))
        for number, (wire, caller) in enumerate(mishaps.callers):
            if number not in mishaps.left:
                assert wire.written.startswith(b"HTTP/1.1 ") or wire.aborted
                if Answer(wire.written).headers.get(b"content-type", b"").startswith(b"application/json"):
                    json.loads(Answer(wire.written).body)
                caller.connection_lost(None)

    perform(tmp_path_factory.mktemp("play"), scene, None, CONFIG)
