"""How much a document holds, in the figures that `content` bounds: counted only for models that bound them.

Text is every string that is a value, wherever it stands; names of members are none. What is brought along as image,
recording or file is known by the type of its part, or by the name under which it stands where a dialect has no parts.
"""

from typing import Any, Final

from guardhouse.wire.dialects.declared import declared

_IMAGES: Final = frozenset(
    ("computer_screenshot", "image", "image_url", "input_image", "input_video", "video", "video_url")
)
_AUDIO: Final = frozenset(("audio", "audio_url", "input_audio"))
_FILES: Final = frozenset(("document", "file", "file_url", "input_file"))


class Measures:
    __slots__ = ("audio", "characters", "depth", "files", "images", "messages", "tools")

    def __init__(self) -> None:
        self.messages = 0
        self.tools = 0
        self.depth = 0
        self.characters = 0
        self.images = 0
        self.audio = 0
        self.files = 0


def measure(document: dict[str, Any]) -> Measures:
    measures = Measures()
    for name, value in document.items():
        if type(value) is list:
            folded = name.casefold()
            if folded in ("messages", "input"):
                measures.messages = max(measures.messages, len(value))
            elif folded in ("tools", "functions"):
                measures.tools += len(value)
    measures.tools = max(measures.tools, len(declared(document)))
    _descend(document, measures)
    return measures


def _descend(document: dict[str, Any], measures: Measures) -> None:
    level: list[Any] = [document]
    while level:
        measures.depth += 1
        below: list[Any] = []
        for node in level:
            if type(node) is dict:
                _note(node, measures)
            for value in node.values() if type(node) is dict else node:
                kind = type(value)
                if kind is str:
                    measures.characters += len(value)
                elif kind is dict or kind is list:
                    below.append(value)
        level = below


def _note(node: dict[str, Any], measures: Measures) -> None:
    kind = node.get("type")
    if kind is None:
        kind = next((name for name in node if name in _IMAGES or name in _AUDIO or name in _FILES), None)
    if type(kind) is str:
        if kind in _IMAGES:
            measures.images += 1
        elif kind in _AUDIO:
            measures.audio += 1
        elif kind in _FILES:
            measures.files += 1
    images = node.get("images")
    if type(images) is list:
        measures.images += len(images)
