"""The elements of tensors that are images, recordings or files, as far as the protocol can say.

Only tensors that cannot be read as text have any (`contents.unreadable`): raw BYTES of which some are no UTF-8, each
element of those; elements in base64 that are no text; and whatever has a content type for media, be it BYTES or
numbers, which are pixels or samples then and show no type. Under a content type that nobody has heard of, elements
that look like base64 are told of, others may be words.

What kind of thing an element is, if no content type says it, is for its first bytes to tell, and not known here. Texts
are not looked at: what a model server makes of them by its own settings is not in the request.
"""

import re
from collections.abc import Iterator
from typing import Any, Final, Literal

from guardhouse.model.media import MediaKind, Part, Parts
from guardhouse.wire.dialects.kserve import binary
from guardhouse.wire.dialects.kserve.contents import BASE64, can_be_read, decoded_text, said_by
from guardhouse.wire.dialects.kserve.datatypes import BYTES, NUMBERS
from guardhouse.wire.dialects.kserve.values import count_of

_IMAGES: Final = frozenset(("image", "img", "opencv", "pil", "pil_image", "pillow", "pillow_image"))
_FAMILIES: Final[dict[str, MediaKind]] = {"audio": "audio", "image": "image", "video": "video"}
_ENCODED: Final = re.compile(r"[A-Za-z0-9+/_-]{24,88}")


def media(document: Any, side: str) -> list[Part | Parts]:
    """Of the `side` ("inputs" or "outputs") of a document."""
    found: list[Part | Parts] = []
    tensors = document.get(side) if type(document) is dict else None
    if type(tensors) is not list:
        return found
    above = said_by(document)
    for index, tensor in enumerate(tensors):
        if type(tensor) is dict:
            said = said_by(tensor) or above
            if not can_be_read(tensor, said):
                _in_tensor(tensor, said, f"{side}[{index}].data", found)
    return found


def _in_tensor(tensor: dict[str, Any], said: str, place: str, found: list[Part | Parts]) -> None:
    kind, declared = _meant_by(said)
    data = tensor.get("data")
    if tensor.get("datatype") != BYTES:
        if kind:
            found.append(Part(kind, place, declared, b"", _size_of(tensor)))
    elif type(data) is bytes:
        elements = binary.split(data, len(data))
        if elements is None:
            found.append(Part(kind, place, declared, data))
        else:
            found.append(Parts(kind, place, declared, elements, range(len(elements))))
    else:
        values = list(_strings_in(data))
        numbers = [n for n, value in enumerate(values) if value and (kind or _is_no_text(value, said))]
        if numbers:
            found.append(Parts(kind, place, declared, [values[n] for n in numbers], numbers))


def _meant_by(said: str) -> tuple[MediaKind | Literal[""], str]:
    """The kind and the media type that a content type stands for; empty if it is none for media."""
    if said in _IMAGES:
        return "image", "image/*"
    kind = _FAMILIES.get(said.partition("/")[0])
    return (kind, said) if kind is not None and "/" in said else ("", "")


def _size_of(tensor: dict[str, Any]) -> int:
    data, datatype = tensor.get("data"), tensor.get("datatype")
    if type(data) is bytes:
        return len(data)
    known = NUMBERS.get(datatype) if type(datatype) is str else None
    return 0 if known is None else known.size * max(0, count_of(tensor.get("shape")))


def _is_no_text(element: str, said: str) -> bool:
    if said == BASE64:
        return decoded_text(element) is None
    return _ENCODED.match(element) is not None


def _strings_in(data: Any) -> Iterator[str]:
    """In order, however they are nested."""
    stack: list[Iterator[Any]] = [iter(data)] if type(data) is list else []
    while stack:
        for element in stack[-1]:
            if type(element) is str:
                yield element
            elif type(element) is list:
                stack.append(iter(element))
                break
        else:
            stack.pop()
