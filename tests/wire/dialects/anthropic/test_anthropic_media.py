from typing import Any

from guardhouse.wire.dialects.anthropic.media import media


def told(*content: Any) -> list[tuple[str, str, str, str | bytes]]:
    document = {"messages": [{"role": "user", "content": list(content)}]}
    return [(part.kind, part.place, part.declared, part.value) for part in media(document)]


def source(kind: str, **fields: str) -> dict[str, Any]:
    return {"type": kind, **fields}


PICTURE = {"type": "image", "source": source("base64", media_type="image/png", data="AAAA")}
PAPER = {"type": "document", "source": source("base64", media_type="application/pdf", data="JVBE"), "title": "t"}


def test_images_documents_and_files_are_told_of_by_what_their_source_is() -> None:
    linked = {"type": "image", "source": source("url", url="https://a.example/b")}
    stored = {"type": "document", "source": source("file", file_id="f")}
    text = {"type": "document", "source": source("text", media_type="text/plain", data="hello")}
    upload = {"type": "container_upload", "file_id": "f"}
    assert told({"type": "text", "text": "x"}, PICTURE, PAPER, linked, stored, text, upload) == [
        ("image", "messages[0].content[1]", "image/png", "AAAA"),
        ("document", "messages[0].content[2]", "application/pdf", "JVBE"),
        ("image", "messages[0].content[3]", "", "https://a.example/b"),
        ("document", "messages[0].content[4]", "", ""),
        ("file", "messages[0].content[6]", "", ""),
    ]


def test_what_stands_in_results_and_documents_is_found() -> None:
    result = {"type": "tool_result", "tool_use_id": "t", "content": [{"type": "text", "text": "x"}, PICTURE]}
    made = {"type": "document", "source": {"type": "content", "content": [PICTURE]}}
    page = {"type": "web_fetch_tool_result", "content": {"type": "web_fetch_result", "content": PAPER}}
    assert [part[:2] for part in told(result, made, page)] == [
        ("image", "messages[0].content[0].content[1]"),
        ("image", "messages[0].content[1].source.content[0]"),
        ("document", "messages[0].content[2].content.content"),
    ]


def test_a_block_without_end_is_not_followed_without_end() -> None:
    block: dict[str, Any] = PICTURE
    for _ in range(40):
        block = {"type": "tool_result", "content": [block]}
    ((kind, place, declared, value),) = told(block)
    assert (kind, place.count("content"), declared, value) == ("file", 9, "", "?")
    assert told("plain", {"type": "image"}, {"type": "image", "source": 5}) == []
