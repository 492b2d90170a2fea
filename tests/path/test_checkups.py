"""Model servers are asked how they are, and get nothing while they are not well."""

from pathlib import Path

import pytest
from playbook import Play, chat, completion, perform, post, reply

from guardhouse.path.checkups import Checkups

CONFIG = """
targets:
  local:
    kind: openai
    url: "http://127.0.0.1:9/base"
    credential: "${env:UPSTREAM}"
    breaker: {failures: 1, pause: 5s}
    health: {path: /health, every: 5s, failures: 2, successes: 2}
  other: {kind: openai, url: "http://127.0.0.2:9"}
models:
  small: {targets: [local, other]}
  alone: {targets: [local]}
policies:
  - {name: all, who: {ids: ["*"]}, may: [chat], models: ["*"]}
"""
WELL = reply(b"ok", content_type=b"text/plain")
ILL = reply(b"", b"503 Service Unavailable")


class Asking:
    """The clock of the checks; the servers answer them with `says`."""

    def __init__(self, play: Play) -> None:
        self.play = play
        self.says: list[bytes | None] = [WELL]
        self._checkups = Checkups(play.plane.upstreams, play.plane.loop)
        self._now = play.plane.loop_time()
        play.server.script = lambda data: self.says if data.startswith(b"GET") else [reply(completion("fine"))]

    async def ask(self) -> None:
        self._now += 5.0
        self._checkups.sweep(self.play.plane.snapshot.targets.values(), self._now)
        await self.play.turn()

    async def target(self) -> str:
        assert (await self.play.say(post(chat("x")))).status == 200
        return str(self.play.records[-1]["target"])


def news(play: Play) -> list[tuple[str, object]]:
    return [(event.name, event.facts.get("why")) for event in play.plane.upstreams.wards.take_news(0.0)]


def test_the_question_has_no_credential_and_asks_who_is_to_be_asked(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await Asking(play).ask()
        (question,) = play.server.requests
        assert question.startswith(b"GET /base/health HTTP/1.1\r\nhost: 127.0.0.1:9\r\n")
        assert b"credential" not in question
        assert b"connection: close" in question

    perform(tmp_path, scene, None, CONFIG)


@pytest.mark.parametrize(
    ("says", "why"),
    [([ILL], "status_503"), ([reply(b"", b"302 Found")], "status_302"), ([None], "upstream_closed_early")],
)
def test_bad_answers_in_a_row_take_a_server_out_and_good_ones_take_it_back(
    tmp_path: Path, says: list[bytes | None], why: str
) -> None:
    async def scene(play: Play) -> None:
        asking = Asking(play)
        asking.says = says
        await asking.ask()
        assert await asking.target() == "local"
        await asking.ask()
        assert await asking.target() == "other"
        assert news(play) == [("target.unwell", why)]
        assert (await play.say(post(chat("x", "alone")))).code == "upstream_unavailable"
        asking.says = [WELL]
        await asking.ask()
        assert await asking.target() == "other"
        await asking.ask()
        assert await asking.target() == "local"
        assert news(play) == [("target.well", None)]
        assert play.plane.upstreams.wards.calm

    perform(tmp_path, scene, None, CONFIG)


def test_a_server_that_cannot_be_reached_or_says_nothing_is_not_well(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        asking = Asking(play)
        play.server.refuses = {"local"}
        await asking.ask()
        play.server.refuses = set()
        asking.says = []
        await asking.ask()
        play.plane.upstreams.sweep(play.plane.loop_time() + 2.0)
        await play.turn()
        assert news(play) == [("target.unwell", "upstream_first_byte_timeout")]

    perform(tmp_path, scene, None, CONFIG)


def test_a_good_answer_ends_the_pause_of_a_breaker(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        asking = Asking(play)
        play.server.refuses = {"local"}
        assert await asking.target() == "other"
        play.server.refuses = set()
        assert await asking.target() == "other"
        await asking.ask()
        assert await asking.target() == "local"
        assert [name for name, _ in news(play)] == ["target.broken", "target.mended"]

    perform(tmp_path, scene, None, CONFIG)


def test_an_endless_answer_is_given_up(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        asking = Asking(play)
        asking.says = [b"HTTP/1.1 200 OK\r\ncontent-length: 9999999\r\n\r\n", b"x" * 70_000, b"x"]
        for _ in range(2):
            await asking.ask()
        assert all(wire.aborted for wire in play.server.wires)
        assert news(play) == []

    perform(tmp_path, scene, None, CONFIG)


def test_one_question_at_a_time_is_asked(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        asking = Asking(play)
        checkups = asking._checkups
        now = play.plane.loop_time() + 100.0
        for _ in range(3):
            checkups.sweep(play.plane.snapshot.targets.values(), now)
        await play.turn()
        assert len(play.server.requests) == 1

    perform(tmp_path, scene, None, CONFIG)
