import json

import pytest
from fragments import WHOLE, cut_texts, texts, wanted_sets
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.inspect.masker import mask
from guardhouse.inspect.stream import StreamMasker
from guardhouse.model.entity import EVERY_ENTITY, SECRETS, Entity

EVERY = EVERY_ENTITY


def streamed(pieces: list[str], wanted: Entity, *, escaped: bool = False) -> tuple[str, dict[str, int]]:
    masker = StreamMasker(wanted, escaped=escaped)
    return "".join([masker.feed(piece) for piece in pieces]) + masker.finish(), masker.counts


@settings(max_examples=1500, deadline=None)
@given(cut_texts(), wanted_sets, st.booleans())
def test_any_split_gives_what_masking_the_whole_gives(
    cut: tuple[str, list[str]], wanted: Entity, escaped: bool
) -> None:
    text, pieces = cut
    assert streamed(pieces, wanted, escaped=escaped) == mask(text, wanted, escaped=escaped)


@settings(max_examples=500, deadline=None)
@given(texts, wanted_sets, st.booleans())
def test_character_by_character_gives_what_masking_the_whole_gives(text: str, wanted: Entity, escaped: bool) -> None:
    assert streamed(list(text), wanted, escaped=escaped) == mask(text, wanted, escaped=escaped)


long_runs = st.builds(
    lambda unit, times, before, after: before + unit * times + after,
    st.sampled_from(["x", "aB3", "aB3/+=", "a.b-", "4111 ", "A1B2 ", "eyJ-", "sk-", "a@b.co.", "1:", "(1", "AB "]),
    st.integers(200, 700),
    texts,
    texts,
)


@settings(max_examples=120, deadline=None)
@given(cut_texts(long_runs), wanted_sets, st.booleans())
def test_words_without_end_are_masked_as_in_the_whole(
    cut: tuple[str, list[str]], wanted: Entity, escaped: bool
) -> None:
    text, pieces = cut
    assert streamed(pieces, wanted, escaped=escaped) == mask(text, wanted, escaped=escaped)


@pytest.mark.parametrize("wanted", [EVERY, SECRETS])
@pytest.mark.parametrize("value", WHOLE)
def test_each_value_is_masked_at_every_split(value: str, wanted: Entity) -> None:
    text = f"Take {value}, please"
    whole = mask(text, wanted)
    for position in range(len(text) + 1):
        assert streamed([text[:position], text[position:]], wanted) == whole


@pytest.mark.parametrize("value", WHOLE)
def test_no_character_of_a_value_leaves_before_it_is_decided(value: str) -> None:
    masker = StreamMasker(EVERY)
    assert masker.feed("so ") == "so "
    sent = "".join([masker.feed(character) for character in value])
    assert sent in ("", "[PRIVATE_KEY]")


@pytest.mark.parametrize("unit", ["a", "aB3+", "a.", "A1B2 ", "1 ", "eyJa-", "-", "----- "])
@pytest.mark.parametrize("escaped", [False, True])
def test_what_is_held_back_is_bounded_however_long_a_word_is(unit: str, escaped: bool) -> None:
    masker = StreamMasker(EVERY, escaped=escaped)
    fed = left = 0
    for _ in range(400):
        fed += len(unit) * 64
        left += len(masker.feed(unit * 64))
        assert fed - left < 8_000


def test_a_swallowed_key_block_keeps_only_what_may_be_its_end() -> None:
    masker = StreamMasker(SECRETS)
    assert masker.feed("-----BEGIN EC PRIVATE KEY-----") == "[PRIVATE_KEY]"
    for _ in range(1000):
        assert masker.feed("MHcCAQEEI" * 10 + "\n") == ""
    assert masker._blocks is not None
    assert len(masker._blocks._tail) < 100
    assert masker.feed("-----END EC PRIVATE KEY-----\n") + masker.finish() == "\n"


def test_plain_words_wait_for_one_space_and_for_nothing_if_only_secrets_are_wanted() -> None:
    pieces = ["The", " quick", " brown", " fox"]
    everything, secrets = StreamMasker(EVERY), StreamMasker(SECRETS)
    assert [everything.feed(piece) for piece in pieces] == ["", "The ", "quick ", "brown "]
    assert [secrets.feed(piece) for piece in pieces] == pieces


def test_a_word_that_may_become_a_key_waits_even_if_only_secrets_are_wanted() -> None:
    masker = StreamMasker(SECRETS)
    pieces = [" the", " s", "k", "y", " s", "k", "-", "abcdefghijklmnopqrstuv", " now"]
    assert [masker.feed(piece) for piece in pieces] == [" the", " ", "", "sky", " ", "", "", "", "[API_KEY] now"]


def test_what_is_kept_is_no_start_of_a_word_if_a_letter_left_before_it() -> None:
    text = "tasks, ri" + "sk-abcdefghijklmnopqrstuvwx"
    assert streamed(["tasks, ri", text[9:]], SECRETS) == (text, {})


def test_a_placeholder_that_is_split_over_pieces_stays_as_it_is() -> None:
    text = "mail [EMAIL] and [PRIVATE_KEY] or [API_KEY]"
    assert streamed(list(text), EVERY) == (text, {})


def test_an_escape_that_spells_a_plain_character_does_not_hide_an_address() -> None:
    source = '{"to": "alice\\u0040example.com"}'
    assert streamed(list(source), EVERY, escaped=True) == ('{"to": "[EMAIL]"}', {"email": 1})


def test_an_unterminated_key_block_in_json_source_ends_with_its_string() -> None:
    source = json.dumps({"key": "-----BEGIN PRIVATE KEY-----\nMIIE", "to": "bob"})
    masked, counts = streamed(list(source), EVERY, escaped=True)
    assert json.loads(masked) == {"key": "[PRIVATE_KEY]", "to": "bob"}
    assert counts == {"private_key": 1}
