"""What is stored at a model server is everybody's there: requests refer to it only where their model says so."""

import json
from pathlib import Path
from typing import Any

import pytest
from batching import config, form, line, lines_of, play_batches, uploading
from playbook import Play, chat, perform, post

from integration.batch_server import Shelf

CONFIG = """
targets:
  cloud: {kind: openai, url: "http://127.0.0.1:9", speaks: [openai, anthropic], region: eu}
models:
  small: {targets: [cloud], max_output: 100CONTENT}
policies:
  - {name: all, who: {ids: ["*"]}, may: [infer], models: [small], mask: {entities: []}}
"""
NOTHING = CONFIG.replace("CONTENT", "")
EVERYTHING = CONFIG.replace(
    "CONTENT",
    ", content: {stored: [files, responses, conversations, containers, vector_stores, prompts, skills, caches]}",
)
FILES = CONFIG.replace("CONTENT", ", content: {stored: [files]}")
CHAT, RESPONSES, MESSAGES = b"/v1/chat/completions", b"/v1/responses", b"/v1/messages"
COUNT = b"/v1/messages/count_tokens"
BOBS = "bobs-secret-0123456789"


def said(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"model": "small", "max_tokens": 5, "messages": [{"role": "user", "content": list(parts)}], **more}


def asked(wish: Any = "x", **more: Any) -> dict[str, Any]:
    return {"model": "small", "input": wish, **more}


def of_file(kind: str) -> dict[str, Any]:
    return {"type": kind, "source": {"type": "file", "file_id": BOBS}}


SEARCH = {"type": "file_search", "vector_store_ids": [BOBS]}
CODE = {"type": "code_interpreter", "container": BOBS}
NEW_CODE = {"type": "code_interpreter", "container": {"type": "auto", "file_ids": [BOBS]}}
CASES: list[tuple[bytes, dict[str, Any], str, str]] = [
    (CHAT, said({"type": "file", "file": {"file_id": BOBS}}), "files", "messages[0].content[0].file.file_id"),
    (
        CHAT,
        chat("x") | {"messages": [{"role": "assistant", "audio": {"id": BOBS}}]},
        "responses",
        "messages[0].audio.id",
    ),
    (CHAT, chat("x", cached_content=BOBS), "caches", "cached_content"),
    (
        RESPONSES,
        asked([{"role": "user", "content": [{"type": "input_file", "file_id": BOBS}]}]),
        "files",
        "input[0].content[0].file_id",
    ),
    (RESPONSES, asked(tools=[SEARCH]), "vector_stores", "tools[0].vector_store_ids[0]"),
    (RESPONSES, asked(tools=[CODE]), "containers", "tools[0].container"),
    (RESPONSES, asked(tools=[NEW_CODE]), "files", "tools[0].container.file_ids[0]"),
    (RESPONSES, asked(previous_response_id=BOBS), "responses", "previous_response_id"),
    (RESPONSES, asked([{"type": "item_reference", "id": BOBS}]), "responses", "input[0].id"),
    (RESPONSES, asked([{"type": "reasoning", "id": BOBS, "summary": []}]), "responses", "input[0].id"),
    (RESPONSES, asked(conversation=BOBS), "conversations", "conversation"),
    (RESPONSES, asked(conversation={"id": BOBS}), "conversations", "conversation"),
    (RESPONSES, asked(prompt={"id": BOBS}), "prompts", "prompt"),
    *[
        (path, said(of_file(kind)), "files", "messages[0].content[0].source.file_id")
        for path in (MESSAGES, COUNT)
        for kind in ("image", "document")
    ],
    (MESSAGES, said({"type": "container_upload", "file_id": BOBS}), "files", "messages[0].content[0].file_id"),
    (MESSAGES, said({"type": "text", "text": "x"}, container=BOBS), "containers", "container"),
    (
        MESSAGES,
        said({"type": "text", "text": "x"}, container={"skills": [{"type": "custom", "skill_id": BOBS}]}),
        "skills",
        "container.*[0].skill_id",
    ),
]


def of(error: dict[str, Any]) -> tuple[str, str]:
    """The code and the place of an error, in either dialect."""
    details = error.get("details", error)
    return details.get("error_code", details.get("code")), details.get("param")


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("path", "document", "kind", "place"), CASES)
def test_what_another_may_have_stored_is_refused_by_default(  # noqa: PLR0917 - a case each
    tmp_path: Path, path: bytes, document: dict[str, Any], kind: str, place: str, stream: bool
) -> None:
    wish = document if path == COUNT or not stream else {**document, "stream": True}

    async def scene(play: Play) -> None:
        answer = await play.say(post(wish, path=path))
        assert answer.status == 400
        assert of(answer.json["error"]) == ("stored_refused", place)
        assert kind in answer.json["error"]["message"]
        (record,) = play.records
        assert (record["decision"], record["reason"]) == ("denied", "stored_refused")
        assert record["controls"]["contracts"] == "blocked"
        assert BOBS not in answer.raw.decode() + json.dumps(play.journal)
        assert play.server.requests == []

    perform(tmp_path, scene, config=NOTHING)


@pytest.mark.parametrize(("path", "document", "kind", "place"), CASES)
def test_what_the_model_admits_goes_on_and_the_record_tells_it_without_its_id(
    tmp_path: Path, path: bytes, document: dict[str, Any], kind: str, place: str
) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(document, path=path))
        assert BOBS in json.dumps(play.server.document())
        (found,) = play.records[0]["stored"]
        assert found["kind"] == kind
        assert len(found["name"]) == 16
        assert BOBS not in json.dumps(play.journal)

    assert place
    perform(tmp_path, scene, config=EVERYTHING)


