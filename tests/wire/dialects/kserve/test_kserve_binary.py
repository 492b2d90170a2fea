"""Raw tensors behind the JSON: the lengths add up exactly, or there is no request."""

import tracemalloc
from struct import pack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire import json
from guardhouse.wire.dialects.kserve import binary
from guardhouse.wire.dialects.kserve.datatypes import NUMBERS, numbers
from guardhouse.wire.dialects.kserve.dialect import KSERVE
from guardhouse.wire.json import ANY_NUMBER
from wire.dialects.kserve.tensors import body, infer, packed, raw_tensor, route, tensor

TWO = pack("<ff", 1.0, 2.0)


def read(document: Any, raw: bytes) -> Any:
    """The document that is judged, or the denial."""
    headers, sent = body(document, raw)
    way = route()
    found = KSERVE.read(headers, sent, way, ANY_NUMBER)
    if isinstance(found, Denial):
        return found
    return KSERVE.check(found[0], way) or found[0]


def refused(document: Any, raw: bytes) -> bool:
    found = read(document, raw)
    return isinstance(found, Denial) and found.reason is Reason.SHAPE_INVALID


def test_raw_numbers_are_read_beside_tensors_in_json() -> None:
    document = read(infer(tensor([1], "INT8", name="a"), raw_tensor(8, shape=[2], name="b")), TWO)
    assert document["inputs"][1]["data"] == TWO


def test_raw_texts_become_a_list_of_strings() -> None:
    raw = packed(b"alice", "grün".encode(), b"")
    document = read(infer(raw_tensor(len(raw), "BYTES", [3])), raw)
    assert document["inputs"][0]["data"] == ["alice", "grün", ""]


def test_raw_elements_that_are_no_text_stay_bytes() -> None:
    raw = packed(b"ok", b"\xff\xd8")
    assert read(infer(raw_tensor(len(raw), "BYTES", [2])), raw)["inputs"][0]["data"] == raw


@pytest.mark.parametrize(
    ("document", "raw"),
    [
        (infer(raw_tensor(8, shape=[2])), TWO[:-1]),
        (infer(raw_tensor(8, shape=[2])), TWO + b"\0"),
        (infer(raw_tensor(8, shape=[3])), TWO),
        (infer(raw_tensor(8, shape=[1])), TWO),
        (infer(raw_tensor(7, shape=[2])), TWO[:-1]),
        (infer(raw_tensor(-8, shape=[2])), TWO),
        (infer(raw_tensor(8.0, shape=[2])), TWO),
        (infer(raw_tensor("8", shape=[2])), TWO),
        (infer(raw_tensor(True, "INT8")), b"\0"),
        (infer(raw_tensor(2**70, shape=[2])), TWO),
        (infer(raw_tensor(8, shape=[2]) | {"data": [1.0, 2.0]}), TWO),
        (infer(tensor([1.0])), TWO),
        (infer(raw_tensor(4), raw_tensor(4)), TWO),  # one name twice
        (infer(raw_tensor(2, "BOOL", [2])), b"\0\2"),
        (infer(raw_tensor(5, "BYTES")), b"\x02\0\0\0a"),
        (infer(raw_tensor(3, "BYTES")), b"\0\0\0"),
        (infer(raw_tensor(4, "BYTES")), b"\xff\xff\xff\xff"),
        (infer(raw_tensor(5, "BYTES", [2])), packed(b"a")),
        (infer(raw_tensor(10, "BYTES", [1])), packed(b"a", b"b")),
        (infer(raw_tensor(4, "STRING")), b"\0\0\0\0"),
        ([], b"x"),
        ({"inputs": {}}, b"x"),
    ],
)
def test_sizes_that_do_not_agree_are_refused(document: Any, raw: bytes) -> None:
    assert refused(document, raw)


@pytest.mark.parametrize(
    "stated", [b"", b"0", b"-1", b"+10", b"1_0", b" 10", b"010", b"1e1", b"99999", b"99999999999999999999", b"\xb2"]
)
def test_a_header_that_states_no_length_is_refused(stated: bytes) -> None:
    found = KSERVE.read({binary.HEADER: stated}, json.encode(infer(tensor([1.0]))), route(), ANY_NUMBER)
    assert isinstance(found, Denial)
    assert found.reason is Reason.SHAPE_INVALID


