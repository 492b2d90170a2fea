"""Whose session goes where: to the same server each time, by what the configuration calls a session."""

from pathlib import Path
from typing import Any

import pytest
from playbook import BOB, Play, chat, perform, post

CONFIG = """
targets:
  a: {kind: openai, url: "http://127.0.0.1:9", speaks: [openai, anthropic, kserve]}
  b: {kind: openai, url: "http://127.0.0.2:9", speaks: [openai, anthropic, kserve]}
  c: {kind: openai, url: "http://127.0.0.3:9", speaks: [openai, anthropic, kserve]}
models:
  small: {targets: [a, b, c], choose: sticky, sticky_by: "BY"}
policies:
  - {name: all, who: {ids: ["*"]}, may: [infer], models: ["*"], mask: {entities: []}}
"""
TENSOR = {"name": "x", "datatype": "INT32", "shape": [1], "data": [1]}


def by_header(session: object) -> bytes:
    return post(chat("x"), extra=b"x-session: %b\r\n" % str(session).encode())


def by_user_id(session: object) -> bytes:
    document = {**chat("x"), "max_tokens": 9, "metadata": {"user_id": str(session)}}
    return post(document, path=b"/v1/messages", extra=b"anthropic-version: 2023-06-01\r\n")


def by_sequence(session: object) -> bytes:
    document = {"inputs": [TENSOR], "parameters": {"sequence_id": session}}
    return post(document, path=b"/v2/models/small/infer")


def by_user(session: object, **fields: Any) -> bytes:
    return post(chat("x", user=str(session), **fields))


async def went(play: Play, request: bytes) -> str:
    await play.say(request)
    return str(next(record["target"] for record in reversed(play.records) if record["kind"] == "opened"))


@pytest.mark.parametrize(
    ("by", "asking"),
    [
        ("header:x-session", by_header),
        ("metadata.user_id", by_user_id),
        ("parameters.sequence_id", by_sequence),
        ("user", by_user),
    ],
)
def test_a_session_has_one_server_and_sessions_have_many(tmp_path: Path, by: str, asking: Any) -> None:
    async def scene(play: Play) -> None:
        first = {number: await went(play, asking(number)) for number in range(1, 13)}
        again = {number: await went(play, asking(number)) for number in range(1, 13)}
        assert first == again
        assert set(first.values()) == {"a", "b", "c"}

    perform(tmp_path, scene, config=CONFIG.replace("BY", by))


def test_who_says_nothing_of_a_session_has_the_principal_s_and_nobody_another_s(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        silent = {await went(play, post(chat("x"))) for _ in range(6)}
        assert len(silent) == 1
        assert {await went(play, by_user(""))} == silent
        mine = [await went(play, by_user(number)) for number in range(12)]
        other = [await went(play, post(chat("x", user=str(number)), key=BOB)) for number in range(12)]
        assert mine != other

    perform(tmp_path, scene, config=CONFIG.replace("BY", "user"))


def test_a_large_request_has_the_same_second_choice_though_its_document_is_not_kept(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for number in range(1, 9):
            play.server.refuses = set()
            first = await went(play, by_user(number))
            play.server.refuses = {first}
            await play.say(by_user(number))
            second = play.records[-1]["target"]
            await play.say(by_user(number, metadata={"padding": "y" * 20_000}))
            assert (play.records[-1]["status"], play.records[-1]["target"]) == (200, second)

    perform(tmp_path, scene, config=CONFIG.replace("BY", "user").replace('9"', '9", breaker: {failures: 1000}'))
