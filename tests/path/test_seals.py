"""Ids that only their maker can use."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.sealed import Sealed, SealedKind
from guardhouse.model.secret import Secret
from guardhouse.path.seals import Seals

PEPPER = Secret("22" * 32)
SEALS = Seals(PEPPER)
KINDS: tuple[SealedKind, ...] = ("input", "output", "batch")
INPUT, OUTPUT, BATCH = [(kind,) for kind in KINDS]
SEALED = Sealed("input", "file-1", "", "small", "local", "place", "chat", given=7)


def test_an_id_opens_for_its_maker_and_is_always_the_same() -> None:
    text = SEALS.seal(SEALED, "alice")
    assert text.startswith("file-")
    assert SEALS.open(text, INPUT, "alice") == SEALED
    assert Seals(PEPPER).seal(SEALED, "alice") == text


def test_it_says_nothing_to_its_holder() -> None:
    text = SEALS.seal(SEALED, "alice")
    assert not any(word in text for word in ("small", "local", "chat", "file-1"))
    assert repr(SEALS) == "Seals(…)"


@pytest.mark.parametrize("principal", ["bob", "", "alice ", "Alice", "alice\0"])
def test_it_opens_for_nobody_else(principal: str) -> None:
    assert SEALS.open(SEALS.seal(SEALED, "alice"), KINDS, principal) is None


def test_it_opens_as_nothing_else() -> None:
    text = SEALS.seal(SEALED, "alice")
    assert SEALS.open(text, OUTPUT, "alice") is None
    assert SEALS.open(text, BATCH, "alice") is None
    assert SEALS.open("batch_" + text[5:], KINDS, "alice") is None


def test_with_another_pepper_it_is_void() -> None:
    assert Seals(Secret("33" * 32)).open(SEALS.seal(SEALED, "alice"), KINDS, "alice") is None


@given(st.data())
def test_a_change_of_any_character_voids_it(data: st.DataObject) -> None:
    text = SEALS.seal(SEALED, "alice")
    at = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda one: one != text[at]))
    assert SEALS.open(text[:at] + other + text[at + 1 :], KINDS, "alice") is None


@given(st.text(max_size=80))
def test_nothing_made_up_is_an_id(text: str) -> None:
    for prefix in ("", "file-", "batch_"):
        assert SEALS.open(prefix + text, KINDS, "alice") is None


@pytest.mark.parametrize("more", ["=", "==", "A", "\n", "%", "+", "/"])
def test_there_is_one_spelling_of_an_id(more: str) -> None:
    text = SEALS.seal(SEALED, "alice")
    assert SEALS.open(text + more, KINDS, "alice") is None


@given(
    st.builds(
        Sealed,
        kind=st.sampled_from(KINDS),
        id=st.text(st.characters(codec="utf-8"), max_size=40),
        source=st.text(st.characters(codec="utf-8"), max_size=40),
        model=st.text(st.characters(codec="utf-8"), max_size=40),
        target=st.text(max_size=5),
        place=st.text(max_size=5),
        operation=st.text(max_size=5),
        most_given=st.integers(0, 2**53),
        risk=st.integers(0, 10),
        bounded=st.booleans(),
    )
)
def test_whatever_is_sealed_is_what_opens(sealed: Sealed) -> None:
    assert SEALS.open(SEALS.seal(sealed, "älice"), (sealed.kind,), "älice") == sealed
