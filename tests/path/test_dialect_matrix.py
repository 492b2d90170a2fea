"""Every dialect, streamed and whole, through every way that an exchange can go."""

import json
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, cast

import pytest
from dialogues import DIALOGUES, Dialogue
from playbook import Answer, Play, perform, post, reply

SECRET, MASKED = "write to bob.smith@example.com now", "write to [EMAIL] now"
LONG = ["four" * 50] * 60
WAYS = [
    pytest.param(dialogue, stream, id=f"{dialogue.path.decode()}-{'stream' if stream else 'whole'}")
    for dialogue in DIALOGUES
    for stream in ((False, True) if dialogue.flows else (False,))
]
STREAMS = [pytest.param(dialogue, id=dialogue.path.decode()) for dialogue in DIALOGUES if dialogue.flows]
OPEN = [way for way in WAYS if not cast(Dialogue, way.values[0]).routes]
every_way = pytest.mark.parametrize(("dialogue", "stream"), WAYS)
every_stream = pytest.mark.parametrize("dialogue", STREAMS)
Script = Callable[[bytes], Sequence[bytes | None]]


def config(dialogue: Dialogue, *rules: str) -> str:
    effects = "\n    ".join(rules or ("mask: {entities: []}",))
    return f"""
targets:
  local: {{kind: {dialogue.kind}, url: "http://127.0.0.1:9", credential: "${{env:UPSTREAM}}"}}
models:
  small: {{targets: [local]}}
{dialogue.routes}
policies:
  - name: research
    who: {{groups: [research]}}
    may: [infer]
    models: [small]
    {effects}
"""


