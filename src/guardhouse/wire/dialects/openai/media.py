"""The parts of a request that are images, recordings, videos or files, for the record of what no control reads.

They are those that `request.unreadable` names the places of, with what has to be known of each. What a part holds
stands under one of a few names, in the part itself or in an object under the name of its type, depending on the
operation; a part with several of them is told of once for each. One without any refers to what the model server has.
"""

from typing import Any, Final

from guardhouse.model.media import MediaKind, Part
from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.walk import kind_of

KINDS: Final[dict[str, MediaKind]] = {
    "audio_url": "audio",
    "computer_screenshot": "image",
    "file": "file",
    "image_url": "image",
    "input_audio": "audio",
    "input_file": "file",
    "input_image": "image",
    "video_url": "video",
}
_VALUES: Final = ("url", "image_url", "file_url", "data", "file_data")


def media(document: dict[str, Any], operation: Operation) -> list[Part]:
    found: list[Part] = []
    if operation is Operation.CHAT:
        for index, message in enumerate(document["messages"]):
            _list(message.get("content"), f"messages[{index}].content", found)
    elif operation is Operation.MODERATIONS:
        _list(document["input"], "input", found)
    elif operation is Operation.RESPONSES:
        _items(document.get("input"), found)
        prompt = document.get("prompt")
        variables = prompt.get("variables") if type(prompt) is dict else None
        if type(variables) is dict:  # their names are the caller's
            for entry in variables.values():
                _part(entry, "prompt.variables", found)
    return found


def _items(items: Any, found: list[Part]) -> None:
    for index, item in enumerate(items if type(items) is list else ()):
        if type(item) is not dict:
            continue
        place = f"input[{index}]"
        if kind_of(item) == "image_generation_call":
            result = item.get("result")
            found.append(Part("image", place, "", result if type(result) is str else ""))
        _list(item.get("content"), f"{place}.content", found)
        output = item.get("output")
        _part(output, f"{place}.output", found)
        _list(output, f"{place}.output", found)


def _list(parts: Any, path: str, found: list[Part]) -> None:
    for index, part in enumerate(parts if type(parts) is list else ()):
        _part(part, f"{path}[{index}]", found)


def _part(part: Any, place: str, found: list[Part]) -> None:
    name = kind_of(part)
    kind = KINDS.get(name)
    if kind is None:
        return
    inner = part.get(name)
    node = inner if type(inner) is dict else part
    values = [value for each in _VALUES if (value := _value(node.get(each)))]
    declared = f"audio/{node['format']}" if name == "input_audio" and type(node.get("format")) is str else ""
    found.extend([Part(kind, place, declared, value) for value in values or [""]])


def _value(value: Any) -> str:
    """Some clients write an object with the URL where others write the URL."""
    if type(value) is dict:
        value = value.get("url")
    return value if type(value) is str else ""
