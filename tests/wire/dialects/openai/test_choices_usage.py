"""Usage in a stream: the frame that only the gateway wanted is hidden, and nothing else is lost with it."""

from guardhouse.model.usage import Usage

from .client import events_of, frame, piece, sse
from .masking import masked, through, whole

USAGE = {"prompt_tokens": 7, "completion_tokens": 9}


def test_a_usage_frame_nobody_asked_for_is_hidden() -> None:
    answer = masked(hide_usage=True)
    out = through(
        answer, sse(frame(piece(content="a "), usage=None), frame(piece(finish="stop"), usage=None), frame(usage=USAGE))
    )
    assert events_of(out) == [frame(piece(content="a ")), frame(piece(finish="stop")), "[DONE]"]
    assert answer.usage == Usage(7, 9)


def test_usage_beside_choices_was_not_the_gateways_wish_and_stays() -> None:
    answer = masked(hide_usage=True)
    document = frame(piece(content="x ", finish="stop"), usage=USAGE)
    assert events_of(through(answer, sse(document))) == [document, "[DONE]"]
    assert answer.usage == Usage(7, 9)


def test_what_the_hidden_frame_tells_besides_is_told_by_the_event_before_it() -> None:
    last = frame(piece(finish="stop"), obfuscation="long")
    hidden = frame(usage=USAGE, obfuscation="x", timings={"by": "bob@example.com", "ms": 3})
    out = through(masked(hide_usage=True), sse(frame(piece(content="a ")), last, hidden))
    told = {**last, "timings": {"by": whole("bob@example.com"), "ms": 3}}
    assert events_of(out) == [frame(piece(content="a ")), told, "[DONE]"]


def test_an_event_that_ends_a_choice_waits_for_the_next_one_and_for_nothing_else() -> None:
    answer = masked(hide_usage=True)
    end = b"event: x\n" + sse(frame(piece(finish="stop")), done=False)
    assert answer.feed(end) == b""
    assert events_of(answer.feed(sse(frame(piece(1, finish="stop")), done=False))) == [frame(piece(finish="stop"))]
    assert events_of(answer.feed(sse(frame(piece(2, content="a ")), done=False))) == [
        frame(piece(1, finish="stop")),
        frame(piece(2, content="a ")),
    ]
    assert through(masked(hide_usage=True), end).startswith(b"event: x\ndata: ")
    assert events_of(through(masked(), end)) == [frame(piece(finish="stop"))]


def test_a_usage_frame_that_was_asked_for_stays() -> None:
    document = frame(usage=USAGE)
    assert events_of(through(masked(), sse(document)))[0] == document
