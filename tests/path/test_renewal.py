"""A worker takes what is published as a whole, keeps what it has if it cannot, and drops nothing on the way."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playbook import BOB, CONFIG, Play, chat, completion, perform, post, reply

from guardhouse.model.bulletin import publish
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.path.authorization import authorize, may_operate
from guardhouse.path.canary import Canary
from guardhouse.path.figures import figures_of
from guardhouse.path.renewal import Renewal
from guardhouse.policy.edition import Canary as SealedCanary
from guardhouse.policy.edition import Edition, Sealed, seal
from guardhouse.policy.load import Loaded, load_content
from guardhouse.policy.shares import Shares
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.dialects.table import recognise

SHARES = Shares(b"k" * 32)
WITHOUT_RENAMED = CONFIG.replace("models: [small, renamed]", "models: [small]").replace(
    "  renamed: {targets: [local], name: the-real-name}\n", ""
)
ELSEWHERE = CONFIG.replace("http://127.0.0.1:9", "http://127.0.0.3:9")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("UPSTREAM", "upstream-credential")


def sealed(config: str) -> Sealed:
    read = load_content(config.encode(), Path("guardhouse.yaml"), os.environ)
    assert isinstance(read, Loaded), read
    return seal(read.document)


class Press:
    """Publishes editions to the one worker of a play."""

    def __init__(self, play: Play, active: str = CONFIG) -> None:
        self.play = play
        self.path = play.directory / "policy.json"
        self.times = 0
        started = sealed(active)
        self.edition = Edition(at=0.0, base=str(play.directory), started=started, active=started)
        publish(self.path, self.edition)
        self.renewal = Renewal(play.plane, self.path, SHARES)

    async def publish(self, active: str, shadow: str | None = None, canary: tuple[str, float] | None = None) -> None:
        self.times += 1
        publish(
            self.path,
            Edition(
                at=float(self.times),
                base=self.edition.base,
                started=self.edition.started,
                active=sealed(active),
                shadow=None if shadow is None else sealed(shadow),
                canary=None if canary is None else SealedCanary(sealed(canary[0]), canary[1]),
            ),
        )
        await self.settle()

    async def settle(self) -> None:
        self.renewal.poll()
        if (task := self.renewal._under_way) is not None:
            await asyncio.wait([task])
            await task


def events(play: Play) -> list[dict[str, Any]]:
    lines = b"".join(path.read_bytes() for path in sorted((play.directory / "journal").glob("*.jsonl")))
    return [record for record in map(json.loads, lines.splitlines()) if record["kind"] == "event"]


def test_a_new_edition_is_taken_and_noted(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        press = Press(play)
        assert (await play.say(post(chat("x", "renamed")))).status == 200
        await press.publish(WITHOUT_RENAMED)
        refused = await play.say(post(chat("x", "renamed")))
        assert refused.code == "model_denied"
        assert refused.headers[b"x-guardhouse-policy"] == sealed(WITHOUT_RENAMED).revision.encode()
        [event] = events(play)
        assert (event["name"], event["facts"]) == ("policy.taken", {"revision": sealed(WITHOUT_RENAMED).revision})

    perform(tmp_path, scene)


def test_the_edition_that_a_worker_was_started_with_is_not_taken_again(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        press = Press(play)
        snapshot = play.plane.snapshot
        await press.settle()
        assert play.plane.snapshot is snapshot
        assert events(play) == []

    perform(tmp_path, scene)


def test_an_exchange_that_has_begun_ends_under_the_revision_it_began_with(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        press = Press(play)
        request = post(chat("x", "renamed"))
        play.caller.data_received(request[:-5])  # its head is judged
        await press.publish(WITHOUT_RENAMED)
        answer = await play.say(request[-5:])
        assert answer.status == 200
        assert answer.headers[b"x-guardhouse-policy"] == sealed(CONFIG).revision.encode()
        assert {record["revision"] for record in play.records} == {sealed(CONFIG).revision}

    perform(tmp_path, scene)


def test_an_edition_that_lacks_a_secret_changes_nothing_and_is_an_alert(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(play: Play) -> None:
        press = Press(play)
        snapshot = play.plane.snapshot
        monkeypatch.delenv("UPSTREAM")
        publish(press.path, Edition(at=1.0, base="/", started=press.edition.active, active=press.edition.active))
        await press.settle()
        assert play.plane.snapshot is snapshot
        assert (await play.say(post(chat("x")))).status == 200
        [event] = events(play)
        assert (event["name"], event["severity"]) == ("policy.not_taken", "alert")
        assert event["facts"]["places"] == "targets.local.credential"

    perform(tmp_path, scene)


def test_a_canary_decides_for_its_share_and_every_record_names_one_revision(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        press = Press(play)
        share = (SHARES.position("canary", "alice") + SHARES.position("canary", "bob")) / 2
        alice_is_in = SHARES.position("canary", "alice") < share
        await press.publish(CONFIG, canary=(WITHOUT_RENAMED, share))
        await play.say(post(chat("x", "small")))
        await play.say(post(chat("x", "secret-model"), key=BOB))
        revisions = {record["principal"]: record["revision"] for record in play.records}
        tried, usual = sealed(WITHOUT_RENAMED).revision, sealed(CONFIG).revision
        assert revisions == {"alice": tried if alice_is_in else usual, "bob": usual if alice_is_in else tried}
        await press.publish(CONFIG)
        await play.say(post(chat("x", "small")))
        assert play.records[-1]["revision"] == usual

    perform(tmp_path, scene)


def test_a_canary_of_the_whole_takes_everybody_and_one_of_nothing_nobody(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        principals = [f"p{number}" for number in range(100)]
        for share, taken in ((100.0, 100), (0.0, 0)):
            canary = Canary(play.plane.snapshot, share, SHARES)
            assert sum(map(canary.takes, principals)) == taken

    perform(tmp_path, scene)


def test_connections_to_a_target_that_has_not_changed_are_kept(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        press = Press(play)
        await play.say(post(chat("x", "small")))
        await press.publish(WITHOUT_RENAMED)
        await play.say(post(chat("x", "small")))
        assert len(play.server.wires) == 1

    perform(tmp_path, scene)


def test_a_target_that_has_changed_gets_connections_of_its_own_and_the_idle_ones_go(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        press = Press(play)
        await play.say(post(chat("x", "small")))
        await press.publish(ELSEWHERE)
        assert play.server.wires[0].aborted
        await play.say(post(chat("x", "small")))
        assert len(play.server.wires) == 2
        assert b"host: 127.0.0.3:9" in play.server.requests[-1]
        play.plane.upstreams.sweep(0.0)
        assert repr(play.plane.upstreams).endswith(" 0 retired>")

    perform(tmp_path, scene)


def test_what_is_under_way_to_a_retired_target_ends_and_its_connection_is_not_kept(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        press = Press(play)
        answer = reply(completion("fine"))
        play.server.script = lambda _: [answer[:20]]  # the rest comes later
        play.caller.data_received(post(chat("x", "small")))
        await play.turn(20)
        await press.publish(ELSEWHERE)
        play.plane.upstreams.sweep(0.0)
        assert repr(play.plane.upstreams).endswith(" 1 retired>")
        assert not play.server.wires[0].closed
        [pool] = play.plane.upstreams._retired
        [connection] = pool._connections
        connection.data_received(answer[20:])
        await play.turn(20)
        assert play.wire.written.startswith(b"HTTP/1.1 200 OK")
        assert play.server.wires[0].aborted
        play.plane.upstreams.sweep(0.0)
        assert repr(play.plane.upstreams).endswith(" 0 retired>")

    perform(tmp_path, scene)


def test_a_hundred_editions_between_requests_drop_nothing(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        press = Press(play)
        for turn in range(100):
            await press.publish(WITHOUT_RENAMED if turn % 2 else CONFIG)
            assert (await play.say(post(chat("x", "small")))).status == 200
        assert len(events(play)) == 100
        closed = [record for record in play.records if record["kind"] == "closed"]
        assert len(closed) == 100
        assert {record["revision"] for record in closed} == {sealed(CONFIG).revision, sealed(WITHOUT_RENAMED).revision}

    perform(tmp_path, scene)


def test_what_was_granted_under_one_revision_is_not_taken_up_under_another(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        press = Press(play)
        exchange = play.caller._new_exchange()
        route = recognise("POST", b"/v1/chat/completions", {})
        assert isinstance(route, Route)
        exchange.principal = Principal(id="alice", groups=frozenset({"research"}), credential_id="aliceaaaaaaa")
        exchange.operation = Operation.CHAT
        exchange.route = route
        assert may_operate(exchange, play.plane) is None
        exchange.document = chat("x", "renamed")
        exchange.asked = "renamed"
        assert authorize(exchange, play.plane) is None
        await press.publish(CONFIG, canary=(WITHOUT_RENAMED, 100.0))
        assert may_operate(exchange, play.plane) is None, "asked again after a wait"
        assert exchange.snapshot.revision == sealed(CONFIG).revision

    perform(tmp_path, scene)


def test_whatever_goes_wrong_with_an_edition_is_told_and_the_next_is_taken(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        press = Press(play)
        before = play.plane.snapshot
        garbage = Sealed("0123456789abcdef", msgspec.Raw(b'{"targets": 7}'))
        publish(press.path, msgspec.structs.replace(press.edition, at=0.5, active=garbage))
        await press.settle()
        assert play.plane.snapshot is before
        assert figures_of(play.plane).policy_taken is False
        assert (await play.say(post(chat("x", "renamed")))).status == 200
        [event] = events(play)
        assert (event["name"], event["severity"]) == ("policy.not_taken", "alert")
        assert event["facts"]["revision"] == garbage.revision
        assert event["facts"]["places"].startswith("ValidationError at ")
        await press.publish(ELSEWHERE)
        assert play.plane.snapshot.revision == sealed(ELSEWHERE).revision
        assert figures_of(play.plane).policy_taken is True

    perform(tmp_path, scene)


def test_a_published_file_that_cannot_be_read_is_told_once(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        press = Press(play)
        press.path.write_bytes(b"{}")
        for _ in range(3):
            await press.settle()
        await play.turn()
        [event] = events(play)
        assert (event["name"], event["facts"]["places"]) == ("policy.not_taken", "policy.json cannot be read")
        assert figures_of(play.plane).policy_taken is False

    perform(tmp_path, scene)
