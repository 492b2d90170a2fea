"""The parts of an answer that are images, recordings, videos or files: of a whole one, and of the events of a stream.

A part is one if its bytes stand in the answer, in base64. A URL to be fetched is a text like any other, and so is an id
of what the model server keeps; only items that are of a kind for media, and recordings, count whatever they hold.

Chats answer with a recording beside the content, with parts as requests have them, or with a list of images; items of
the Responses API are images that were drawn, screens, or have parts in a list. In events, recordings come in pieces.
"""

from typing import Any, Final

from guardhouse.model.media import MediaKind, Part
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.openai.media import KINDS
from guardhouse.wire.dialects.pieces import ODD, Shown
from guardhouse.wire.dialects.walk import kind_of

_KINDS: Final[dict[str, MediaKind]] = {
    **KINDS,
    "audio": "audio",
    "image": "image",
    "output_audio": "audio",
    "output_image": "image",
    "video": "video",
}
_URLS: Final = ("url", "image_url", "audio_url", "video_url", "file_url")
_PAYLOADS: Final = ("data", "file_data", "b64_json")
_RECORDING: Final = frozenset(("data", "expires_at", "id", "transcript"))
_PARTS: Final = ("content", "output", "outputs")


def answer_media(document: Any) -> list[Part]:
    found: list[Part] = []
    if type(document) is not dict:
        return found
    for index, choice in _numbered(document.get("choices")):
        message = choice.get("message")
        if type(message) is dict:
            found += in_message(message, f"choices[{index}].message")
    for index, item in _numbered(document.get("output")):
        found += in_item(item, f"output[{index}]")
    return found


def show(document: dict[str, Any], shown: Shown) -> Reason | None:
    """Tell of the media in one event of a stream; a reason to end it."""
    found = _in_chat(document, shown)
    if "type" in document:
        found = found or _in_response(document, shown)
    return found


def _in_chat(document: dict[str, Any], shown: Shown) -> Reason | None:
    found: Reason | None = None
    for position, choice in _numbered(document.get("choices")):
        index = choice.get("index", position)
        for name in ("delta", "message"):
            added = choice.get(name)
            if type(added) is not dict or not is_mixed(added):
                continue
            place = f"choices[{index if type(index) is int else position}].{name}"
            for part in in_message(added, place):
                grows = part.kind == "audio" and part.place == f"{place}.audio" and part.value != ODD
                assert isinstance(part.value, str)
                found = found or (shown.grow("audio", part.place, part.value) if grows else shown.take(part))
    return found


def _in_response(document: dict[str, Any], shown: Shown) -> Reason | None:
    number = document.get("output_index")
    place = f"output[{number if type(number) is int else 0}]"
    piece, kind = document.get("delta"), kind_of(document)
    if kind.endswith("audio.delta"):
        return shown.grow("audio", f"{place}.audio", piece if type(piece) is str else ODD)
    parts: list[Part] = []
    drawn, response = document.get("partial_image_b64"), document.get("response")
    item, part, inner = document.get("item"), document.get("part"), document.get("content_index")
    if kind.endswith(".partial_image"):
        turn = document.get("partial_image_index")
        at = f"{place}.partial_image[{turn if type(turn) is int else 0}]"
        parts.append(Part("image", at, declared_by(document), drawn if type(drawn) is str else ODD))
    if type(item) is dict:
        parts += in_item(item, place)
    if type(part) is dict:
        parts += in_part(part, f"{place}.content[{inner if type(inner) is int else 0}]")
    if type(response) is dict:
        parts += answer_media({"output": response.get("output")})
    found: Reason | None = None
    for each in parts:
        found = found or shown.take(each)
    return found


def is_mixed(message: dict[str, Any]) -> bool:
    """Whether it may have such parts: asked of every message, and true of few."""
    return bool(message.get("audio") or message.get("images")) or type(message.get("content")) is list


def in_message(message: dict[str, Any], place: str) -> list[Part]:
    """Of a chat's message, or of what an event adds to one."""
    audio = message.get("audio")
    found = [Part("audio", f"{place}.audio", "", _data_of(audio))] if audio else []
    return found + in_list(message, "content", place) + in_list(message, "images", place)


def _data_of(audio: Any) -> str:
    """What is there of a recording: nothing, if it is only named, or its transcript told."""
    if type(audio) is dict and audio.keys() <= _RECORDING:
        data = audio.get("data")
        return data if type(data) is str else ODD if data else ""
    return ODD


def in_item(item: dict[str, Any], place: str) -> list[Part]:
    """Of an item of the Responses API."""
    kind = kind_of(item)
    if kind == "image_generation_call":
        return [Part("image", place, declared_by(item), _string(item, "result"))]
    if kind == "computer_call_output":
        return [Part("image", place, "", _string(item.get("output"), "image_url"))]
    return [part for name in _PARTS for part in in_list(item, name, place)]


def in_list(holder: dict[str, Any], name: str, place: str) -> list[Part]:
    entries, found = holder.get(name), []
    for index, entry in enumerate(entries if type(entries) is list else ()):
        at = f"{place}.{name}[{index}]"
        if type(entry) is dict:
            found += in_part(entry, at, "image_url" if name == "images" else "")
        elif name == "images" and type(entry) is str:
            found.append(Part("image", at, "", entry))
    return found


def in_part(part: dict[str, Any], place: str, otherwise: str = "") -> list[Part]:
    """What is there of it; `otherwise` is its type if it says none."""
    name = kind_of(part) or otherwise
    kind = _KINDS.get(name)
    if kind is None:
        return []
    inner = part.get(name)
    node = inner if type(inner) is dict else part
    urls = [url for key in _URLS if is_data(url := _string(node, key) or _string(node.get(key), "url"))]
    payloads = [payload for key in _PAYLOADS if (payload := _string(node, key))]
    return [Part(kind, place, "", value) for value in urls + payloads]


def declared_by(drawn: dict[str, Any]) -> str:
    """The media type of an image that was drawn, as is said beside it."""
    form = drawn.get("output_format")
    return f"image/{form}" if type(form) is str else ""


def is_data(url: str) -> bool:
    return url[:80].lstrip()[:5].lower() == "data:"


def _string(holder: Any, name: str) -> str:
    value = holder.get(name) if type(holder) is dict else None
    return value if type(value) is str else ""


def _numbered(entries: Any) -> list[tuple[int, dict[str, Any]]]:
    return [(n, entry) for n, entry in enumerate(entries if type(entries) is list else ()) if type(entry) is dict]
