"""Which texts are in tensors, and what is unreadable."""

from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.text import Text
from guardhouse.wire import json
from guardhouse.wire.dialects.kserve import binary
from guardhouse.wire.dialects.kserve.contents import answer_texts, request_texts, unreadable
from guardhouse.wire.dialects.kserve.dialect import KSERVE
from guardhouse.wire.json import ANY_NUMBER
from wire.dialects.kserve.tensors import body, infer, packed, raw_tensor, route, tensor, words


def b64(text: str | bytes) -> str:
    return b64encode(text.encode() if isinstance(text, str) else text).decode()


def values(texts: list[Text]) -> list[str]:
    return [text.value for text in texts]


def test_every_element_of_a_text_tensor_is_a_text_however_nested() -> None:
    document = infer(words("a b", "c d"), tensor([["e f"], ["g h"]], "BYTES", [2, 1], name="other"))
    assert {"a b", "c d", "e f", "g h"} <= set(values(request_texts(document)))


def test_names_ids_and_parameters_are_texts_too() -> None:
    document = infer(
        words("x", content_type="str") | {"name": "alice@example.org"},
        id="bob@example.org",
        parameters={"carol@example.org": "dave@example.org"},
        outputs=[{"name": "erin@example.org"}],
    )
    found = values(request_texts(document))
    for name in ("alice", "bob", "carol", "dave", "erin"):
        assert f"{name}@example.org" in found


def test_writing_to_a_text_changes_the_document() -> None:
    document = infer(words("one", b64("two"), content_type="base64"), words("three", name="more"))
    document["inputs"][0]["data"][0] = b64("one")
    for text in request_texts(document):
        if text.value in ("one", "two", "three"):
            text.holder[text.key] = "masked"
    assert document["inputs"][0]["data"] == [b64("masked")] * 2
    assert document["inputs"][1]["data"] == ["masked"]


def test_base64_is_decoded_whether_the_tensor_or_the_request_says_so() -> None:
    for document in (
        infer(words(b64("hello you"), content_type="base64")),
        infer(words(b64("hello you")), parameters={"content_type": "base64"}),
    ):
        assert "hello you" in values(request_texts(document))
        assert unreadable(document, "inputs") == []


def test_json_in_elements_is_marked_as_source() -> None:
    found = request_texts(infer(words('{"a": "\\u0040"}', content_type="json")))
    assert [text.escaped for text in found if text.value.startswith("{")] == [True]


@pytest.mark.parametrize(
    "document",
    [
        infer(words(b64(b"\xff\xd8\xff"), content_type="base64")),
        infer(words("YWxp*Y2U=", content_type="base64")),
        infer(words("YWxp", "YWxp\n", content_type="base64")),
        infer(words("a", content_type="pil_base64")),
        infer(words("a", content_type="BASE64")),
        infer(words("a", content_type="str ")),
        infer(words("a") | {"parameters": {"content_type": 7}}),
        infer(words("a"), parameters={"content_type": "mine"}),
        infer(tensor([104, 105], "UINT8", parameters={"content_type": "str"})),
        infer(tensor([104, 105], "UINT8"), parameters={"content_type": "base64"}),
        infer(tensor([104, 105], "INT64", parameters={"content_type": "datetime"})),
    ],
)
def test_what_a_server_may_take_for_something_else_is_unreadable(document: dict[str, Any]) -> None:
    assert unreadable(document, "inputs") == ["inputs[0].data"]


def test_raw_elements_that_are_no_text_are_unreadable() -> None:
    raw = packed(b"\xff\xd8")
    headers, sent = body(infer(raw_tensor(len(raw), "BYTES")), raw)
    found = KSERVE.read(headers, sent, way := route(), ANY_NUMBER)
    assert isinstance(found, tuple)
    assert KSERVE.unreadable(found[0], way) == ["inputs[0].data"]
    assert values(KSERVE.texts(found[0], way)) == []


def test_the_elements_of_numeric_tensors_are_no_texts() -> None:
    assert values(request_texts(infer(tensor([1.0, 2.0])))) == []


def answered(outputs: Any, **more: Any) -> Any:
    return {"model_name": "iris", "outputs": outputs, **more}


