import re

import pytest

from guardhouse.inspect.phrases import PHRASES, Phrase, phrase_pattern, rotated


def test_words_may_be_choices_and_left_out() -> None:
    pattern = re.compile(phrase_pattern("ignore|forget all? previous rules"))
    assert pattern.search("ignore all previous rules")
    assert pattern.search("forget - previous, rules")
    assert not pattern.search("ignore all rules")
    assert not pattern.search("ignoreall previous rules")


def test_words_may_stand_four_characters_apart_and_no_further() -> None:
    pattern = re.compile(phrase_pattern("act as"))
    assert pattern.search("act ... as") is None
    assert pattern.search("act .. as")


def test_a_rotated_phrase_keeps_its_form() -> None:
    assert rotated("ignore|forget all?") == "vtaber|sbetrg nyy?"


@pytest.mark.parametrize("phrase", PHRASES, ids=lambda phrase: phrase.words[:30])
def test_every_phrase_says_itself_and_has_a_weight(phrase: Phrase) -> None:
    first_choices = " ".join(word.rstrip("?").split("|")[0] for word in phrase.words.split(" "))
    assert re.search(phrase_pattern(phrase.words), first_choices)
    assert 1 <= phrase.weight <= 4


def test_no_phrase_is_listed_twice() -> None:
    assert len({phrase.words for phrase in PHRASES}) == len(PHRASES)
