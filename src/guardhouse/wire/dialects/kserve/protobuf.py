"""The wire format of protocol buffers, as strictly as it can be read: fields in, fields out, no schema.

A message is read into its fields in the order in which they stand. Malformed varints, groups, field numbers that are
none and lengths beyond the end make the whole message unreadable. A message has at most MOST_FIELDS, because each costs
many times its bytes once it is read; packed numbers are one field.
"""

from array import array
from struct import pack, unpack_from
from typing import Any

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
MOST_FIELDS = 65_536
MOST_VARINTS = 524_288
_MOST_TAG = (1 << 32) - 1
_SIGN = 1 << 63


class Field:
    __slots__ = ("data", "number", "value", "wire")

    def __init__(self, number: int, wire: int, value: int, data: bytes) -> None:
        self.number = number
        self.wire = wire
        self.value = value  # of a varint
        self.data = data  # of anything else


def fields(message: bytes) -> list[Field] | None:
    found: list[Field] = []
    at, end = 0, len(message)
    while at < end:
        if len(found) == MOST_FIELDS:
            return None
        tag, at = varint(message, at)
        number, wire = tag >> 3, tag & 7
        if at < 0 or tag > _MOST_TAG or number == 0:
            return None
        value, data = 0, b""
        if wire == VARINT:
            value, at = varint(message, at)
            if at < 0:
                return None
        else:
            size = 8 if wire == FIXED64 else 4
            if wire == BYTES:
                size, at = varint(message, at)
            elif wire not in (FIXED64, FIXED32):
                return None
            if at < 0 or size > end - at:
                return None
            data = message[at : at + size]
            at += size
        found.append(Field(number, wire, value, data))
    return found


def varint(message: bytes, at: int) -> tuple[int, int]:
    """An unsigned number of 64 bits and where it ends; -1 if there is none."""
    value, shift = 0, 0
    end = len(message)
    while at < end:
        byte = message[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (value, at) if value < 1 << 64 else (0, -1)
        shift += 7
        if shift > 63:
            return 0, -1
    return 0, -1


def signed(value: int) -> int:
    return value - (1 << 64) if value & _SIGN else value


def varints(packed: bytes) -> list[int] | None:
    """Packed numbers, unsigned."""
    found: list[int] = []
    at, end = 0, len(packed)
    while at < end:
        if len(found) == MOST_VARINTS:
            return None
        value, at = varint(packed, at)
        if at < 0:
            return None
        found.append(value)
    return found


def floats(packed: bytes, code: str, size: int) -> list[float] | None:
    """Packed floats of `size` bytes each."""
    if len(packed) % size:
        return None
    values: Any = array(code)
    values.frombytes(packed)
    if array("H", [1]).tobytes() != b"\1\0":
        values.byteswap()
    return list(values)


def double(data: bytes) -> float:
    value: float = unpack_from("<d", data)[0]
    return value


# the way back


def of_varint(value: int) -> bytes:
    value &= (1 << 64) - 1
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def number_field(number: int, value: int) -> bytes:
    return of_varint(number << 3) + of_varint(value)


def double_field(number: int, value: float) -> bytes:
    return of_varint(number << 3 | FIXED64) + pack("<d", value)


def bytes_field(number: int, data: bytes) -> bytes:
    return of_varint(number << 3 | BYTES) + of_varint(len(data)) + data


def text_field(number: int, text: str) -> bytes:
    """Left out where it is empty, as everybody does."""
    return bytes_field(number, text.encode()) if text else b""
