"""The messages of `inference.GRPCInferenceService` as documents, and back: the same documents that REST has.

Reading is strict: a field that the protocol does not know, one that may stand once and stands twice, a text that is not
UTF-8 or a key of a map twice make the message unreadable, and the fault says where. So nothing passes that was not
read, and what goes on is written from the document.

The elements of a tensor stand in `contents`, in the field that belongs to its datatype, or in the raw contents behind
all tensors, one for each of them; never in both. FP16 and BF16 have raw contents only.
"""

from array import array
from typing import Any

from guardhouse.wire.dialects.kserve import binary
from guardhouse.wire.dialects.kserve import protobuf as pb
from guardhouse.wire.dialects.kserve.datatypes import BYTES
from guardhouse.wire.dialects.walk import LONGEST_ID
from guardhouse.wire.json import ANY_NUMBER

_CONTENTS = {
    **dict.fromkeys(("BOOL",), 1),
    **dict.fromkeys(("INT8", "INT16", "INT32"), 2),
    **dict.fromkeys(("INT64",), 3),
    **dict.fromkeys(("UINT8", "UINT16", "UINT32"), 4),
    **dict.fromkeys(("UINT64",), 5),
    **dict.fromkeys(("FP32",), 6),
    **dict.fromkeys(("FP64",), 7),
    **dict.fromkeys((BYTES,), 8),
}
_MOST_SIZES = 64


class FaultError(Exception):
    """The message cannot be read; the text names a place and a rule."""


class Side:
    """Where requests and answers differ: the name of their tensors and the numbers of their fields."""

    __slots__ = ("name", "raw", "tensors")

    def __init__(self, name: str, tensors: int, raw: int) -> None:
        self.name = name
        self.tensors = tensors
        self.raw = raw


INPUTS = Side("inputs", 5, 7)
OUTPUTS = Side("outputs", 5, 6)
_REQUESTED = 6


def read_infer(message: bytes, side: Side, most: int = ANY_NUMBER) -> tuple[dict[str, Any], bool]:
    """The document, and whether its tensors came raw. All BYTES tensors together may have `most` elements."""
    document: dict[str, Any] = {"model_name": "", side.name: []}
    raw: list[bytes] = []
    for field in _fields(message, "the message"):
        number = field.number
        if number in (1, 2, 3):
            _once(document, ("", "model_name", "model_version", "id")[number], field)
        elif number == 4:
            _parameter(document, field, "parameters")
        elif number == side.tensors:
            document[side.name].append(_tensor(_data(field, side.name), f"{side.name}[{len(document[side.name])}]"))
        elif number == side.raw:
            raw.append(_data(field, f"raw_{side.name}"))
        elif number == _REQUESTED and side is INPUTS:
            wanted = document.setdefault("outputs", [])
            wanted.append(_requested(_data(field, "outputs"), f"outputs[{len(wanted)}]"))
        else:
            raise FaultError("The message has a field that is not of the protocol.")
    if sum(map(binary.texts_in, document[side.name])) > most:
        raise FaultError(f"At most {most} elements of the datatype BYTES are accepted.")
    _fill(document[side.name], raw, side.name)
    return document, bool(raw)


def write_infer(document: dict[str, Any], side: Side, *, raw: bool) -> bytes:
    parts = [
        pb.text_field(n, document.get(name, "")) for n, name in ((1, "model_name"), (2, "model_version"), (3, "id"))
    ]
    parts.append(_written_parameters(document, 4))
    for tensor in document[side.name]:
        body = pb.text_field(1, tensor["name"]) + pb.text_field(2, tensor["datatype"])
        if tensor["shape"]:
            body += pb.bytes_field(3, b"".join([pb.of_varint(size) for size in tensor["shape"]]))
        body += _written_parameters(tensor, 4)
        if not raw:
            body += pb.bytes_field(5, _written_contents(tensor))
        parts.append(pb.bytes_field(side.tensors, body))
    if side is INPUTS:
        for wanted in document.get("outputs", ()):
            body = pb.text_field(1, wanted["name"]) + _written_parameters(wanted, 2)
            parts.append(pb.bytes_field(_REQUESTED, body))
    if raw:
        parts += [pb.bytes_field(side.raw, binary.packed_of(tensor["data"])) for tensor in document[side.name]]
    return b"".join(parts)


