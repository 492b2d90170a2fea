import json
import re

import pytest
from fragments import WHOLE, cut_texts, texts, wanted_sets
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.inspect.escapes import behind
from guardhouse.inspect.masker import mask
from guardhouse.inspect.scanner import scan_entities
from guardhouse.inspect.stream import StreamMasker
from guardhouse.model.entity import EVERY_ENTITY, SECRETS, Entity
from guardhouse.wire.json import encode

EVERY = EVERY_ENTITY
ESCAPES = (
    "\\n",
    "\\t",
    "\\r",
    "\\b",
    "\\f",
    "\\u003e",
    "\\u002D",
    "\\u000a",
    "\\uabcd",
    "\\\\n",
    "\\\\u0026",
    "\\\\\\t",
)
IN_STRINGS = [value for value in WHOLE if "\n" not in value]


def streamed(pieces: list[str], wanted: Entity, *, escaped: bool = False) -> tuple[str, dict[str, int]]:
    masker = StreamMasker(wanted, escaped=escaped)
    return "".join([masker.feed(piece) for piece in pieces]) + masker.finish(), masker.counts


@pytest.mark.parametrize("value", WHOLE)
@pytest.mark.parametrize("escape", ESCAPES)
def test_a_value_is_masked_behind_an_escape_of_json_source(escape: str, value: str) -> None:
    alone, counts = mask(value, EVERY)
    assert mask(f'{{"a": "x{escape}{value}{escape}"}}', EVERY) == (f'{{"a": "x{escape}{alone}{escape}"}}', counts)
    assert mask(escape + value, EVERY) == (escape + alone, counts)


@pytest.mark.parametrize("value", IN_STRINGS)
@pytest.mark.parametrize("wanted", [EVERY, SECRETS])
@pytest.mark.parametrize("escaped", [False, True])
def test_a_value_behind_an_escape_is_masked_at_every_split(value: str, wanted: Entity, escaped: bool) -> None:
    for escape in ("\\n", "\\u003e", "\\\\t", "\\\\u0026"):
        text = f'{{"a": "x{escape}{value}."}}'
        whole = mask(text, wanted, escaped=escaped)
        assert streamed(list(text), wanted, escaped=escaped) == whole
        for position in range(len(text) + 1):
            assert streamed([text[:position], text[position:]], wanted, escaped=escaped) == whole


@pytest.mark.parametrize("value", IN_STRINGS)
@pytest.mark.parametrize("escape", ["\\n", "\\\\n", "\\\\u003e"])
def test_a_value_is_masked_in_source_inside_of_source(escape: str, value: str) -> None:
    alone, counts = mask(value, EVERY)
    masked = mask(f'{{"a": "x{escape}{value}"}}', EVERY, escaped=True)
    assert masked == (f'{{"a": "x{escape}{alone}"}}', counts)
    outside, _ = mask(f"no string{escape}{value},", EVERY, escaped=True)
    assert value not in outside


@pytest.mark.parametrize("value", IN_STRINGS)
def test_no_character_of_a_value_behind_an_escape_leaves_before_it_is_decided(value: str) -> None:
    for wanted in (EVERY, SECRETS):
        alone, counts = mask(value, wanted)
        if not counts:
            continue
        masker = StreamMasker(wanted)
        assert masker.feed("so ") == "so "
        sent = "".join([masker.feed(character) for character in "\\n" + value])
        assert "\\n[PRIVATE_KEY]".startswith(sent) or sent == ""
        assert sent + masker.finish() == "\\n" + alone


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("\\nbob@example.com", "\\n[EMAIL]"),
        ("\\n-bob@example.com", "\\n-[EMAIL]"),
        ("\\b@example.com", "\\b[EMAIL]"),
        ("\\u00e9lise@example.com", "\\u00e9[EMAIL]"),
        ("\\u00e9" + "x" * 61 + "@example.com", "\\u00e9[EMAIL]"),
        ("\\npm_" + "a1B2" * 9, "\\n[API_KEY]"),
        ("\\rk_live_abcdefghijklmnop", "\\r[API_KEY]"),
        ("\\fe80::1ff:fe23:4567:890a", "\\f[IP]"),
        ("\\u002B14155552671", "\\u002B[PHONE]"),
        ("\\u002b44 (0)20 7946 0958.", "\\u002b[PHONE]."),
    ],
)
def test_an_escape_stays_whole_where_a_value_seems_to_begin_with_it(text: str, masked: str) -> None:
    assert mask(text, EVERY)[0] == masked
    assert mask("\\" + text, EVERY)[0] == "\\" + masked
    assert streamed(list(text), EVERY)[0] == masked
    prose = "All of this is only said to make it long. " * 100
    assert mask(f"{prose}{text} {prose}", EVERY)[0] == f"{prose}{masked} {prose}"


