"""Anthropic's messages through the whole path: what is sent on, counted and refused in this dialect alone."""

import json
from pathlib import Path
from typing import Any

import pytest
from playbook import ALICE, Answer, Play, get, perform, post, reply

CONFIG = """
targets:
  cloud: {kind: anthropic, url: "https://127.0.0.1:9/base", credential: "${env:UPSTREAM}"}
  local: {kind: openai, url: "http://127.0.0.1:9", speaks: [openai, anthropic], credential: "${env:UPSTREAM}"}
  other: {kind: openai, url: "http://127.0.0.1:9"}
models:
  small: {targets: [cloud], max_output: 1000}
  renamed: {targets: [local], name: the-real-name, max_output: 1000}
  elsewhere: {targets: [other], max_output: 1000}
policies:
  - name: research
    who: {groups: [research]}
    may: [chat, models.read]
    models: ["*"]
    limits: {LIMITS}
    mask: {entities: ENTITIES}
"""
PATH = b"/v1/messages"
COUNT = b"/v1/messages/count_tokens"
VERSION = b"anthropic-version: 2023-06-01\r\n"


def config(limits: str = "{requests: 1000/min, tokens: 1M/day}", entities: str = "[email]") -> str:
    return CONFIG.replace("{LIMITS}", limits).replace("ENTITIES", entities)


def ask(text: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "small", "max_tokens": 50, "messages": [{"role": "user", "content": text}], **fields}


def message(*blocks: dict[str, Any], stop: str = "end_turn") -> dict[str, Any]:
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "content": list(blocks),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": {"input_tokens": 7, "cache_read_input_tokens": 100, "output_tokens": 3},
    }


def said(text: str) -> dict[str, Any]:
    return message({"type": "text", "text": text})


def failure(answer: Answer) -> tuple[int, str, str]:
    error = answer.json["error"]
    assert answer.json["type"] == "error"
    return answer.status, error["type"], error["details"]["error_code"]


def test_a_request_is_masked_sent_on_and_counted_with_what_the_cache_gave(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        call = {"type": "tool_use", "id": "toolu_1", "name": "mail", "input": {"to": ["bob@example.com"]}}
        history = [{"role": "user", "content": "u"}, {"role": "assistant", "content": [call]}]
        result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "a@b.example"}]}
        document = ask(
            [result], system="I am eve@example.com", messages=[*history, {"role": "user", "content": [result]}]
        )
        answer = await play.say(post(document, PATH, extra=VERSION))
        assert (answer.status, answer.json) == (200, said("to [EMAIL]"))
        sent = play.server.document()
        assert sent["system"] == "I am [EMAIL]"
        assert sent["messages"][1]["content"][0]["input"] == {"to": ["[EMAIL]"]}
        assert sent["messages"][2]["content"][0]["content"][0]["text"] == "[EMAIL]"
        closed = play.records[1]
        assert (closed["operation"], closed["finish_reason"]) == ("chat", "stop")
        assert (closed["input_tokens"], closed["output_tokens"]) == (107, 3)
        assert (closed["masked_request"], closed["masked"]) == ({"email": 3}, {"email": 1})

    perform(tmp_path, scene, lambda _: [reply(said("to bob@example.com"))], config())


