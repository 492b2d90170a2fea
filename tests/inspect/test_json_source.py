import pytest
from fragments import cut_texts, texts
from hypothesis import given, settings

from guardhouse.inspect.json_source import JsonSource, Part


def parts(pieces: list[str]) -> list[tuple[Part, str]]:
    """What the pieces are cut into, text that was delivered in several parts joined."""
    source = JsonSource()
    source.swallows = True  # so that nothing is passed undivided
    found: list[tuple[Part, str]] = []
    for piece in pieces:
        found += source.push(piece)
    found += source.push("", last=True)
    joined: list[tuple[Part, str]] = []
    for part, text in found:
        if joined and joined[-1][0] is part and part in (Part.TEXT, Part.LITERAL):
            joined[-1] = (part, joined[-1][1] + text)
        else:
            joined.append((part, text))
    return joined


@settings(max_examples=700, deadline=None)
@given(cut_texts())
def test_every_split_is_cut_into_the_same_parts(cut: tuple[str, list[str]]) -> None:
    text, pieces = cut
    assert parts(pieces) == parts([text])


@settings(max_examples=300, deadline=None)
@given(texts.filter(lambda text: "\\u00" not in text))
def test_the_parts_are_the_text(text: str) -> None:
    assert "".join(part for _, part in parts([text])) == text


def test_strings_numbers_and_escapes_are_told_apart() -> None:
    assert parts(['{"a\\n\\u0041": 12345678, "b": 12}']) == [
        (Part.TEXT, "{"),
        (Part.QUOTE, '"'),
        (Part.TEXT, "a"),
        (Part.LITERAL, "\\n"),
        (Part.TEXT, "A"),
        (Part.QUOTE, '"'),
        (Part.TEXT, ": "),
        (Part.NUMBER, "12345678"),
        (Part.TEXT, ", "),
        (Part.QUOTE, '"'),
        (Part.TEXT, "b"),
        (Part.QUOTE, '"'),
        (Part.TEXT, ": 12}"),
    ]


def test_a_number_of_a_thousand_digits_passes_without_being_kept() -> None:
    source = JsonSource()
    passed = "".join(text for _ in range(100) for _, text in source.push("1234567890"))
    assert len(passed) >= 900


@settings(max_examples=300, deadline=None)
@given(cut_texts())
def test_what_passes_undivided_is_what_the_parts_say(cut: tuple[str, list[str]]) -> None:
    _, pieces = cut
    source, divided = JsonSource(), JsonSource()
    divided.swallows = True
    for piece in pieces:
        assert "".join(part for _, part in source.push(piece)) == "".join(part for _, part in divided.push(piece))
        assert source.in_string == divided.in_string


@pytest.mark.parametrize("unit", ['"1"1', "\\n", 'a\\"b', '"a",', '{"a":1,"b":"\\u00e9"}'])
def test_short_parts_are_not_yielded_one_by_one(unit: str) -> None:
    assert sum(1 for _ in JsonSource().push(unit * 1000)) < 10