def test_the_same_thing_has_the_same_hash_whoever_refers_to_it_and_only_the_first_are_told(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(asked(tools=[{**SEARCH, "vector_store_ids": [BOBS, "vs_1"]}]), path=RESPONSES))
        await play.say(
            post(asked(tools=[{**SEARCH, "vector_store_ids": [f"vs_{n}" for n in range(40)]}]), path=RESPONSES)
        )
        first, second = (record["stored"] for record in play.records if record["kind"] == "opened")
        assert first[0]["name"] != first[1]["name"] == second[1]["name"]
        assert len(second) == 16

    perform(tmp_path, scene, config=EVERYTHING)


def test_to_admit_one_kind_admits_no_other(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(asked(tools=[NEW_CODE]), path=RESPONSES))).status == 200
        both = asked(tools=[NEW_CODE, CODE])
        assert (await play.say(post(both, path=RESPONSES))).code == "stored_refused"
        assert len(play.server.requests) == 1

    perform(tmp_path, scene, config=FILES)


def test_an_id_that_was_sealed_for_the_caller_is_no_way_to_a_model(tmp_path: Path) -> None:
    shelf = Shelf()

    async def scene(play: Play) -> None:
        mine = (await play.say(uploading(form(lines_of(line("a")))))).json["id"]
        sent = len(play.server.requests)
        answer = await play.say(post(said({"type": "file", "file": {"file_id": mine}})))
        assert answer.code == "stored_refused"
        assert len(play.server.requests) == sent
        assert mine not in json.dumps(play.journal)

    play_batches(tmp_path, scene, shelf)


def test_a_line_of_a_batch_refers_to_no_more_than_a_request(tmp_path: Path) -> None:
    part = [{"type": "file", "file": {"file_id": BOBS}}]
    lines = line("a"), line("b", 2, messages=[{"role": "user", "content": part}])

    async def refused(play: Play) -> None:
        answer = await play.say(uploading(form(lines_of(*lines))))
        assert (answer.code, answer.json["error"]["param"]) == (
            "stored_refused",
            "document[1].messages[0].content[0].file.file_id",
        )
        assert play.server.requests == []
        assert BOBS not in json.dumps(play.journal)

    async def taken(play: Play) -> None:
        await play.say(uploading(form(lines_of(*lines))))
        (found,) = play.records[0]["stored"]
        assert found["kind"] == "files"
        assert BOBS not in json.dumps(play.journal)

    (tmp_path / "admitted").mkdir()
    admitted = config().replace("preamble: 16", "preamble: 16, content: {stored: [files]}")
    play_batches(tmp_path, refused, Shelf())
    play_batches(tmp_path / "admitted", taken, Shelf(), admitted)


def test_a_fallback_takes_only_what_it_admits_itself(tmp_path: Path) -> None:
    config = """
tiers: {everybody: {fallback: true}}
targets:
  local: {kind: openai, url: "http://127.0.0.1:9", capacity: {concurrent: 1, queue: {depth: 4, wait: 5s}}}
  spare: {kind: openai, url: "http://127.0.0.1:10"}
models:
  small: {targets: [local], fallback: other, content: {stored: [responses]}}
  other: {targets: [spare]}
policies:
  - {name: all, who: {ids: ["*"]}, may: [infer], models: ["*"], mask: {entities: []}}
"""

    async def scene(play: Play) -> None:
        play.server.refuses = {"local"}
        assert (await play.say(post(asked(previous_response_id=BOBS), path=RESPONSES))).status == 502
        assert (await play.say(post(asked(), path=RESPONSES))).status == 200

    perform(tmp_path, scene, config=config)


def test_where_requests_are_masked_a_file_that_is_admitted_still_cannot_be_read(tmp_path: Path) -> None:
    masked = FILES.replace("entities: []", "entities: [email]")

    async def scene(play: Play) -> None:
        answer = await play.say(post(said({"type": "file", "file": {"file_id": BOBS}})))
        assert answer.code == "content_unreadable"

    perform(tmp_path, scene, config=masked)


def test_a_request_that_refers_to_nothing_says_nothing_of_it(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(chat("file_id previous_response_id")))).status == 200
        assert "stored" not in play.records[0]

    perform(tmp_path, scene, config=NOTHING)


@pytest.mark.parametrize("path", [CHAT, RESPONSES])
def test_spellings_that_a_model_server_may_take_for_the_name_count(tmp_path: Path, path: bytes) -> None:
    """None of them reaches the model server: as references, or as misspelt fields."""

    async def scene(play: Play) -> None:
        for name in ("Previous_Response_Id", "previousResponseId", "PREVIOUS_RESPONSE_ID", "conversation_id"):
            document = {**(chat("x") if path == CHAT else asked()), name: BOBS}
            assert (await play.say(post(document, path=path))).status == 400
        assert play.server.requests == []

    perform(tmp_path, scene, config=NOTHING)


def test_escapes_of_json_hide_no_name(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        body = json.dumps(asked(previous_response_id=BOBS)).replace("previous", "pre\\u0076ious").encode()
        assert (await play.say(post(body, path=RESPONSES))).code == "stored_refused"

    perform(tmp_path, scene, config=NOTHING)
