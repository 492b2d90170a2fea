"""Images, recordings and files in tensors: on the record, and held to the types that the model takes."""

import base64
import json
from pathlib import Path
from struct import pack
from typing import Any

import grpc_playing
import pytest
from grpc_playing import GrpcPlay, answer_of, reason, texts
from playbook import Play, perform, post, reply
from test_kserve import CONFIG, INFER, answer, raw_body

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
TIFF = b"II*\0" + b"\xff" * 40
NOISE = b"\xff\xfe\x80" * 20
ENCODED = base64.b64encode(PNG).decode()
MASK = "mask: {entities: [all], where: [request, response]}"
UNMASKED = CONFIG.replace(MASK, "mask: {entities: []}")


def held(rules: str, config: str = UNMASKED) -> str:
    named = "name: inner-iris"
    assert named in config
    return config.replace(named, f"{named}, content: {{{rules}}}")


def tensor(data: list[Any], said: str = "", datatype: str = "BYTES") -> dict[str, Any]:
    one = {"name": "t", "shape": [len(data)], "datatype": datatype, "data": data}
    return {"inputs": [one | ({"parameters": {"content_type": said}} if said else {})]}


def outcome(tmp_path: Path, body: bytes, extra: bytes = b"", config: str = UNMASKED) -> tuple[str, Any, dict[str, Any]]:
    """The reason of a refusal, what is on record as the request's media, and their kinds."""
    seen: list[tuple[str, Any, dict[str, Any]]] = []

    async def scene(play: Play) -> None:
        await play.say(post(body, INFER, extra=extra))
        closed = play.records[-1]
        assert (play.server.requests == []) == bool(closed.get("reason"))
        opened = play.records[0] if len(play.records) > 1 else {}
        seen.append((closed.get("reason", ""), opened.get("media", []), closed.get("media", {})))

    perform(tmp_path, scene, lambda _: [reply(answer("x"))], config)
    return seen[0]


def as_json(document: dict[str, Any]) -> bytes:
    return json.dumps(document).encode()


def test_raw_elements_that_are_no_text_are_on_the_record_each_with_its_type(tmp_path: Path) -> None:
    header, body = raw_body("inputs", PNG, b"text", NOISE)
    reason_, media, kinds = outcome(tmp_path, body, header)
    assert (reason_, kinds) == ("", {"image": 1, "file": 2})
    assert media == [
        {
            "kind": "image",
            "place": "inputs[0].data[0]",
            "brought": "inline",
            "sniffed": "image/png",
            "bytes": len(PNG),
        },
        {"kind": "file", "place": "inputs[0].data[1]", "brought": "inline", "bytes": 4},
        {"kind": "file", "place": "inputs[0].data[2]", "brought": "inline", "bytes": len(NOISE)},
    ]


@pytest.mark.parametrize(
    ("document", "told"),
    [
        (tensor([ENCODED], "base64"), {"kind": "image", "sniffed": "image/png", "bytes": len(PNG)}),
        (
            tensor([ENCODED], "pillow_image"),
            {"kind": "image", "declared": "image/*", "sniffed": "image/png", "bytes": len(PNG)},
        ),
        (
            tensor([base64.b64encode(b"%PDF-1.7" + b"\0" * 40).decode()], "img"),
            {
                "kind": "image",
                "declared": "image/*",
                "sniffed": "application/pdf",
                "mislabelled": True,
                "bytes": 48,
            },
        ),
    ],
)
def test_elements_in_json_are_on_the_record_where_their_content_type_says_so(
    tmp_path: Path, document: dict[str, Any], told: dict[str, Any]
) -> None:
    _, (entry,), _ = outcome(tmp_path, as_json(document))
    assert entry == {"place": "inputs[0].data[0]", "brought": "inline"} | told


def test_pixels_are_an_image_by_their_content_type(tmp_path: Path) -> None:
    _, (entry,), kinds = outcome(tmp_path, as_json(tensor([0, 1, 2, 3], "img", "UINT8")))
    assert (entry["kind"], entry["place"], entry["bytes"]) == ("image", "inputs[0].data", 4)
    assert kinds == {"image": 1}


@pytest.mark.parametrize(
    "document", [tensor(["words"]), tensor([ENCODED]), tensor([ENCODED], "str"), tensor([1.0], "np", "FP32")]
)
def test_texts_and_numbers_are_not_looked_at(tmp_path: Path, document: dict[str, Any]) -> None:
    assert outcome(tmp_path, as_json(document), config=held("media: [audio/wav]")) == ("", [], {})


@pytest.mark.parametrize(
    ("elements", "rules", "expected"),
    [
        ([PNG], "", ""),
        ([TIFF], "", "media_refused"),
        ([PNG, TIFF], "", "media_refused"),
        ([*[b"\xff"] * 40, TIFF], "", "media_refused"),
        ([TIFF], "media: [image/tiff]", ""),
        ([PNG], "media: [audio/wav]", "media_refused"),
        ([PNG], "media_bytes: 20B", "media_refused"),
        ([NOISE], "media: [audio/wav]", ""),
        ([NOISE], "mislabelled: refuse", "media_mislabelled"),
        ([PNG], "mislabelled: refuse", ""),
    ],
)
def test_raw_elements_are_held_to_the_types_that_are_taken(
    tmp_path: Path, elements: list[bytes], rules: str, expected: str
) -> None:
    header, body = raw_body("inputs", *elements)
    assert outcome(tmp_path, body, header, held(rules) if rules else UNMASKED)[0] == expected


