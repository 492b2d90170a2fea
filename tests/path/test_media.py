"""What the record says of images, recordings and files, and what of them is refused."""

import base64
import json
from pathlib import Path
from typing import Any

import pytest
from playbook import CONFIG, Play, chat, perform, post

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + b"\0" * 40).decode()
PDF = base64.b64encode(b"%PDF-1.7\n" + b"\0" * 40).decode()
WAV = base64.b64encode(b"RIFF\x24\0\0\0WAVEfmt " + b"\0" * 40).decode()
PLAYLIST = base64.b64encode(b"#EXTM3U\nhttp://169.254.169.254/latest/meta-data\n").decode()
UNMASKED = CONFIG.replace("entities: [all], where: [request, response]", "entities: []").replace(
    "kind: openai", "kind: openai, speaks: [openai, ollama, anthropic]"
)
SMALL = "small: {targets: [local, spare]}"


def content(rules: str) -> str:
    assert SMALL in UNMASKED
    return UNMASKED.replace(SMALL, f"small: {{targets: [local, spare], content: {{{rules}}}}}")


def picture(value: str) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": value}}


def recording(data: str, form: str) -> dict[str, Any]:
    return {"type": "input_audio", "input_audio": {"data": data, "format": form}}


def with_parts(*parts: dict[str, Any]) -> dict[str, Any]:
    return chat("x") | {"messages": [{"role": "user", "content": list(parts)}]}


def recorded(
    tmp_path: Path, document: dict[str, Any], config: str = UNMASKED, path: bytes = b"/v1/chat/completions"
) -> tuple[list[dict[str, Any]], dict[str, int]]:
    """What the two records of a request that goes on say of its media."""
    seen: list[tuple[list[dict[str, Any]], dict[str, int]]] = []

    async def scene(play: Play) -> None:
        await play.say(post(document, path=path))
        assert play.server.requests != []
        opened, closed = play.records
        seen.append((opened.get("media", []), closed.get("media", {})))

    perform(tmp_path, scene, config=config)
    return seen[0]


def refusal(tmp_path: Path, document: dict[str, Any], config: str) -> str:
    """The code of a request that must not reach the model server."""
    seen: list[str] = []

    async def scene(play: Play) -> None:
        seen.append((await play.say(post(document))).code)
        assert play.server.requests == []

    perform(tmp_path, scene, config=config)
    return seen[0]


def test_each_part_is_on_the_record_with_its_types_its_size_and_its_place(tmp_path: Path) -> None:
    document = with_parts(
        {"type": "text", "text": "look"},
        picture(f"data:image/png;base64,{PNG}"),
        recording(WAV, "mp3"),
        picture("https://eu.cdn.example.com/bobs-secret.png?token=hidden"),
        {"type": "file", "file": {"file_id": "file-bobs-secret"}},
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PDF}", "filename": "bobs-secret.pdf"}},
    )
    media, kinds = recorded(tmp_path, document, content("hosts: [.cdn.example.com], stored: [files]"))
    place = "messages[0].content[{}]".format
    assert media == [
        {
            "kind": "image",
            "place": place(1),
            "brought": "inline",
            "declared": "image/png",
            "sniffed": "image/png",
            "bytes": 48,
        },
        {
            "kind": "audio",
            "place": place(2),
            "brought": "inline",
            "declared": "audio/mp3",
            "sniffed": "audio/wav",
            "mislabelled": True,
            "bytes": 56,
        },
        {"kind": "image", "place": place(3), "brought": "fetched", "host": ".cdn.example.com"},
        {"kind": "file", "place": place(4), "brought": "stored"},
        {
            "kind": "file",
            "place": place(5),
            "brought": "inline",
            "declared": "application/pdf",
            "sniffed": "application/pdf",
            "bytes": 49,
        },
    ]
    assert kinds == {"image": 2, "audio": 1, "file": 2}
    assert "secret" not in json.dumps(media)
    assert "hidden" not in json.dumps(media)


def test_the_record_has_the_first_and_counts_all(tmp_path: Path) -> None:
    media, kinds = recorded(tmp_path, with_parts(*[picture(f"data:image/png;base64,{PNG}")] * 40))
    assert (len(media), kinds) == (16, {"image": 40})


