"""The shape of a request: what is refused, and where it says the fault is."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.kserve.request import check, unknown_fields
from guardhouse.wire.dialects.kserve.values import LARGEST, count_of
from wire.dialects.kserve.tensors import infer, tensor, words

NUL = "x\0"


def place(document: Any) -> str | None:
    denial = check(document, names_model=False)
    if denial is None:
        return None
    assert denial.reason is Reason.SHAPE_INVALID
    return denial.param


@pytest.mark.parametrize(
    "given",
    [
        tensor([1.5, 2]),
        tensor([], shape=[0]),
        tensor([], shape=[3, 0]),
        tensor([1.0], shape=[]),
        tensor([[1, 2], [3, 4]], shape=[2, 2]),
        tensor([1, 2, 3, 4], shape=[2, 2]),
        tensor([[[1], [2]]], shape=[1, 2, 1]),
        tensor([True, False], "BOOL"),
        tensor([-128, 127], "INT8"),
        tensor([2**64 - 1], "UINT64"),
        tensor([-(2**63)], "INT64"),
        tensor([65504.0], "FP16"),
        tensor([3.4028235e38], "FP32"),
        tensor([1.7e308], "FP64"),
        words("a", "b"),
        tensor([["a"], ["b"]], "BYTES", shape=[2, 1]),
        tensor([1.0], parameters={"content_type": "np", "n": 1, "f": True}),
        tensor([1.0], name="sepal length (cm)"),
    ],
)
def test_a_tensor_that_holds_what_it_says_passes(given: dict[str, Any]) -> None:
    assert place(infer(given)) is None


def test_everything_else_of_the_protocol_passes() -> None:
    outputs = [{"name": "y"}, {"name": "z", "parameters": {"binary_data": True}}]
    assert place(infer(tensor([1.0]), id="42", parameters={"priority": 1}, outputs=outputs)) is None
    assert place(infer(tensor([1.0]), id="", outputs=[])) is None


@pytest.mark.parametrize(
    ("given", "where"),
    [
        (tensor([1.0], shape=[2]), "inputs[0].data"),
        (tensor([1.0, 2.0], shape=[1]), "inputs[0].data"),
        (tensor([1.0], shape=[-1]), "inputs[0].shape"),
        (tensor([1.0], shape=[1.0]), "inputs[0].shape"),
        (tensor([1.0], shape=[True]), "inputs[0].shape"),
        (tensor([1.0], shape=["1"]), "inputs[0].shape"),
        (tensor([1.0], shape=1), "inputs[0].shape"),
        (tensor([1.0], shape=None) | {"shape": None}, "inputs[0].shape"),
        (tensor([], shape=[2**32, 2**32]), "inputs[0].shape"),
        (tensor([], shape=[2**62, 4]), "inputs[0].shape"),
        (tensor([], shape=[0, 2**31]), "inputs[0].shape"),
        (tensor([], shape=[0, 2**16, 2**16]), "inputs[0].shape"),
        (tensor([], shape=[1] * 17), "inputs[0].shape"),
        (tensor([[1, 2], [3]], shape=[2, 2]), "inputs[0].data"),
        (tensor([[1, 2], [3, 4]], shape=[4]), "inputs[0].data"),
        (tensor([[1, 2], [3, 4]], shape=[4, 1]), "inputs[0].data"),
        (tensor([[1, 2, 3, 4]], shape=[2, 2]), "inputs[0].data"),
        (tensor([1, [2]], shape=[2]), "inputs[0].data"),
        (tensor([[]], shape=[]), "inputs[0].data"),
        (tensor(["1.0"]), "inputs[0].data"),
        (tensor([None]), "inputs[0].data"),
        (tensor([True]), "inputs[0].data"),
        (tensor([{}]), "inputs[0].data"),
        (tensor([1], "BOOL"), "inputs[0].data"),
        (tensor([1.0], "INT32"), "inputs[0].data"),
        (tensor([128], "INT8"), "inputs[0].data"),
        (tensor([-1], "UINT8"), "inputs[0].data"),
        (tensor([2**64], "UINT64"), "inputs[0].data"),
        (tensor([2**63], "INT64"), "inputs[0].data"),
        (tensor([70000], "FP16"), "inputs[0].data"),
        (tensor([3.5e38], "FP32"), "inputs[0].data"),
        (tensor([10**400], "FP64"), "inputs[0].data"),
        (tensor([1], "BYTES"), "inputs[0].data"),
        (tensor(["a", None], "BYTES"), "inputs[0].data"),
        (tensor("ab", "BYTES", shape=[2]), "inputs[0].data"),
        (tensor([1.0], "fp32"), "inputs[0].datatype"),
        (tensor([1.0], "STRING"), "inputs[0].datatype"),
        (tensor([1.0], name=""), "inputs[0].name"),
        (tensor([1.0], name=NUL), "inputs[0].name"),
        (tensor([1.0], name="a\nb"), "inputs[0].name"),
        (tensor([1.0], name="a\u2028b"), "inputs[0].name"),
        (tensor([1.0], name="x" * 257), "inputs[0].name"),
        (tensor([1.0], name=7), "inputs[0].name"),
        (tensor([1.0], parameters=[]), "inputs[0].parameters"),
        (tensor([1.0], parameters=None), "inputs[0].parameters"),
        (tensor([1.0], parameters={"a": {}}), "inputs[0].parameters"),
        (tensor([1.0], parameters={"a": None}), "inputs[0].parameters"),
        (tensor([1.0], parameters={NUL: 1}), "inputs[0].parameters"),
        (tensor([1.0], parameters={"shared_memory_region": "r"}), "inputs[0].parameters"),
        (tensor([1.0], contents={}), "inputs[0]"),
        ("x", "inputs[0]"),
    ],
)
def test_a_tensor_that_does_not_is_refused_at_its_place(given: Any, where: str) -> None:
    assert place(infer(given)) == where


@pytest.mark.parametrize(
    ("document", "where"),
    [
        ([], "the body"),
        ({}, "inputs"),
        (infer(), "inputs"),
        ({"inputs": {}}, "inputs"),
        (infer(tensor([1.0]), outputs={}), "outputs"),
        (infer(tensor([1.0]), outputs=None), "outputs"),
        (infer(tensor([1.0]), outputs=[{"name": "y"}, {"name": "y"}]), "outputs[1].name"),
        (infer(tensor([1.0]), outputs=[{"name": "y", "shape": [1]}]), "outputs[0]"),
        (
            infer(tensor([1.0]), outputs=[{"name": "y", "parameters": {"shared_memory_offset": 1}}]),
            "outputs[0].parameters",
        ),
        (infer(tensor([1.0]), tensor([1.0])), "inputs[1].name"),
        (infer(*[tensor([1.0], name=f"x{n}") for n in range(1025)]), "inputs"),
        (infer(tensor([1.0]), model_name="other"), "the body"),
        (infer(tensor([1.0]), model_version="2"), "the body"),
        (infer(tensor([1.0]), raw_input_contents=[]), "the body"),
        (infer(tensor([1.0]), id=7), "id"),
        (infer(tensor([1.0]), id="a\r\nb"), "id"),
        (infer(tensor([1.0]), parameters={"headers": {"a": "b"}}), "parameters"),
    ],
)
def test_a_request_of_another_shape_is_refused(document: Any, where: str) -> None:
    assert place(document) == where


def test_a_refusal_names_places_and_never_what_was_sent() -> None:
    for document in (infer(tensor(["hunter2"])), infer(tensor([1.0], secret_word=1)), infer(tensor([1], "hunter2"))):
        denial = check(document, names_model=False)
        assert denial is not None
        assert "hunter2" not in denial.detail + str(denial.param)
        assert "secret_word" not in denial.detail + str(denial.param)


def test_parameters_that_are_not_of_the_protocol_are_listed_for_policies_that_refuse_them() -> None:
    document = infer(
        tensor([1.0], parameters={"content_type": "np", "odd": 1}), parameters={"timeout": 1, "strange": 2}
    )
    assert unknown_fields(document) == ["parameters.strange", "inputs[0].parameters.odd"]


@given(st.lists(st.integers(-2, 2**33), max_size=18))
def test_a_shape_counts_as_exact_arithmetic_does_or_not_at_all(shape: list[int]) -> None:
    product = 1
    for size in shape:
        product *= size
    count = count_of(shape)
    assert count in (-1, product)
    assert count <= LARGEST
    if count == -1:
        assert len(shape) > 16 or min(shape) < 0 or max(shape) > LARGEST or any(shape)
