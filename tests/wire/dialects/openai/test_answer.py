"""What an answer says of itself is believed only as far as it is plausible."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.model.usage import Usage
from guardhouse.wire.dialects.openai import answer

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "usage",
                    "choices",
                    "output",
                    "status",
                    "finish_reason",
                    "prompt_tokens",
                    "content",
                    "logprobs",
                    "type",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("figures", "expected"),
    [
        ({"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7}, Usage(3, 4)),
        ({"input_tokens": 3, "output_tokens": 4}, Usage(3, 4)),
        ({"prompt_tokens": 3, "total_tokens": 3}, Usage(3, 0)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(0, 0)),
        ({"prompt_tokens": -1, "completion_tokens": 4}, None),
        ({"prompt_tokens": True, "completion_tokens": 4}, None),
        ({"prompt_tokens": 3.0, "completion_tokens": 4}, None),
        ({"prompt_tokens": "3", "completion_tokens": 4}, None),
        ({"prompt_tokens": 10**400, "completion_tokens": 4}, None),
        ({"prompt_tokens": 3, "completion_tokens": None}, None),
        ({}, None),
        ([], None),
        (None, None),
    ],
)
def test_usage_is_two_plausible_counts_or_nothing(figures: Any, expected: Usage | None) -> None:
    assert answer.usage({"usage": figures}, Operation.CHAT) == expected


@pytest.mark.parametrize(
    ("operation", "document", "expected"),
    [
        (Operation.CHAT, {"choices": [{"finish_reason": "stop"}]}, "stop"),
        (Operation.CHAT, {"choices": [{"finish_reason": None}, {"finish_reason": "length"}]}, "length"),
        (Operation.CHAT, {"choices": [{"finish_reason": "bob@example.com"}]}, "other"),
        (Operation.CHAT, {"choices": [{"finish_reason": ["stop"]}]}, "other"),
        (Operation.CHAT, {"choices": "stop"}, ""),
        (Operation.COMPLETIONS, {"choices": [{"finish_reason": "tool_calls"}]}, "tool_calls"),
        (Operation.EMBEDDINGS, {"data": []}, ""),
        (Operation.RESPONSES, {"status": "completed"}, "stop"),
        (
            Operation.RESPONSES,
            {"status": "incomplete", "incomplete_details": {"reason": "max_output_tokens"}},
            "length",
        ),
        (Operation.RESPONSES, {"status": "incomplete", "incomplete_details": None}, ""),
        (Operation.RESPONSES, {"status": "failed"}, "error"),
        (Operation.RESPONSES, {"status": "junk"}, "other"),
        (Operation.RESPONSES, {}, ""),
    ],
)
def test_a_finish_reason_is_one_of_a_closed_list(operation: Operation, document: Any, expected: str) -> None:
    assert answer.finish_reason(document, operation) == expected


@given(ANYTHING, st.sampled_from(Operation))
def test_no_answer_is_too_odd_to_be_read(document: Any, operation: Operation) -> None:
    assert answer.usage(document, operation) is None or isinstance(answer.usage(document, operation), Usage)
    assert answer.finish_reason(document, operation) in {
        *("", "stop", "length", "tool_calls", "content_filter", "function_call", "error", "cancelled", "other")
    }
    answer.unreadable(document)
    answer.drop_fragments(document)
    assert not answer.drop_fragments(document)


def test_token_wise_spellings_are_emptied_wherever_they_stand() -> None:
    spelled = {"content": [{"token": "bob@"}, {"token": "example.com"}]}
    chat = {"choices": [{"logprobs": spelled}, {"logprobs": None}]}
    responses = {"output": [{"content": [{"text": "x", "logprobs": [{"token": "x"}]}]}]}
    assert answer.drop_fragments(chat)
    assert answer.drop_fragments(responses)
    assert chat == {"choices": [{"logprobs": None}, {"logprobs": None}]}
    assert responses == {"output": [{"content": [{"text": "x", "logprobs": []}]}]}


def test_what_cannot_be_inspected_is_named() -> None:
    assert answer.unreadable({"choices": [{"message": {"audio": {"data": "AAAA"}}}]}) == ["choices[0].message.audio"]
    assert answer.unreadable({"output": [{}, {"type": "image_generation_call"}]}) == ["output[1]"]
    assert answer.unreadable("a text") == ["(document)"]
    assert answer.unreadable({"choices": [{"message": {"audio": None}}]}) == []


def test_the_list_of_models_has_openais_shape() -> None:
    body = json.loads(answer.models_body(["a", "b"], created=5))
    assert body["object"] == "list"
    assert body["data"][1] == {"id": "b", "object": "model", "created": 5, "owned_by": "guardhouse"}
    assert json.loads(answer.model_body("a", created=5)) == body["data"][0]