@pytest.mark.parametrize(
    "document",
    [
        answered([words("s3cret")]),
        answered([tensor([["s3cret"]], "BYTES", [1, 1])]),
        answered([tensor(["s3cret"], "FP32")]),
        answered([tensor("s3cret", "BYTES", [1])]),
        answered([tensor([{"a": "s3cret"}], "BYTES")]),
        answered([tensor({"a": ["s3cret"]}, "BYTES", [1])]),
        answered([words(b64("s3cret"), content_type="base64")]),
        answered(["s3cret"]),
        answered([["s3cret"]]),
        answered({"a": "s3cret"}),
        answered("s3cret"),
        answered([], id="s3cret"),
        answered([], parameters={"a": "s3cret"}),
        answered([], surprise={"deep": ["s3cret"]}),
        {"error": "s3cret"},
        ["s3cret"],
    ],
)
def test_a_string_anywhere_in_an_answer_is_found_and_can_be_replaced(document: Any) -> None:
    for text in answer_texts(document):
        if text.value == "s3cret":
            text.holder[text.key] = "masked"
    written = json.encode(document)
    assert b"s3cret" not in written
    assert b64("s3cret").encode() not in written


def test_an_answer_of_raw_texts_is_read_scanned_and_written_again() -> None:
    raw = packed(b"alice@example.org", b"fine")
    headers, sent = body(answered([raw_tensor(len(raw), "BYTES", [2])]), raw)
    way = route()
    found = KSERVE.read_answer(headers, sent, way)
    assert found is not None
    document, source = found
    assert b"alice@example.org" in source
    assert KSERVE.answer_content(way) == b"%b: %b\r\n" % (binary.HEADER, headers[binary.HEADER])
    document["outputs"][0]["data"][0] = "masked"
    again = KSERVE.encode_answer(document, way)
    assert again.endswith(packed(b"masked", b"fine"))
    length = int(KSERVE.answer_content(way).split(b": ")[1])
    assert json.decode(again[:length])


def test_encoded_texts_of_an_answer_are_in_what_is_scanned() -> None:
    sent = json.encode(answered([words(b64("alice@example.org"), content_type="base64")]))
    found = KSERVE.read_answer({}, sent, route())
    assert found is not None
    assert b"alice@example.org" in found[1]


@pytest.mark.parametrize("raw", [b"", b"\0", packed(b"ab")[:-1], packed(b"ab") + b"\0"])
def test_an_answer_whose_sizes_do_not_add_up_cannot_be_read(raw: bytes) -> None:
    headers, sent = body(answered([raw_tensor(6, "BYTES", [1])]), raw)
    assert KSERVE.read_answer(headers, sent, route()) is None


@pytest.mark.parametrize("document", [[], {}, "x", {"outputs": None}, {"outputs": {}}])
def test_a_raw_answer_without_tensors_cannot_be_read(document: Any) -> None:
    headers, sent = body(document, b"")
    assert KSERVE.read_answer(headers, sent, route()) is None


plain = st.text(st.characters(codec="utf-8"), min_size=1, max_size=8)


@given(st.lists(plain, min_size=1, max_size=5), st.sampled_from([None, "str", "base64", "json"]))
def test_every_text_of_a_request_can_be_replaced(texts: list[str], content_type: str | None) -> None:
    sent = [b64(text) for text in texts] if content_type == "base64" else list(texts)
    document = infer(words(*sent, content_type=content_type))
    for text in request_texts(document):
        if text.value in texts:
            text.holder[text.key] = "*"
    wanted = b64("*") if content_type == "base64" else "*"
    assert document["inputs"][0]["data"] == [wanted] * len(texts)


def test_a_name_that_is_too_short_and_plain_for_anything_that_is_masked_is_no_text() -> None:
    document = infer(words("x") | {"name": "texts"}, id="request_7")
    assert values(request_texts(document)) == ["x"]


@pytest.mark.parametrize("name", ["4111111111111111", "a@b.co", "gh_token_of_15c", "10.1.2.3", "call 5551234"])
def test_a_name_that_could_be_anything_that_is_masked_is_a_text(name: str) -> None:
    assert values(request_texts(infer(words("x") | {"name": name}, id=name))) == [name, name, "x"]
