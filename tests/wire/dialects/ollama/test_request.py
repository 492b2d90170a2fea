"""What is let through is read in one way only, here and by a model server written in Go."""

import copy
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.dialect import Prepared
from guardhouse.wire.dialects.ollama.request import check, is_streamed, media, prepare, unknown_fields, unreadable

CHAT, GENERATE, EMBED = Operation.CHAT, Operation.COMPLETIONS, Operation.EMBEDDINGS
CALL = {"function": {"name": "look_up", "arguments": {"city": "Oslo"}}}
TOOL = {"type": "function", "function": {"name": "look_up", "description": "d", "parameters": {"type": "object"}}}


def chat(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "hello"}], **fields}


def said(**message: Any) -> dict[str, Any]:
    return chat(messages=[{"role": "user", "content": "hello"} | message])


GOOD = [
    (CHAT, chat()),
    (CHAT, chat(stream=False, think="high", format={"type": "object"}, keep_alive="5m", options={"num_ctx": 4096})),
    (CHAT, chat(tools=[TOOL])),
    (CHAT, said(role="assistant", content="", tool_calls=[CALL], thinking="hm")),
    (CHAT, said(role="tool", tool_name="look_up")),
    (CHAT, said(images=["aGVsbG8="])),
    (CHAT, chat(nobody_knows={"it": 1}, logprobs=True, top_logprobs=3)),
    (GENERATE, {"model": "m", "prompt": "p", "suffix": "s", "system": "y", "template": "t", "raw": True}),
    (GENERATE, {"model": "m", "prompt": "p", "context": [1, 2, 3], "keep_alive": 0}),
    (EMBED, {"model": "m", "input": "text"}),
    (EMBED, {"model": "m", "input": ["a", "b"], "truncate": False, "dimensions": 64}),
]
BAD = [
    (CHAT, [], "the body"),
    (CHAT, {"model": "m"}, "messages"),
    (CHAT, {"model": "", "messages": []}, "model"),
    (CHAT, chat(messages=[]), "messages"),
    (CHAT, chat(messages=["hello"]), "messages[0]"),
    (CHAT, said(role="root"), "messages[0].role"),
    (CHAT, said(content=["parts"]), "messages[0].content"),
    (CHAT, said(images="aGk="), "messages[0].images"),
    (CHAT, said(tool_calls=[{"function": {"name": "look up"}}]), "messages[0].tool_calls[0].function.name"),
    (CHAT, said(tool_calls=[{"function": {"arguments": "{}"}}]), "messages[0].tool_calls[0].function.arguments"),
    (CHAT, chat(tools=[{"function": {"name": 3}}]), "tools[0].function.name"),
    (CHAT, chat(stream="yes"), "stream"),
    (CHAT, chat(options=[]), "options"),
    (CHAT, chat(options={"num_predict": "many"}), "options.num_predict"),
    (CHAT, chat(options={"num_ctx": 2**40}), "options.num_ctx"),
    (GENERATE, {"model": "m", "prompt": ""}, "prompt"),
    (GENERATE, {"model": "m"}, "prompt"),
    (GENERATE, {"model": "m", "prompt": ["p"]}, "prompt"),
    (EMBED, {"model": "m", "input": []}, "input"),
    (EMBED, {"model": "m", "input": ["a", 1]}, "input[1]"),
    (EMBED, {"model": "m", "input": {}}, "input"),
]


@pytest.mark.parametrize(("operation", "document"), GOOD)
def test_what_clients_send_is_taken(operation: Operation, document: dict[str, Any]) -> None:
    assert check(document, operation) is None


@pytest.mark.parametrize(("operation", "document", "place"), BAD)
def test_another_shape_is_refused_and_its_place_is_named(operation: Operation, document: Any, place: str) -> None:
    denial = check(document, operation)
    assert denial is not None
    assert (denial.reason, denial.param) == (Reason.SHAPE_INVALID, place)


SPELLINGS = [
    ("Model", chat(Model="other"), "model"),
    ("MESSAGES", chat(MESSAGES=[]), "messages"),
    ("long s", chat() | {"me\u017f\u017fages": []}, "messages"),
    ("\u212aeep_alive", chat(Keep_alive=0), "keep_alive"),
    ("Options", chat(Options={"num_gpu": 1}), "options"),
    ("Images", said(Images=["x"]), "messages[0].images"),
    ("Role", said(Role="system"), "messages[0].role"),
    ("Num_Predict", chat(options={"Num_Predict": 9}), "options.num_predict"),
]