def test_a_length_that_cuts_the_json_is_refused() -> None:
    sent = json.encode(infer(tensor([1.0])))
    found = KSERVE.read({binary.HEADER: b"%d" % (len(sent) - 1)}, sent, route(), ANY_NUMBER)
    assert isinstance(found, Denial)
    assert found.reason is Reason.JSON_MALFORMED


def test_a_raw_size_without_the_header_is_refused() -> None:
    way = route()
    found = KSERVE.read({}, json.encode(infer(raw_tensor(0, shape=[0]) | {"data": []})), way, ANY_NUMBER)
    assert not isinstance(found, Denial)
    denial = KSERVE.check(found[0], way)
    assert denial is not None
    assert denial.reason is Reason.SHAPE_INVALID


@pytest.mark.parametrize("kind", [b"text/plain", b"application/grpc", b"multipart/form-data", b"application/json; x=1"])
def test_another_content_type_is_refused_with_and_without_the_header(kind: bytes) -> None:
    sent = json.encode(infer(tensor([1.0])))
    for headers in ({}, {binary.HEADER: b"%d" % len(sent)}):
        found = KSERVE.read({**headers, b"content-type": kind}, sent, route(), ANY_NUMBER)
        assert isinstance(found, Denial)
        assert found.reason is Reason.CONTENT_TYPE_UNSUPPORTED


def test_octets_without_the_header_are_refused() -> None:
    found = KSERVE.read({b"content-type": b"application/octet-stream"}, b"{}", route(), ANY_NUMBER)
    assert isinstance(found, Denial)


def test_a_compressed_body_is_refused() -> None:
    found = KSERVE.read({b"content-encoding": b"gzip"}, b"{}", route(), ANY_NUMBER)
    assert isinstance(found, Denial)
    assert found.reason is Reason.CONTENT_ENCODING_UNSUPPORTED


def test_what_goes_on_is_the_canonical_json_with_the_very_bytes_behind_it() -> None:
    headers, sent = body(infer(raw_tensor(8, shape=[2])), TWO)
    spaced = sent.replace(b'{"inputs"', b'{  "inputs"')
    way = route()
    found = KSERVE.read({binary.HEADER: b"%d" % (int(headers[binary.HEADER]) + 2)}, spaced, way, ANY_NUMBER)
    assert not isinstance(found, Denial)
    assert found[1] == sent
    assert KSERVE.content(way) == (
        b"content-type: application/octet-stream\r\n%b: %b\r\n" % (binary.HEADER, headers[binary.HEADER])
    )


def test_a_changed_text_changes_its_length_the_size_and_the_header() -> None:
    raw = packed(b"alice", b"bob")
    headers, sent = body(infer(raw_tensor(len(raw), "BYTES", [2]), tensor([1.0], name="y")), raw)
    way = route()
    found = KSERVE.read(headers, sent, way, ANY_NUMBER)
    assert not isinstance(found, Denial)
    found[0]["inputs"][0]["data"][0] = "[EMAIL_ADDRESS]"
    encoded = KSERVE.encode(found[0], way)
    head = json.encode(infer(raw_tensor(26, "BYTES", [2]), tensor([1.0], name="y")))
    assert encoded == head + packed(b"[EMAIL_ADDRESS]", b"bob")
    assert b"%d" % len(head) in KSERVE.content(way)


elements = st.lists(st.binary(max_size=12), max_size=6)


@given(elements)
def test_packed_elements_are_read_as_they_were_packed(given: list[bytes]) -> None:
    assert binary.split(packed(*given), ANY_NUMBER) == given


@given(st.binary(max_size=40))
def test_any_bytes_are_elements_that_pack_to_the_same_or_none(given: bytes) -> None:
    found = binary.split(given, ANY_NUMBER)
    assert found is None or packed(*found) == given


