from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.path.admission import made_tokens
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.dialects.openai.dialect import OPENAI

CHAT = Route(OPENAI, Operation.CHAT, b"/v1/chat/completions")
EMBEDDINGS = Route(OPENAI, Operation.EMBEDDINGS, b"/v1/embeddings")

NUMBERS = st.one_of(st.integers(), st.booleans(), st.none(), st.floats(allow_nan=False), st.text(max_size=3))


@pytest.mark.parametrize(
    ("document", "tokens"),
    [
        ({}, 256),
        ({"max_tokens": 10}, 10),
        ({"max_tokens": 10, "max_completion_tokens": -5}, 10),
        ({"max_tokens": 10, "max_completion_tokens": 1, "max_output_tokens": 30}, 30),
        ({"max_tokens": 10, "n": 3}, 30),
        ({"max_tokens": 10, "n": -1, "best_of": 4}, 40),
        ({"max_tokens": True, "n": True}, 256),
        ({"max_tokens": 10, "n": 2, "prompt": ["a", "b", "c"]}, 60),
    ],
)
def test_the_largest_wish_is_reserved_for_each_answer(document: dict[str, Any], tokens: int) -> None:
    assert made_tokens(document, CHAT) == tokens


@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("max_tokens", "max_completion_tokens", "n", "best_of"), NUMBERS))
)
def test_no_wish_makes_a_reservation_smaller_than_none_at_all(document: dict[str, Any]) -> None:
    stated = [value for value in document.values() if type(value) is int and value > 0]
    assert made_tokens(document, CHAT) >= min([256, *stated])


def test_embeddings_make_no_output() -> None:
    assert made_tokens({"input": "x", "max_tokens": 10}, EMBEDDINGS) == 0
