from fragments import texts
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.inspect.endless import EndlessWord
from guardhouse.inspect.entities import RULES
from guardhouse.inspect.rewriting import rewrite


@settings(max_examples=120, deadline=None)
@given(texts, st.integers(1, 900), texts, st.integers(1, 700))
def test_stages_give_what_the_rules_give_one_after_the_other(start: str, times: int, end: str, size: int) -> None:
    text = start + "aB3-" * times + end
    counts: dict[str, int] = {}
    word = EndlessWord(RULES, counts)
    out = "".join([word.push(text[position : position + size]) for position in range(0, len(text), size)])
    expected: dict[str, int] = {}
    assert out + word.finish() == rewrite(text, RULES, expected)
    assert counts == expected


def test_a_key_longer_than_any_is_swallowed_as_it_comes() -> None:
    word = EndlessWord(RULES, {})
    word.push("sk-" + "a" * 6000)
    for _ in range(100):
        assert word.push("a" * 1000) == ""
        assert len(word._stages[1]._known) < 10
    assert word.finish() == "[API_KEY]"


def test_what_a_stage_keeps_is_bounded() -> None:
    word = EndlessWord(RULES, {})
    left = sum(len(word.push("x" * 1000)) for _ in range(100))
    assert 100_000 - left < sum(rule.reach + 300 for rule in RULES)