@pytest.mark.parametrize(
    ("path", "document"),
    [
        (
            b"/v1/responses",
            {
                "model": "small",
                "input": [
                    {"role": "user", "content": [{"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}]}
                ],
            },
        ),
        (b"/api/chat", {"model": "small", "messages": [{"role": "user", "content": "x", "images": [PNG]}]}),
        (b"/api/generate", {"model": "small", "prompt": "x", "images": [PNG]}),
        (
            b"/v1/messages",
            {
                "model": "small",
                "max_tokens": 5,
                "messages": [
                    {
                        "role": "user",
                        "content": [
                            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
                        ],
                    }
                ],
            },
        ),
    ],
)
def test_every_dialect_tells_of_its_images(tmp_path: Path, path: bytes, document: dict[str, Any]) -> None:
    media, kinds = recorded(tmp_path, document, path=path)
    assert [(each["kind"], each["sniffed"], each["bytes"]) for each in media] == [("image", "image/png", 48)]
    assert kinds == {"image": 1}


def test_a_request_without_such_parts_says_nothing_of_them(tmp_path: Path) -> None:
    assert recorded(tmp_path, chat("see https://a.example/b.png")) == ([], {})


@pytest.mark.parametrize("declared", ["image/png", "video/mp4", "text/plain", "audio/wav"])
def test_bytes_of_a_type_that_is_not_taken_are_refused_whatever_they_are_said_to_be(
    tmp_path: Path, declared: str
) -> None:
    assert refusal(tmp_path, with_parts(picture(f"data:{declared};base64,{PLAYLIST}")), UNMASKED) == "media_refused"


@pytest.mark.parametrize("value", [f"!!!!{PLAYLIST}", f" {PLAYLIST}", f"I=={PLAYLIST}", f"%0a{PLAYLIST}"])
@pytest.mark.parametrize("declared", ["video/mp4", "text/plain;x=" + "y" * 300])
def test_what_only_a_lenient_decoder_reads_is_refused(tmp_path: Path, declared: str, value: str) -> None:
    assert refusal(tmp_path, with_parts(picture(f"data:{declared};base64,{value}")), UNMASKED) == "media_refused"


def test_a_source_that_says_its_type_has_to_be_base64_too(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        source = {"type": "base64", "media_type": "image/png", "data": f"!!!!{PLAYLIST}"}
        turn = {"role": "user", "content": [{"type": "image", "source": source}]}
        answer = await play.say(post({"model": "small", "max_tokens": 5, "messages": [turn]}, path=b"/v1/messages"))
        assert answer.json["error"]["details"]["error_code"] == "media_refused"

    perform(tmp_path, scene, config=UNMASKED)


@pytest.mark.parametrize(
    "part",
    [picture(f"data:image/png;base64,{PDF}"), recording(WAV, "wav"), {"type": "file", "file": {"file_data": PDF}}],
)
def test_a_list_of_types_holds_for_the_bytes_and_for_what_says_no_type(tmp_path: Path, part: dict[str, Any]) -> None:
    assert refusal(tmp_path, with_parts(part), content("media: [image/*]")) == "media_refused"


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (picture(f"data:image/jpeg;base64,{PNG}"), "media_mislabelled"),
        (picture("data:image/png;base64," + "A" * 40), "media_mislabelled"),
        (recording(WAV, "mp3"), "media_mislabelled"),
        ({"type": "file", "file": {"file_data": "A" * 40}}, "media_mislabelled"),
        (picture(f"data:application/x-own;base64,{PNG}"), "media_refused"),
    ],
)
def test_what_is_mislabelled_is_refused_where_the_model_says_so(
    tmp_path: Path, part: dict[str, Any], code: str
) -> None:
    assert refusal(tmp_path, with_parts(part), content("mislabelled: refuse")) == code


@pytest.mark.parametrize(
    "part",
    [
        picture(f"data:image/png;base64,{PNG}"),
        recording(WAV, "wav"),
        {"type": "file", "file": {"file_data": PDF}},
        {"type": "file", "file": {"file_data": "data:text/plain;base64,aGVsbG8sIHdvcmxkLCBoZXJlIEkgYW0="}},
    ],
)
def test_what_is_what_it_says_goes_on_where_others_are_refused(tmp_path: Path, part: dict[str, Any]) -> None:
    media, _ = recorded(tmp_path, with_parts(part), content("mislabelled: refuse"))
    assert [each.get("mislabelled", False) for each in media] == [False]


def test_images_of_ollama_are_held_to_the_types_that_are_taken(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        document = {"model": "small", "messages": [{"role": "user", "content": "x", "images": [PLAYLIST]}]}
        answer = await play.say(post(document, path=b"/api/chat"))
        assert (answer.status, answer.json["code"], play.server.requests) == (400, "media_refused", [])

    perform(tmp_path, scene, config=UNMASKED)
