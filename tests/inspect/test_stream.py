from fragments import cut_texts, texts, wanted_sets
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.inspect.masker import mask
from guardhouse.inspect.stream import StreamMasker
from guardhouse.model.entity import Entity

EVERY = Entity(255)


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
