import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect import plausible

digits = st.text(alphabet="0123456789", min_size=1, max_size=30)


def reference_sum(number: str) -> int:
    total = 0
    for index, digit in enumerate(reversed(number)):
        value = int(digit) * (1 + index % 2)
        total += value - 9 if value > 9 else value
    return total


@given(digits)
def test_the_checksum_of_cards_is_that_of_the_textbook(number: str) -> None:
    assert plausible.luhn(number) == (reference_sum(number) % 10 == 0)


@given(digits)
def test_one_wrong_digit_breaks_the_checksum_of_a_card(number: str) -> None:
    check = str(-reference_sum(number + "0") % 10)
    assert plausible.luhn(number + check)
    assert not plausible.luhn(number + str((int(check) + 1) % 10))


@pytest.mark.parametrize(
    ("number", "length"),
    [
        ("4111111111111111", 16),
        ("4111 1111 1111 1111 123", 19),
        ("4222222222222", 13),
        ("1111111111111117", 0),  # no network begins with 1
        ("4111111111111112", 0),
        ("0000000000000000", 0),
        ("378282246310005", 15),
        ("37828224631000", 0),
    ],
)
def test_cards_are_of_a_network_and_may_end_before_the_last_group(number: str, length: int) -> None:
    assert plausible.card(number) == length


@given(st.sampled_from(["GB", "DE", "NO", "MT"]), st.text(alphabet="ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", max_size=34))
def test_an_account_number_has_the_length_of_its_country_and_a_right_remainder(country: str, rest: str) -> None:
    length = {"GB": 22, "DE": 22, "NO": 15, "MT": 31}[country]
    account = rest[: length - 4].ljust(length - 4, "0")
    value = int("".join(str(int(character, 36)) for character in account + country + "00"))
    right = f"{country}{98 - value % 97:02}{account}"
    assert plausible.iban(right) == length
    assert plausible.iban(right + "7") == 0
    assert plausible.iban(right[:-1]) == 0
    assert plausible.iban(f"{right} ABC") == length
