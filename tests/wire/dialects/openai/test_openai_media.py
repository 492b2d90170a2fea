from typing import Any

import pytest

from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.openai.media import media
from guardhouse.wire.dialects.openai.request import unreadable
from guardhouse.wire.dialects.openai.turns import UNREADABLE_PARTS

Told = list[tuple[str, str, str, str | bytes]]


def told(document: dict[str, Any], operation: Operation = Operation.CHAT) -> Told:
    return [(part.kind, part.place, part.declared, part.value) for part in media(document, operation)]


def chat(*parts: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "x"}, {"role": "user", "content": list(parts)}]}


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"type": "text", "text": "x"}, []),
        (
            {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
            [("image", "", "data:image/png;base64,AAAA")],
        ),
        ({"type": "image_url", "image_url": "https://a.example/b"}, [("image", "", "https://a.example/b")]),
        ({"type": "input_image", "image_url": {"url": "https://a.example/b"}}, [("image", "", "https://a.example/b")]),
        ({"type": "input_image", "file_id": "file-1"}, [("image", "", "")]),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}, [("audio", "audio/wav", "AAAA")]),
        ({"type": "audio_url", "audio_url": {"url": "u"}}, [("audio", "", "u")]),
        ({"type": "video_url", "video_url": {"url": "u"}}, [("video", "", "u")]),
        ({"type": "file", "file": {"file_data": "AAAA", "filename": "bob.pdf"}}, [("file", "", "AAAA")]),
        ({"type": "file", "file": {"file_id": "f"}}, [("file", "", "")]),
        ({"type": "input_file", "file_url": "u", "file_data": "AAAA"}, [("file", "", "u"), ("file", "", "AAAA")]),
        ({"type": "computer_screenshot", "image_url": "u"}, [("image", "", "u")]),
        ({"type": "image_url", "image_url": 5}, [("image", "", "")]),
    ],
)
def test_a_part_is_told_of_with_its_kind_its_place_and_what_it_holds(
    part: dict[str, Any], expected: list[tuple[str, str, str]]
) -> None:
    place = "messages[1].content[0]"
    assert told(chat(part)) == [(kind, place, declared, value) for kind, declared, value in expected]


@pytest.mark.parametrize("kind", sorted(UNREADABLE_PARTS))
def test_every_part_that_cannot_be_read_is_told_of(kind: str) -> None:
    document = chat({"type": "text", "text": "x"}, {"type": kind})
    assert [part.place for part in media(document, Operation.CHAT)] == unreadable(document, Operation.CHAT)


def test_items_of_the_responses_api_have_parts_in_several_places() -> None:
    picture = {"type": "input_image", "image_url": "u"}
    items = [
        {"role": "user", "content": [{"type": "input_text", "text": "x"}, picture]},
        {"type": "function_call_output", "call_id": "c", "output": [picture]},
        {"type": "computer_call_output", "call_id": "c", "output": {"type": "computer_screenshot", "image_url": "v"}},
        {"type": "image_generation_call", "id": "i", "result": "AAAA"},
        {"type": "message", "role": "user", "content": "x"},
    ]
    document = {
        "input": items,
        "prompt": {"id": "p", "variables": {"secret name": {"type": "input_file", "file_id": "f"}}},
    }
    assert told(document, Operation.RESPONSES) == [
        ("image", "input[0].content[1]", "", "u"),
        ("image", "input[1].output[0]", "", "u"),
        ("image", "input[2].output", "", "v"),
        ("image", "input[3]", "", "AAAA"),
        ("file", "prompt.variables", "", ""),
    ]


def test_moderations_have_parts_and_other_operations_have_none() -> None:
    parts = [{"type": "image_url", "image_url": {"url": "u"}}]
    assert told({"input": parts}, Operation.MODERATIONS) == [("image", "input[0]", "", "u")]
    assert told({"prompt": [1, 2]}, Operation.COMPLETIONS) == told({"input": "x"}, Operation.EMBEDDINGS) == []
