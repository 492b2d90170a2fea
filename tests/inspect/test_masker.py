import json
import re

import pytest
from fragments import WHOLE, texts, wanted_sets
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.inspect import masker
from guardhouse.inspect.entities import Rules, rules_for
from guardhouse.inspect.masker import mask, mask_texts
from guardhouse.inspect.rewriting import rewrite, without_key_blocks
from guardhouse.inspect.scanner import scan
from guardhouse.model.entity import ENTITY_BITS, EVERY_ENTITY, Entity
from guardhouse.model.text import Text

EVERY = EVERY_ENTITY


@settings(max_examples=1500, deadline=None)
@given(texts, wanted_sets, st.booleans())
def test_masking_twice_is_masking_once(text: str, wanted: Entity, escaped: bool) -> None:
    once, _ = mask(text, wanted, escaped=escaped)
    assert mask(once, wanted, escaped=escaped) == (once, {})


@settings(max_examples=1500, deadline=None)
@given(texts, wanted_sets, st.booleans())
def test_what_the_scanner_rules_out_would_not_have_been_masked(text: str, wanted: Entity, escaped: bool) -> None:
    candidates = Entity(scan(text.encode("utf-8", "surrogatepass")) & ENTITY_BITS)
    assert mask(text, wanted & candidates, escaped=escaped)[1] == mask(text, wanted, escaped=escaped)[1]


json_trees = st.recursive(
    st.one_of(texts, st.integers(), st.floats(allow_nan=False, allow_infinity=False), st.booleans(), st.none(),
              st.sampled_from([4111111111111111, -4111111111111111, 4111111111111111.0, 378282246310005, 10**70])),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=6,
)  # fmt: skip


@settings(max_examples=700, deadline=None)
@given(json_trees, wanted_sets, st.booleans())
def test_masked_json_source_is_json_source(tree: object, wanted: Entity, ascii_only: bool) -> None:
    source = json.dumps(tree, ensure_ascii=ascii_only)
    json.loads(mask(source, wanted, escaped=True)[0])


KEY_BLOCK = re.compile(
    r"-----BEGIN (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----.*?"
    r"(?:-----END (?:[A-Z0-9]{1,16} ){0,3}PRIVATE KEY(?: BLOCK)?-----|\Z)",
    re.DOTALL,
)


@settings(max_examples=500, deadline=None)
@given(texts)
def test_key_blocks_reach_to_their_end_or_to_the_end_of_the_text(text: str) -> None:
    assert mask(text, Entity.PRIVATE_KEY)[0] == KEY_BLOCK.sub("[PRIVATE_KEY]", text)


TEXT_ESCAPE_OR_QUOTE = re.compile(r'((?:[^"\\]|\\\\)+)|\\(?:u[0-9a-fA-F]{4}|.)|"', re.DOTALL)


@settings(max_examples=700, deadline=None)
@given(st.dictionaries(st.sampled_from("abc"), texts, max_size=3), wanted_sets)
def test_strings_of_json_source_are_masked_between_their_escapes(tree: dict[str, str], wanted: Entity) -> None:
    wanted &= ~Entity.PRIVATE_KEY  # whose blocks reach over escapes
    source = json.dumps(tree)
    parts = list(TEXT_ESCAPE_OR_QUOTE.finditer(source))
    if any(part[0].startswith("\\u00") for part in parts):
        return
    apart = "".join([part[0] if part[1] is None else mask(part[0], wanted)[0] for part in parts])
    assert mask(source, wanted, escaped=True)[0] == apart


@pytest.mark.parametrize("value", WHOLE)
def test_each_value_is_masked_at_start_at_end_and_between_others(value: str) -> None:
    alone, counts = mask(value, EVERY)
    assert value not in alone
    assert sum(counts.values()) == 1
    assert mask(f"{value} {value},{value}", EVERY)[0] == f"{alone} {alone},{alone}"


@pytest.mark.parametrize("before", ["é", "漢", "\u0301", "\x00", "\u200b", "\ud800", '"', "=", "_", "\n"])
def test_any_character_that_is_no_ascii_letter_or_digit_may_stand_before_a_value(before: str) -> None:
    assert mask(f"{before}123-45-6789", EVERY)[0] == f"{before}[SSN]"


def test_a_card_is_found_between_digits_that_do_not_belong_to_it() -> None:
    assert mask("12 4111 1111 1111 1111 123", EVERY)[0] == "12 [CARD] 123"


def test_a_mask_reaches_over_what_a_bounded_pattern_leaves_of_a_key() -> None:
    assert mask("sk-" + "a" * 10_000 + ".", EVERY)[0] == "[API_KEY]."


@pytest.mark.parametrize("number", ["4111111111111111", "-4111111111111111", "4111111111111111.0"])
def test_a_masked_number_in_json_source_becomes_a_string(number: str) -> None:
    masked, counts = mask(f'{{"n": {number}, "m": [1, {number}]}}', EVERY, escaped=True)
    assert "4111" not in masked
    assert isinstance(json.loads(masked)["n"], str)
    assert counts == {"card": 2}


def test_texts_are_masked_in_the_document_that_holds_them() -> None:
    message = {"content": "to bob@example.com"}
    arguments = ['{"n": 4111111111111111}', "nothing here"]
    texts_found = [
        Text(message["content"], "user", message, "content"),
        Text(arguments[0], "assistant", arguments, 0, escaped=True),
        Text(arguments[1], "tool", arguments, 1),
    ]
    assert mask_texts(texts_found, EVERY_ENTITY) == {"email": 1, "card": 1}
    assert message == {"content": "to [EMAIL]"}
    assert arguments == ['{"n": "[CARD]"}', "nothing here"]
    assert [text.value for text in texts_found] == ["to [EMAIL]", '{"n": "[CARD]"}', "nothing here"]


PROSE = "The report says that 26,500.50 euros (12 percent) went to 3 people, on 03.04.2021 at 10:30. "


@settings(max_examples=500, deadline=None)
@given(st.lists(st.one_of(texts, st.sampled_from([PROSE * 8, "x" * 300, "12 34 " * 60])), max_size=12), wanted_sets)
def test_a_long_text_is_masked_as_if_every_rule_read_all_of_it(parts: list[str], wanted: Entity) -> None:
    text = PROSE * 24 + "".join(parts)
    text = text.encode("ascii", "ignore").decode()
    counts: dict[str, int] = {}
    whole = rewrite(without_key_blocks(text, wanted, counts), rules_for(wanted), counts)
    assert mask(text, wanted) == (whole, counts)


def test_of_a_long_text_only_the_surroundings_of_candidates_are_rewritten(monkeypatch: pytest.MonkeyPatch) -> None:
    prose = PROSE.replace("03.04.2021", "Monday") * 300
    read: list[str] = []

    def note(text: str, rules: Rules, counts: dict[str, int]) -> str:
        read.append(text)
        return rewrite(text, rules, counts)

    monkeypatch.setattr(masker, "rewrite", note)
    masked, counts = masker.mask(prose + "write to bob@example.com, or not. " + prose, EVERY)
    assert counts == {"email": 1}
    assert "to [EMAIL], or" in masked
    assert sum(map(len, read)) < 100
