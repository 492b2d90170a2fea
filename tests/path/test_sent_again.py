"""A request that was sent and not answered, or that reached nobody: where and when it is sent again."""

from collections import Counter
from pathlib import Path

import pytest
from failing import EMBEDDED, RETRYING, attempts, config, embed, until
from playbook import Answer, Play, chat, completion, perform, post, reply

HALF = [EMBEDDED[:60], None]
ERROR = [reply({"error": {}}, b"503 Service Unavailable")]


def test_what_was_sent_and_not_answered_is_sent_again_only_where_it_computes(tmp_path: Path) -> None:
    replies: list[list[bytes | None]] = []

    async def scene(play: Play) -> None:
        replies.extend([[None], [EMBEDDED]])
        assert (await play.say(embed())).status == 200
        assert attempts(play.records[-1]) == [("local", "upstream_closed_early"), ("other", "completed")]
        replies.extend([[None]])
        answer = await play.say(post(chat("x")))
        assert (answer.status, answer.code) == (502, "upstream_closed_early")
        assert "attempts" not in play.records[-1]
        replies.extend([[None], [reply(completion("fine"))]])
        assert (await play.say(post(chat("x", "patient")))).status == 200
        assert play.server.document()["model"] == "patient"
        assert play.plane.retries.taken == 2

    patient = config(more="  patient: {targets: [local, other], repeat: unanswered}", upstream=RETRYING)
    perform(tmp_path, scene, lambda _: replies.pop(0), patient)


def test_what_broke_off_is_sent_to_the_same_server_again_where_there_is_no_other(tmp_path: Path) -> None:
    replies: list[list[bytes | None]] = [[None], [EMBEDDED]]

    async def scene(play: Play) -> None:
        for status in (200, 502):
            wire, caller = play.connect()
            caller.data_received(embed("tiny"))
            await until(play, lambda wire=wire: bool(wire.written))  # type: ignore[misc]
            assert Answer(wire.written).status == status
            outcome = "completed" if status == 200 else "upstream_closed_early"
            assert attempts(play.records[-1]) == [("spare", "upstream_closed_early"), ("spare", outcome)]
            assert not replies
            replies.extend([[None], [None]])
        assert play.plane.retries.taken == 2

    perform(tmp_path, scene, lambda _: replies.pop(0), config(upstream=RETRYING))


@pytest.mark.parametrize("script", [HALF, ERROR], ids=["a head", "an error"])
def test_what_was_answered_in_part_is_never_sent_again(tmp_path: Path, script: list[bytes | None]) -> None:
    async def scene(play: Play) -> None:
        await play.say(embed())
        assert len(play.server.requests) == 1

    assert b"\r\n\r\n" in EMBEDDED[:90]
    perform(tmp_path, scene, lambda _: [EMBEDDED[:90], None] if script is HALF else script, config(upstream=RETRYING))


def test_a_used_up_budget_ends_the_trying(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        while play.plane.retries.take(play.plane.loop_time()):
            pass
        refused = play.plane.retries.refused
        assert (await play.say(embed())).code == "upstream_closed_early"
        assert play.plane.retries.refused == refused + 1

    perform(tmp_path, scene, lambda _: [None], config(upstream=RETRYING))


def test_a_round_that_reached_nobody_is_tried_again_after_a_pause(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local", "other"}
        play.caller.data_received(post(chat("x")))
        await until(play, lambda: play.plane.retries.taken == 1)
        play.server.refuses = {"local"}
        await until(play, lambda: bool(play.wire.written))
        assert Answer(play.wire.written).status == 200
        outcomes = [outcome for _, outcome in attempts(play.records[-1])]
        assert Counter(outcomes) == {"upstream_unreachable": 3, "completed": 1}

    perform(tmp_path, scene, None, config(upstream=RETRYING))


def test_a_caller_that_leaves_during_the_pause_is_recorded_and_nothing_is_tried(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {"local", "other"}
        play.caller.data_received(post(chat("x")))
        await until(play, lambda: play.plane.retries.taken == 1)
        play.wire.closed = True
        play.caller.connection_lost(None)
        await play.turn()
        assert (play.records[-1]["outcome"], play.records[-1]["reason"]) == ("cancelled", "client_left")
        assert [ward.pending for ward in play.plane.upstreams.wards.all()] == [0, 0]

    perform(tmp_path, scene, None, config(upstream="upstream: {retries: {pause: 1h}}"))
