"""Lines, however they are cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.reason import Reason
from guardhouse.wire.ndjson import LineDecoder, encode


def lines_of(*chunks: bytes, limit: int = 100) -> list[bytes | None]:
    decoder = LineDecoder(limit)
    found = [event for chunk in chunks for event in decoder.feed(chunk)]
    return [event.data for event in [*found, *decoder.finish()]]


@given(st.lists(st.sampled_from([b"{}", b'{"a": 1}', b"\n", b"\r\n", b" ", b"x"])), st.lists(st.integers(0, 8)))
def test_a_stream_has_the_same_lines_however_it_is_cut(parts: list[bytes], sizes: list[int]) -> None:
    whole = b"".join(parts)
    chunks, rest = [], whole
    for size in sizes:
        chunks.append(rest[:size])
        rest = rest[size:]
    expected = [line.strip(b" \t\r") for line in whole.split(b"\n") if line.strip(b" \t\r")]
    assert lines_of(*chunks, rest) == expected


def test_it_is_idle_only_between_two_lines() -> None:
    decoder = LineDecoder()
    seen = [decoder.idle]
    for chunk in (b'{"a":', b"1}\n", b"{}\n{", b"}"):
        decoder.feed(chunk)
        seen.append(decoder.idle)
    assert seen == [True, False, True, False, False]


@pytest.mark.parametrize("chunks", [(b"x" * 11,), (b"x" * 6, b"x" * 5), (b"x" * 11 + b"\n",), (b"a\n" + b"x" * 11,)])
def test_a_line_that_is_too_long_ends_it_all(chunks: tuple[bytes, ...]) -> None:
    decoder = LineDecoder(10)
    for chunk in chunks:
        decoder.feed(chunk)
    assert decoder.error is Reason.RESPONSE_TOO_LARGE
    assert decoder.feed(b"fine\n") == []
    assert decoder.finish() == []


def test_what_is_encoded_is_read_back() -> None:
    assert lines_of(encode(b"{}") + encode(b"[]")) == [b"{}", b"[]"]
