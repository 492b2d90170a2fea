"""What of tensors is an image, a recording or a file, as far as the protocol can say."""

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.media import Part
from guardhouse.wire.dialects.kserve import binary, contents
from guardhouse.wire.dialects.kserve.media import media

PNG = b"\x89PNG\r\n\x1a\n" + b"\0" * 40
ENCODED = base64.b64encode(PNG).decode()


def tensor(data: Any, said: str = "", datatype: str = "BYTES", shape: list[int] | None = None) -> dict[str, Any]:
    known: dict[str, Any] = {"name": "x", "datatype": datatype, "shape": shape or [1], "data": data}
    return known | ({"parameters": {"content_type": said}} if said else {})


def told(*tensors: Any, **more: Any) -> list[tuple[str, str, str, str | bytes, int]]:
    parts = parts_of({"inputs": list(tensors), **more})
    return [(part.kind, part.place, part.declared, part.value, part.size) for part in parts]


def parts_of(document: Any, side: str = "inputs") -> list[Part]:
    found: list[Part] = []
    for part in media(document, side):
        found += [part] if isinstance(part, Part) else [part.at(number) for number in range(len(part.values))]
    return found


@pytest.mark.parametrize(
    ("given_", "expected"),
    [
        (tensor(["plain text"]), []),
        (tensor([ENCODED]), []),
        (tensor([ENCODED], "str"), []),
        (tensor([1.5], "np", "FP32"), []),
        (tensor(binary.packed([PNG, b"text"])), [("", "[0]", "", PNG, -1), ("", "[1]", "", b"text", -1)]),
        (tensor([ENCODED, base64.b64encode(b"text").decode()], "base64"), [("", "[0]", "", ENCODED, -1)]),
        (tensor([[ENCODED], [ENCODED]], "base64"), [("", "[0]", "", ENCODED, -1), ("", "[1]", "", ENCODED, -1)]),
        (tensor(["no base64"], "base64"), [("", "[0]", "", "no base64", -1)]),
        (tensor([ENCODED], "pillow_image"), [("image", "[0]", "image/*", ENCODED, -1)]),
        (tensor(["?"], "pil_image"), [("image", "[0]", "image/*", "?", -1)]),
        (tensor([ENCODED], "audio/wav"), [("audio", "[0]", "audio/wav", ENCODED, -1)]),
        (tensor(["some words", ENCODED], "nobody_knows"), [("", "[1]", "", ENCODED, -1)]),
        (tensor([1, 2, 3], "img", "UINT8", [3]), [("image", "", "image/*", b"", 3)]),
        (tensor(b"\0" * 12, "img", "FP32", [3]), [("image", "", "image/*", b"", 12)]),
        (tensor([72, 105], "str", "UINT8", [2]), []),
        (tensor([""], "base64"), []),
        ("no tensor", []),
    ],
)
def test_an_element_is_told_of_where_it_is_no_text(given_: Any, expected: list[tuple[Any, ...]]) -> None:
    assert told(given_) == [(kind, f"inputs[0].data{at}", *rest) for kind, at, *rest in expected]


def test_what_is_said_of_the_whole_request_holds_where_a_tensor_says_nothing() -> None:
    ((kind, place, *_),) = told(tensor(["x"], "str"), tensor([ENCODED]), parameters={"content_type": "pillow_image"})
    assert (kind, place) == ("image", "inputs[1].data[0]")


ELEMENTS = st.lists(st.one_of(st.binary(max_size=40), st.just(PNG)), max_size=5)
SAID = st.sampled_from(["", "str", "base64", "img", "pillow_image", "np", "audio/wav", "x", "hg_json"])
ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30) | st.binary(max_size=30) | st.just(ENCODED),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["data", "name", "x"]), inner),
)


@given(ELEMENTS, SAID)
def test_every_part_stands_in_what_cannot_be_read(elements: list[bytes], said: str) -> None:
    packed = binary.packed(elements)
    document = {"inputs": [tensor(binary.texts_of(elements, packed), said, shape=[len(elements)])]}
    places = contents.unreadable(document, "inputs")
    parts = parts_of(document)
    assert all(any(part.place.startswith(place) for place in places) for part in parts)
    if type(document["inputs"][0]["data"]) is bytes:
        assert len(parts) == len(elements)


@given(ANYTHING, SAID, st.sampled_from(["BYTES", "UINT8", "FP32", "?"]), ANYTHING)
def test_answers_of_any_shape_are_read_without_an_error(data: Any, said: str, datatype: str, shape: Any) -> None:
    one = {"datatype": datatype, "data": data, "shape": shape, "parameters": {"content_type": said}}
    assert all(part.place.startswith("outputs[0].data") for part in parts_of({"outputs": [one]}, "outputs"))
