"""Media that come in pieces read the same wherever they are cut, and however each piece is encoded."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.media import Part
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.pieces import HEAD, MOST, ODD, Growing, Shown

CONTENT = st.binary(max_size=400)


def grown(pieces: list[str]) -> Part:
    growing = Growing("audio", "here", "")
    for piece in pieces:
        growing.add(piece)
    return growing.part


def cut(text: str, sizes: list[int]) -> list[str]:
    pieces = []
    for size in sizes:
        pieces.append(text[:size])
        text = text[size:]
    return [*pieces, text]


@given(st.lists(CONTENT))
def test_pieces_that_are_encoded_each_for_itself_add_up(parts: list[bytes]) -> None:
    growing = grown([base64.b64encode(part).decode() for part in parts])
    whole = b"".join(parts)
    assert (growing.size, growing.value) == (len(whole), whole[:HEAD])


@given(CONTENT, st.lists(st.integers(0, 90)), st.booleans())
def test_one_encoding_that_is_cut_anywhere_adds_up(whole: bytes, sizes: list[int], url_safe: bool) -> None:
    encoded = base64.urlsafe_b64encode(whole) if url_safe else base64.b64encode(whole)
    growing = grown(cut(encoded.decode(), sizes))
    assert isinstance(growing.value, bytes)
    assert whole.startswith(growing.value)
    assert len(growing.value) == min(HEAD, len(whole))


@given(CONTENT, st.lists(st.integers(0, 90)))
def test_its_size_is_known_when_all_is_there_if_no_cut_divides_the_padding(whole: bytes, sizes: list[int]) -> None:
    encoded = base64.b64encode(whole).decode()
    pieces = cut(encoded.rstrip("="), sizes)
    assert grown([*pieces[:-1], pieces[-1] + encoded[len(encoded.rstrip("=")) :]]).size == len(whole)


@given(st.lists(st.text()))
def test_anything_at_all_is_told_of_without_an_error(pieces: list[str]) -> None:
    growing = grown(pieces)
    assert growing.size >= 0
    assert len(growing.value) <= HEAD + 100


def test_what_is_no_base64_is_kept_as_what_it_is_not() -> None:
    growing = grown(["AAAA", "not base64!", "AAAA"])
    assert growing.value == "not base64!"


def test_more_is_known_until_the_beginning_is() -> None:
    growing = Growing("audio", "here", "")
    assert [growing.add("A" * 40) for _ in range(4)] == [True, True, True, False]
    assert not growing.add("")


def test_what_comes_again_at_its_place_is_the_same_thing() -> None:
    shown = Shown(None)
    for value in ("", "AAAA", "AAAAAAAA"):
        shown.take(Part("image", "output[0]", "", value))
    (part,) = shown.parts
    assert part.size == 6


def test_a_bounded_number_is_told_apart() -> None:
    shown = Shown(None)
    for number in range(MOST + 5):
        shown.take(Part("image", f"output[{number}]", "", "AAAA"))
        shown.grow("audio", f"choices[{number}]", "AAAA")
        shown.take_unknown(f"content[{number}]")
    assert (len(shown.parts), len(shown.places)) == (MOST, MOST)


def test_each_is_judged_by_its_beginning_as_often_as_more_of_it_is_known() -> None:
    seen: list[str | bytes] = []

    def judge(part: Part) -> Reason | None:
        seen.append(part.value)
        return Reason.ANSWER_MEDIA_REFUSED if part.value == ODD else None

    shown = Shown(judge)
    assert shown.take(Part("image", "a", "", "")) is None
    assert shown.grow("audio", "b", "") is None
    assert shown.grow("audio", "b", "AAAA") is None
    assert shown.take_unknown("c") is Reason.ANSWER_MEDIA_REFUSED
    assert shown.take(Part("image", "d", "", ODD)) is Reason.ANSWER_MEDIA_REFUSED
    assert seen == [b"\0\0\0", ODD, ODD]


def test_a_data_url_says_its_type_itself() -> None:
    shown = Shown(None)
    shown.take(Part("image", "a", "", "data:image/png;base64,AAAA"))
    (part,) = shown.parts
    assert (part.declared, part.value, part.size) == ("image/png", b"\0\0\0", 3)
