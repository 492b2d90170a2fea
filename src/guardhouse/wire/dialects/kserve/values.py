"""Does a tensor hold what it says? Name, datatype, shape, and as many elements of that type as the shape has.

The elements stand in `data`: a list, flat or nested exactly as the shape says; or, once read from raw bytes, the bytes
themselves (`binary.py`), of which only BYTES elements become a list where all of them are text. Sizes are held below
LARGEST before they are multiplied, also where another one is zero: a model server that computes in 32 or 64 bits must
not see a product that wraps around.
"""

from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.wire.dialects.kserve.datatypes import BYTES, NUMBERS, Datatype
from guardhouse.wire.dialects.rules import invalid

LARGEST = 2**31 - 1
MOST_SIZES = 16
LONGEST_NAME = 256

_INT = {int}
_FLOATS = {int, float}
_BOOL = {bool}
_STR = {str}


def is_name(value: Any) -> bool:
    return type(value) is str and 0 < len(value) <= LONGEST_NAME and value.isprintable()


def count_of(shape: Any) -> int:
    """How many elements a tensor of this shape has; -1 if it is no shape."""
    if type(shape) is not list or len(shape) > MOST_SIZES:
        return -1
    product, empty = 1, False
    for size in shape:
        if type(size) is not int or not 0 <= size <= LARGEST:
            return -1
        if size:
            product *= size
            if product > LARGEST:
                return -1
        else:
            empty = True
    return 0 if empty else product


def judge_tensor(tensor: dict[str, Any], place: str) -> Denial | None:
    """Everything but its name and parameters."""
    datatype, shape = tensor.get("datatype"), tensor.get("shape")
    if type(datatype) is not str or (datatype != BYTES and datatype not in NUMBERS):
        return invalid(f"{place}.datatype", "one of the protocol's datatypes")
    count = count_of(shape)
    if count < 0:
        most = f"at most {MOST_SIZES} sizes from 0 to {LARGEST}, and of no larger product"
        return invalid(f"{place}.shape", f"a list of {most}")
    data = tensor.get("data")
    if type(data) is bytes:
        return _judge_raw(data, datatype, count, place)
    if type(data) is not list:
        return invalid(f"{place}.data", "a list")
    flat = flattened(data, shape)
    if flat is None or len(flat) != count:
        return invalid(f"{place}.data", f"{count} elements, flat or nested as the shape says")
    return _judge_elements(flat, datatype, place)


def flattened(data: list[Any], shape: Any) -> list[Any] | None:
    """The elements in order; None if lists are nested in another way than the shape says."""
    if not data or type(data[0]) is not list:
        return data
    if not shape or len(data) != shape[0]:
        return None
    level = data
    for size in shape[1:]:
        below: list[Any] = []
        for part in level:
            if type(part) is not list or len(part) != size:
                return None
            below += part
        level = below
    return level


def _judge_elements(flat: list[Any], datatype: str, place: str) -> Denial | None:
    kinds = set(map(type, flat))
    if datatype == BYTES:
        return None if kinds <= _STR else invalid(f"{place}.data", "strings, as the datatype says")
    known = NUMBERS[datatype]
    if datatype == "BOOL":
        return None if kinds <= _BOOL else invalid(f"{place}.data", "true or false, as the datatype says")
    if not kinds <= (_INT if known.integer else _FLOATS):
        return invalid(f"{place}.data", "numbers, as the datatype says")
    if flat and not (known.least <= min(flat) and max(flat) <= known.most):
        return invalid(f"{place}.data", "numbers that the datatype can hold")
    return None


def _judge_raw(raw: bytes, datatype: str, count: int, place: str) -> Denial | None:
    if datatype == BYTES:  # elements that are not text, so that they stayed as they are; `binary` has counted them
        return None
    known: Datatype = NUMBERS[datatype]
    if len(raw) != count * known.size:
        return invalid(f"{place}", f"{count * known.size} raw bytes, as its shape and datatype say")
    if datatype == "BOOL" and raw.translate(None, b"\0\1"):
        return invalid(f"{place}", "of raw bytes 0 and 1, as the datatype says")
    return None