def read_name(message: bytes) -> tuple[str, str]:
    """Model and version of a question about one."""
    document: dict[str, Any] = {}
    for field in _fields(message, "the message"):
        if field.number not in (1, 2):
            raise FaultError("The message has a field that is not of the protocol.")
        _once(document, ("", "model_name", "model_version")[field.number], field)
    return document.get("model_name", ""), document.get("model_version", "")


def flag(value: bool) -> bytes:
    """The answer to whether something is live or ready."""
    return pb.number_field(1, int(value)) if value else b""


def server(name: str, version: str, extensions: tuple[str, ...]) -> bytes:
    return (
        pb.text_field(1, name) + pb.text_field(2, version) + b"".join([pb.text_field(3, each) for each in extensions])
    )


def model(document: dict[str, Any]) -> bytes:
    """The metadata of a model, from what REST answers."""
    parts = [pb.text_field(1, document["name"])]
    parts += [pb.text_field(2, version) for version in document["versions"]]
    for number, side in ((4, "inputs"), (5, "outputs")):
        for tensor in document[side]:
            body = pb.text_field(1, tensor["name"]) + pb.text_field(2, tensor["datatype"])
            body += pb.bytes_field(3, b"".join([pb.of_varint(size) for size in tensor["shape"]]))
            parts.append(pb.bytes_field(number, body))
    return b"".join(parts)


# inside


def _fields(message: bytes, place: str) -> list[pb.Field]:
    found = pb.fields(message)
    if found is None:
        raise FaultError(f"{place} must be a well-formed message of at most {pb.MOST_FIELDS} fields.")
    return found


def _data(field: pb.Field, place: str) -> bytes:
    if field.wire != pb.BYTES:
        raise FaultError(f"{place} has a field of another kind than the protocol says.")
    return field.data


def _text(field: pb.Field, place: str) -> str:
    try:
        return _data(field, place).decode()
    except UnicodeDecodeError:
        raise FaultError(f"{place} must be UTF-8.") from None


def _once(holder: dict[str, Any], name: str, field: pb.Field) -> None:
    if holder.get(name):
        raise FaultError(f"{name} must be there once.")
    text = _text(field, name)
    if len(text) > LONGEST_ID:
        raise FaultError(f"{name} must have at most {LONGEST_ID} characters.")
    holder[name] = text


def _parameter(holder: dict[str, Any], field: pb.Field, place: str) -> None:
    key, value, seen = "", None, 0
    for entry in _fields(_data(field, place), place):
        if entry.number not in (1, 2) or seen & entry.number:
            raise FaultError(f"{place} must be names with one value each.")
        seen |= entry.number
        if entry.number == 1:
            key = _text(entry, place)
        else:
            value = _value(_data(entry, place), place)
    parameters = holder.setdefault("parameters", {})
    if key in parameters or value is None:
        raise FaultError(f"{place} must be names with one value each.")
    parameters[key] = value


def _value(message: bytes, place: str) -> bool | int | str | float:
    found = _fields(message, place)
    if len(found) != 1:
        raise FaultError(f"{place} must be names with one value each.")
    field = found[0]
    if field.number in (1, 2, 5) and field.wire == pb.VARINT:
        if field.number == 1:
            return field.value != 0
        return pb.signed(field.value) if field.number == 2 else field.value
    if field.number == 3:
        return _text(field, place)
    if field.number == 4 and field.wire == pb.FIXED64:
        return pb.double(field.data)
    raise FaultError(f"{place} must be strings, numbers and booleans.")


def _requested(message: bytes, place: str) -> dict[str, Any]:
    wanted: dict[str, Any] = {}
    for field in _fields(message, place):
        if field.number == 1:
            _once(wanted, "name", field)
        elif field.number == 2:
            _parameter(wanted, field, f"{place}.parameters")
        else:
            raise FaultError(f"{place} has a field that is not of the protocol.")
    return wanted