def test_the_head_is_our_own_with_the_credential_as_the_target_expects_it(tmp_path: Path) -> None:
    extra = VERSION + b"anthropic-beta: advisor-tool-2026-03-01, pdfs-2024-09-25, bob@example.com\r\nx-secret: 1\r\n"

    async def scene(play: Play) -> None:
        await play.say(post(ask("x"), PATH + b"?beta=true", key=None, extra=b"x-api-key: " + ALICE + b"\r\n" + extra))
        first = play.server.requests[0].partition(b"\r\n\r\n")[0]
        assert first.startswith(b"POST /base/v1/messages HTTP/1.1\r\n")
        assert b"\r\nx-api-key: upstream-credential\r\n" in first
        assert b"\r\nanthropic-version: 2023-06-01\r\n" in first
        assert b"\r\nanthropic-beta: pdfs-2024-09-25\r\n" in first
        assert b"gh_alice" not in first
        assert b"x-secret" not in first
        assert b"bob@" not in first
        await play.say(post(ask("x", model="renamed"), PATH, extra=b"anthropic-beta: unheard-of\r\n"))
        second = play.server.requests[1].partition(b"\r\n\r\n")[0]
        assert b"\r\nauthorization: Bearer upstream-credential\r\n" in second
        assert b"x-api-key" not in second
        assert b"anthropic" not in second
        assert play.server.document()["model"] == "the-real-name"

    perform(tmp_path, scene, lambda _: [reply(said("x"))], config())


