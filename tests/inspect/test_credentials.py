import re

import pytest
from fragments import WHOLE

from guardhouse.inspect import credentials
from guardhouse.inspect.entities import WORD


@pytest.mark.parametrize("prefix", credentials.PREFIXES)
def test_every_beginning_of_a_prefix_may_become_a_key(prefix: str) -> None:
    for length in range(1, len(prefix) + 1):
        found = credentials.POSSIBLE.search("see " + prefix[:length])
        assert found is not None
        assert found.start() == 4


@pytest.mark.parametrize("prefix", credentials.PREFIXES)
def test_prefixes_keep_to_what_streams_rest_on(prefix: str) -> None:
    assert re.fullmatch(f"[{WORD}]+", prefix)
    assert prefix[0].isalpha()
    assert prefix[0] != "Q"
    assert credentials.ANY_SIGN.search(prefix) is not None


@pytest.mark.parametrize("prefix", credentials.PREFIXES)
def test_no_key_begins_inside_of_a_word(prefix: str) -> None:
    assert credentials.POSSIBLE.match("x" + prefix, 1) is None


def test_plain_words_that_a_key_may_begin_with_are_known() -> None:
    assert [word for word in ("sk", "s", "dapi", "dapifoo", "task", "word") if credentials.begins_like_one(word)] == [
        "sk",
        "s",
        "dapi",
        "dapifoo",
    ]


def test_a_match_is_never_longer_than_the_reach_but_for_its_run() -> None:
    body = "aB3" * 2000
    for sample in WHOLE:
        match = credentials.PATTERN.search(sample + body)
        if match is not None:
            assert match.end() - match.start() < credentials.REACH
    token = f"eyJ{body[:1400]}.eyJ{body[:1900]}.{body[:700]}"
    match = credentials.PATTERN.search(token)
    assert match is not None
    assert match.end() < credentials.REACH
