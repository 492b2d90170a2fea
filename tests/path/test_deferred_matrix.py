"""Every call about files and batches through every way that an exchange can go: the columns of the dialects' matrix."""

import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from batching import (
    BARE,
    ask,
    config,
    form,
    line,
    lines_of,
    order,
    ordering,
    play_batches,
    script_of,
    snapshot_of,
    upload,
    uploading,
)
from playbook import ALICE, Answer, Play, reply
from test_waiting import Timers

from integration.batch_server import EMAIL, Shelf

STEPS = ("upload", "order", "look", "read", "delete", "check", "cancel")
every_step = pytest.mark.parametrize("step", STEPS)
Ids = tuple[str, str]
ERROR = {"error": {"message": f"no such thing as {EMAIL}"}}
Then = Callable[[Play, Ids], Awaitable[None]]


async def take(play: Play, step: str, ids: Ids, text: str = "hello") -> Answer:
    file, batch = ids
    play.wire, play.caller = play.connect()
    if step == "upload":
        return await play.say(uploading(form(lines_of(line(text)))))
    if step == "order":
        return await play.say(ordering(file, metadata={"note": text}))
    method, path = {
        "look": (b"GET", f"/v1/files/{file}"),
        "read": (b"GET", f"/v1/files/{file}/content"),
        "delete": (b"DELETE", f"/v1/files/{file}"),
        "check": (b"GET", f"/v1/batches/{batch}"),
        "cancel": (b"POST", f"/v1/batches/{batch}/cancel"),
    }[step]
    return await ask(play, method, path)


def play_after(directory: Path, then: Then, text: str | None = None) -> None:
    """`then` begins where a file is uploaded and a batch of it ordered."""
    shelf = Shelf()

    async def scene(play: Play) -> None:
        file = await upload(play, line("hello"))
        await then(play, (file, await order(play, file)))

    play_batches(directory, scene, shelf, text)


def last_of(play: Play) -> dict[str, Any]:
    opened, closed = play.records[-2:]
    assert (opened["kind"], closed["kind"], opened["id"]) == ("opened", "closed", closed["id"])
    return closed


@every_step
def test_what_is_allowed_is_done_and_recorded(tmp_path: Path, step: str) -> None:
    async def then(play: Play, ids: Ids) -> None:
        assert (await take(play, step, ids)).status == 200
        closed = last_of(play)
        assert (closed["outcome"], closed["status"]) == ("completed", 200)
        assert (closed["model"], closed["target"]) == ("small", "local")

    play_after(tmp_path, then)


@every_step
def test_the_credentials_of_neither_side_reach_the_other(tmp_path: Path, step: str) -> None:
    async def then(play: Play, ids: Ids) -> None:
        answer = await take(play, step, ids)
        assert b"upstream-credential" in play.server.requests[-1]
        assert b"upstream-credential" not in answer.raw
        assert ALICE not in play.server.requests[-1]
        journal = json.dumps(play.journal)
        assert "upstream-credential" not in journal
        assert not any(id_ in journal for id_ in ids)

    play_after(tmp_path, then)


@every_step
def test_what_is_blocked_before_is_never_sent(tmp_path: Path, step: str) -> None:
    deny = 'effect: deny, who: {ids: ["*"]}, may: [infer], models: [small], when: {size: {at_least: 1B}}'

    async def then(play: Play, ids: Ids) -> None:
        play.plane.snapshot = snapshot_of(config(more=f"  - {{name: never, {deny}}}\n"))
        before = len(play.server.requests)
        answer = await take(play, step, ids)
        assert (answer.status, answer.code) == (403, "policy_denied")
        assert len(play.server.requests) == before
        assert (play.records[-1]["decision"], play.records[-1]["reason"]) == ("denied", "policy_denied")

    play_after(tmp_path, then)


@every_step
def test_a_limit_refuses_and_says_when_to_come_back(tmp_path: Path, step: str) -> None:
    async def then(play: Play, ids: Ids) -> None:
        answer = await take(play, step, ids)
        assert (answer.status, answer.code) == (429, "request_rate_exceeded")
        assert int(answer.headers[b"retry-after"]) > 0

    play_after(tmp_path, then, config(f"{BARE}\n    limits: {{requests: 2/h}}"))


@every_step
def test_an_error_of_the_upstream_is_its_own_and_masked(tmp_path: Path, step: str) -> None:
    async def then(play: Play, ids: Ids) -> None:
        play.server.script = lambda _: [reply(ERROR, b"500 Internal Server Error")]
        answer = await take(play, step, ids)
        assert answer.status == 500
        assert answer.json["error"]["message"] == "no such thing as [EMAIL]"
        assert (last_of(play)["status"], last_of(play)["masked"]) == (500, {"email": 1})

    play_after(tmp_path, then, config("mask: {entities: [email]}"))


