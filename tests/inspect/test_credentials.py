import re

import pytest
from fragments import WHOLE

from guardhouse.inspect import credentials
from guardhouse.inspect.entities import WORD


@pytest.mark.parametrize("prefix", credentials.PREFIXES)
def test_every_beginning_of_a_prefix_may_become_a_key(prefix: str) -> None:
    for length in range(1, len(prefix) + 1):
        assert credentials.first_possible("see " + prefix[:length]) == 4
        assert credentials.first_possible(prefix[:length]) == 0


@pytest.mark.parametrize("prefix", credentials.PREFIXES)
def test_prefixes_keep_to_what_streams_rest_on(prefix: str) -> None:
    assert re.fullmatch(f"[{WORD}]+", prefix)
    assert prefix[0].isalpha()
    assert prefix[0] != "Q"
    assert credentials.any_sign(prefix)


@pytest.mark.parametrize("prefix", credentials.PREFIXES)
def test_no_key_begins_inside_of_a_word(prefix: str) -> None:
    assert credentials.first_possible(f"x{prefix} word") != 1


def test_plain_words_that_a_key_may_begin_with_are_known() -> None:
    assert [word for word in ("sk", "s", "dapi", "dapifoo", "task", "word") if credentials.begins_like_one(word)] == [
        "sk",
        "s",
        "dapi",
        "dapifoo",
    ]


def test_the_longest_match_lies_within_the_reach() -> None:
    body = "aB3" * 2000
    token = f"eyJ{body[:1400]}.eyJ{body[:1900]}.{body[:700]}"
    assert credentials.find_token(f" {token} ", 0) == (1, 1 + len(token))
    assert len(token) < credentials.TOKEN_REACH


def test_what_a_bounded_pattern_leaves_of_a_run_is_taken_with_it() -> None:
    assert credentials.find("x sk-" + "a" * 9000 + ".", 0) == (2, 9005)


@pytest.mark.parametrize("key", [value for value in WHOLE if credentials.find(value, 0) == (0, len(value))])
def test_a_key_is_found_from_its_own_position_and_not_from_within(key: str) -> None:
    text = f"=={key}"
    assert credentials.find(text, 0) == credentials.find(text, 2) == (2, len(text))
    assert credentials.find(text, len(text) - 1) is None
    assert credentials.find(f"a{key}", 1) is None
