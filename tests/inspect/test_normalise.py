# ruff: noqa: RUF001 - look-alikes are the cases
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect.normalise import folded, joined, readings


@pytest.mark.parametrize(
    "text",
    [
        "IGNORE",
        "іgnоrе",
        "ig\u200bno\u200dre",
        "i\u0301g\u0300nore",
        "\uff49\uff47\uff4e\uff4f\uff52\uff45",
        "𝐢𝐠𝐧𝐨𝐫𝐞",
        "ignοrε",
        "".join(chr(0xE0000 + ord(letter)) for letter in "ignore"),
        "ıgnore",
    ],
)
def test_disguised_letters_are_read_as_what_they_look_like(text: str) -> None:
    assert folded(text) == "ignore"


def test_letters_apart_are_joined_and_words_stay_apart() -> None:
    assert joined("i g n o r e  p.r.e.v.i.o.u.s it") == "ignore  previous it"
    assert joined("I am a b, c") == "I am a b, c"


@pytest.mark.parametrize("text", ["1gn0r3", "vtaber", "i-g-n-o-r-e", "і g n 0 r e"])
def test_one_of_the_readings_is_the_word_itself(text: str) -> None:
    assert any("ignore" in reading for reading in readings(text))


@given(st.text(max_size=200))
def test_readings_are_few_and_hardly_longer_than_the_text(text: str) -> None:
    found = list(readings(text))
    assert 1 <= len(found) <= 4
    assert all(len(reading) <= 12 * len(text) for reading in found)


@pytest.mark.parametrize("character", ["\ufdfa", "\ufdfb", "\u3300", "ﬃ", "\U0001f22b"])
def test_no_character_blows_a_long_text_up(character: str) -> None:
    assert len(folded(character * 10_000)) <= 50_000
