"""The estimate of what a document takes in memory is never less than what it takes."""

import json
import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.wire import json as wire
from guardhouse.wire.dialects.openai.texts import request_texts

values: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda children: st.lists(children, max_size=8) | st.dictionaries(st.text(max_size=9), children, max_size=8),
    max_leaves=60,
)


@settings(deadline=None)
@given(values, st.integers(50, 400), st.sampled_from(["x", "x😀", "é"]))
def test_a_document_is_not_larger_than_its_weight(value: Any, times: int, text: str) -> None:
    messages = [{"role": "user", "content": text * times}]
    document = {"model": "small", "messages": messages, "more": [value] * times}
    body = json.dumps(document, ensure_ascii=False).encode(errors="replace")
    weighed(body)


@pytest.mark.parametrize(
    "element",
    [b"{}", b"[]", b"[[]]", b"1.5", b"1000", b'"a"', b'""', b'{"a":1}', b'{"":""}', b'{"a":{"b":[]}}', b"[1]", b"null"],
)
def test_nor_is_one_of_many_small_things(element: bytes) -> None:
    weighed(b'{"model":"m","messages":[{"role":"user","content":"x"}],"more":[' + b",".join([element] * 20_000) + b"]}")


def weighed(body: bytes) -> None:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        decoded = wire.decode(body)
        assert isinstance(decoded, tuple)
        texts = request_texts(decoded[0], Operation.CHAT)
        after, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert texts
    assert after - before <= wire.weight(decoded[1]) + 4096