def _tensor(message: bytes, place: str) -> dict[str, Any]:
    tensor: dict[str, Any] = {"shape": []}
    for field in _fields(message, place):
        if field.number in (1, 2):
            _once(tensor, ("", "name", "datatype")[field.number], field)
        elif field.number == 3:
            tensor["shape"] += _whole_numbers(field, f"{place}.shape")
            if len(tensor["shape"]) > _MOST_SIZES:
                raise FaultError(f"{place}.shape has too many sizes.")
        elif field.number == 4:
            _parameter(tensor, field, f"{place}.parameters")
        elif field.number == 5 and "contents" not in tensor:
            tensor["contents"] = _data(field, place)
        else:
            raise FaultError(f"{place} has a field that is not of the protocol, or one twice.")
    return tensor


def _whole_numbers(field: pb.Field, place: str) -> list[int]:
    if field.wire == pb.VARINT:
        return [pb.signed(field.value)]
    found = pb.varints(_data(field, place))
    if found is None:
        raise FaultError(f"{place} must be at most {pb.MOST_VARINTS} well-formed numbers; send more as raw contents.")
    return [pb.signed(value) for value in found]


def _fill(tensors: list[dict[str, Any]], raw: list[bytes], side: str) -> None:
    """Give every tensor its elements."""
    if raw and len(raw) != len(tensors):
        raise FaultError(f"There must be raw contents for all of {side} or for none.")
    for index, tensor in enumerate(tensors):
        place = f"{side}[{index}]"
        contents = tensor.pop("contents", None)
        if not raw:
            tensor["data"] = _contents(contents or b"", tensor, place)
        elif contents:
            raise FaultError(f"{place} must have its elements in one place.")
        else:
            denial = binary.fill(tensor, raw[index], place)
            if denial is not None:
                raise FaultError(denial.detail)


def _contents(message: bytes, tensor: dict[str, Any], place: str) -> Any:
    number = _CONTENTS.get(tensor.get("datatype", ""), 0)
    values: list[Any] = []
    for field in _fields(message, place):
        if field.number != number:
            raise FaultError(f"{place} must have its elements in the field of its datatype.")
        if number == 8:
            values.append(_data(field, place))
        elif number in (6, 7):
            values += _floats(field, number == 6, place)
        else:
            values += _integers(field, number, place)
    if number != 8:
        return values
    if len(values) != binary.texts_in(tensor):
        raise FaultError(f"{place} must have as many elements as its shape says.")
    return binary.texts_of(values, binary.packed(values))


def _floats(field: pb.Field, narrow: bool, place: str) -> list[float]:
    code, size, wire = ("f", 4, pb.FIXED32) if narrow else ("d", 8, pb.FIXED64)
    found = pb.floats(field.data, code, size) if field.wire in (wire, pb.BYTES) else None
    if found is None:
        raise FaultError(f"{place} must have its elements in the field of its datatype.")
    return found


def _integers(field: pb.Field, number: int, place: str) -> list[Any]:
    values = _whole_numbers(field, place)
    if number == 1:
        return [value != 0 for value in values]
    return [value & (1 << 64) - 1 for value in values] if number == 5 else list(values)


def _written_parameters(holder: dict[str, Any], number: int) -> bytes:
    parameters = holder.get("parameters")
    if not parameters:
        return b""
    parts: list[bytes] = []
    for key, value in parameters.items():
        if type(value) is bool:
            body = pb.number_field(1, int(value))
        elif type(value) is int:
            body = pb.number_field(2 if -(1 << 63) <= value < 1 << 63 else 5, value)
        elif type(value) is float:
            body = pb.double_field(4, value)
        else:
            body = pb.bytes_field(3, value.encode())
        parts.append(pb.bytes_field(number, pb.bytes_field(1, key.encode()) + pb.bytes_field(2, body)))
    return b"".join(parts)


def _written_contents(tensor: dict[str, Any]) -> bytes:
    data, number = tensor["data"], _CONTENTS[tensor["datatype"]]
    if number == 8:
        elements = binary.split(data, ANY_NUMBER) if type(data) is bytes else [element.encode() for element in data]
        return b"".join([pb.bytes_field(8, element) for element in elements or ()])
    if not data:
        return b""
    if number in (6, 7):
        values = array("f" if number == 6 else "d", data)
        if array("H", [1]).tobytes() != b"\1\0":
            values.byteswap()
        return pb.bytes_field(number, values.tobytes())
    return pb.bytes_field(number, b"".join([pb.of_varint(int(value)) for value in data]))
