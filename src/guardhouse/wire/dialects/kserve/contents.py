"""Where there is text in tensors, and what of them no control can look into.

BYTES elements are text. What a model server takes them for is said by `content_type` among the parameters of the tensor
or, if it has none, of the request or answer: `str`, `pd`, `np` and `datetime` are text as it stands; the kinds of JSON
are JSON source, in which masking must not break an escape; `base64` is text in that encoding, decoded here to be looked
at and encoded again if something of it is masked. Everything else is unreadable: elements that are not UTF-8, base64
that is not strictly base64 or of something that is no text, content types that nobody has heard of, and numbers that a
content type makes the model server read as text.

Not covered: numbers. What somebody writes down in digits of a numeric tensor goes on; the range of a contract is what
limits that. Nor what a model server takes BYTES for by its own settings, without a word of it in the request.
"""

import base64
import binascii
from typing import Any

from guardhouse.model.text import Text
from guardhouse.wire.dialects.kserve.datatypes import BYTES
from guardhouse.wire.dialects.walk import collect, collect_around, is_plain

_SOURCE = frozenset(("json", "hg_json"))
BASE64 = "base64"
_TEXTUAL = frozenset(("", "str", "pd", "np", "datetime", "json", "hg_json", "base64"))
_NUMERIC = frozenset(("", "np", "pd"))
_STRUCTURAL_ANSWER = frozenset(("model_name", "model_version"))
_DATA = frozenset(("data",))
_OUTPUTS = frozenset(("outputs",))


class Encoded:
    """A list of elements in base64, as a place to write decoded text to."""

    __slots__ = ("_elements",)

    def __init__(self, elements: list[Any]) -> None:
        self._elements = elements

    def __setitem__(self, index: int, text: str) -> None:
        self._elements[index] = base64.b64encode(text.encode()).decode("ascii")


def request_texts(document: dict[str, Any]) -> list[Text]:
    """The members of a request are a closed list, so that each of them is asked for by its name."""
    found: list[Text] = []
    _named(document, "id", "other", found)
    _below(document, "outputs", "other", found)
    _below(document, "parameters", "other", found)
    above = said_by(document)
    for tensor in document["inputs"]:
        _named(tensor, "name", "user", found)
        _below(tensor, "parameters", "user", found)
        if tensor["datatype"] == BYTES:
            _texts_in(tensor["data"], said_by(tensor) or above, "user", found)
    return found


def _named(holder: dict[str, Any], key: str, role: str, found: list[Text]) -> None:
    """What only names something is a text unless it is too short and plain to be anything that is masked (walk.py)."""
    name = holder.get(key)
    if name and not is_plain(name):
        found.append(Text(name, role, holder, key))


def _below(holder: dict[str, Any], key: str, role: str, found: list[Text]) -> None:
    below = holder.get(key)
    if below:
        collect(below, role, found)


def answer_texts(document: Any) -> list[Text]:
    """An answer may have any shape: whatever is no tensor is searched for every string."""
    found: list[Text] = []
    if type(document) is not dict:
        if type(document) is list:
            collect(document, "assistant", found)
        return found
    tensors = document.get("outputs")
    if type(tensors) is not list:
        collect(document, "assistant", found)
        return found
    collect_around(document, "assistant", found, _STRUCTURAL_ANSWER, _OUTPUTS)
    above = said_by(document)
    for index, tensor in enumerate(tensors):
        if type(tensor) is not dict:
            collect([tensor], "assistant", found) if type(tensor) is not str else found.append(
                Text(tensor, "assistant", tensors, index)
            )
            continue
        collect_around(tensor, "assistant", found, _STRUCTURAL_ANSWER, _DATA)
        data = tensor.get("data")
        if type(data) is str:
            found.append(Text(data, "assistant", tensor, "data"))
        else:
            _texts_in(data, said_by(tensor) or above, "assistant", found)
    return found


def unreadable(document: Any, side: str) -> list[str]:
    found: list[str] = []
    tensors = document.get(side) if type(document) is dict else None
    if type(tensors) is not list:
        return found
    above = said_by(document)
    for index, tensor in enumerate(tensors):
        if type(tensor) is dict and not can_be_read(tensor, said_by(tensor) or above):
            found.append(f"{side}[{index}].data")
    return found


def _texts_in(data: Any, said: str, role: str, found: list[Text]) -> None:
    if type(data) is dict:
        collect(data, role, found)
    stack: list[list[Any]] = [data] if type(data) is list else []
    while stack:
        elements = stack.pop()
        for index, element in enumerate(elements):
            if type(element) is str:
                decoded = decoded_text(element) if said == BASE64 else None
                if decoded is not None:
                    found.append(Text(decoded, role, Encoded(elements), index))
                else:
                    found.append(Text(element, role, elements, index, said in _SOURCE))
            elif type(element) is list:
                stack.append(element)
            elif type(element) is dict:
                collect(element, role, found)


def can_be_read(tensor: dict[str, Any], said: str) -> bool:
    data = tensor.get("data")
    if tensor.get("datatype") != BYTES:
        return said in _NUMERIC
    if type(data) is bytes or said not in _TEXTUAL:
        return False
    return said != BASE64 or _is_text_below(data)


def _is_text_below(data: Any) -> bool:
    stack = [data]
    while stack:
        element = stack.pop()
        if type(element) is list:
            stack += element
        elif type(element) is str and decoded_text(element) is None:
            return False
    return True


def decoded_text(element: str) -> str | None:
    """The text that is encoded in base64, by the strict reading."""
    try:
        return base64.b64decode(element, validate=True).decode()
    except (binascii.Error, ValueError):
        return None


def said_by(holder: dict[str, Any]) -> str:
    """Its content type; one that is no string is as good as one that nobody knows."""
    parameters = holder.get("parameters")
    if type(parameters) is not dict or "content_type" not in parameters:
        return ""
    said = parameters["content_type"]
    return said if type(said) is str else "(none)"
