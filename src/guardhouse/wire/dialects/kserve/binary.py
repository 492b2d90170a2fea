"""Tensors in raw bytes behind the JSON: the binary tensor extension of the protocol.

A body with the header Inference-Header-Content-Length begins with that many bytes of JSON. Behind them stand the
tensors whose parameters name a `binary_data_size`, in their order, and nothing else: the sizes add up to the body
exactly or it is refused. A tensor has its elements in one of the two places, never in both.

`take` puts the bytes of each tensor into `data` of the document, and from then on there is no difference to JSON for
whoever reads it. BYTES elements, each with its length in four bytes before it, become a list of strings if all of them
are text; else the bytes stay as they are, and `contents` calls them unreadable. `join` is the way back: what goes on is
written from the document that was judged.
"""

from struct import pack, unpack_from
from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire import json
from guardhouse.wire.dialects.kserve.datatypes import BYTES
from guardhouse.wire.dialects.kserve.values import count_of
from guardhouse.wire.dialects.rules import invalid

HEADER = b"inference-header-content-length"
SIZE = "binary_data_size"
_MOST_DIGITS = 10


def length_of(stated: bytes, body: int) -> int:
    """The length of the JSON that a header states; -1 if it cannot be that."""
    if not stated.isdigit() or len(stated) > _MOST_DIGITS or (stated[0] == 0x30 and stated != b"0"):
        return -1
    length = int(stated)
    return length if 0 < length <= body else -1


def sized(tensor: Any) -> bool:
    """Whether it says that its elements stand behind the JSON."""
    if type(tensor) is not dict:
        return False
    parameters = tensor.get("parameters")
    return type(parameters) is dict and SIZE in parameters


def take(document: Any, side: str, raw: bytes, most: int = json.ANY_NUMBER) -> Denial | None:
    """Give every tensor of `side` ("inputs" or "outputs") its bytes of what stands behind the JSON; all BYTES tensors
    together may have `most` elements."""
    tensors = document.get(side) if type(document) is dict else None
    at, limit = 0, most
    for index, tensor in enumerate(tensors if type(tensors) is list else ()):
        if not sized(tensor):
            continue
        place = f"{side}[{index}]"
        size = tensor["parameters"][SIZE]
        if type(size) is not int or not 0 <= size <= len(raw) - at:
            return invalid(f"{place}.parameters.{SIZE}", "a number of bytes that are there")
        if "data" in tensor:
            return invalid(place, "in JSON or in raw bytes, not in both")
        most -= texts_in(tensor)
        denial = json.too_divided(limit) if most < 0 else fill(tensor, raw[at : at + size], place)
        if denial is not None:
            return denial
        at += size
    if at != len(raw):
        return Denial(Reason.SHAPE_INVALID, "The sizes of the tensors do not add up to the body.")
    return None


def texts_in(tensor: dict[str, Any]) -> int:
    """How many elements of it become strings, by its shape."""
    return max(0, count_of(tensor.get("shape"))) if tensor.get("datatype") == BYTES else 0


def fill(tensor: dict[str, Any], part: bytes, place: str) -> Denial | None:
    """The elements of one tensor."""
    if tensor.get("datatype") != BYTES:
        tensor["data"] = part
        return None
    count = count_of(tensor.get("shape"))
    elements = split(part, count)
    if elements is None or len(elements) != count:
        return invalid(place, "as many elements with their lengths as its shape says")
    tensor["data"] = texts_of(elements, part)
    return None


def texts_of(elements: list[bytes], otherwise: bytes) -> list[str] | bytes:
    """The elements as text; `otherwise`, if one of them is none."""
    try:
        return [element.decode() for element in elements]
    except UnicodeDecodeError:
        return otherwise


def split(raw: bytes, most: int) -> list[bytes] | None:
    """The elements of a BYTES tensor; None if there are more than `most`, or their lengths do not end where the bytes
    do."""
    elements: list[bytes] = []
    at, end = 0, len(raw)
    while at < end:
        if end - at < 4 or len(elements) >= most:
            return None
        size: int = unpack_from("<I", raw, at)[0]
        at += 4
        if size > end - at:
            return None
        elements.append(raw[at : at + size])
        at += size
    return elements


def packed_of(data: Any) -> bytes:
    """The raw bytes of a tensor's elements."""
    return data if type(data) is bytes else packed([element.encode() for element in data])


def packed(elements: list[bytes]) -> bytes:
    parts: list[bytes] = []
    for element in elements:
        parts += (pack("<I", len(element)), element)
    return b"".join(parts)


def join(document: dict[str, Any], side: str) -> tuple[bytes, int]:
    """The document as a body with raw tensors, and how much of it is JSON."""
    tensors: list[Any] = []
    parts: list[bytes] = []
    for tensor in document[side]:
        if not sized(tensor):
            tensors.append(tensor)
            continue
        part = packed_of(tensor["data"])
        parts.append(part)
        bare = {**tensor, "parameters": {**tensor["parameters"], SIZE: len(part)}}
        del bare["data"]
        tensors.append(bare)
    head = json.encode({**document, side: tensors})
    return b"".join((head, *parts)), len(head)
