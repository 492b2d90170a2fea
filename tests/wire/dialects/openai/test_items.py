"""The Responses API in a stream: deltas give the masked text, and the events that repeat it say the same."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect.masker import mask
from guardhouse.inspect.stream import StreamMasker
from guardhouse.model.denial import Denial
from guardhouse.model.entity import EVERY_ENTITY
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.model.usage import Usage
from guardhouse.wire.dialects.flow import AnswerStream
from guardhouse.wire.dialects.openai.streams import stream

from .client import events_of, put_together_items

SECRETS = [
    "write to bob.smith@example.com, or",
    "card 4111 1111 1111 1111.",
    "key AKIAIOSFODNN7EXAMPLE end",
    "plain words only",
    "éé bob@exämple.example é",
]


def whole(text: str, escaped: bool = False) -> str:
    return mask(text, EVERY_ENTITY, escaped=escaped)[0]


def masked() -> AnswerStream:
    return stream(
        Operation.RESPONSES,
        masker=lambda escaped: StreamMasker(EVERY_ENTITY, escaped=escaped),
        whole=whole,
        hide_usage=False,
    )


def named(*events: dict[str, Any]) -> bytes:
    return b"".join([f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events])


def told(*pieces: str, text: str | None = None, kind: str = "output_text") -> list[dict[str, Any]]:
    """A response with one text, as the API tells it from beginning to end."""
    complete = "".join(pieces) if text is None else text
    place = {"item_id": "msg_1", "output_index": 0, "content_index": 0}
    field = "arguments" if kind.endswith("arguments") else "text"
    part = {"type": "output_text", "text": complete, "logprobs": [{"token": "bob@"}]}
    item = {"type": "message", "id": "msg_1", "role": "assistant", "content": [part]}
    usage = {"input_tokens": 7, "output_tokens": 9, "total_tokens": 16}
    response = {
        "id": "resp_1",
        "object": "response",
        "model": "m",
        "status": "completed",
        "output": [item],
        "usage": usage,
    }
    events: list[dict[str, Any]] = [
        {"type": "response.created", "response": {**response, "status": "in_progress", "output": [], "usage": None}},
        {"type": "response.output_item.added", "output_index": 0, "item": {**item, "content": []}},
        *[
            {"type": f"response.{kind}.delta", **place, "delta": piece, "logprobs": [{"token": "b"}]}
            for piece in pieces
        ],
        {"type": f"response.{kind}.done", **place, field: complete},
        {"type": "response.content_part.done", **place, "part": part},
        {"type": "response.output_item.done", "output_index": 0, "item": item},
        {"type": "response.completed", "response": response},
    ]
    return [{**event, "sequence_number": number} for number, event in enumerate(events)]


@pytest.mark.parametrize("secret", SECRETS)
def test_every_cut_gives_the_masked_text_in_deltas_and_in_all_that_repeats_it(secret: str) -> None:
    for at in range(len(secret) + 1):
        answer = masked()
        out = answer.feed(named(*told(secret[:at], secret[at:]))) + answer.finish()
        seen = put_together_items(out)
        assert seen == {("response.output_text.delta", "msg_1", 0): whole(secret)}
        *_, done, part, item, completed = events_of(out)
        assert done["text"] == part["part"]["text"] == item["item"]["content"][0]["text"] == whole(secret)
        assert completed["response"]["output"][0]["content"][0]["text"] == whole(secret)


def test_every_cut_of_the_bytes_gives_the_same_events() -> None:
    source = named(*told("write to ", "bob@exam", "ple.com, é"))
    expected = masked().feed(source)
    for at in range(len(source) + 1):
        answer = masked()
        assert answer.feed(source[:at]) + answer.feed(source[at:]) + answer.finish() == expected


@given(
    st.lists(st.sampled_from([*SECRETS, " ", "a", "@", "4", '"', "\\"]), max_size=5).map("".join),
    st.lists(st.integers(0, 9), max_size=8),
)
def test_arguments_in_any_pieces_stay_json_and_are_masked(text: str, sizes: list[int]) -> None:
    source = json.dumps({"a": text})
    pieces, rest = [], source
    for size in sizes:
        pieces.append(rest[:size])
        rest = rest[size:]
    answer = masked()
    out = answer.feed(named(*told(*pieces, rest, kind="function_call_arguments"))) + answer.finish()
    (seen,) = put_together_items(out).values()
    assert seen == whole(source, escaped=True)
    json.loads(seen)
    (done,) = [event for event in events_of(out) if event["type"].endswith("arguments.done")]
    assert done["arguments"] == seen


def test_sequence_numbers_stay_in_order_when_an_event_is_added() -> None:
    events = events_of(masked().feed(named(*told("write to bob"))))
    assert [event["sequence_number"] for event in events] == list(range(len(told("x")) + 1))


def test_texts_of_several_items_are_kept_apart() -> None:
    def delta(item: str, piece: str) -> dict[str, Any]:
        return {
            "type": "response.output_text.delta",
            "item_id": item,
            "output_index": 0,
            "content_index": 0,
            "delta": piece,
        }

    source = [delta("a", "4111 1111 "), delta("b", "bob@exam"), delta("a", "1111 1111"), delta("b", "ple.com")]
    answer = masked()
    out = answer.feed(named(*source)) + answer.finish()
    kind = "response.output_text.delta"
    assert put_together_items(out) == {
        (kind, "a", 0): whole("4111 1111 1111 1111"),
        (kind, "b", 0): whole("bob@example.com"),
    }


@pytest.mark.parametrize(
    "ending",
    [
        {
            "type": "response.output_item.done",
            "output_index": 0,
            "item": {"type": "message", "id": "msg_1", "content": []},
        },
        {"type": "response.content_part.done", "item_id": "msg_1", "output_index": 0, "part": {"type": "output_text"}},
        {
            "type": "response.incomplete",
            "response": {"status": "incomplete", "incomplete_details": {"reason": "content_filter"}},
        },
        {"type": "response.failed", "response": {"status": "failed"}},
    ],
)
def test_whatever_ends_a_text_is_preceded_by_what_was_held_back(ending: dict[str, Any]) -> None:
    events = events_of(masked().feed(named(*told("write to bob")[:3], ending)))
    assert "".join(event.get("delta", "") for event in events) == "write to bob"
    assert events[-1]["type"] == ending["type"]


def test_usage_end_counts_and_length_are_learnt() -> None:
    answer = masked()
    answer.feed(named(*told("bob@example.com")))
    assert (answer.usage, answer.finish_reason, answer.output_chars) == (Usage(7, 9), "stop", 15)
    assert answer.masked["email"] >= 1


def test_token_wise_spellings_are_emptied_everywhere() -> None:
    out = masked().feed(named(*told("bob@", "example.com")))
    assert b'token"' not in out


def test_strings_in_unknown_fields_are_masked_and_ids_stay() -> None:
    event = {
        "type": "response.new_thing",
        "item_id": "msg_4111111111111111",
        "note": "bob@example.com",
        "response": "ann@example.com",
        "x": [{"y": "eve@example.com"}],
    }
    (seen,) = events_of(masked().feed(named(event)))
    assert seen["item_id"] == "msg_4111111111111111"
    assert "example.com" not in json.dumps(seen)


@pytest.mark.parametrize(
    "source",
    [
        b"data: {\n\n",
        b'data: {"delta":"bob@"}\n\n',
        b'data: {"type":["response.output_text.delta"],"delta":"bob@"}\n\n',
        named({"type": "response.audio.delta", "delta": "AAAA"}),
        named({"type": "response.image_generation_call.partial_image", "partial_image_b64": "AAAA"}),
        named({"type": "response.new.delta", "delta": {"text": "bob@"}}),
        named({"type": "response.output_text.delta", "item_id": 5, "delta": "x"}),
        named({"type": "response.output_item.done", "item": {"type": "image_generation_call", "result": "AAAA"}}),
        named({"type": "response.completed", "response": {"output": [{"type": "image_generation_call"}]}}),
        named(*told("4111 1111 ")[:4], *told("1111 1111")[2:3]),
        named(
            *[{"type": "response.output_text.delta", "item_id": str(number), "delta": "x"} for number in range(1100)]
        ),
    ],
    ids=range(11),
)
def test_what_cannot_be_judged_ends_the_stream_without_a_byte_of_it(source: bytes) -> None:
    answer = masked()
    assert answer.feed(source) == b""
    assert answer.error is Reason.RESPONSE_UNREADABLE
    assert answer.finish() == b""


def test_the_terminator_is_the_apis_own_error_event() -> None:
    answer = masked()
    answer.feed(named(*told("x")[:3]))
    last = answer.terminator(Denial(Reason.UPSTREAM_CLOSED_EARLY))
    assert last.startswith(b"event: error\n")
    (event,) = events_of(last)
    assert (event["type"], event["code"], event["sequence_number"]) == ("error", "upstream_closed_early", 3)


JUNK = st.recursive(
    st.none() | st.integers(0, 2) | st.sampled_from(["x", "bob@example.com", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["output", "content", "text", "item", "type", "role", "usage", "status", "z"]),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(
    [
        "response.completed",
        "response.output_item.done",
        "response.content_part.done",
        "response.output_text.delta",
        "response.output_text.done",
        "z",
    ]
)


@given(
    st.lists(
        st.tuples(
            KINDS,
            st.dictionaries(st.sampled_from(["response", "item", "part", "delta", "text", "z"]), JUNK, max_size=4),
        ),
        max_size=4,
    )
)
def test_no_event_is_too_odd_and_nothing_whole_slips_through(drawn: list[tuple[str, dict[str, Any]]]) -> None:
    answer = masked()
    out = answer.feed(named(*[{"type": kind, **rest} for kind, rest in drawn])) + answer.finish()
    assert b"bob@example.com" not in out
    assert answer.error is None or out == b""


@pytest.mark.parametrize(
    "document",
    [
        {"type": "response.output_text.delta", "item_id": "i", "output_index": 0, "content_index": 0, "delta": "x"},
        {"type": "response.output_item.added", "output_index": 0, "item": {"id": "i", "type": "message"}},
    ],
)
def test_names_of_members_are_masked_where_they_may_be_content(document: dict[str, Any]) -> None:
    body = json.dumps({**document, "bob.smith@example.com": 1}).encode()
    answer = masked()
    out = answer.feed(b"event: %b\ndata: %b\n\n" % (document["type"].encode(), body)) + answer.finish()
    assert b"bob" not in out
    assert b'"[EMAIL]":1' in out
