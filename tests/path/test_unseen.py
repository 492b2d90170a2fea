"""What the record says of images, recordings and files in answers, and which of them are let through."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from playbook import CONFIG, Play, chat, perform, post, reply

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode()
WAV = base64.b64encode(b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40).decode()
SVG = base64.b64encode(b"<svg onload='alert(1)' xmlns='http://www.w3.org/2000/svg'></svg>" + b" " * 20).decode()
NOISE = base64.b64encode(bytes(range(7, 67))).decode()
UNMASKED = CONFIG.replace("entities: [all], where: [request, response]", "entities: []").replace(
    "kind: openai", "kind: openai, speaks: [openai, ollama, anthropic]"
)
SMALL = "small: {targets: [local, spare]}"
MESSAGES = {"model": "small", "max_tokens": 5, "messages": [{"role": "user", "content": "x"}]}


def content(rules: str) -> str:
    assert SMALL in UNMASKED
    return UNMASKED.replace(SMALL, f"small: {{targets: [local, spare], content: {{{rules}}}}}")


def said(**message: Any) -> dict[str, Any]:
    return {"model": "small", "choices": [{"index": 0, "message": {"role": "assistant", "content": None} | message}]}


def spoken(data: str) -> dict[str, Any]:
    return said(audio={"id": "audio_bobs-secret", "data": data, "expires_at": 1, "transcript": "hello"})


def drawn(data: str, form: str = "png") -> dict[str, Any]:
    item = {"type": "image_generation_call", "id": "ig_1", "status": "completed", "result": data, "output_format": form}
    return {"model": "small", "status": "completed", "output": [item]}


def outcome(
    tmp_path: Path,
    answer: Any,
    config: str = UNMASKED,
    path: bytes = b"/v1/chat/completions",
    request: dict[str, Any] | None = None,
    **head: Any,
) -> tuple[int, dict[str, Any]]:
    """What the caller is answered, and the closed record."""
    seen: list[tuple[int, dict[str, Any]]] = []
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()

    async def scene(play: Play) -> None:
        said = await play.say(post(chat("x") if request is None else request, path=path))
        if said.status == 200:
            assert said.body == body
        seen.append((said.status, play.records[-1]))

    perform(tmp_path, scene, lambda _request: [reply(body, **head)], config=config)
    return seen[0]


def test_a_recording_that_is_answered_is_on_the_record_with_its_type_and_size(tmp_path: Path) -> None:
    status, closed = outcome(tmp_path, spoken(WAV))
    place = "choices[0].message.audio"
    assert status == 200
    assert closed["unseen"] == {
        "places": [place],
        "kinds": {"audio": 1},
        "media": [
            {
                "direction": "response",
                "kind": "audio",
                "place": place,
                "brought": "inline",
                "sniffed": "audio/wav",
                "bytes": 56,
            }
        ],
    }
    assert "secret" not in json.dumps(closed)


def test_an_answer_of_texts_has_nothing_of_the_kind(tmp_path: Path) -> None:
    assert "unseen" not in outcome(tmp_path, said(content="hello", refusal=None, tool_calls=[]))[1]


def test_what_is_not_what_it_is_said_to_be_is_told_of(tmp_path: Path) -> None:
    request = {"model": "small", "input": "draw"}
    _, closed = outcome(tmp_path, drawn(WAV), path=b"/v1/responses", request=request)
    (entry,) = closed["unseen"]["media"]
    assert (entry["declared"], entry["sniffed"], entry["mislabelled"]) == ("image/png", "audio/wav", True)


def test_what_cannot_be_decoded_is_told_of(tmp_path: Path) -> None:
    _, closed = outcome(tmp_path, spoken("this is no base64 at all"))
    (entry,) = closed["unseen"]["media"]
    assert (entry["kind"], entry["malformed"], entry.get("sniffed", "")) == ("audio", True, "")


ANSWERS = [
    (b"/v1/chat/completions", None, spoken(WAV), "audio"),
    (
        b"/v1/chat/completions",
        None,
        said(content=[{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]),
        "image",
    ),
    (
        b"/v1/chat/completions",
        None,
        said(images=[{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}]),
        "image",
    ),
    (b"/v1/responses", {"model": "small", "input": "x"}, drawn(PNG), "image"),
    (
        b"/v1/responses",
        {"model": "small", "input": "x"},
        {"output": [{"type": "message", "content": [{"type": "output_audio", "data": WAV, "transcript": "x"}]}]},
        "audio",
    ),
    (
        b"/v1/messages",
        MESSAGES,
        {
            "type": "message",
            "content": [
                {
                    "type": "mcp_tool_result",
                    "tool_use_id": "t",
                    "content": [
                        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
                    ],
                }
            ],
        },
        "image",
    ),
    (
        b"/v1/messages",
        MESSAGES,
        {
            "type": "message",
            "content": [
                {
                    "type": "web_fetch_tool_result",
                    "tool_use_id": "t",
                    "content": {
                        "type": "web_fetch_result",
                        "url": "https://a.example",
                        "content": {
                            "type": "document",
                            "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                        },
                    },
                }
            ],
        },
        "document",
    ),
    (
        b"/api/chat",
        {"model": "small", "messages": [{"role": "user", "content": "x"}], "stream": False},
        {"message": {"role": "assistant", "content": "", "images": [PNG]}, "done": True},
        "image",
    ),
    (
        b"/api/generate",
        {"model": "small", "prompt": "x", "stream": False},
        {"response": "", "image": PNG, "done": True},
        "image",
    ),
]


@pytest.mark.parametrize(("path", "request_", "answer", "kind"), ANSWERS)
def test_every_dialect_tells_of_media_in_answers(
    tmp_path: Path, path: bytes, request_: dict[str, Any] | None, answer: dict[str, Any], kind: str
) -> None:
    status, closed = outcome(tmp_path, answer, path=path, request=request_)
    (entry,) = closed["unseen"]["media"]
    assert status == 200
    assert (entry["kind"], entry["sniffed"]) == (kind, "audio/wav" if kind == "audio" else "image/png")
    assert entry["bytes"] == (56 if kind == "audio" else 48)
    assert closed["unseen"]["kinds"] == {kind: 1}


@pytest.mark.parametrize(("path", "request_", "answer", "kind"), ANSWERS)
def test_where_answers_are_masked_they_are_refused_and_told_of_all_the_same(
    tmp_path: Path, path: bytes, request_: dict[str, Any] | None, answer: dict[str, Any], kind: str
) -> None:
    masked = CONFIG.replace("kind: openai", "kind: openai, speaks: [openai, ollama, anthropic]")
    status, closed = outcome(tmp_path, answer, masked, path=path, request=request_)
    assert (status, closed["reason"]) == (502, "response_unreadable")
    assert closed["unseen"]["kinds"] == {kind: 1}


@pytest.mark.parametrize(
    ("allowed", "answer", "reason"),
    [
        ("[audio/wav]", spoken(WAV), ""),
        ("[audio/*]", spoken(WAV), ""),
        ("[image/png]", spoken(WAV), "answer_media_refused"),
        ("[]", spoken(WAV), "answer_media_refused"),
        ("[audio/wav]", spoken(NOISE), "answer_media_refused"),
        ("[application/octet-stream]", spoken(NOISE), ""),
        ("[audio/wav]", spoken("no base64"), "answer_media_refused"),
        ("[application/octet-stream]", spoken(SVG), "answer_media_refused"),
        ("[audio/wav]", said(audio={"id": "audio_1"}), ""),
        ("[audio/wav]", said(audio={"id": "audio_1", "payload": WAV}), "answer_media_refused"),
        ("[audio/wav]", said(audio=WAV), "answer_media_refused"),
        ("[audio/wav]", said(images=[PNG]), "answer_media_refused"),
        ("[audio/wav]", said(content=[{"type": "file", "file": {"file_id": "f"}}]), ""),
        ("[audio/wav]", said(content="nothing but text"), ""),
        ("[image/png]", said(images=[{"type": "image_url", "image_url": {"url": "https://a.example/b.png"}}]),
         ""),
        ("[image/png, image/jpeg]", said(content=[{"type": "image_url", "image_url": {
            "url": f"data:image/jpeg;base64,{PNG}"}}]), ""),
        ("[image/png]", said(content=[{"type": "image_url", "image_url": {
            "url": f"data:image/jpeg;base64,{PNG}"}}]), "answer_media_refused"),
        ("[image/png, image/jpeg], mislabelled: refuse", said(content=[{"type": "image_url", "image_url": {
            "url": f"data:image/jpeg;base64,{PNG}"}}]), "answer_media_refused"),
        ("[text/plain]", said(content=[{"type": "image_url", "image_url": {
            "url": f"data:text/plain;base64,{NOISE}"}}]), ""),
    ],
)  # fmt: skip
def test_a_list_says_what_an_answer_may_hold(tmp_path: Path, allowed: str, answer: Any, reason: str) -> None:
    status, closed = outcome(tmp_path, answer, content(f"answer_media: {allowed}"))
    assert (status, closed.get("reason", "")) == (502 if reason else 200, reason)


def test_what_nobody_knows_is_refused_by_a_list_and_on_the_record_without_one(tmp_path: Path) -> None:
    answer = {"type": "message", "content": [{"type": "hologram", "data": "?"}]}
    _, closed = outcome(tmp_path, answer, path=b"/v1/messages", request=MESSAGES)
    assert closed["unseen"] == {"places": ["content[0]"]}
    (tmp_path / "held").mkdir()
    held = outcome(tmp_path / "held", answer, content("answer_media: ['image/*']"), b"/v1/messages", MESSAGES)
    assert (held[0], held[1]["reason"]) == (502, "answer_media_refused")


def test_a_body_that_is_no_document_is_told_of(tmp_path: Path) -> None:
    body = base64.b64decode(WAV)
    status, closed = outcome(tmp_path, body, content_type=b"audio/wav")
    (entry,) = closed["unseen"]["media"]
    assert (status, entry["kind"], entry["declared"], entry["sniffed"], entry["bytes"]) == (
        *(200, "audio", "audio/wav", "audio/wav"),
        len(body),
    )


@pytest.mark.parametrize("body", [b"plain text", b""])
def test_a_body_of_text_is_not(tmp_path: Path, body: bytes) -> None:
    assert "unseen" not in outcome(tmp_path, body, content_type=b"text/plain")[1]


@pytest.mark.parametrize("config", [UNMASKED, content("answer_media: ['image/*']")])
def test_an_answer_that_cannot_be_read_is_told_of_or_refused(tmp_path: Path, config: str) -> None:
    status, closed = outcome(tmp_path, b"{not json", config)
    if config == UNMASKED:
        assert (status, closed["unseen"]) == (200, {"places": ["(answer)"]})
    else:
        assert (status, closed["reason"]) == (502, "response_unreadable")


def test_the_record_has_the_first_and_counts_all(tmp_path: Path) -> None:
    part = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    _, closed = outcome(tmp_path, said(content=[part] * 40))
    unseen = closed["unseen"]
    assert (len(unseen["places"]), len(unseen["media"]), unseen["kinds"]) == (8, 16, {"image": 40})
