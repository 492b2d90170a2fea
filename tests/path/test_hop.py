"""What each server is sent: all of it inside of the region, less what may not leave outside."""

import json
from pathlib import Path
from typing import Any

import pytest
from playbook import Play, chat, perform, post

CONFIG = """
regions:
  frankfurt: {jurisdiction: EU}
  virginia: {jurisdiction: US}
residency: {here: frankfurt, keep_in: {email: [EU], tool_texts: [EU]}}
targets:
  eu: {kind: openai, url: "http://127.0.0.1:9", region: frankfurt}
  us: {kind: openai, url: "http://127.0.0.2:9", region: virginia}
models:
  eu-first: {targets: [eu, us]}
  us-first: {targets: [us, eu], name: theirs}
  us-only: {targets: [us]}
policies:
  - {name: all, who: {ids: ["*"]}, may: [infer], models: ["*"], mask: {entities: [card]}}
"""
TEXT = "write to ada@example.org about 4111 1111 1111 1111"
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def sent(play: Play, index: int = -1) -> str:
    return str(play.server.document(index)["messages"][0]["content"])


def test_a_server_of_the_region_gets_the_text_as_it_was_judged(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat(TEXT, model="eu-first")))
        assert sent(play) == "write to ada@example.org about [CARD]"
        assert "withheld" not in play.records[1]["kept"]

    perform(tmp_path, scene, config=CONFIG)


def test_a_server_beyond_it_gets_the_text_without_what_may_not_leave(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat(TEXT, model="us-first")))
        assert sent(play) == "write to [EMAIL] about [CARD]"
        assert play.server.document()["model"] == "theirs"
        assert play.records[1]["kept"]["withheld"] == {"email": 1}
        assert play.records[1]["masked_request"] == {"card": 1}

    perform(tmp_path, scene, config=CONFIG)


@pytest.mark.parametrize(
    ("model", "away", "text", "withheld"),
    [
        ("eu-first", "eu", "write to [EMAIL] about [CARD]", {"email": 1}),
        ("us-first", "us", "write to ada@example.org about [CARD]", None),
    ],
)
def test_after_a_failure_the_next_server_gets_what_is_right_for_it(
    tmp_path: Path, model: str, away: str, text: str, withheld: dict[str, int] | None
) -> None:
    async def scene(play: Play) -> None:
        play.server.refuses = {away}
        await play.say(post(chat(TEXT, model=model)))
        assert sent(play) == text
        opened, closed = play.records
        assert opened["target"] == away
        assert closed["target"] != away
        assert closed["kept"].get("withheld") == withheld

    perform(tmp_path, scene, config=CONFIG)


def test_texts_of_a_role_are_taken_out_as_a_whole(tmp_path: Path) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "look", "arguments": '{"q": 1}'}}
    messages: list[Any] = [
        {"role": "user", "content": "look it up"},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "the customer's file"},
    ]

    async def scene(play: Play) -> None:
        await play.say(post({"model": "us-first", "messages": messages}))
        document = play.server.document()
        assert document["messages"][2]["content"] == "[WITHHELD]"
        assert document["messages"][:2] == messages[:2]
        assert play.records[1]["kept"]["withheld"] == {"tool_texts": 1}

    perform(tmp_path, scene, config=CONFIG)


def test_what_cannot_be_read_stays_with_servers_that_may_have_all_of_it(tmp_path: Path) -> None:
    pictured = {"role": "user", "content": [{"type": "text", "text": "what is this?"}, IMAGE]}

    async def scene(play: Play) -> None:
        question = {"model": "us-first", "messages": [pictured]}
        play.server.refuses = {"eu"}
        assert (await play.say(post(question))).code == "upstream_unreachable"
        play.server.refuses = set()
        assert (await play.say(post(question))).status == 200
        assert play.records[3]["target"] == "eu"
        answer = await play.say(post({"model": "us-only", "messages": [pictured]}))
        assert (answer.status, answer.code) == (400, "content_unreadable")
        assert len(play.server.requests) == 1

    perform(tmp_path, scene, config=CONFIG.replace("mask: {entities: [card]}", "mask: {entities: []}"))


def test_a_stream_is_prepared_for_the_hop_like_a_whole_answer(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat(TEXT, model="us-first", stream=True)))
        document = json.loads(play.server.requests[-1].partition(b"\r\n\r\n")[2])
        assert document["stream_options"] == {"include_usage": True}
        assert "ada@example.org" not in json.dumps(document)

    perform(tmp_path, scene, config=CONFIG)