@pytest.mark.parametrize(
    ("document", "rules", "expected"),
    [
        (tensor([ENCODED], "base64"), "media: [image/jpeg]", "media_refused"),
        (tensor([ENCODED], "pillow_image"), "media: [image/png]", ""),
        (tensor([ENCODED], "pillow_image"), "media: [image/jpeg]", "media_refused"),
        (tensor([ENCODED], "pillow_image"), "media: [audio/wav]", "media_refused"),
        (tensor([0, 1], "img", "UINT8"), "media: [audio/wav]", "media_refused"),
        (tensor([0, 1], "img", "UINT8"), "mislabelled: refuse", ""),
        (tensor([ENCODED], "audio/wav"), "mislabelled: refuse", "media_mislabelled"),
        (tensor(["!" + ENCODED], "image/png"), "media: [image/png]", "media_refused"),
        (tensor([" " + ENCODED], "image/png"), "media: [image/png]", "media_refused"),
        (tensor([ENCODED[:4] + "\t" + ENCODED[4:]], "image/png"), "media: [image/png]", "media_refused"),
        (tensor(["AAAA", "!" + ENCODED], "image/png"), "media: [image/png]", "media_refused"),
        (tensor(["AAAA", ENCODED], "image/png"), "media: [image/png]", ""),
    ],
)
def test_elements_in_json_are_held_to_them_as_well(
    tmp_path: Path, document: dict[str, Any], rules: str, expected: str
) -> None:
    assert outcome(tmp_path, as_json(document), config=held(rules))[0] == expected


def test_where_requests_are_masked_they_are_refused_as_before(tmp_path: Path) -> None:
    header, body = raw_body("inputs", PNG)
    assert outcome(tmp_path, body, header, CONFIG)[0] == "content_unreadable"


@pytest.mark.parametrize(
    ("config", "code"),
    [
        (UNMASKED, ""),
        (CONFIG, "response_unreadable"),
        (held("answer_media: [image/png]"), ""),
        (held("answer_media: [audio/wav]"), "answer_media_refused"),
    ],
)
@pytest.mark.parametrize("raw", [True, False])
def test_images_in_answers_are_on_the_record_and_held_to_what_is_let_through(
    tmp_path: Path, config: str, code: str, raw: bool
) -> None:
    line, back = raw_body("outputs", PNG)
    encoded = answer(ENCODED) | {"parameters": {"content_type": "base64"}}
    one = reply(back, content_type=b"application/octet-stream", extra=line) if raw else reply(encoded)

    async def scene(play: Play) -> None:
        await play.say(post(as_json(tensor(["words"])), INFER))
        closed = play.records[-1]
        assert closed.get("reason", "") == code
        assert closed["unseen"]["kinds"] == {"image": 1}
        (entry,) = closed["unseen"]["media"]
        assert (entry["sniffed"], entry["bytes"], entry["direction"]) == ("image/png", len(PNG), "response")

    perform(tmp_path, scene, lambda _: [one], config)


def grpc_config(rules: str = "") -> str:
    config = grpc_playing.CONFIG.replace(MASK, "mask: {entities: []}")
    assert "mask: {entities: []}" in config
    return held(rules, config) if rules else config


@pytest.mark.parametrize("raw", [True, False])
def test_elements_over_grpc_are_on_the_record_too(tmp_path: Path, raw: bool) -> None:
    async def scene(play: GrpcPlay) -> None:
        await play.infer(message_of(PNG, raw=raw))
        opened, closed = play.records
        (entry,) = opened["media"]
        assert (entry["kind"], entry["sniffed"], entry["bytes"]) == ("image", "image/png", len(PNG))
        assert closed["media"] == {"image": 1}

    grpc_playing.perform(tmp_path, scene, fine, config=grpc_config())


@pytest.mark.parametrize("raw", [True, False])
def test_elements_over_grpc_are_held_to_the_types_that_are_taken(tmp_path: Path, raw: bool) -> None:
    async def scene(play: GrpcPlay) -> None:
        with pytest.raises(Exception, match=r".") as refused:
            await play.infer(message_of(PNG, raw=raw))
        assert reason(refused.value)[1] == "media_refused"
        assert play.upstream.requests == []

    grpc_playing.perform(tmp_path, scene, fine, config=grpc_config("media: [audio/wav]"))


async def fine(message: Any, context: Any) -> bytes:
    return answer_of("x")


def message_of(element: bytes, *, raw: bool) -> Any:
    message = texts()
    message.inputs[0].shape[:] = [1]
    if raw:
        message.raw_input_contents.append(pack("<I", len(element)) + element)
    else:
        message.inputs[0].contents.bytes_contents.append(element)
    return message
