"""Contracts of tensors: what is wrong with one, and which accepts all that another does."""

import pytest

from guardhouse.model.tensors import TensorRule
from guardhouse.policy.sections.tensors import accepts_all, findings

X = TensorRule(datatype="FP32", shape=(2, 3), min=0.0, max=1.0, max_elements=6)


def rule(**changes: object) -> TensorRule:
    members = {"datatype": "FP32", "shape": (2, 3), "min": 0.0, "max": 1.0, "max_elements": 6, **changes}
    return TensorRule(**members)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("wrong", "place"),
    [
        (TensorRule(datatype="BYTES", shape=(1,), min=1.0), ("x", "min")),
        (TensorRule(datatype="BYTES", shape=(1,), max=1.0), ("x", "max")),
        (TensorRule(datatype="FP32", shape=(1,), min=2.0, max=1.0), ("x", "min")),
        (TensorRule(datatype="FP32", shape=(1,) * 17), ("x", "shape")),
    ],
)
def test_what_nothing_can_fit_or_has_no_effect_is_told(wrong: TensorRule, place: tuple[str, ...]) -> None:
    assert [found[0] for found in findings({"x": wrong})] == [place]


@pytest.mark.parametrize(
    "wider",
    [
        X,
        rule(shape=(-1, 3)),
        rule(min=None),
        rule(max=2.0),
        rule(max_elements=None),
        rule(optional=True),
    ],
)
def test_a_rule_that_asks_for_less_accepts_all(wider: TensorRule) -> None:
    assert accepts_all({"x": wider}, {"x": X})
    assert accepts_all(None, {"x": X})
    assert accepts_all({"x": wider, "y": rule(optional=True)}, {"x": X})


@pytest.mark.parametrize(
    "narrower",
    [rule(datatype="FP64"), rule(shape=(2,)), rule(shape=(2, 4)), rule(min=0.5), rule(max=0.5), rule(max_elements=5)],
)
def test_a_rule_that_asks_for_more_or_for_something_else_does_not(narrower: TensorRule) -> None:
    assert not accepts_all({"x": narrower}, {"x": X})
    assert not accepts_all({"x": X}, None)
    assert not accepts_all({}, {"x": X})
    assert not accepts_all({"x": X, "y": X}, {"x": X})
    assert not accepts_all({"x": X}, {"x": rule(optional=True)})
