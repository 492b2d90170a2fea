import pytest
from fragments import cut_texts, wanted_sets
from hypothesis import given, settings

from guardhouse.inspect.entities import rules_for
from guardhouse.inspect.rewriting import rewrite
from guardhouse.inspect.words import Words
from guardhouse.model.entity import EVERY_ENTITY, Entity


@settings(max_examples=700, deadline=None)
@given(cut_texts(), wanted_sets)
def test_words_are_rewritten_as_in_the_whole(cut: tuple[str, list[str]], wanted: Entity) -> None:
    text, pieces = cut
    words = Words(wanted, {})
    out = "".join([words.push(piece) for piece in pieces]) + words.flush()
    assert out == rewrite(text, rules_for(wanted), {})


@pytest.mark.parametrize(
    ("wanted", "text", "kept"),
    [
        (EVERY_ENTITY, "one two", "two"),
        (EVERY_ENTITY, "one, ", ""),
        (EVERY_ENTITY, "room 12 ", "12 "),
        (EVERY_ENTITY, "room 12 b", "b"),
        (EVERY_ENTITY, "DE89 AB", "DE89 AB"),
        (Entity.EMAIL, "room 12 34", "34"),
        (Entity.CARD, "DE89 AB", "AB"),
        (Entity.CARD, "4111 11", "4111 11"),
        (Entity.API_KEY, "room 12 34", ""),
        (Entity.API_KEY, "a.sk", "sk"),
        (Entity.API_KEY, "ask", ""),
    ],
)
def test_only_what_may_become_part_of_a_value_is_kept(wanted: Entity, text: str, kept: str) -> None:
    words = Words(wanted, {})
    assert words.push(text) == text[: len(text) - len(kept)]
    assert words.tail == kept


def test_nothing_is_kept_if_nothing_is_wanted() -> None:
    words = Words(Entity(0), {})
    assert words.push("alice@exam") == "alice@exam"
    assert words.flush() == ""
