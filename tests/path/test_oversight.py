"""What becomes of an answer that is under way when its caller loses the right to it."""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec
import pytest
from playbook import ALICE, PEPPER, Play, chat, chunk_event, completion, event, perform, post, reply, stream

from guardhouse.identity.api_keys import KeyRecord, digest, key_of
from guardhouse.identity.key_table import KeyTable

RECORD = KeyRecord(
    id="aliceaaaaaaa", digest=digest(key_of(PEPPER), ALICE), principal="alice", groups=("research",), created_at=0.0
)
HALF = stream(chunk_event("one"), chunk_event("two"), chunk_event("never sent", "stop"))[:3]


DELTA = {"type": "response.output_text.delta", "item_id": "m", "output_index": 0, "content_index": 0, "delta": "one"}
HALF_OF_RESPONSES = stream(event(DELTA), event(DELTA))[:2]


def half_a_stream(request: bytes) -> Sequence[bytes]:
    return HALF_OF_RESPONSES if b"/responses" in request else HALF


def nothing_yet(_: bytes) -> Sequence[bytes]:
    return []


def change(play: Play, **members: Any) -> None:
    play.plane.keys.table.put(msgspec.structs.replace(RECORD, **members))


def closed(play: Play) -> Any:
    return [record for record in play.records if record["kind"] == "closed"][-1]


@pytest.mark.parametrize(
    ("members", "code"),
    [({"revoked_at": 1.0}, "credential_revoked"), ({"expires_at": 1.0}, "credential_expired")],
)
@pytest.mark.parametrize("path", [b"/v1/chat/completions", b"/v1/completions", b"/v1/responses"])
def test_a_stream_whose_key_has_ended_is_ended_in_the_way_of_its_dialect(
    tmp_path: Path, path: bytes, members: dict[str, Any], code: str
) -> None:
    document = {"model": "small", "prompt": "x", "stream": True}
    if path.endswith(b"chat/completions"):
        document = chat("x", stream=True)
    elif path.endswith(b"responses"):
        document = {"model": "small", "input": "x", "stream": True}

    async def scene(play: Play) -> None:
        answer = await play.say(post(document, path=path))
        assert answer.status == 200
        play.caller.oversee()
        await play.turn()
        assert code.encode() not in play.wire.written
        change(play, **members)
        play.caller.oversee()
        await play.turn()
        assert play.wire.written.endswith(b"\r\n0\r\n\r\n")
        assert code.encode() in play.wire.written
        assert b"never sent" not in play.wire.written
        assert play.wire.eof
        assert play.server.wires[0].aborted or play.server.wires[0].closed
        assert (closed(play)["outcome"], closed(play)["reason"], closed(play)["status"]) == ("failed", code, 200)

    perform(tmp_path, scene, half_a_stream)


def test_an_answer_that_has_not_begun_becomes_an_error(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x")))
        change(play, revoked_at=1.0)
        play.caller.oversee()
        await play.turn()
        assert play.wire.written.startswith(b"HTTP/1.1 401")
        assert closed(play)["reason"] == "credential_revoked"

    perform(tmp_path, scene, nothing_yet)


def test_a_key_that_was_changed_but_not_ended_goes_on(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x", stream=True)))
        change(play, groups=("other",), expires_at=4e9)
        play.caller.oversee()
        await play.turn()
        assert play.records[-1]["kind"] == "opened"

    perform(tmp_path, scene, half_a_stream)


def test_a_key_that_the_store_has_lost_counts_as_revoked(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x", stream=True)))
        play.plane.keys.table = KeyTable(key_of(PEPPER))
        play.caller.oversee()
        await play.turn()
        assert closed(play)["reason"] == "credential_revoked"

    perform(tmp_path, scene, half_a_stream)


def test_when_revocations_may_be_missing_open_answers_end_as_new_requests_are_refused(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x", stream=True)))
        feed = tmp_path / "keys.feed"
        os.utime(feed, (1.0, 1.0))
        play.plane.keys.refresh()
        play.caller.oversee()
        await play.turn()
        assert closed(play)["reason"] == "identity_stale"

    perform(tmp_path, scene, half_a_stream)


def test_a_connection_that_serves_nobody_is_left_alone(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("x")))).status == 200
        change(play, revoked_at=1.0)
        written = play.wire.written
        play.caller.oversee()
        await play.turn()
        assert play.wire.written == written
        assert not play.wire.closed

    perform(tmp_path, scene, lambda _: [reply(completion("fine"))])