def test_counting_is_judged_like_a_chat_and_costs_no_tokens(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for _ in range(2):
            document = {"model": "small", "messages": [{"role": "user", "content": "bob@example.com " + "long " * 300}]}
            answer = await play.say(post(document, COUNT))
            assert (answer.status, answer.json) == (200, {"input_tokens": 3000})
        assert play.server.requests[0].startswith(b"POST /base/v1/messages/count_tokens ")
        assert play.server.document()["messages"][0]["content"].startswith("[EMAIL] long")
        assert "max_tokens" not in play.server.document()
        closed = play.records[1]
        assert not closed.keys() & {"input_tokens", "output_tokens"}

    limits = "{budget: 1k tokens/day, cap_output: true}"
    perform(tmp_path, scene, lambda _: [reply({"input_tokens": 3000})], config(limits))


def test_models_are_listed_in_the_dialect_that_asks(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        openai = await play.say(get(b"/v1/models"))
        assert openai.json["object"] == "list"
        own = await play.say(get(b"/v1/models").replace(b"host:", VERSION + b"host:"))
        assert [model["type"] for model in own.json["data"]] == ["model"] * 2
        unknown = await play.say(get(b"/v1/models/none").replace(b"host:", VERSION + b"host:"))
        assert failure(unknown) == (403, "permission_error", "model_denied")

    perform(tmp_path, scene, config=config())


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        (ask("x", model="elsewhere"), (400, "invalid_request_error", "dialect_unsupported")),
        (ask("x", model="none"), (403, "permission_error", "model_denied")),
        (ask("x", max_tokens=None), (400, "invalid_request_error", "shape_invalid")),
        (ask("x", fallbacks=[{"model": "other"}]), (400, "invalid_request_error", "reach_forbidden")),
        (
            ask([{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"}}]),
            (400, "invalid_request_error", "content_unreadable"),
        ),
        (b'{"model":"small","model":"other"}', (400, "invalid_request_error", "json_duplicate_key")),
        (b'{"model":' + b"[" * 200 + b"]" * 200 + b"}", (400, "invalid_request_error", "json_too_deep")),
        (b'{"model":"\\ud800"}', (400, "invalid_request_error", "json_encoding")),
        (b'{"max_tokens":1e999}', (400, "invalid_request_error", "json_number")),
    ],
)
def test_refusals_have_this_dialects_shape(tmp_path: Path, document: Any, expected: tuple[int, str, str]) -> None:
    async def scene(play: Play) -> None:
        assert failure(await play.say(post(document, PATH))) == expected
        assert play.server.requests == []

    perform(tmp_path, scene, config=config())


def test_what_may_be_read_by_servers_of_several_dialects_counts_whichever_they_read(tmp_path: Path) -> None:
    """Lengths of another dialect are reserved and lowered, its texts masked, its model is not another one."""
    mixed = ask(
        "x",
        max_tokens=5,
        max_completion_tokens=100_000,
        n=3,
        prompt="bob@example.com",
        input=[{"role": "user", "content": "eve@example.com"}],
        tool_calls=[{"function": {"arguments": '{"a":"bob@example.com"}'}}],
    )

    async def scene(play: Play) -> None:
        assert (await play.say(post(mixed, PATH))).status == 200
        sent = play.server.document()
        assert sent["max_tokens"] == 5
        assert sent["max_completion_tokens"] * 3 <= 1000
        assert b"example.com" not in play.server.requests[0]

    perform(tmp_path, scene, lambda _: [reply(said("x"))], config("{quota: 1k tokens/day, cap_output: true}"))


def test_a_mixed_length_beyond_the_limit_is_refused(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(ask("x", max_tokens=5, max_output_tokens=100_000), PATH))
        assert failure(answer) == (400, "invalid_request_error", "tokens_beyond_limit")

    perform(tmp_path, scene, config=config("{quota: 1k tokens/day}"))


STREAM = [
    {"type": "message_start", "message": {**message(), "stop_reason": None}},
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    *[
        {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": each}}
        for each in ("write to bob", "@example", ".com")
    ],
    {"type": "content_block_stop", "index": 0},
    {"type": "message_delta", "delta": {"stop_reason": "max_tokens"}, "usage": {"output_tokens": 40}},
    {"type": "message_stop"},
]


def flow(*documents: Any) -> list[bytes | None]:
    head = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\ntransfer-encoding: chunked\r\n\r\n"
    events = [b"event: %b\ndata: %b\n\n" % (each["type"].encode(), json.dumps(each).encode()) for each in documents]
    return [head, *[b"%x\r\n%b\r\n" % (len(event), event) for event in events]]


def events_of(answer: Answer) -> list[Any]:
    return [json.loads(block.partition(b"\ndata: ")[2]) for block in answer.body.split(b"\n\n") if block]


@pytest.mark.parametrize("entities", ["[email]", "[]"])
def test_a_stream_is_counted_by_its_end(tmp_path: Path, entities: str) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post(ask("x", stream=True), PATH))
        text = "".join(event["delta"].get("text", "") for event in events_of(answer) if "delta" in event)
        assert text == ("write to [EMAIL]" if entities == "[email]" else "write to bob@example.com")
        closed = play.records[1]
        assert (closed["stream"], closed["finish_reason"]) == (True, "length")
        assert (closed["input_tokens"], closed["output_tokens"], closed["usage_source"]) == (107, 40, "reported")

    perform(tmp_path, scene, lambda _: [*flow(*STREAM), b"0\r\n\r\n"], config(entities=entities))


@pytest.mark.parametrize("entities", ["[email]", "[]"])
def test_a_stream_whose_caller_leaves_is_counted_by_what_has_flowed(tmp_path: Path, entities: str) -> None:
    long = {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "word " * 400}}

    async def scene(play: Play) -> None:
        play.caller.data_received(post(ask("x", stream=True), PATH))
        await play.turn()
        assert b"word" in play.wire.written
        play.caller.connection_lost(None)
        await play.turn()
        closed = play.records[1]
        assert (closed["outcome"], closed["usage_source"]) == ("cancelled", "estimated")
        assert closed["output_tokens"] >= 200
        assert play.server.wires[0].closed

    perform(tmp_path, scene, lambda _: flow(*STREAM[:2], long), config(entities=entities))


ODD = [[], {}, "", 0, -1, True, [[]], [{}], {"type": []}, [{"type": {}}], [{"role": "user"}], 10**400, "x" * 70_000]


@pytest.mark.parametrize(
    "field", ["model", "max_tokens", "messages", "system", "stream", "tools", "tool_choice", "thinking", "metadata"]
)
def test_no_wrong_type_in_any_field_is_the_gateways_fault(tmp_path: Path, field: str) -> None:
    async def scene(play: Play) -> None:
        for value in ODD:
            answer = await play.say(post(ask("x", **{field: value}), PATH))
            assert answer.status in (200, 400, 403), answer.body
            play.wire, play.caller = play.connect()

    perform(tmp_path, scene, lambda _: [reply(said("x"))], config())
