import re
from pathlib import Path

import pytest
from fragments import texts, wanted_sets
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.inspect import credentials, entities
from guardhouse.inspect.entities import MARGIN, RULES, Rule, Rules, rules_for
from guardhouse.inspect.masker import mask
from guardhouse.inspect.rewriting import rewrite
from guardhouse.model.entity import EVERY_ENTITY, Entity

CORPUS = Path(__file__).parent / "corpus"
EVERY = EVERY_ENTITY


def lines(name: str) -> list[str]:
    return [line for line in (CORPUS / name).read_text().splitlines() if line and not line.startswith("#")]


@pytest.mark.parametrize("line", lines("values.txt"))
def test_values_are_found_where_they_begin_and_end(line: str) -> None:
    text, expected = line.split(" => ")
    assert mask(text, EVERY)[0] == expected


@pytest.mark.parametrize("text", lines("innocent.txt"))
def test_what_only_looks_like_a_value_stays(text: str) -> None:
    assert mask(text, EVERY) == (text, {})


@settings(max_examples=400, deadline=None)
@given(texts, texts, st.sampled_from(RULES))
def test_a_match_depends_on_no_more_than_the_reach_of_its_rule(text: str, behind: str, rule: Rule) -> None:
    span = rule.find(text, 0)
    padded = text + "\n" + " " * (rule.reach + MARGIN) + behind
    if span is not None:
        assert rule.find(padded, 0) == span
        assert span[1] - span[0] <= rule.reach


@settings(max_examples=400, deadline=None)
@given(texts, st.sampled_from(RULES))
def test_matches_lie_in_the_text_and_are_ascii(text: str, rule: Rule) -> None:
    position = 0
    while (span := rule.find(text, position)) is not None:
        assert position <= span[0] < span[1] <= len(text)
        assert text[span[0] : span[1]].isascii()
        position = span[1]


def test_the_rules_of_a_set_are_those_of_its_entities_in_the_order_of_all() -> None:
    wanted = Entity.CARD | Entity.PHONE
    assert rules_for(wanted).every == tuple(rule for rule in RULES if rule.entity in wanted)
    assert rules_for(Entity(0)).every == rules_for(Entity(0)).plain == ()


@settings(max_examples=700, deadline=None)
@given(texts.map(lambda text: text.replace("\\", "|")), wanted_sets)
def test_without_a_backslash_the_plain_rules_say_what_every_rule_says(text: str, wanted: Entity) -> None:
    rules = rules_for(wanted)
    counts: dict[str, int] = {}
    plain_counts: dict[str, int] = {}
    every = rewrite(text, Rules(rules.every, rules.every), counts)
    assert (every, counts) == (rewrite(text, rules, plain_counts), plain_counts)


def test_a_placeholder_holds_nothing_that_a_rule_looks_for() -> None:
    for rule in RULES:
        assert mask(f"a{rule.placeholder}1", EVERY) == (f"a{rule.placeholder}1", {})


@pytest.mark.parametrize(
    ("pattern", "unit", "most"),
    [
        (entities._IBAN, "DE12 ", 0),
        (entities._IBAN, "AB12 3704 ", 0),
        (entities._IBAN, "DE89-3704-", 1000),
        (entities._CARD, "01 01-", 0),
        (entities._CARD, "1111 ", 0),
        (entities._CARD, "4111 ", 2000),
        (entities._CARD, "4111111111111112 ", 600),
        (entities._IPV6, "ab:cd: ", 0),
        (entities._IPV6, "10:30:45 ", 0),
        (entities._IPV6, "1:2:3:4:5:6:7:8:", 1),
    ],
)
def test_few_candidates_are_left_to_be_judged_however_dense_they_are(
    pattern: re.Pattern[str], unit: str, most: int
) -> None:
    judged = 0

    def refuse(candidate: str) -> int:
        nonlocal judged
        judged += 1
        return 0

    text = (unit * 10_000)[:10_000]
    assert entities._finder(pattern, refuse)(text, 0) is None
    assert judged <= most


def test_of_repeated_beginnings_of_a_token_none_is_followed() -> None:
    text = "eyJ-" * 10_000
    assert credentials._search_token_middle(text) is None
    assert credentials.find_token(text + ".eyJabcdefghij." + "x" * 30, 0) == (len(text) - 1400, len(text) + 45)
