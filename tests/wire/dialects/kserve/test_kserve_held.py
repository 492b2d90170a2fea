"""Tensors against the contract of their model."""

from struct import pack
from typing import Any

import pytest

from guardhouse.model.tensors import TensorRule
from guardhouse.wire.dialects.kserve.held import fault
from wire.dialects.kserve.tensors import infer, tensor, words

MEASURES = TensorRule(datatype="FP32", shape=(-1, 2), min=0.0, max=10.0, max_elements=6)
NAME = TensorRule(datatype="BYTES", shape=(1,), optional=True)
RULES = {"x": MEASURES, "words": NAME}
NAN, INFINITE = pack("<f", float("nan")), pack("<f", float("inf"))
ONE = pack("<f", 1.0)


def said(*tensors: Any) -> str | None:
    return fault(infer(*tensors), "inputs", RULES)


@pytest.mark.parametrize(
    "tensors",
    [
        [tensor([1.0, 2.0], shape=[1, 2])],
        [tensor([[1.0, 2.0], [0, 10]], shape=[2, 2]), words("iris")],
        [tensor([], shape=[0, 2])],
        [tensor(ONE + ONE, shape=[1, 2])],
    ],
)
def test_what_fits_passes(tensors: list[Any]) -> None:
    assert said(*tensors) is None


@pytest.mark.parametrize(
    ("tensors", "sentence"),
    [
        ([], "inputs must have the tensor x"),
        ([words("iris")], "inputs must have the tensor x"),
        ([tensor([1.0, 2.0], shape=[1, 2], name="y")], "inputs[0].name must be one of the contract, and each once"),
        ([tensor([1.0, 2.0], shape=[1, 2])] * 2, "inputs[1].name must be one of the contract, and each once"),
        ([tensor([1, 2], "INT32", shape=[1, 2])], "inputs[0].datatype must be FP32"),
        ([tensor([1.0, 2.0], shape=[2])], "inputs[0].shape must fit [-1, 2]"),
        ([tensor([1.0, 2.0], shape=[2, 1])], "inputs[0].shape must fit [-1, 2]"),
        ([tensor([1.0] * 8, shape=[4, 2])], "inputs[0] must have at most 6 elements"),
        ([tensor([1.0, 10.5], shape=[1, 2])], "inputs[0].data must be from 0 to 10"),
        ([tensor([[1.0, 2.0], [3.0, -0.1]], shape=[2, 2])], "inputs[0].data must be from 0 to 10"),
        ([tensor(ONE + NAN, shape=[1, 2])], "inputs[0].data must be from 0 to 10"),
        ([tensor(NAN + ONE, shape=[1, 2])], "inputs[0].data must be from 0 to 10"),
        ([tensor(ONE + INFINITE, shape=[1, 2])], "inputs[0].data must be from 0 to 10"),
        ([tensor([1.0, 2.0], shape=[1, 2]), words("a", "b")], "inputs[1].shape must fit [1]"),
        (["x"], "inputs[0].name must be one of the contract, and each once"),
        ([tensor([1.0], shape=[1, 2])], "inputs[0].data must be 2 elements, flat or nested as the shape says"),
    ],
)
def test_what_does_not_fit_is_said_by_place_and_rule(tensors: list[Any], sentence: str) -> None:
    assert said(*tensors) == sentence


@pytest.mark.parametrize("document", [None, [], {}, {"inputs": {}}, {"inputs": None}])
def test_what_is_no_list_of_tensors_does_not_fit(document: Any) -> None:
    assert fault(document, "inputs", RULES) == "inputs must be a list of tensors"


def test_one_bound_holds_alone() -> None:
    for rule, sentence in (
        (TensorRule(datatype="INT8", shape=(1,), min=0.0), "inputs[0].data must be at least 0"),
        (TensorRule(datatype="INT8", shape=(1,), max=-2.0), "inputs[0].data must be at most -2"),
    ):
        assert fault(infer(tensor([-1], "INT8")), "inputs", {"x": rule}) == sentence
