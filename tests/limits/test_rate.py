import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.limits.rate import MOST, RATE_PATTERN, LimitRule, Rate, parse_rate

rates = st.builds(Rate, st.integers(1, MOST), st.sampled_from([1.0, 60.0, 3600.0, 86400.0]))


@pytest.mark.parametrize(
    ("text", "amount", "window"),
    [("60/min", 60, 60.0), ("200k/day", 200_000, 86400.0), ("5/s", 5, 1.0), ("1M/h", 1_000_000, 3600.0)],
)
def test_amount_and_window_are_read(text: str, amount: int, window: float) -> None:
    assert parse_rate(text) == Rate(amount, window)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "60",
        "60/",
        "/min",
        "0/min",
        "-1/min",
        "1.5k/day",
        "60/month",
        "60 / min",
        "60/min ",
        "6e3/s",
        "٣/min",
        "60/MIN",
    ],
)
def test_anything_else_is_no_rate(text: str) -> None:
    assert parse_rate(text) is None


def test_an_amount_beyond_exact_arithmetic_is_no_rate() -> None:
    assert parse_rate("1000000M/day") == Rate(MOST, 86400.0)
    assert parse_rate("1000001M/day") is None


@given(rates)
def test_what_a_rate_says_reads_back_as_the_same_rate(rate: Rate) -> None:
    assert parse_rate(str(rate)) == rate


@given(st.text(max_size=12))
def test_no_text_is_read_unless_the_published_pattern_admits_it(text: str) -> None:
    rate = parse_rate(text)
    assert rate is None or re.fullmatch(RATE_PATTERN, text)


def test_an_unnamed_window_is_shown_in_seconds() -> None:
    assert str(Rate(3, 10.0)) == "3/10s"


def test_equal_rules_are_one_key() -> None:
    assert len({LimitRule("a", Rate(1, 1.0)), LimitRule("a", Rate(1, 1.0)), LimitRule("b", Rate(1, 1.0))}) == 2
