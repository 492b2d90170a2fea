"""What the record says of images and recordings in answers that flow, and where such an answer ends."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from playbook import CONFIG, Play, chat, chunk_event, event, perform, post, stream
from test_unseen import MESSAGES, PNG, UNMASKED, WAV, content

MASKED = CONFIG.replace("kind: openai", "kind: openai, speaks: [openai, ollama, anthropic]")
RESPONSES = {"model": "small", "input": "x", "stream": True}
OLLAMA = {"model": "small", "messages": [{"role": "user", "content": "x"}]}
SOUND = base64.b64decode(WAV)


def added(**delta: Any) -> bytes:
    return event({"choices": [{"index": 0, "delta": delta, "finish_reason": None}]})


def spoken(*pieces: bytes) -> list[bytes]:
    data = [added(audio={"data": base64.b64encode(piece).decode()}) for piece in pieces]
    begin = added(role="assistant", audio={"id": "audio_bobs-secret"})
    return [begin, *data, added(audio={"transcript": "hello"}), chunk_event(None, "stop"), b"data: [DONE]\n\n"]


def named(document: dict[str, Any]) -> bytes:
    return b"event: %b\n%b" % (document["type"].encode(), event(document))


def picture_block(kind: str = "tool_result", **inner: Any) -> list[bytes]:
    source = {"type": "base64", "media_type": "image/png", "data": PNG}
    block = {"type": kind, "tool_use_id": "t", "content": [{"type": "image", "source": source}]} | inner
    return [
        named({"type": "message_start", "message": {"model": "small", "content": [], "usage": {}}}),
        named({"type": "content_block_start", "index": 0, "content_block": block}),
        named({"type": "content_block_stop", "index": 0}),
        named({"type": "message_stop"}),
    ]


def drawn() -> list[bytes]:
    item = {"type": "image_generation_call", "id": "ig_1", "output_format": "png"}
    done = item | {"result": PNG}
    return [
        named({"type": "response.output_item.added", "output_index": 0, "item": item | {"result": None}}),
        named(
            {
                "type": "response.image_generation_call.partial_image",
                "output_index": 0,
                "partial_image_index": 1,
                "partial_image_b64": PNG,
                "output_format": "png",
            }
        ),
        named({"type": "response.output_item.done", "output_index": 0, "item": done}),
        named({"type": "response.completed", "response": {"status": "completed", "output": [done]}}),
    ]


def flowing(  # noqa: PLR0917 - a scene of its own for each
    tmp_path: Path,
    events: list[bytes],
    config: str = UNMASKED,
    path: bytes = b"/v1/chat/completions",
    request: dict[str, Any] | None = None,
    kind: bytes = b"text/event-stream",
) -> tuple[bytes, dict[str, Any]]:
    """What the caller gets, and the closed record."""
    seen: list[tuple[bytes, dict[str, Any]]] = []
    pieces = [piece.replace(b"text/event-stream", kind) for piece in stream(*events)]

    async def scene(play: Play) -> None:
        asked = chat("x", stream=True, stream_options={"include_usage": True}) if request is None else request
        said = await play.say(post(asked, path=path))
        seen.append((said.body, play.records[-1]))

    perform(tmp_path, scene, lambda _request: pieces, config=config)
    return seen[0]


def test_a_recording_is_told_of_once_with_the_size_of_all_its_pieces(tmp_path: Path) -> None:
    events = spoken(SOUND, b"\1" * 31, b"\2" * 100)
    body, closed = flowing(tmp_path, events)
    assert body == b"".join(events)
    assert closed["unseen"] == {
        "places": ["choices[0].delta.audio"],
        "kinds": {"audio": 1},
        "media": [
            {
                "direction": "response",
                "kind": "audio",
                "place": "choices[0].delta.audio",
                "brought": "inline",
                "sniffed": "audio/wav",
                "bytes": len(SOUND) + 131,
            }
        ],
    }


def test_a_stream_of_texts_has_nothing_of_the_kind(tmp_path: Path) -> None:
    events = [chunk_event('say "audio" and ;base64, '), chunk_event(None, "stop"), b"data: [DONE]\n\n"]
    for config in (UNMASKED, MASKED, content("answer_media: []")):
        folder = tmp_path / str(len(config))
        folder.mkdir()
        assert "unseen" not in flowing(folder, events, config)[1]


STREAMS = [
    (b"/v1/chat/completions", None, spoken(SOUND), {"audio": 1}),
    (
        b"/v1/chat/completions",
        None,
        [added(images=[{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}])],
        {"image": 1},
    ),
    (
        b"/v1/chat/completions",
        None,
        [added(content=[{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}])],
        {"image": 1},
    ),
    (b"/v1/responses", RESPONSES, drawn(), {"image": 2}),
    (
        b"/v1/responses",
        RESPONSES,
        [named({"type": "response.output_audio.delta", "output_index": 0, "delta": WAV})],
        {"audio": 1},
    ),
    (
        b"/v1/responses",
        RESPONSES,
        [
            named(
                {
                    "type": "response.content_part.done",
                    "output_index": 0,
                    "content_index": 0,
                    "part": {"type": "output_audio", "data": WAV, "transcript": "x"},
                }
            )
        ],
        {"audio": 1},
    ),
    (b"/v1/messages", MESSAGES | {"stream": True}, picture_block(), {"image": 1}),
    (b"/api/chat", OLLAMA, [json.dumps({"message": {"images": [PNG]}, "done": False}).encode() + b"\n"], {"image": 1}),
]


@pytest.mark.parametrize(("path", "request_", "events", "kinds"), STREAMS)
def test_every_dialect_tells_of_media_that_flow(
    tmp_path: Path, path: bytes, request_: dict[str, Any] | None, events: list[bytes], kinds: dict[str, int]
) -> None:
    kind = b"application/x-ndjson" if path == b"/api/chat" else b"text/event-stream"
    body, closed = flowing(tmp_path, events, path=path, request=request_, kind=kind)
    assert body == b"".join(events)
    assert closed["unseen"]["kinds"] == kinds
    assert {entry["sniffed"] for entry in closed["unseen"]["media"]} == (
        {"audio/wav"} if "audio" in kinds else {"image/png"}
    )


@pytest.mark.parametrize(("path", "request_", "events", "kinds"), STREAMS)
def test_where_answers_are_masked_they_end_there_and_are_told_of(
    tmp_path: Path, path: bytes, request_: dict[str, Any] | None, events: list[bytes], kinds: dict[str, int]
) -> None:
    kind = b"application/x-ndjson" if path == b"/api/chat" else b"text/event-stream"
    body, closed = flowing(tmp_path, events, MASKED, path=path, request=request_, kind=kind)
    assert closed["reason"] == "response_unreadable"
    assert closed["unseen"]["kinds"].keys() == kinds.keys()
    assert PNG.encode() not in body
    assert WAV.encode() not in body


@pytest.mark.parametrize(("path", "request_", "events", "kinds"), STREAMS)
@pytest.mark.parametrize("allowed", ["[image/png, audio/wav]", "[video/mp4]"])
def test_a_list_holds_for_answers_that_flow(  # noqa: PLR0917 - parameters
    tmp_path: Path,
    path: bytes,
    request_: dict[str, Any] | None,
    events: list[bytes],
    kinds: dict[str, int],
    allowed: str,
) -> None:
    kind = b"application/x-ndjson" if path == b"/api/chat" else b"text/event-stream"
    config = content(f"answer_media: {allowed}")
    body, closed = flowing(tmp_path, events, config, path=path, request=request_, kind=kind)
    if "image" in allowed:
        assert (closed.get("reason", ""), body) == ("", b"".join(events))
    else:
        assert closed["reason"] == "answer_media_refused"
        assert PNG.encode() not in body
        assert WAV.encode() not in body


def test_a_type_that_only_shows_with_the_second_piece_counts(tmp_path: Path) -> None:
    markup = b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'></svg>"
    config = content("answer_media: [application/octet-stream]")
    body, closed = flowing(tmp_path, spoken(markup[:2], markup[2:]), config)
    assert closed["reason"] == "answer_media_refused"
    assert base64.b64encode(markup[2:]) not in body


@pytest.mark.parametrize(
    "sly",
    [
        b'data: {"choices":[{"index":0,"delta":{"\\u0061udio":{"data":"%b"}}}]}\n\n' % WAV.encode(),
        b'data: {"choices":[{"index":0,"delta":{"audio":{"data":"%b"}}}],,}\n\n' % WAV.encode(),
    ],
)
def test_a_list_does_not_go_by_how_an_event_is_spelt(tmp_path: Path, sly: bytes) -> None:
    body, closed = flowing(tmp_path, [sly], content("answer_media: [image/png]"))
    assert closed["reason"] in ("answer_media_refused", "response_unreadable")
    assert WAV.encode() not in body


def test_an_event_without_an_end_is_judged_as_well(tmp_path: Path) -> None:
    last = added(audio={"data": WAV}).rstrip(b"\n")
    body, closed = flowing(tmp_path, [chunk_event("hello"), last], content("answer_media: [image/png]"))
    assert closed["reason"] == "answer_media_refused"
    assert b"hello" in body
    assert WAV.encode() not in body


def test_a_block_that_nobody_knows_is_told_of_and_refused_by_a_list(tmp_path: Path) -> None:
    events = picture_block("hologram", content="?")
    request = MESSAGES | {"stream": True}
    _, closed = flowing(tmp_path, events, path=b"/v1/messages", request=request)
    assert closed["unseen"] == {"places": ["content[0]"]}
    (tmp_path / "held").mkdir()
    _, closed = flowing(tmp_path / "held", events, content("answer_media: ['image/*']"), b"/v1/messages", request)
    assert closed["reason"] == "answer_media_refused"


def test_what_begins_late_is_told_of_if_it_is_large(tmp_path: Path) -> None:
    late = added(audio={"data": base64.b64encode(SOUND + b"\0" * 2000).decode()})
    _, closed = flowing(tmp_path, [*[chunk_event("word ")] * 40, late])
    assert closed["unseen"]["kinds"] == {"audio": 1}


def test_what_begins_late_and_small_does_not_get_around_a_list(tmp_path: Path) -> None:
    late = added(audio={"data": WAV})
    _, closed = flowing(tmp_path, [*[chunk_event("word ")] * 40, late], content("answer_media: [image/png]"))
    assert closed["reason"] == "answer_media_refused"


def test_a_block_that_begins_late_is_told_of_whatever_its_size(tmp_path: Path) -> None:
    begin, _, stop, end = picture_block()
    deltas = [named({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "x"}})] * 40
    block = {"type": "container_upload", "file_id": "file-bobs-secret"}
    start = named({"type": "content_block_start", "index": 1, "content_block": block})
    _, closed = flowing(
        tmp_path, [begin, *deltas, start, stop, end], path=b"/v1/messages", request=MESSAGES | {"stream": True}
    )
    assert closed["unseen"]["media"] == [
        {"direction": "response", "kind": "file", "place": "content[1]", "brought": "stored"}
    ]
