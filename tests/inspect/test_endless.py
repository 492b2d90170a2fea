import pytest
from fragments import WHOLE, texts
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.inspect.endless import EndlessWord, _Stage
from guardhouse.inspect.entities import MARGIN, RULES, rules_for
from guardhouse.inspect.rewriting import _apply, rewrite
from guardhouse.model.entity import EVERY_ENTITY


@settings(max_examples=120, deadline=None)
@given(texts, st.sampled_from(["aB3-", "\\nb3", "\\u003e4"]), st.integers(1, 900), texts, st.integers(1, 700))
def test_stages_give_what_the_rules_give_one_after_the_other(
    start: str, unit: str, times: int, end: str, size: int
) -> None:
    text = start + unit * times + end
    counts: dict[str, int] = {}
    word = EndlessWord(RULES, counts)
    out = "".join([word.push(text[position : position + size]) for position in range(0, len(text), size)])
    expected: dict[str, int] = {}
    assert out + word.finish() == rewrite(text, rules_for(EVERY_ENTITY), expected)
    assert counts == expected


SPELLED = ("\\u002b14155552671", "\\npm_" + "a1B2" * 9, "\\fe80::1ff:fe23:4567:890a", "\\u00e9b@example.com")


@pytest.mark.parametrize("text", [*(f"{escape}{value}" for value in WHOLE for escape in ("\\n", "\\u003e")), *SPELLED])
def test_a_stage_sees_an_escape_wherever_its_limit_falls(text: str) -> None:
    for rule in RULES:
        if rule.find(text, 0) is None:
            continue
        counts: dict[str, int] = {}
        stage = _Stage(rule, counts)
        long = text + "/" + "x" * rule.reach
        out = stage.push(long[: rule.reach + MARGIN], last=False)  # nothing of it is decided
        assert out == ""
        out += "".join([stage.push(character, last=False) for character in long[rule.reach + MARGIN :]])
        assert out + stage.push("", last=True) == _apply(rule, long, {})
        assert counts == {rule.name: 1}


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