@pytest.mark.parametrize(
    "text", ["\\x4111111111111111", "\\u00zz4111111111111111", "n4111111111111111", "\\nn123-45-6789"]
)
def test_what_is_no_escape_of_json_is_no_boundary(text: str) -> None:
    assert mask(text, EVERY) == (text, {})


def test_the_end_of_an_escape_is_told_from_any_place_in_it() -> None:
    assert [behind("a\\u00e9lise", start) for start in range(10)] == [0, 1, 7, 7, 7, 7, 7, 7, 8, 9]
    assert [behind("a\\nbob", start) for start in range(6)] == [0, 1, 3, 3, 4, 5]
    assert behind("C:\\dir", 3) == 3


trees = st.recursive(
    st.one_of(texts, st.booleans(), st.none(), st.integers(-99, 99)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(texts, inner, max_size=4)),
    max_leaves=6,
)
TOKEN = re.compile(r'\\(?:u[0-9a-fA-F]{4}|.)|"', re.DOTALL)


@settings(max_examples=1000, deadline=None)
@given(trees, wanted_sets, st.booleans())
def test_masked_json_in_a_plain_text_is_json_with_the_same_escapes(
    tree: object, wanted: Entity, ascii_only: bool
) -> None:
    wanted &= ~Entity.PRIVATE_KEY  # whose blocks reach over escapes
    source = json.dumps(tree, ensure_ascii=ascii_only)
    masked, _ = mask(source, wanted)
    json.loads(masked)
    assert TOKEN.findall(masked) == TOKEN.findall(source)


separators = st.text(alphabet='\n\t\r\b\f"\\/<>&é漢', min_size=1, max_size=3)


@settings(max_examples=1000, deadline=None)
@given(st.lists(st.tuples(separators, st.sampled_from(IN_STRINGS)), max_size=4), wanted_sets, st.booleans())
def test_source_says_masked_what_its_text_says_masked(
    parts: list[tuple[str, str]], wanted: Entity, ascii_only: bool
) -> None:
    wanted &= ~Entity.PRIVATE_KEY
    text = "".join([separator + value for separator, value in parts]) + "."
    source = json.dumps(text, ensure_ascii=ascii_only)
    masked, counts = mask(source, wanted)
    assert (json.loads(masked), counts) == mask(text, wanted)


@settings(max_examples=700, deadline=None)
@given(texts, wanted_sets, st.booleans())
def test_the_encoding_of_a_document_rules_out_nothing_that_is_in_its_strings(
    text: str, wanted: Entity, escaped: bool
) -> None:
    text = text.encode("utf-8", "ignore").decode()
    candidates = Entity(scan_entities(encode({"content": text})))
    assert mask(text, wanted & candidates, escaped=escaped) == mask(text, wanted, escaped=escaped)


backslashes = st.builds(
    lambda unit, times, before, after: before + unit * times + after,
    st.sampled_from(["\\", "\\n", "\\u003e", "\\nx1", "\\\\t4111", "\\u00", "\\nsk-", "\\nb@c.de", "\\u002b1415"]),
    st.integers(1, 500),
    texts,
    texts,
)


@settings(max_examples=200, deadline=None)
@given(cut_texts(backslashes), wanted_sets, st.booleans())
def test_runs_of_escapes_are_masked_as_in_the_whole(cut: tuple[str, list[str]], wanted: Entity, escaped: bool) -> None:
    text, pieces = cut
    assert streamed(pieces, wanted, escaped=escaped) == mask(text, wanted, escaped=escaped)
