"""A request for inference: has it the shape that the protocol gives it?

The protocol's objects are closed, so a field that is not of the protocol is refused, whatever the policy: some servers
read a model's name or version from one. Parameters are open, but each is a string, a number or a boolean. Tensors in
shared memory are refused: the gateway cannot see what stands there, nor whose memory it is.

`unknown_fields` lists the parameters that are not of the protocol or of its well-known servers, for policies that
refuse them.
"""

from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.wire.dialects.kserve.values import LONGEST_NAME, is_name, judge_tensor
from guardhouse.wire.dialects.rules import invalid

MOST_TENSORS = 1024
_MOST_PARAMETERS = 256

_REQUEST = frozenset(("id", "inputs", "model_name", "model_version", "outputs", "parameters"))
_INPUT = frozenset(("data", "datatype", "name", "parameters", "shape"))
_OUTPUT = frozenset(("name", "parameters"))
_SHARED_MEMORY = "shared_memory_"

KNOWN_PARAMETERS = frozenset(
    (
        *("binary_data", "binary_data_output", "binary_data_size", "classification", "content_type", "priority"),
        *("sequence_end", "sequence_id", "sequence_start", "timeout"),
    )
)


def check(document: Any, *, names_model: bool) -> Denial | None:
    """`names_model`: the document names the model (as over gRPC); else it must not, because the path does."""
    if type(document) is not dict:
        return invalid("the body", "an object")
    if not document.keys() <= _REQUEST or (
        not names_model and ("model_name" in document or "model_version" in document)
    ):
        return invalid("the body", "without fields that are not of the protocol")
    number = document.get("id")
    if number is not None and number != "" and not is_name(number):
        return invalid("id", f"a string of at most {LONGEST_NAME} printable characters")
    denial = _judge_parameters(document, "") if "parameters" in document else None
    if denial is not None:
        return denial
    return _judge_tensors(document, "inputs", _INPUT) or _judge_tensors(document, "outputs", _OUTPUT)


def unknown_fields(document: dict[str, Any]) -> list[str]:
    found = _unknown(document, "")
    for side in ("inputs", "outputs"):
        for index, tensor in enumerate(document.get(side, ())):
            found += _unknown(tensor, f"{side}[{index}].")
    return found


def _unknown(holder: dict[str, Any], place: str) -> list[str]:
    parameters = holder.get("parameters")
    if not parameters:
        return []
    return [f"{place}parameters.{name}" for name in sorted(parameters.keys() - KNOWN_PARAMETERS)]


def _judge_tensors(document: dict[str, Any], side: str, fields: frozenset[str]) -> Denial | None:
    tensors = document.get(side)
    wanted = side == "inputs"
    if tensors is None and not wanted and side not in document:
        return None
    if type(tensors) is not list or len(tensors) > MOST_TENSORS or (wanted and not tensors):
        return invalid(side, f"a list of {'1' if wanted else '0'} to {MOST_TENSORS} tensors")
    names: set[str] = set()
    for index, tensor in enumerate(tensors):
        place = f"{side}[{index}]"
        denial = _judge_member(tensor, place, fields, names)
        if denial is None and wanted:
            denial = judge_tensor(tensor, place)
        if denial is not None:
            return denial
    return None


def _judge_member(tensor: Any, place: str, fields: frozenset[str], names: set[str]) -> Denial | None:
    """What inputs and outputs have in common; `names` are those of the tensors before it, and takes up its own."""
    if type(tensor) is not dict:
        return invalid(place, "an object")
    if not tensor.keys() <= fields:
        return invalid(place, "without fields that are not of the protocol")
    name: Any = tensor.get("name")
    if not is_name(name) or name in names:
        return invalid(f"{place}.name", f"a string of 1 to {LONGEST_NAME} printable characters, and each name once")
    names.add(name)
    return _judge_parameters(tensor, f"{place}.") if "parameters" in tensor else None


def _judge_parameters(holder: dict[str, Any], place: str) -> Denial | None:
    parameters = holder["parameters"]
    if type(parameters) is not dict or len(parameters) > _MOST_PARAMETERS:
        return invalid(f"{place}parameters", f"an object of at most {_MOST_PARAMETERS} members")
    for name, value in parameters.items():
        if not is_name(name):
            return invalid(f"{place}parameters", f"named by 1 to {LONGEST_NAME} printable characters each")
        if name.startswith(_SHARED_MEMORY):
            return invalid(f"{place}parameters", "without shared memory, which the gateway cannot see")
        if type(value) is dict or type(value) is list or value is None:
            return invalid(f"{place}parameters", "strings, numbers and booleans")
    return None
