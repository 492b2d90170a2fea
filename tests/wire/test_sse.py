"""Event streams: a slow decoder that has the whole stream before it says what the fast one must find in pieces."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.reason import Reason
from guardhouse.wire.sse import Event, SseDecoder, encode

Seen = tuple[bytes | None, bytes, bytes]


def seen(events: list[Event]) -> list[Seen]:
    return [(event.data, event.name, event.lines) for event in events]


def reference(stream: bytes, *, ended: bool) -> list[Seen]:
    """The rules of the HTML standard read one after the other, on the whole stream; `ended` adds what was cut off."""
    lines = re.split(rb"\r\n|\r|\n", stream.removeprefix(b"\xef\xbb\xbf"))
    unfinished = lines.pop()
    if ended:
        lines += [unfinished, b""]
    events: list[Seen] = []
    values: list[bytes] = []
    others: list[bytes] = []
    name = b""
    for line in lines:
        if not line:
            if values or others:
                events.append((b"\n".join(values) if values else None, name, b"".join(others)))
            values, others, name = [], [], b""
            continue
        field, _, value = line.partition(b":")
        value = value[1:] if value[:1] == b" " else value
        if field == b"data":
            values.append(value)
        else:
            others.append((b":" if line.startswith(b"\xef\xbb\xbf") else b"") + line + b"\n")
            name = value if field == b"event" else name
    return events


def fed(pieces: list[bytes], *, ended: bool = False) -> list[Seen]:
    decoder = SseDecoder()
    events = [event for piece in pieces for event in decoder.feed(piece)]
    assert decoder.error is None
    return seen(events + decoder.finish() if ended else events)


STREAMS = {
    "one event": b"data: x\n\n",
    "many events": b'data: {"a":1}\n\ndata: {"b":2}\n\ndata: [DONE]\n\n',
    "CR": b"data: x\rdata: y\r\rdata: z\r\r",
    "CRLF": b"data: x\r\ndata: y\r\n\r\ndata: z\r\n\r\n",
    "mixed line ends": b"data: x\r\n\ndata: y\n\r\ndata: z\r\r\ndata: w\n\r",
    "a mark at the beginning": b"\xef\xbb\xbfdata: x\n\n",
    "a mark later is a name": b"data: x\n\n\xef\xbb\xbfdata: y\n\n",
    "two marks": b"\xef\xbb\xbf\xef\xbb\xbfdata: y\n\n",
    "comments": b": ping\n\n:\n\ndata: x\n: in between\ndata: y\n\n",
    "every field": b"event: e\nid: 7\nretry: 10\nunknown: u\ndata: x\n\n",
    "two names": b"event: first\nevent: second\ndata: x\n\n",
    "no space": b"data:x\ndata:\ndata: \ndata:  two\ndata\n\n",
    "no colon": b"event\ndata: x\n\n",
    "a colon in the value": b"data: a: b: c\n\n",
    "fields in capitals are unknown": b"Data: x\n\n",
    "a field with a space before it": b" data: x\n\n",
    "an event without data": b"event: ping\n\n",
    "nothing but line ends": b"\n\r\n\r\n\n",
    "blank lines between": b"\n\n\ndata: x\n\n\n\ndata: y\n\n\n",
    "the end is missing": b"data: x\n\ndata: y\ndata: z",
    "only the blank line is missing": b"data: x\n\ndata: [DONE]\n",
    "NUL": b"id: \x00\ndata: \x00\n\n",
    "not UTF-8": b"data: \xff\xfe\n\n",
    "a separator of Unicode": "data: a\u2028b\u0085c\n\n".encode(),
    "nothing": b"",
}


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_every_split_in_two_gives_what_the_standard_says(stream: bytes) -> None:
    for ended in (False, True):
        expected = reference(stream, ended=ended)
        for at in range(len(stream) + 1):
            assert fed([stream[:at], stream[at:]], ended=ended) == expected, at


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_single_bytes_give_what_the_standard_says(stream: bytes) -> None:
    pieces = [stream[at : at + 1] for at in range(len(stream))]
    assert fed(pieces) == reference(stream, ended=False)
    assert fed(pieces, ended=True) == reference(stream, ended=True)


lines = st.sampled_from(
    [
        b"data: x",
        b'data: {"a":1}',
        b"data:",
        b"data",
        b": c",
        b"event: e",
        b"id: 1",
        b"x",
        b"",
        b"",
        b"\xef\xbb\xbf",
        b"data: :",
    ]
)
ends = st.sampled_from([b"\n", b"\n", b"\n\n", b"\r", b"\r\n", b"\r\n\r\n", b""])


@given(st.lists(st.tuples(lines, ends)).map(lambda parts: b"".join([line + end for line, end in parts])), st.data())
def test_any_pieces_of_any_stream_give_what_the_standard_says(stream: bytes, data: st.DataObject) -> None:
    cuts = sorted(data.draw(st.lists(st.integers(0, len(stream)), max_size=6)))
    pieces = [stream[start:end] for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)]
    ended = data.draw(st.booleans())
    assert fed(pieces, ended=ended) == reference(stream, ended=ended)


@given(st.binary(max_size=60), st.integers(1, 7))
def test_arbitrary_bytes_are_decoded_like_the_standard_says(stream: bytes, size: int) -> None:
    pieces = [stream[at : at + size] for at in range(0, len(stream), size)]
    assert fed(pieces, ended=True) == reference(stream, ended=True)


@pytest.mark.parametrize("stream", STREAMS.values(), ids=STREAMS.keys())
def test_encoded_events_are_the_same_events(stream: bytes) -> None:
    events = reference(stream, ended=True)
    assert fed([b"".join([encode(Event(*event)) for event in events])]) == events


def test_an_event_that_never_ends_is_an_error_and_is_not_kept() -> None:
    decoder = SseDecoder(limit=100)
    for _ in range(300):
        assert decoder.feed(b"data: x") == []
    assert decoder.error is Reason.RESPONSE_TOO_LARGE
    assert len(decoder._pending) < 200
    assert decoder.feed(b"\n\ndata: y\n\n") == []
    assert decoder.finish() == []


@pytest.mark.parametrize("first", [b"", b"data: a\n\n"])
def test_an_event_beyond_the_limit_is_an_error_even_if_it_comes_whole(first: bytes) -> None:
    decoder = SseDecoder(limit=100)
    decoder.feed(first)
    assert seen(decoder.feed(b"data: a\n\ndata: " + b"x" * 100 + b"\n\n")) == [(b"a", b"", b"")]
    assert decoder.error is Reason.RESPONSE_TOO_LARGE


def test_an_event_of_exactly_the_limit_passes() -> None:
    decoder = SseDecoder(limit=100)
    stream = b"data: " + b"x" * 94 + b"\n\n"
    events = [event for at in range(len(stream)) for event in decoder.feed(stream[at : at + 1])]
    assert seen(events) == [(b"x" * 94, b"", b"")]
    assert decoder.error is None


def test_it_is_idle_only_between_events() -> None:
    decoder = SseDecoder()
    for piece, idle in (
        (b"data: x\n\n", True),
        (b"data", False),
        (b": y\n", False),
        (b"\n", True),
        (b"data: z\r\r", False),
    ):
        decoder.feed(piece)
        assert decoder.idle is idle