@given(st.lists(st.tuples(st.sampled_from(sorted(NUMBERS)), st.integers(0, 5)), min_size=1, max_size=5), st.data())
def test_a_request_that_is_read_and_written_again_is_the_same(
    shapes: list[tuple[str, int]], data: st.DataObject
) -> None:
    tensors, raw = [], b""
    for index, (datatype, count) in enumerate(shapes):
        size = NUMBERS[datatype].size * count
        raw += bytes(size) if datatype == "BOOL" else data.draw(st.binary(min_size=size, max_size=size))
        tensors.append(raw_tensor(size, datatype, [count], f"x{index}"))
    headers, sent = body(infer(*tensors), raw)
    way = route()
    found = KSERVE.read(headers, sent, way, ANY_NUMBER)
    assert not isinstance(found, Denial)
    assert KSERVE.check(found[0], way) is None
    assert found[1] == sent == KSERVE.encode(found[0], way)
    assert KSERVE.reread(sent, way) == found[0]


@pytest.mark.parametrize(
    ("datatype", "raw", "value"),
    [
        ("FP16", b"\x00\x3c", 1.0),
        ("BF16", b"\x80\x3f", 1.0),
        ("FP32", b"\x00\x00\x80\x3f", 1.0),
        ("FP64", pack("<d", -2.5), -2.5),
        ("INT16", b"\xfe\xff", -2),
        ("UINT64", b"\xff" * 8, 2**64 - 1),
        ("INT8", b"\x80", -128),
    ],
)
def test_raw_numbers_are_little_endian(datatype: str, raw: bytes, value: float) -> None:
    assert list(numbers(raw * 2, NUMBERS[datatype])) == [value, value]


def test_what_was_read_or_encoded_is_read_again_to_the_same_document() -> None:
    texts = packed(*[b"a"] * 5000)
    document = infer(raw_tensor(8, shape=[2], name="n"), raw_tensor(len(texts), "BYTES", [5000], name="t"))
    headers, sent = body(document, TWO + texts)
    way = route()
    found = KSERVE.read(headers, sent, way, ANY_NUMBER)
    assert isinstance(found, tuple)
    assert KSERVE.reread(found[1], way) == found[0]
    encoded = KSERVE.encode(found[0], way)
    assert KSERVE.reread(encoded, way) == found[0]
    plain = route()
    found = KSERVE.read({}, json.encode(infer(tensor([1], "INT8"))), plain, ANY_NUMBER)
    assert isinstance(found, tuple)
    assert KSERVE.reread(found[1], plain) == found[0]


@pytest.mark.parametrize("raw", [TWO * 50_000, packed(*[b"a"] * 50_000), packed(b"a" * 400_000)])
def test_a_document_with_raw_tensors_is_not_larger_than_its_weight(raw: bytes) -> None:
    elements = 100_000 if raw.startswith(TWO) else (1 if len(raw) > 300_000 else 50_000)
    kind = "FP32" if raw.startswith(TWO) else "BYTES"
    headers, sent = body(infer(raw_tensor(len(raw), kind, [elements])), raw)
    way = route()
    tracemalloc.start()
    try:
        found = KSERVE.read(headers, sent, way, ANY_NUMBER)
        assert isinstance(found, tuple)
        texts = KSERVE.texts(found[0], way)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(texts) == (elements if kind == "BYTES" else 0)  # a plain name is none
    assert taken <= KSERVE.weight(found[1], way)


@pytest.mark.parametrize(("counts", "most", "refused"), [((5,), 5, False), ((6,), 5, True), ((3, 3), 5, True)])
def test_all_texts_behind_the_json_together_are_bounded(counts: tuple[int, ...], most: int, refused: bool) -> None:
    raw = [packed(*[b"a"] * count) for count in counts]
    tensors = [
        {"name": f"t{index}", "datatype": "BYTES", "shape": [count], "parameters": {binary.SIZE: len(part)}}
        for index, (count, part) in enumerate(zip(counts, raw, strict=True))
    ]
    denial = binary.take({"inputs": tensors}, "inputs", b"".join(raw), most)
    assert (denial is not None and denial.reason is Reason.BODY_TOO_DIVIDED) == refused


def test_of_texts_behind_the_json_no_more_are_read_than_the_shape_says() -> None:
    assert binary.split(packed(b"a", b"b", b"c"), 2) is None
    assert binary.split(packed(b"a", b"b"), 2) == [b"a", b"b"]
