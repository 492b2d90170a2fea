"""Every entity that a policy can name, through the whole gateway: out, back, and back in pieces."""

from pathlib import Path

import pytest
from playbook import CONFIG, Play, chat, chunk_event, completion, perform, post, reply, stream

from guardhouse.model.entity import Entity
from guardhouse.path.masking import places_of

SAMPLES = {
    Entity.EMAIL: "ann@example.com",
    Entity.PHONE: "+1 415 555 2671",
    Entity.CARD: "4111 1111 1111 1111",
    Entity.IBAN: "DE89 3704 0044 0532 0130 00",
    Entity.SSN: "123-45-6789",
    Entity.IP: "192.0.2.33",
    Entity.PRIVATE_KEY: "-----BEGIN PRIVATE KEY-----\nMIIEvQIBADANBg\n-----END PRIVATE KEY-----",
    Entity.API_KEY: "ghp_" + "a1B2" * 9,
}


def test_every_entity_has_a_sample() -> None:
    assert set(SAMPLES) == set(Entity)


@pytest.mark.parametrize("entity", SAMPLES, ids=lambda entity: str(entity.name).lower())
def test_an_entity_is_masked_in_a_request_and_in_its_answer(tmp_path: Path, entity: Entity) -> None:
    value, placeholder, name = SAMPLES[entity], f"[{entity.name}]", str(entity.name).lower()

    async def scene(play: Play) -> None:
        answer = await play.say(post(chat(f"take {value}, please")))
        assert play.server.document()["messages"][0]["content"] == f"take {placeholder}, please"
        assert answer.json["choices"][0]["message"]["content"] == f"here is {placeholder}, sir"
        closed = play.records[-1]
        assert (closed["masked_request"], closed["masked"]) == ({name: 1}, {name: 1})

    perform(tmp_path, scene, lambda _: [reply(completion(f"here is {value}, sir"))])


@pytest.mark.parametrize("entity", SAMPLES, ids=lambda entity: str(entity.name).lower())
def test_an_entity_is_masked_in_an_answer_that_comes_in_pieces(tmp_path: Path, entity: Entity) -> None:
    text = f"here is {SAMPLES[entity]}, sir"
    pieces = [chunk_event(text[at : at + 3]) for at in range(0, len(text), 3)]

    async def scene(play: Play) -> None:
        answer = await play.say(post(chat("hi", stream=True)))
        said = [event["choices"][0]["delta"].get("content") or "" for event in answer.events if event != b"[DONE]"]
        assert "".join(said) == f"here is [{entity.name}], sir"
        assert play.records[-1]["masked"] == {str(entity.name).lower(): 1}

    perform(tmp_path, scene, lambda _: stream(*pieces, chunk_event(None, "stop"), b"data: [DONE]\n\n"))


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


def with_picture() -> dict[str, object]:
    return chat("x") | {"messages": [{"role": "user", "content": [{"type": "text", "text": "look"}, PICTURE]}]}


def test_what_nobody_could_look_into_is_named_on_the_record_where_nothing_is_masked(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(with_picture()))
        opened = play.records[0]
        assert opened["unevaluated"] == ["messages[0].content[1]"]

    perform(tmp_path, scene, config=CONFIG.replace("entities: [all], where: [request, response]", "entities: []"))


def test_what_nobody_can_look_into_is_refused_where_requests_are_masked(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        assert (await play.say(post(with_picture()))).code == "content_unreadable"
        assert play.server.requests == []

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    ("place", "told"),
    [
        ("messages[3].content[1]", "messages[3].content[1]"),
        ("inputs[0].data", "inputs[0].data"),
        ("inputs[0].bob@example.com", "inputs[0].bob"),
        ("4111 1111", ""),
        ("x" * 400, "x" * 64),
    ],
)
def test_a_place_on_the_record_has_no_name_that_a_caller_chose(place: str, told: str) -> None:
    assert places_of([place]) == (told,)


def test_only_the_first_places_are_on_the_record() -> None:
    assert len(places_of(["a"] * 100)) == 8


DECLARED = """
targets:
  local: {kind: generic, url: "http://127.0.0.1:9"}
models:
  small: {targets: [local]}
routes: {/score: {operation: predict, model: small}}
policies:
  - {name: all, who: {ids: ["*"]}, may: [predict], models: [small], mask: {entities: [email], where: [response]}}
"""


@pytest.mark.parametrize(
    "content_type",
    [
        b"text/event-stream",
        b"Text/Event-Stream; charset=utf-8",
        b"text/json",
        b"text/plain; charset=utf-16",
        b"text/plain; charset=utf-8; x=y",
        b"text/plain-ish",
    ],
)
def test_text_that_a_client_does_not_read_as_it_stands_is_refused_where_answers_are_masked(
    tmp_path: Path, content_type: bytes
) -> None:
    in_pieces = b'data: {"t": "ann@exam"}\n\ndata: {"t": "ple.com"}\n\n'

    async def scene(play: Play) -> None:
        answer = await play.say(post({"text": "hi"}, path=b"/score"))
        assert (answer.status, answer.code) == (502, "response_unreadable")

    perform(tmp_path, scene, lambda _: [reply(in_pieces, content_type=content_type)], DECLARED)


@pytest.mark.parametrize("content_type", [b"text/plain", b"Text/HTML;charset=UTF-8", b'text/plain; charset="us-ascii"'])
def test_plain_text_is_masked_as_it_stands(tmp_path: Path, content_type: bytes) -> None:
    async def scene(play: Play) -> None:
        answer = await play.say(post({"text": "hi"}, path=b"/score"))
        assert (answer.status, answer.body) == (200, b"to [EMAIL]")

    perform(tmp_path, scene, lambda _: [reply(b"to ann@example.com", content_type=content_type)], DECLARED)
