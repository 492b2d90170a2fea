"""Does a request or an answer fit the tensors of the model's contract?

Every tensor must be one that the contract knows, of its datatype and of a shape that fits, with no more elements than
it allows and numbers within its range; every one that is not optional must be there. A number that is not finite is
outside of every range. Refusals name the place and the rule, never a value.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from guardhouse.model.tensors import ANY, TensorRule
from guardhouse.wire.dialects.kserve.datatypes import BYTES, NUMBERS, numbers
from guardhouse.wire.dialects.kserve.values import count_of, flattened, judge_tensor


def fault(document: Any, side: str, rules: Mapping[str, TensorRule]) -> str | None:
    """The first thing that does not fit, as a sentence about a place."""
    tensors = document.get(side) if type(document) is dict else None
    if type(tensors) is not list:
        return f"{side} must be a list of tensors"
    seen: set[str] = set()
    for index, tensor in enumerate(tensors):
        place = f"{side}[{index}]"
        name: Any = tensor.get("name") if type(tensor) is dict else None
        rule = rules.get(name) if type(name) is str else None
        if rule is None or name in seen:
            return f"{place}.name must be one of the contract, and each once"
        seen.add(name)
        found = _fault_of(tensor, rule, place)
        if found is not None:
            return found
    for name, rule in rules.items():
        if name not in seen and not rule.optional:
            return f"{side} must have the tensor {name}"
    return None


def _fault_of(tensor: dict[str, Any], rule: TensorRule, place: str) -> str | None:
    denial = judge_tensor(tensor, place)
    if denial is not None:
        return denial.detail.rstrip(".")
    if tensor["datatype"] != rule.datatype:
        return f"{place}.datatype must be {rule.datatype}"
    shape = tensor["shape"]
    wanted = list(rule.shape)
    if len(shape) != len(wanted) or any(w not in (ANY, s) for w, s in zip(wanted, shape, strict=True)):
        return f"{place}.shape must fit {wanted}"
    if rule.max_elements is not None and count_of(shape) > rule.max_elements:
        return f"{place} must have at most {rule.max_elements} elements"
    if rule.min is None and rule.max is None:
        return None
    values = _values(tensor)
    least = -math.inf if rule.min is None else rule.min
    most = math.inf if rule.max is None else rule.max
    if values and not (all(map(math.isfinite, values)) and least <= min(values) and max(values) <= most):
        return f"{place}.data must be {_range(rule)}"
    return None


def _values(tensor: dict[str, Any]) -> Sequence[float]:
    data, datatype = tensor["data"], tensor["datatype"]
    if datatype == BYTES:
        return ()
    if type(data) is bytes:
        return numbers(data, NUMBERS[datatype])
    return flattened(data, tensor["shape"]) or ()


def _range(rule: TensorRule) -> str:
    if rule.min is None:
        return f"at most {rule.max:g}"
    return f"at least {rule.min:g}" if rule.max is None else f"from {rule.min:g} to {rule.max:g}"
