"""Without masking the upstream's bytes pass, and what they tell is still learnt."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.model.usage import Usage
from guardhouse.wire.dialects.flow import AnswerStream
from guardhouse.wire.dialects.openai.streams import stream

from .client import events_of, frame, piece, sse

USAGE = {"prompt_tokens": 7, "completion_tokens": 9}
CHAT = [
    frame(piece(role="assistant", content=""), usage=None),
    frame(piece(content="hello bob@example.com"), usage=None),
    frame(piece(finish="stop"), usage=None),
    frame(usage=USAGE),
]
RESPONSES = [
    {"type": "response.output_text.delta", "delta": "x"},
    {
        "type": "response.completed",
        "response": {"status": "completed", "usage": {"input_tokens": 7, "output_tokens": 9}},
    },
]


def passage(operation: Operation = Operation.CHAT, *, hide_usage: bool = False) -> AnswerStream:
    return stream(operation, masker=None, whole=None, hide_usage=hide_usage)


def compact(*documents: object) -> bytes:
    return (
        b"".join([b"data: %b\n\n" % json.dumps(d, separators=(",", ":")).encode() for d in documents])
        + b"data: [DONE]\n\n"
    )


@pytest.mark.parametrize(
    "source", [sse(*CHAT), compact(*CHAT), b"\xef\xbb\xbf" + sse(*CHAT), sse(*CHAT).replace(b"\n", b"\r\n")]
)
def test_whole_pieces_pass_byte_for_byte(source: bytes) -> None:
    answer = passage()
    assert answer.feed(source) + answer.finish() == source
    assert answer.usage == Usage(7, 9)
    assert answer.finish_reason == "stop"


@pytest.mark.parametrize("hide_usage", [True, False])
@pytest.mark.parametrize("source", [sse(*CHAT), compact(*CHAT)])
def test_every_cut_gives_the_same_events_and_tells_the_same(hide_usage: bool, source: bytes) -> None:
    expected = [*(CHAT[:-1] if hide_usage else CHAT), "[DONE]"]
    for at in range(len(source) + 1):
        answer = passage(hide_usage=hide_usage)
        out = answer.feed(source[:at]) + answer.feed(source[at:]) + answer.finish()
        assert events_of(out) == expected
        assert (answer.usage, answer.finish_reason, answer.events) == (Usage(7, 9), "stop", 5)


def test_usage_beside_choices_was_not_the_gateways_wish_and_stays() -> None:
    answer = passage(hide_usage=True)
    source = sse(frame(piece(content="x", finish="stop"), usage=USAGE))
    assert answer.feed(source) == source
    assert answer.usage == Usage(7, 9)


@pytest.mark.parametrize("source", [sse, compact])
def test_what_the_hidden_frame_tells_besides_is_told_by_the_event_before_it(source: Callable[..., bytes]) -> None:
    last = frame(piece(finish="stop"), obfuscation="long")
    documents = [*CHAT[:2], last, frame(usage=USAGE, obfuscation="x", timings={"ms": 3})]
    whole = source(*documents)
    for at in range(len(whole) + 1):
        answer = passage(hide_usage=True)
        out = answer.feed(whole[:at]) + answer.feed(whole[at:]) + answer.finish()
        assert events_of(out) == [*CHAT[:2], {**last, "timings": {"ms": 3}}, "[DONE]"]


def test_an_event_that_ends_a_choice_waits_for_the_next_one_and_for_nothing_else() -> None:
    answer = passage(hide_usage=True)
    first, second = (sse(frame(piece(index, finish="stop")), done=False) for index in (0, 1))
    assert answer.feed(first) == b""
    assert answer.feed(second) == first
    assert answer.feed(b": still here\n\n") == second + b": still here\n\n"
    answer.feed(first)
    assert answer.finish() == first
    assert passage().feed(first) == first


@pytest.mark.parametrize(
    ("status", "end"),
    [("completed", "stop"), ("incomplete", "length"), ("failed", "error")],
)
def test_the_end_of_a_response_is_learnt(status: str, end: str) -> None:
    answer = passage(Operation.RESPONSES)
    response = {"status": status, "incomplete_details": {"reason": "max_output_tokens"}}
    source = sse(
        RESPONSES[0],
        {"type": f"response.{status}", "response": {**response, "usage": {"input_tokens": 1, "output_tokens": 2}}},
    )
    assert answer.feed(source) == source
    assert (answer.usage, answer.finish_reason) == (Usage(1, 2), end)


def test_nothing_leaves_before_its_event_is_complete() -> None:
    answer = passage()
    assert answer.feed(b'data: {"a"') == b""
    assert answer.feed(b":1}\n") == b""
    assert answer.feed(b"\n") == b'data: {"a":1}\n\n'


def test_an_endless_event_ends_the_stream() -> None:
    answer = passage()
    for _ in range(10):
        answer.feed(b"x" * 1024 * 1024)
    assert answer.error is Reason.RESPONSE_TOO_LARGE


def test_every_event_counts_as_some_text() -> None:
    answer = passage()
    answer.feed(sse(*CHAT))
    assert answer.output_chars > 0
    assert answer.masked == {}


@given(st.binary(max_size=80), st.integers(1, 9), st.booleans())
def test_arbitrary_bytes_never_raise_and_lose_no_event(source: bytes, size: int, hide_usage: bool) -> None:
    at_once, in_pieces = passage(hide_usage=hide_usage), passage(hide_usage=hide_usage)
    one = at_once.feed(source) + at_once.finish()
    many = b"".join([in_pieces.feed(source[at : at + size]) for at in range(0, len(source), size)]) + in_pieces.finish()
    assert at_once.events == in_pieces.events
    assert one.count(b"data") == many.count(b"data") or b"\r" in source


def test_events_with_much_text_count_as_more_than_a_token_each() -> None:
    answer = passage()
    answer.feed(sse(*[frame(piece(content="word" * 1000)) for _ in range(10)]))
    assert 30_000 < answer.output_chars < 60_000
    answer = passage()
    answer.feed(sse(*[frame(piece(content="word")) for _ in range(10)]))
    assert answer.output_chars <= 44
