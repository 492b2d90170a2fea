from typing import Any

import pytest

from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.openai.lengths import answers, is_named, longest, shorten


@pytest.mark.parametrize(
    ("document", "length", "made"),
    [
        ({}, 0, 1),
        ({"max_tokens": 10, "max_completion_tokens": 30}, 30, 1),
        ({"max_tokens": None, "n": 3}, 0, 3),
        ({"max_tokens": True, "n": 2, "best_of": 5}, 0, 5),
        ({"max_tokens": 7, "prompt": ["a", "b"]}, 7, 2),
        ({"max_tokens": 7, "prompt": [1, 2, 3, 4]}, 7, 1),
        ({"max_tokens": 7, "prompt": [[1, 2], [3], [4]], "best_of": 2}, 7, 6),
        ({"max_tokens": 7, "prompt": {"id": "p"}, "n_predict": 9}, 9, 1),
    ],
)
def test_lengths_and_answers_are_counted(document: dict[str, Any], length: int, made: int) -> None:
    assert (longest(document), answers(document)) == (length, made)


@pytest.mark.parametrize("value", [0, -1, True, "3", None, 2.0])
def test_only_whole_positive_numbers_are_lengths(value: object) -> None:
    assert longest({"max_tokens": value}) == 0
    assert answers({"n": value}) == 1


def test_every_field_that_names_a_length_is_lowered() -> None:
    document = {"max_tokens": 90, "max_completion_tokens": 80, "max_output_tokens": 5}
    assert shorten(document, Operation.CHAT, 10, 1000)
    assert document == {"max_tokens": 10, "max_completion_tokens": 10, "max_output_tokens": 5}


@pytest.mark.parametrize(
    ("operation", "field"),
    [
        (Operation.CHAT, "max_tokens"),
        (Operation.COMPLETIONS, "max_tokens"),
        (Operation.RESPONSES, "max_output_tokens"),
    ],
)
def test_a_length_is_put_in_where_the_operation_knows_none(operation: Operation, field: str) -> None:
    document: dict[str, Any] = {}
    assert not is_named(document, operation)
    assert shorten(document, operation, 50, 20)
    assert document == {field: 20}
    assert not shorten(document, operation, 50, 20)


def test_numbers_of_other_apis_are_set_where_they_mean_no_end() -> None:
    document = {"max_tokens": 50, "n_predict": -1, "num_predict": 90, "max_new_tokens": None, "max_output_tokens": 0}
    assert shorten(document, Operation.CHAT, 50, 20)
    assert document == {
        "max_tokens": 50,
        "n_predict": 50,
        "num_predict": 50,
        "max_new_tokens": 50,
        "max_output_tokens": 0,
    }
    assert not shorten(document, Operation.CHAT, 50, 20)