@pytest.mark.parametrize(("_name", "document", "place"), SPELLINGS, ids=[name for name, _, _ in SPELLINGS])
def test_a_second_spelling_of_a_field_is_refused(_name: str, document: dict[str, Any], place: str) -> None:
    denial = check(document, CHAT)
    assert denial is not None
    assert denial.param == place


@given(st.sampled_from(["model", "messages", "keep_alive", "options", "stream", "tools"]), st.data())
def test_no_spelling_of_a_known_field_in_other_letters_passes(field: str, draws: st.DataObject) -> None:
    upper = draws.draw(st.lists(st.booleans(), min_size=len(field), max_size=len(field)))
    name = "".join(letter.upper() if up else letter for letter, up in zip(field, upper, strict=True))
    if name != field:
        assert check(chat(**{name: None}), CHAT) is not None


@pytest.mark.parametrize("option", ["num_gpu", "main_gpu", "num_thread", "num_batch", "use_mmap", "NUM_GPU", "numa"])
def test_the_runner_is_left_to_the_model_server(option: str) -> None:
    denial = check(chat(options={option: 1}), CHAT)
    assert denial is not None
    assert denial.param == f"options.{option.lower()}"


@pytest.mark.parametrize("keep", [0, -1, "24h", None])
def test_nobody_keeps_or_unloads_a_model(keep: Any) -> None:
    document = chat(keep_alive=keep)
    assert prepare(document, "m") is Prepared.CHANGED
    assert document == chat()
    assert prepare(document, "m") is Prepared.AS_IT_WAS


def test_the_upstream_gets_its_own_name_of_the_model() -> None:
    document = chat()
    assert prepare(document, "theirs") is Prepared.CHANGED
    assert document == chat(model="theirs")


def test_answers_flow_unless_the_caller_says_otherwise() -> None:
    assert is_streamed(chat(), CHAT)
    assert is_streamed(chat(stream=None), CHAT)
    assert not is_streamed(chat(stream=False), CHAT)
    assert not is_streamed({"model": "m", "input": "x"}, EMBED)


def test_what_no_control_can_look_into_is_named() -> None:
    assert unreadable(said(images=["x"]), CHAT) == ["messages[0].images"]
    assert unreadable({"prompt": "p", "images": ["x"], "context": [1]}, GENERATE) == ["images", "context"]
    assert unreadable({"input": "x"}, EMBED) == []


def test_unknown_fields_are_listed() -> None:
    assert unknown_fields(said(extra=1) | {"more": 2}, CHAT) == ["messages[0].extra", "more"]
    assert unknown_fields(chat(options={"lora": "/x", "top_k": 1}), CHAT) == ["options.lora"]
    assert unknown_fields(chat(options=None), CHAT) == []


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "x"]), inner),
    max_leaves=8,
)
FIELDS = ("messages", "prompt", "input", "tools", "options", "format", "images", "context", "stream", "think")


@given(
    st.sampled_from([CHAT, GENERATE, EMBED]),
    st.fixed_dictionaries({"model": st.just("m")}, optional=dict.fromkeys(FIELDS, VALUES)),
)
def test_what_passes_can_be_read_to_the_end_and_what_does_not_is_a_400(
    operation: Operation, document: dict[str, Any]
) -> None:
    before = copy.deepcopy(document)
    denial = check(document, operation)
    assert document == before
    if denial is not None:
        assert denial.reason.status == 400
        return
    assert isinstance(unreadable(document, operation), list)
    assert isinstance(unknown_fields(document, operation), list)
    prepare(document, "u")
    assert check(msgspec.json.decode(msgspec.json.encode(document)), operation) is None


def test_images_are_told_of_one_by_one() -> None:
    chat = {"model": "m", "messages": [{"role": "user", "content": "x"}, {"role": "user", "images": ["AAAA", "BBBB"]}]}
    assert [(part.kind, part.place, part.value) for part in media(chat, Operation.CHAT)] == [
        ("image", "messages[1].images[0]", "AAAA"),
        ("image", "messages[1].images[1]", "BBBB"),
    ]
    generate = {"model": "m", "prompt": "x", "images": ["AAAA"], "context": [1, 2]}
    assert [part.place for part in media(generate, Operation.COMPLETIONS)] == ["images[0]"]
    assert media({"model": "m", "input": "x"}, Operation.EMBEDDINGS) == []
