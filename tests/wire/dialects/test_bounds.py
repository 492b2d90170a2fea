"""Of whole requests the bound is tested in openai/test_measure.py."""

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.wire import json
from guardhouse.wire.dialects.bounds import most_tokens, printed


@given(st.text())
def test_plain_text_costs_no_more_than_its_bytes(text: str) -> None:
    encoded = json.encode({"a": text})
    assert most_tokens(encoded) >= len(encoded)
    if text.isascii():
        assert most_tokens(encoded) == len(encoded)


@given(
    st.recursive(st.text(max_size=5) | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner))
)
def test_what_is_printed_is_never_shorter_than_what_is_sent(value: object) -> None:
    assert printed(value) >= 0
