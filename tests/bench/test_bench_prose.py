"""The text of the benchmark: the same everywhere, of exact size, and free of what masking looks for."""

import re

import pytest

from bench.plan import SIZES
from bench.prose import CARD, CLOSING, EMAIL, private_prose, prose

LOOKS_PRIVATE = re.compile(r"@|\d[\d -]{7,}\d|\d+\.\d+\.\d+\.\d+|://")


@pytest.mark.parametrize("size", [400, *SIZES.values()])
def test_prose_has_the_size_asked_for_and_ends_with_its_closing_words(size: int) -> None:
    text = prose(size)
    assert len(text.encode()) == size
    assert text.endswith(CLOSING)


@pytest.mark.parametrize("size", [400, *SIZES.values()])
def test_private_prose_has_the_same_size_and_one_address_and_one_card(size: int) -> None:
    text = private_prose(size)
    assert len(text.encode()) == size
    assert (text.count(EMAIL), text.count(CARD)) == (1, 1)
    assert CLOSING in text


def test_prose_is_the_same_each_time_and_differs_by_seed() -> None:
    assert prose(4096) == prose(4096)
    assert prose(4096) != prose(4096, seed=8)


def test_prose_has_digits_but_nothing_that_a_masking_rule_should_find() -> None:
    text = prose(65536)
    assert 0.005 < sum(letter.isdigit() for letter in text) / len(text) < 0.05
    assert LOOKS_PRIVATE.search(text) is None


def test_the_card_number_has_a_right_check_digit() -> None:
    digits = [int(digit) for digit in CARD if digit.isdigit()]
    doubled = [digit * 2 - 9 * (digit > 4) for digit in digits[-2::-2]]
    assert (sum(digits[-1::-2]) + sum(doubled)) % 10 == 0