def flowing(dialogue: Dialogue, pieces: list[bytes | None]) -> list[bytes | None]:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: %b\r\ntransfer-encoding: chunked\r\n\r\n" % dialogue.flowing
    chunks = [piece if piece is None else b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    return [head, *chunks, *([] if None in pieces else [b"0\r\n\r\n"])]


def answering(dialogue: Dialogue, texts: list[str], *, stream: bool) -> Script:
    if stream:
        pieces: list[bytes | None] = [*dialogue.pieces(texts)]
        return lambda _: flowing(dialogue, pieces)
    return lambda _: [reply(dialogue.answer("".join(texts)))]


async def ask(play: Play, dialogue: Dialogue, text: str, *, stream: bool) -> Answer:
    return await play.say(post(dialogue.ask(text, stream=stream), dialogue.path))


def closed_of(play: Play) -> dict[str, Any]:
    """The one exchange that there was, from the record that opens it to the one that closes it."""
    assert [record["kind"] for record in play.records] == ["opened", "closed"]
    assert play.records[0]["id"] == play.records[1]["id"]
    return play.records[1]


@every_way
def test_what_is_allowed_goes_through_as_it_is(tmp_path: Path, dialogue: Dialogue, stream: bool) -> None:
    async def scene(play: Play) -> None:
        answer = await ask(play, dialogue, "hello", stream=stream)
        assert (answer.status, dialogue.read(answer.body, stream=stream)) == (200, "good morning")
        assert dialogue.asked(play.server.document()) == "hello"
        closed = closed_of(play)
        assert (closed["outcome"], closed["status"], closed.get("stream", False)) == ("completed", 200, stream)
        told = (closed["input_tokens"], closed.get("output_tokens", 0), closed["usage_source"])
        assert told == (dialogue.given, dialogue.made, "reported") or not dialogue.reports
        assert closed["usage_source"] == ("reported" if dialogue.reports else "estimated")

    perform(tmp_path, scene, answering(dialogue, ["good ", "morning"], stream=stream), config(dialogue))


@every_way
def test_the_credentials_of_neither_side_reach_the_other(tmp_path: Path, dialogue: Dialogue, stream: bool) -> None:
    async def scene(play: Play) -> None:
        answer = await ask(play, dialogue, "hello", stream=stream)
        assert b"upstream-credential" in play.server.requests[0]
        assert b"upstream-credential" not in answer.raw
        assert b"gh_alice" not in play.server.requests[0]
        assert "upstream-credential" not in json.dumps(play.journal)

    perform(tmp_path, scene, answering(dialogue, ["x"], stream=stream), config(dialogue))


@every_way
def test_a_request_is_masked(tmp_path: Path, dialogue: Dialogue, stream: bool) -> None:
    async def scene(play: Play) -> None:
        answer = await ask(play, dialogue, SECRET, stream=stream)
        assert answer.status == 200
        assert dialogue.asked(play.server.document()) == MASKED
        assert b"bob.smith" not in play.server.requests[0]
        assert closed_of(play)["masked_request"] == {"email": 1}

    rules = "mask: {entities: [email], where: [request]}"
    perform(tmp_path, scene, answering(dialogue, ["x"], stream=stream), config(dialogue, rules))


@every_way
def test_an_answer_is_masked_wherever_it_is_cut(tmp_path: Path, dialogue: Dialogue, stream: bool) -> None:
    places = [0, *range(3, len(SECRET), 3), len(SECRET)]
    texts = [SECRET[start:end] for start, end in pairwise(places)]

    async def scene(play: Play) -> None:
        answer = await ask(play, dialogue, "hello", stream=stream)
        assert dialogue.read(answer.body, stream=stream) == MASKED
        assert b"bob.smith" not in answer.raw
        assert closed_of(play)["masked"]["email"] >= 1

    rules = "mask: {entities: [email], where: [response]}"
    perform(tmp_path, scene, answering(dialogue, texts, stream=stream), config(dialogue, rules))


@every_way
def test_what_is_blocked_before_is_never_sent(tmp_path: Path, dialogue: Dialogue, stream: bool) -> None:
    async def scene(play: Play) -> None:
        answer = await ask(play, dialogue, "hello", stream=stream)
        assert answer.status == 403
        assert dialogue.failure(answer.body, stream=False) == "policy_denied"
        assert play.server.requests == []
        (closed,) = play.records
        assert (closed["decision"], closed["reason"]) == ("denied", "policy_denied")

    deny = 'effect: deny, who: {ids: ["*"]}, may: [infer], models: [small], when: {size: {at_least: 1B}}'
    perform(tmp_path, scene, config=f"{config(dialogue)}  - {{name: never, {deny}}}\n")


@every_way
def test_a_limit_refuses_and_says_when_to_come_back(tmp_path: Path, dialogue: Dialogue, stream: bool) -> None:
    async def scene(play: Play) -> None:
        assert (await ask(play, dialogue, "hello", stream=stream)).status == 200
        play.wire, play.caller = play.connect()
        answer = await ask(play, dialogue, "hello", stream=stream)
        assert answer.status == 429
        assert int(answer.headers[b"retry-after"]) > 0
        assert dialogue.failure(answer.body, stream=False) == "request_rate_exceeded"
        assert len(play.server.requests) == 1

    perform(tmp_path, scene, answering(dialogue, ["x"], stream=stream), config(dialogue, "limits: {requests: 1/h}"))


@every_stream
def test_a_stream_is_cut_in_the_middle_with_a_legal_end(tmp_path: Path, dialogue: Dialogue) -> None:
    async def scene(play: Play) -> None:
        answer = await ask(play, dialogue, "hello", stream=True)
        assert answer.status == 200
        assert dialogue.failure(answer.body, stream=True) == "budget_exhausted"
        closed = closed_of(play)
        assert (closed["decision"], closed["outcome"], closed["reason"]) == ("allowed", "failed", "budget_exhausted")

    script = answering(dialogue, LONG, stream=True)
    perform(tmp_path, scene, script, config(dialogue, "limits: {budget: 1k tokens/day}"))


@every_stream
def test_a_stream_that_cannot_be_read_is_cut_where_it_is_masked(tmp_path: Path, dialogue: Dialogue) -> None:
    pieces: list[bytes | None] = [dialogue.pieces(["fine"])[0], dialogue.unreadable_piece, *dialogue.pieces([SECRET])]

    async def scene(play: Play) -> None:
        answer = await ask(play, dialogue, "hello", stream=True)
        assert dialogue.failure(answer.body, stream=True) == "response_unreadable"
        assert b"bob.smith" not in answer.raw
        assert closed_of(play)["reason"] == "response_unreadable"

    perform(tmp_path, scene, lambda _: flowing(dialogue, pieces), config(dialogue, "mask: {entities: [email]}"))


@every_way
def test_an_error_of_the_upstream_is_its_own_and_masked(tmp_path: Path, dialogue: Dialogue, stream: bool) -> None:
    async def scene(play: Play) -> None:
        answer = await ask(play, dialogue, "hello", stream=stream)
        assert answer.status == 500
        assert b"bob.smith" not in answer.raw
        assert b"no such thing" in answer.body
        assert closed_of(play)["status"] == 500

    error = {"error": {"message": "no such thing as bob.smith@example.com"}}
    script: Script = lambda _: [reply(error, b"500 Internal Server Error")]  # noqa: E731 - handed on
    perform(tmp_path, scene, script, config(dialogue, "mask: {entities: [email]}"))


@every_way
def test_an_upstream_that_breaks_off_is_told_as_a_failure(tmp_path: Path, dialogue: Dialogue, stream: bool) -> None:
    async def scene(play: Play) -> None:
        answer = await ask(play, dialogue, "hello", stream=stream)
        assert answer.status == (200 if stream else 502)
        assert dialogue.failure(answer.body, stream=stream) == "upstream_closed_early"
        closed = closed_of(play)
        assert (closed["outcome"], closed["reason"]) == ("failed", "upstream_closed_early")

    def script(_: bytes) -> list[bytes | None]:
        if stream:
            return flowing(dialogue, [dialogue.pieces(["fine"])[0], None])
        return [reply(dialogue.answer("fine"))[:-9], None]

    perform(tmp_path, scene, script, config(dialogue))


@every_way
def test_a_caller_who_leaves_cancels_it_upstream(tmp_path: Path, dialogue: Dialogue, stream: bool) -> None:
    async def scene(play: Play) -> None:
        await ask(play, dialogue, "hello", stream=stream)
        play.caller.connection_lost(None)
        await play.turn()
        assert play.server.wires[0].closed
        closed = closed_of(play)
        assert (closed["outcome"], closed["reason"]) == ("cancelled", "client_left")

    first = flowing(dialogue, [dialogue.pieces(["fine"])[0], None])[:2] if stream else [b"HTTP/1.1 200 OK\r\n"]
    perform(tmp_path, scene, lambda _: first, config(dialogue))


@pytest.mark.parametrize(("dialogue", "stream"), OPEN)  # a declared route that nobody serves is not loaded
def test_a_model_that_nobody_serves_in_this_dialect_is_refused(
    tmp_path: Path, dialogue: Dialogue, stream: bool
) -> None:
    others = {"openai", "ollama"} - {dialogue.kind}
    text = config(dialogue).replace(f"kind: {dialogue.kind}", f"kind: {dialogue.kind}, speaks: [{min(others)}]")

    async def scene(play: Play) -> None:
        answer = await ask(play, dialogue, "hello", stream=stream)
        assert answer.status == 400
        assert dialogue.failure(answer.body, stream=False) == "dialect_unsupported"
        assert play.server.requests == []

    perform(tmp_path, scene, config=text)
