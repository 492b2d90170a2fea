import json
from typing import Any

import pytest

from guardhouse.model.usage import Timing, Usage
from guardhouse.wire.dialects.ollama import answer
from guardhouse.wire.dialects.ollama.lengths import longest, shorten


@pytest.mark.parametrize(
    ("document", "usage"),
    [
        ({"prompt_eval_count": 5, "eval_count": 2}, Usage(5, 2, timing=Timing())),
        ({"prompt_eval_count": 5}, Usage(5, 0, timing=Timing())),
        ({"prompt_eval_count": 5, "load_duration": 10**9}, Usage(5, 0, timing=Timing(load=1.0))),
        ({"prompt_eval_count": 5, "load_duration": -1}, Usage(5, 0, timing=Timing())),
        ({"eval_count": 2}, None),
        ({"prompt_eval_count": True, "eval_count": 2}, None),
        ({"prompt_eval_count": -1, "eval_count": 2}, None),
        ({"prompt_eval_count": 2**60}, None),
    ],
)
def test_only_plausible_figures_are_usage(document: dict[str, Any], usage: Usage | None) -> None:
    assert answer.usage_of(document) == usage


@pytest.mark.parametrize(
    ("reason", "told"), [("stop", "stop"), ("length", "length"), ("unload", "other"), ({}, ""), (3, "other")]
)
def test_the_end_is_one_of_few_words(reason: Any, told: str) -> None:
    assert answer.finish_reason({"done_reason": reason}) == told


def test_what_cannot_be_inspected_is_named() -> None:
    assert answer.unreadable({"response": "x", "image": "aGk="}) == ["image"]
    assert answer.unreadable({"message": {"images": ["aGk="]}}) == ["message.images"]
    assert answer.unreadable([]) == ["(document)"]
    assert answer.unreadable({"message": {"content": "x"}}) == []


def test_the_list_of_models_is_what_the_client_library_reads() -> None:
    (only,) = json.loads(answer.tags_body(["small"]))["models"]
    assert only["name"] == only["model"] == "small"


@pytest.mark.parametrize(
    ("options", "asked"),
    [(None, 0), ({}, 0), ({"num_predict": 9}, 9), ({"num_predict": -1}, 0), ({"num_predict": True}, 0), ([], 0)],
)
def test_a_length_is_a_whole_positive_number(options: Any, asked: int) -> None:
    assert longest({"options": options}) == asked


@pytest.mark.parametrize(
    ("options", "changed", "after"),
    [
        (None, True, {"num_predict": 20}),
        ({"seed": 1}, True, {"seed": 1, "num_predict": 20}),
        ({"num_predict": -2}, True, {"num_predict": 20}),
        ({"num_predict": 900}, True, {"num_predict": 50}),
        ({"num_predict": 30}, False, {"num_predict": 30}),
    ],
)
def test_a_length_is_lowered_or_put_in(options: Any, changed: bool, after: Any) -> None:
    document = {"options": options}
    assert shorten(document, 50, 20) is changed
    assert document["options"] == after
