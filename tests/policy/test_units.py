import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.policy.units import (
    DURATION_PATTERN,
    SIZE_PATTERN,
    parse_duration,
    parse_size,
    show_duration,
    show_size,
)


@pytest.mark.parametrize(
    ("text", "seconds"), [("10s", 10.0), ("2m", 120.0), ("250ms", 0.25), ("1h", 3600.0), ("3d", 259200.0)]
)
def test_durations_are_seconds(text: str, seconds: float) -> None:
    assert parse_duration(text) == seconds


@pytest.mark.parametrize(("text", "size"), [("1B", 1), ("32KiB", 32768), ("64MiB", 67108864), ("2GiB", 2147483648)])
def test_sizes_are_bytes(text: str, size: int) -> None:
    assert parse_size(text) == size


@pytest.mark.parametrize("text", ["", "10", "s", "0s", "-1s", "1.5s", "10 s", "10S", "1min", "٣s", "10s\n", "1e3s"])
def test_anything_else_is_no_duration(text: str) -> None:
    assert parse_duration(text) is None


@pytest.mark.parametrize("text", ["", "10", "KiB", "0B", "1KB", "1kib", "1.5MiB", "1 MiB", "1MiB "])
def test_anything_else_is_no_size(text: str) -> None:
    assert parse_size(text) is None


@given(st.from_regex(DURATION_PATTERN, fullmatch=True))
def test_a_duration_shown_reads_as_the_same_duration(text: str) -> None:
    seconds = parse_duration(text)
    assert seconds is None or parse_duration(show_duration(seconds)) == seconds


@given(st.from_regex(SIZE_PATTERN, fullmatch=True))
def test_a_size_shown_reads_as_the_same_size(text: str) -> None:
    size = parse_size(text)
    assert size is None or parse_size(show_size(size)) == size


@given(st.text(max_size=10))
def test_nothing_is_read_that_the_published_patterns_do_not_admit(text: str) -> None:
    assert parse_duration(text) is None or re.fullmatch(DURATION_PATTERN, text)
    assert parse_size(text) is None or re.fullmatch(SIZE_PATTERN, text)