@every_step
def test_an_answer_that_is_none_is_refused(tmp_path: Path, step: str) -> None:
    async def then(play: Play, ids: Ids) -> None:
        for body in (b"[]", b"{}", b'{"id": 7}', b"<html>", b"", b'{"id": "../x"}', b'{"id": "a", "id": "file-0001"}'):
            play.server.script = lambda _, body=body: [reply(body)]  # type: ignore[misc]
            answer = await take(play, step, ids)
            if step == "read":  # nothing is masked here, and nothing else in it has to be read
                assert (answer.status, answer.body) == (200, body)
            else:
                assert (answer.status, answer.code) == (502, "response_unreadable"), body

    play_after(tmp_path, then)


@every_step
def test_an_upstream_that_breaks_off_is_told_as_a_failure(tmp_path: Path, step: str) -> None:
    async def then(play: Play, ids: Ids) -> None:
        play.server.script = lambda _: [b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{", None]
        answer = await take(play, step, ids)
        assert (answer.status, answer.code) == (502, "upstream_closed_early")
        assert (last_of(play)["outcome"], last_of(play)["reason"]) == ("failed", "upstream_closed_early")

    play_after(tmp_path, then)


@every_step
def test_a_caller_who_leaves_cancels_it_upstream(tmp_path: Path, step: str) -> None:
    async def then(play: Play, ids: Ids) -> None:
        play.server.script = lambda _: [b"HTTP/1.1 200 OK\r\n"]
        await take(play, step, ids)
        play.caller.connection_lost(None)
        await play.turn()
        assert play.server.wires[-1].closed
        assert (last_of(play)["outcome"], last_of(play)["reason"]) == ("cancelled", "client_left")

    play_after(tmp_path, then)


@every_step
def test_what_nobody_serves_in_this_dialect_is_refused(tmp_path: Path, step: str) -> None:
    async def then(play: Play, ids: Ids) -> None:
        play.plane.snapshot = snapshot_of(config().replace("kind: openai", "kind: openai, speaks: [ollama]"))
        assert (await take(play, step, ids)).code in ("dialect_unsupported", "file_outdated")

    play_after(tmp_path, then)


@every_step
def test_a_model_that_is_not_permitted_any_more_takes_along_what_was_left_for_it(tmp_path: Path, step: str) -> None:
    async def then(play: Play, ids: Ids) -> None:
        play.plane.snapshot = snapshot_of(config().replace("models: [small, other]", "models: [other]"))
        assert (await take(play, step, ids)).code == "model_denied"

    play_after(tmp_path, then)


@pytest.mark.parametrize("step", STEPS[2:])
def test_a_body_where_none_belongs_is_refused(tmp_path: Path, step: str) -> None:
    async def then(play: Play, ids: Ids) -> None:
        file, batch = ids
        path = {"read": f"/v1/files/{file}/content", "check": f"/v1/batches/{batch}"}.get(step, f"/v1/files/{file}")
        path = f"/v1/batches/{batch}/cancel" if step == "cancel" else path
        method = {"delete": "DELETE", "cancel": "POST"}.get(step, "GET")
        head = f"{method} {path} HTTP/1.1\r\nhost: gateway\r\nx-api-key: {ALICE.decode()}\r\n"
        before = len(play.server.requests)
        for framing in ("content-length: 7\r\n\r\n{'a':1}", "transfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"):
            play.wire, play.caller = play.connect()
            assert (await play.say((head + framing).encode())).code == "body_unexpected"
        assert len(play.server.requests) == before

    play_after(tmp_path, then)


@pytest.mark.parametrize("step", ["upload", "order"])
def test_what_waits_for_its_turn_is_done_then(tmp_path: Path, step: str) -> None:
    effects = "mask: {entities: [email]}\n    limits: {requests: 3/s, queue: {depth: 4, wait: 60s}}"

    async def then(play: Play, ids: Ids) -> None:
        assert (await take(play, "look", ids)).status == 200
        timers = Timers(play.plane)
        assert (await take(play, step, ids, f"write {EMAIL}")).status == 0
        assert play.plane.held == 1
        await timers.go_off(play)
        assert play.wire.written.startswith(b"HTTP/1.1 200")
        assert EMAIL.encode() not in play.server.requests[-1]
        assert b"[EMAIL]" in play.server.requests[-1]

    play_after(tmp_path, then, config(effects))


def test_the_shelf_is_the_same_for_everybody(tmp_path: Path) -> None:
    """What the tests here rely on: for the model server, whoever names an id gets the thing."""
    shelf = Shelf()

    async def scene(play: Play) -> None:
        await upload(play, line("hello"))
        (answer,) = script_of(shelf)(b"GET /v1/files/file-0001/content HTTP/1.1\r\nhost: x\r\n\r\n")
        assert answer is not None
        assert answer.endswith(shelf.files["file-0001"])

    play_batches(tmp_path, scene, shelf)
