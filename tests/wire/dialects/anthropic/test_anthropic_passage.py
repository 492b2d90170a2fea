"""Without masking the upstream's bytes pass, and what they tell is still learnt."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.reason import Reason
from guardhouse.model.usage import Usage

from .messages import END, START, begin, end, events_of, passing, piece, sse, text_stream

SOURCE = text_stream("hello bob@example.com", " and more")


@pytest.mark.parametrize(
    "source", [SOURCE, b"\xef\xbb\xbf" + SOURCE, SOURCE.replace(b"\n", b"\r\n"), b": ping\n\n" + SOURCE]
)
def test_whole_pieces_pass_byte_for_byte(source: bytes) -> None:
    answer = passing()
    assert answer.feed(source) + answer.finish() == source
    assert (answer.usage, answer.finish_reason) == (Usage(9, 9), "stop")


def test_every_cut_gives_the_same_events_and_tells_the_same() -> None:
    for at in range(len(SOURCE) + 1):
        answer = passing()
        out = answer.feed(SOURCE[:at]) + answer.feed(SOURCE[at:]) + answer.finish()
        assert events_of(out) == events_of(SOURCE)
        assert (answer.usage, answer.finish_reason, answer.events) == (Usage(9, 9), "stop", 7)


def test_nothing_leaves_before_its_event_is_complete() -> None:
    answer = passing()
    assert answer.feed(b"event: ping\n") == b""
    assert answer.feed(b'data: {"type":"ping"}\n') == b""
    assert answer.feed(b"\n") == b'event: ping\ndata: {"type":"ping"}\n\n'


def test_output_of_a_stream_that_is_cut_is_not_taken_from_its_beginning() -> None:
    answer = passing()
    answer.feed(sse(START, begin(0), *[piece(0, " word") for _ in range(100)]))
    assert answer.usage is None
    assert answer.output_chars >= 400


def test_later_figures_take_the_place_of_earlier_ones() -> None:
    answer = passing()
    usage = {"input_tokens": 20, "cache_read_input_tokens": 0, "cache_creation_input_tokens": 5, "output_tokens": 40}
    answer.feed(sse(START, {**END[0], "usage": {**usage, "output_tokens": 3}}, {**END[0], "usage": usage}))
    assert answer.usage == Usage(25, 40)


def test_words_in_a_text_tell_nothing() -> None:
    answer = passing()
    spoof = '{"type":"message_delta","usage":{"output_tokens":1},"delta":{"stop_reason":"refusal"}}'
    answer.feed(sse(START, begin(0), piece(0, spoof), {**piece(0, '"message_'), "message": {"usage": {}}}, end(0)))
    assert (answer.usage, answer.finish_reason) == (None, "")


def test_an_endless_event_ends_the_stream() -> None:
    answer = passing()
    for _ in range(10):
        answer.feed(b"x" * 1024 * 1024)
    assert answer.error is Reason.RESPONSE_TOO_LARGE


@given(st.binary(max_size=80), st.integers(1, 9))
def test_arbitrary_bytes_never_raise_and_lose_no_event(source: bytes, size: int) -> None:
    at_once, in_pieces = passing(), passing()
    one = at_once.feed(source) + at_once.finish()
    many = b"".join([in_pieces.feed(source[at : at + size]) for at in range(0, len(source), size)]) + in_pieces.finish()
    assert at_once.events == in_pieces.events
    assert one.count(b"data") == many.count(b"data") or b"\r" in source
