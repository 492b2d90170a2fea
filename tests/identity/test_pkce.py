"""The proof that who comes back is who asked."""

import re

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.identity.pkce import challenge_of, random_text, words_of


def test_the_challenge_is_that_of_the_standard() -> None:
    """RFC 7636, appendix B."""
    assert challenge_of("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk") == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


def test_random_texts_are_long_and_different() -> None:
    made = {random_text() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{43}", text) for text in made)


@given(st.text("abcXYZ0-_", min_size=43, max_size=43))
def test_what_people_compare_is_short_and_always_the_same(challenge: str) -> None:
    assert re.fullmatch(r"[B-Z]{4}-[B-Z]{4}", words_of(challenge))
    assert words_of(challenge) == words_of(challenge)


def test_what_people_compare_differs() -> None:
    assert len({words_of(random_text()) for _ in range(1000)}) == 1000
