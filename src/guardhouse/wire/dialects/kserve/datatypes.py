"""The datatypes of tensors: how wide an element is, what it may be as a JSON number, and how raw bytes of it are read.

A float may be as large as what still rounds to the largest finite value of its type; what is beyond would arrive as
infinity. BF16 has no code of its own: it is the upper half of an FP32.
"""

import sys
from array import array
from collections.abc import Sequence
from struct import unpack
from typing import Any


class Datatype:
    __slots__ = ("code", "integer", "least", "most", "size")

    def __init__(self, code: str, size: int, least: Any, most: Any, integer: bool) -> None:
        self.code = code
        self.size = size
        self.least: Any = least  # of a whole number: a float would round it
        self.most: Any = most
        self.integer = integer


def _whole(code: str, size: int, signed: bool) -> Datatype:
    bits = 8 * size
    least, most = (-(1 << bits - 1), (1 << bits - 1) - 1) if signed else (0, (1 << bits) - 1)
    return Datatype(code, size, least, most, integer=True)


_FP32_MOST = 3.4028235677973366e38
_FP64_MOST = sys.float_info.max

BYTES = "BYTES"
NUMBERS: dict[str, Datatype] = {
    "BOOL": Datatype("B", 1, 0, 1, integer=True),
    "UINT8": _whole("B", 1, signed=False),
    "UINT16": _whole("H", 2, signed=False),
    "UINT32": _whole("I", 4, signed=False),
    "UINT64": _whole("Q", 8, signed=False),
    "INT8": _whole("b", 1, signed=True),
    "INT16": _whole("h", 2, signed=True),
    "INT32": _whole("i", 4, signed=True),
    "INT64": _whole("q", 8, signed=True),
    "FP16": Datatype("e", 2, -65520.0, 65520.0, integer=False),
    "BF16": Datatype("", 2, -_FP32_MOST, _FP32_MOST, integer=False),
    "FP32": Datatype("f", 4, -_FP32_MOST, _FP32_MOST, integer=False),
    "FP64": Datatype("d", 8, -_FP64_MOST, _FP64_MOST, integer=False),
}


def numbers(raw: bytes, datatype: Datatype) -> Sequence[float]:
    """The elements of a tensor in raw bytes, little-endian, which must be a whole number of them."""
    code = datatype.code
    if code == "e":
        return unpack(f"<{len(raw) // 2}e", raw)
    if not code:
        wide = bytearray(2 * len(raw))
        wide[2::4] = raw[0::2]
        wide[3::4] = raw[1::2]
        raw, code = bytes(wide), "f"
    values = array(code)
    values.frombytes(raw)
    if sys.byteorder == "big":
        values.byteswap()
    return values
