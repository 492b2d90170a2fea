"""Messages of gRPC, held against the official protocol buffers library and the messages that tritonclient ships."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tritonclient.grpc import service_pb2

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.kserve import protobuf as pb
from guardhouse.wire.dialects.kserve.grpc import KSERVE_GRPC, recognise
from guardhouse.wire.dialects.kserve.messages import INPUTS, OUTPUTS, FaultError, model, read_infer, server, write_infer
from guardhouse.wire.dialects.kserve.routes import KServeRoute
from guardhouse.wire.json import ANY_NUMBER
from wire.dialects.kserve.tensors import packed

INFER = b"/inference.GRPCInferenceService/ModelInfer"


def way() -> KServeRoute:
    route = recognise("grpc", INFER)
    assert isinstance(route, KServeRoute)
    return route


def ask(**members: Any) -> Any:
    members.setdefault("model_name", "iris")
    return service_pb2.ModelInferRequest(**members)


def tensor(datatype: str = "FP32", shape: Any = (1,), name: str = "x", **contents: Any) -> Any:
    made = service_pb2.ModelInferRequest.InferInputTensor(name=name, datatype=datatype, shape=shape)
    if contents:
        made.contents.CopyFrom(service_pb2.InferTensorContents(**contents))
    return made


def denied(message: bytes) -> Denial:
    found = KSERVE_GRPC.read({}, message, way(), ANY_NUMBER)
    assert isinstance(found, Denial), found
    assert found.reason is Reason.SHAPE_INVALID
    return found


numbers = st.sampled_from(
    [
        ("BOOL", "bool_contents", st.booleans()),
        ("INT8", "int_contents", st.integers(-128, 127)),
        ("INT32", "int_contents", st.integers(-(2**31), 2**31 - 1)),
        ("INT64", "int64_contents", st.integers(-(2**63), 2**63 - 1)),
        ("UINT16", "uint_contents", st.integers(0, 65535)),
        ("UINT64", "uint64_contents", st.integers(0, 2**64 - 1)),
        ("FP32", "fp32_contents", st.floats(width=32, allow_nan=False, allow_infinity=False)),
        ("FP64", "fp64_contents", st.floats(allow_nan=False, allow_infinity=False)),
        ("BYTES", "bytes_contents", st.binary(max_size=6)),
        ("BYTES", "bytes_contents", st.text(max_size=6).map(str.encode)),
    ]
)
values = st.one_of(
    st.booleans().map(lambda v: {"bool_param": v}),
    st.integers(-(2**63), 2**63 - 1).map(lambda v: {"int64_param": v}),
    st.text(max_size=8).map(lambda v: {"string_param": v}),
    st.floats(allow_nan=False).map(lambda v: {"double_param": v}),
)


@given(st.data())
def test_whatever_the_official_library_writes_is_read_and_written_to_the_same_message(data: st.DataObject) -> None:
    message = ask(model_version=data.draw(st.sampled_from(["", "3"])), id=data.draw(st.sampled_from(["", "a-7"])))
    for index in range(data.draw(st.integers(1, 3))):
        datatype, field, elements = data.draw(numbers)
        drawn = data.draw(st.lists(elements, max_size=4))
        message.inputs.append(tensor(datatype, [len(drawn)], f"x{index}", **{field: drawn}))
    for name in data.draw(st.lists(st.text("abc", min_size=1, max_size=3), unique=True, max_size=3)):
        message.parameters[name].CopyFrom(service_pb2.InferParameter(**data.draw(values)))
        message.outputs.add(name=name).parameters[name].CopyFrom(service_pb2.InferParameter(**data.draw(values)))
    route = way()
    found = KSERVE_GRPC.read({}, message.SerializeToString(), route, ANY_NUMBER)
    assert not isinstance(found, Denial), found
    assert service_pb2.ModelInferRequest.FromString(found[1]) == message
    assert service_pb2.ModelInferRequest.FromString(KSERVE_GRPC.encode(found[0], route)) == message
    assert KSERVE_GRPC.reread(found[1], route) == found[0]


@given(st.binary(max_size=64))
def test_any_bytes_are_read_as_the_official_library_reads_them_or_not_at_all(message: bytes) -> None:
    try:
        document, raw = read_infer(message, INPUTS)
    except FaultError:
        return
    again = write_infer(document, INPUTS, raw=raw)
    assert service_pb2.ModelInferRequest.FromString(again) == service_pb2.ModelInferRequest.FromString(message)


def test_numbers_may_stand_one_by_one_as_older_writers_do() -> None:
    one_by_one = pb.number_field(3, 2) + pb.text_field(1, "x") + pb.text_field(2, "INT64")
    contents = pb.number_field(3, 5) + pb.number_field(3, -6)
    message = pb.text_field(1, "iris") + pb.bytes_field(5, one_by_one + pb.bytes_field(5, contents))
    document, _ = read_infer(message, INPUTS)
    assert document["inputs"] == [{"name": "x", "datatype": "INT64", "shape": [2], "data": [5, -6]}]


def test_raw_contents_are_read_like_raw_tensors() -> None:
    texts = packed("grün".encode(), b"b")
    message = ask(inputs=[tensor("BYTES", [2]), tensor("FP16", [1], "y")], raw_input_contents=[texts, b"\0\x3c"])
    route = way()
    found = KSERVE_GRPC.read({}, message.SerializeToString(), route, ANY_NUMBER)
    assert not isinstance(found, Denial)
    assert [each["data"] for each in found[0]["inputs"]] == [["grün", "b"], b"\0\x3c"]
    assert service_pb2.ModelInferRequest.FromString(found[1]) == message


def test_elements_that_are_no_text_are_unreadable_in_either_form() -> None:
    for message in (
        ask(inputs=[tensor("BYTES", bytes_contents=[b"\xff"])]),
        ask(inputs=[tensor("BYTES")], raw_input_contents=[packed(b"\xff")]),
    ):
        route = way()
        found = KSERVE_GRPC.read({}, message.SerializeToString(), route, ANY_NUMBER)
        assert not isinstance(found, Denial)
        assert KSERVE_GRPC.unreadable(found[0], route) == ["inputs[0].data"]


@pytest.mark.parametrize(
    "message",
    [
        ask(),
        ask(inputs=[tensor()]),
        ask(inputs=[tensor(shape=[2], fp32_contents=[1.0])]),
        ask(inputs=[tensor(shape=[-1], fp32_contents=[1.0])]),
        ask(inputs=[tensor(shape=[2**32, 2**32], fp32_contents=[])]),
        ask(inputs=[tensor(shape=[2**62, 4], fp32_contents=[])]),
        ask(inputs=[tensor(shape=[1] * 17, fp32_contents=[1.0])]),
        ask(inputs=[tensor(fp64_contents=[1.0])]),
        ask(inputs=[tensor(fp32_contents=[1.0], bytes_contents=[b"hidden"])]),
        ask(inputs=[tensor("INT8", int_contents=[128])]),
        ask(inputs=[tensor("UINT8", uint_contents=[256])]),
        ask(inputs=[tensor("FP16", fp32_contents=[1.0])]),
        ask(inputs=[tensor("STRING", bytes_contents=[b"a"])]),
        ask(inputs=[tensor(fp32_contents=[1.0]), tensor(fp32_contents=[1.0])]),
        ask(inputs=[tensor(name="a\0b", fp32_contents=[1.0])]),
        ask(inputs=[tensor(name="a\nb", fp32_contents=[1.0])]),
        ask(inputs=[tensor(name="", fp32_contents=[1.0])]),
        ask(inputs=[tensor(fp32_contents=[1.0])], raw_input_contents=[b"\0\0\0\0"]),
        ask(inputs=[tensor()], raw_input_contents=[b"\0\0\0\0", b"\0\0\0\0"]),
        ask(inputs=[tensor(), tensor(name="y")], raw_input_contents=[b"\0\0\0\0"]),
        ask(inputs=[tensor()], raw_input_contents=[b"\0\0\0"]),
        ask(inputs=[tensor()], raw_input_contents=[b"\0\0\0\0\0"]),
        ask(inputs=[tensor("BYTES")], raw_input_contents=[b"\xff\xff\xff\xffa"]),
        ask(inputs=[tensor("BYTES", [2])], raw_input_contents=[packed(b"a")]),
        ask(inputs=[tensor("BYTES", [1])], raw_input_contents=[packed(b"a", b"b")]),
        ask(id="a\nb", inputs=[tensor(fp32_contents=[1.0])]),
        ask(model_name="x" * 257, inputs=[tensor(fp32_contents=[1.0])]),
        ask(inputs=[tensor(fp32_contents=[1.0])], parameters={"": service_pb2.InferParameter(bool_param=True)}),
        ask(inputs=[tensor(fp32_contents=[1.0])], parameters={"a": service_pb2.InferParameter()}),
        ask(
            inputs=[tensor(fp32_contents=[1.0])],
            parameters={"shared_memory_region": service_pb2.InferParameter(string_param="r")},
        ),
    ],
)
def test_a_message_whose_tensors_lie_is_refused(message: Any) -> None:
    denied(message.SerializeToString())


FINE = ask(inputs=[tensor(fp32_contents=[1.0])]).SerializeToString()


@pytest.mark.parametrize(
    "message",
    [
        FINE + pb.text_field(99, "hidden"),
        FINE + pb.text_field(8, "hidden"),
        FINE + pb.text_field(1, "other"),
        FINE + pb.bytes_field(5, pb.text_field(1, "y") + pb.text_field(9, "hidden")),
        FINE + pb.bytes_field(6, pb.text_field(1, "y") + pb.text_field(3, "hidden")),
        FINE + pb.bytes_field(4, pb.text_field(1, "k") + pb.text_field(3, "hidden")),
        FINE + pb.bytes_field(4, pb.text_field(1, "k") + pb.bytes_field(2, pb.text_field(6, "hidden"))),
        FINE + pb.bytes_field(4, pb.text_field(1, "k") + pb.bytes_field(2, pb.text_field(3, "a")) * 2),
        FINE + pb.bytes_field(4, pb.text_field(1, "k") + pb.bytes_field(2, pb.text_field(3, "a"))) * 2,
        FINE + pb.bytes_field(4, pb.bytes_field(2, pb.text_field(3, "a") + pb.number_field(1, 1))),
        FINE + pb.number_field(1, 1),
        FINE + pb.number_field(5, 1),
        FINE + pb.bytes_field(3, b"\xff"),
        FINE + b"\x00\x01",
        FINE + b"\x0b",
        FINE + b"\x0c",
        FINE + b"\x0f",
        FINE + b"\x0a\xff",
        FINE + b"\x0a\x80",
        FINE + b"\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
        FINE + b"\x80\x80\x80\x80\x80\x01",
        FINE + pb.bytes_field(3, b"") * (pb.MOST_FIELDS + 1),
        FINE[:-1],
    ],
)
def test_a_message_with_anything_unknown_doubled_or_malformed_is_refused(message: bytes) -> None:
    assert "hidden" not in denied(message).detail


def test_more_numbers_than_are_read_one_by_one_are_refused() -> None:
    contents = pb.bytes_field(3, b"\1" * (pb.MOST_VARINTS + 1))
    body = pb.text_field(1, "x") + pb.text_field(2, "INT64") + pb.bytes_field(5, contents)
    assert "raw contents" in denied(pb.text_field(1, "iris") + pb.bytes_field(5, body)).detail


def test_answers_are_read_searched_and_written_again() -> None:
    answer = service_pb2.ModelInferResponse(model_name="inner", id="alice@example.org")
    answer.outputs.add(name="y", datatype="BYTES", shape=[1])
    answer.raw_output_contents.append(packed(b"bob@example.org"))
    route = way()
    found = KSERVE_GRPC.read_answer({}, answer.SerializeToString(), route)
    assert found is not None
    assert b"bob@example.org" in found[1]
    assert b"alice@example.org" in found[1]
    for text in KSERVE_GRPC.answer_texts(found[0], route):
        text.holder[text.key] = text.value.replace("example.org", "*")
    again = service_pb2.ModelInferResponse.FromString(KSERVE_GRPC.encode_answer(found[0], route))
    assert (again.id, again.raw_output_contents[0]) == ("alice@*", packed(b"bob@*"))
    assert KSERVE_GRPC.read_answer({}, answer.SerializeToString() + pb.text_field(9, "x"), route) is None
    assert read_infer(answer.SerializeToString(), OUTPUTS)[1]


def test_metadata_is_written_as_the_official_library_reads_it() -> None:
    inputs = [{"name": "x", "datatype": "FP32", "shape": (-1, 4)}]
    told = model({"name": "iris", "versions": ("2", "1"), "inputs": inputs, "outputs": []})
    read = service_pb2.ModelMetadataResponse.FromString(told)
    assert (read.name, list(read.versions)) == ("iris", ["2", "1"])
    assert (read.inputs[0].name, list(read.inputs[0].shape)) == ("x", [-1, 4])
    assert service_pb2.ServerMetadataResponse.FromString(server("g", "2", ("e",))).extensions == ["e"]


@pytest.mark.parametrize("method", ["ModelStreamInfer", "RepositoryIndex", "ModelConfig", "modelinfer", ""])
def test_other_methods_do_not_exist(method: str) -> None:
    assert recognise("grpc", b"/inference.GRPCInferenceService/" + method.encode()) is Reason.ROUTE_UNKNOWN


@pytest.mark.parametrize("spelled", ["POST", "GRPC", "GET"])
def test_nothing_here_can_be_asked_for_over_http(spelled: str) -> None:
    assert recognise(spelled, INFER) is Reason.ROUTE_UNKNOWN


def test_the_model_is_named_in_the_message_and_goes_on_under_its_other_name() -> None:
    route = way()
    found = KSERVE_GRPC.read({}, FINE, route, ANY_NUMBER)
    assert not isinstance(found, Denial)
    assert KSERVE_GRPC.check(found[0], route) is None
    assert KSERVE_GRPC.model(found[0], route) == "iris"
    route.pinned = "2"
    KSERVE_GRPC.prepare(found[0], route, "inner")
    sent = service_pb2.ModelInferRequest.FromString(KSERVE_GRPC.encode(found[0], route))
    assert (sent.model_name, sent.model_version) == ("inner", "2")


@pytest.mark.parametrize("raw", [False, True])
def test_all_texts_of_a_message_together_are_bounded(raw: bool) -> None:
    texts = [b"a", b"b", b"c"]
    tensors = [tensor("BYTES", (3,), name, **({} if raw else {"bytes_contents": texts})) for name in ("x", "y")]
    told = {"raw_input_contents": [b"\1\0\0\0a" * 3] * 2} if raw else {}
    message = ask(inputs=tensors, **told).SerializeToString()
    assert not isinstance(KSERVE_GRPC.read({}, message, way(), 6), Denial)
    assert isinstance(KSERVE_GRPC.read({}, message, way(), 5), Denial)


def test_texts_are_as_many_as_their_shape_says() -> None:
    lying = tensor("BYTES", (2,), bytes_contents=[b"a", b"b", b"c"])
    assert "as its shape says" in denied(ask(inputs=[lying]).SerializeToString()).detail
