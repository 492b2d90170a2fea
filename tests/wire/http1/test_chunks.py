import itertools

import httptools
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.http1.chunks import NOT_YET, ChunkedBody

LIMIT = 100_000
ALLOWANCE = 16 * 1024
END = b"0\r\n\r\n"

# a body, or why there is none
Outcome = tuple[bytes, int] | Denial | None


def read(data: bytes, cuts: list[int] | None = None, limit: int = LIMIT) -> Outcome:
    """The body and where it ended, the refusal, or None when more is wanted; `data` arrives in pieces cut at `cuts`."""
    chunks = ChunkedBody(limit)
    edges = sorted({0, len(data), *(cut for cut in cuts or [] if cut < len(data))})
    for start, stop in itertools.pairwise(edges):
        ended = chunks.feed(b"head" + data[start:stop], 4)
        if isinstance(ended, Denial):
            return ended
        if ended != NOT_YET:
            return bytes(chunks.body), start + ended - 4
    return None


def refusal(data: bytes, cuts: list[int] | None = None, limit: int = LIMIT) -> Reason | None:
    outcome = read(data, cuts, limit)
    return outcome.reason if isinstance(outcome, Denial) else None


def every_byte(data: bytes) -> list[int]:
    return list(range(1, len(data)))


def chunk(content: bytes, extension: bytes = b"", zeros: int = 0) -> bytes:
    return b"0" * zeros + b"%x" % len(content) + extension + b"\r\n" + content + b"\r\n"


extensions = st.sampled_from([b"", b"", b";a", b";a=b", b';a="b c"', b';a="\\"";b', b";a=1;b=2;c"])
chunks = st.builds(chunk, st.binary(min_size=1, max_size=40), extensions, st.integers(0, 3))
bodies = st.lists(chunks, max_size=6).map(lambda each: b"".join(each) + END)
cuts = st.lists(st.integers(1, 300), max_size=12)
# what a peer might slip in, wherever
slips = st.sampled_from(
    [b"\r", b"\n", b"\r\n", b" ", b"\t", b";", b'"', b"0", b"-", b"+", b"x", b"_", b"\x00", b"\xff"]
)
broken = st.builds(
    lambda data, at, drop, slip: data[: at % len(data)] + slip + data[at % len(data) + drop :],
    bodies,
    st.integers(0, 400),
    st.integers(0, 2),
    slips,
)


def llhttp_reads(data: bytes) -> bytes | None:
    """The body in the eyes of llhttp, if it is complete and nothing is left over."""

    class Gathered:
        def __init__(self) -> None:
            self.body, self.complete = b"", False

        def on_body(self, part: bytes) -> None:
            self.body += part

        def on_message_complete(self) -> None:
            self.complete = True

    gathered = Gathered()
    parser = httptools.HttpRequestParser(gathered)
    try:
        parser.feed_data(b"POST / HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n" + data)
    except httptools.HttpParserError:
        return None
    return gathered.body if gathered.complete else None


@given(st.lists(st.tuples(st.binary(min_size=1, max_size=40), extensions, st.integers(0, 3)), max_size=6), cuts)
def test_a_body_is_what_its_chunks_hold(pieces: list[tuple[bytes, bytes, int]], where: list[int]) -> None:
    data = b"".join([chunk(*piece) for piece in pieces]) + END
    assert read(data + b"GET /", where) == (b"".join([content for content, *_ in pieces]), len(data))


@given(st.one_of(bodies, broken), cuts)
@settings(max_examples=300)
def test_the_reading_does_not_depend_on_how_the_bytes_arrive(data: bytes, where: list[int]) -> None:
    assert read(data, where) == read(data) == read(data, every_byte(data))


@given(st.one_of(bodies, broken))
@settings(max_examples=300)
def test_what_is_accepted_llhttp_accepts_with_the_same_body(data: bytes) -> None:
    outcome = read(data)
    if isinstance(outcome, tuple):
        body, end = outcome
        assert llhttp_reads(data[:end]) == body


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_read_or_refused_and_never_raise(data: bytes) -> None:
    outcome = read(data)
    assert outcome is None or isinstance(outcome, Denial) or llhttp_reads(data[: outcome[1]]) == outcome[0]


@pytest.mark.parametrize(
    "data",
    [
        b"\r\n3\r\nabc\r\n",
        b" 3\r\nabc\r\n",
        b"3 \r\nabc\r\n",
        b"+3\r\nabc\r\n",
        b"0x3\r\nabc\r\n",
        b"0_3\r\nabc\r\n",
        b"3\nabc\r\n",
        b"3\rabc\r\n",
        b"3\r\r\nabc\r\n",
        b"3\r\nabcd\r\n",
        b"3\r\nab\r\n0\r\n\r\n",
        b"3\r\nabc\n",
        b"3\r\nabc0\r\n\r\n",
        b"3;\r\nabc\r\n",
        b"3; a\r\nabc\r\n",
        b"3;a=\r\nabc\r\n",
        b'3;a="b\r\nabc\r\n',
        b'3;a="\r\n"\r\nabc\r\n',
        b"3;a\x00\r\nabc\r\n",
        b"00000000000000003\r\nabc\r\n",
        b"ffffffffffffffff0\r\n",
        b"0\r\n\n",
        b"0\r\n\rX",
    ],
)
def test_what_is_not_a_chunk_is_refused_however_it_arrives(data: bytes) -> None:
    assert refusal(data) is Reason.FRAMING_INVALID
    assert refusal(data, every_byte(data)) is Reason.FRAMING_INVALID


@pytest.mark.parametrize("part", [b"z", b"3 ", b"3\rX", b"3;\n", b"3\r\nabcX", b"0\r\n\rX", b"\n"])
def test_a_line_that_cannot_become_one_is_refused_before_it_ends(part: bytes) -> None:
    assert refusal(part) is Reason.FRAMING_INVALID


@pytest.mark.parametrize("trailer", [b"X", b"host: evil\r\n\r\n", b"x: " + b"y" * 70_000])
def test_trailer_fields_are_refused_with_their_first_byte(trailer: bytes) -> None:
    assert refusal(b"3\r\nabc\r\n0\r\n" + trailer) is Reason.HEADER_INVALID
    assert refusal(b"3\r\nabc\r\n0\r\n" + trailer[:1]) is Reason.HEADER_INVALID


def test_a_chunk_that_would_outgrow_the_body_is_refused_with_its_size() -> None:
    assert refusal(b"4\r\nabcd\r\n6\r\n", limit=10) is None
    assert refusal(b"4\r\nabcd\r\n7\r\n", limit=10) is Reason.BODY_TOO_LARGE
    assert refusal(b"ffffffffffffffff\r\n") is Reason.BODY_TOO_LARGE


@pytest.mark.parametrize("size", [0, 1, 7, 4096])
def test_a_line_may_be_4096_bytes_long(size: int) -> None:
    for length, verdict in ((4096, None), (4097, Reason.FRAMING_INVALID)):
        data = b"3;" + b"x" * (length - 4) + b"\r\nabc\r\n0\r\n\r\n"
        assert refusal(data, list(range(size, len(data), size)) if size else None) is verdict


@pytest.mark.parametrize("step", [0, 1, 13, 1000])
@pytest.mark.parametrize("spelling", [b"1\r\n", b"00000001\r\n", b"1;a=b\r\n", b'1;a="' + b"y" * 900 + b'"\r\n'])
def test_framing_is_counted_to_the_byte_against_the_body_before_it(spelling: bytes, step: int) -> None:
    """Chunks of one byte, until the next line takes the sum of all framing over what the body allows."""
    data, framing, body = b"", 0, 0
    between = spelling
    while framing + len(between) <= ALLOWANCE + 2 * body:
        data += between + b"x"
        framing, body = framing + len(between), body + 1
        between = b"\r\n" + spelling
    room = ALLOWANCE + 2 * body - framing
    assert 0 <= room < len(between)

    def cut(whole: bytes) -> list[int] | None:
        return list(range(step, len(whole), step)) if step else None

    assert read(data, cut(data)) is None
    fits, over = data + between[:room], data + between[: room + 1]
    assert read(fits, cut(fits)) is None
    assert refusal(over, cut(over)) is Reason.FRAMING_INVALID
    assert refusal(data + between, cut(data + between)) is Reason.FRAMING_INVALID


def test_many_small_chunks_pass_and_many_tiny_ones_do_not() -> None:
    assert isinstance(read(b"3\r\nabc\r\n" * 20_000 + END), tuple)
    assert isinstance(read(b"1\r\na\r\n" * 5_000 + END), tuple)
    assert refusal(b"1\r\na\r\n" * 20_000 + END) is Reason.FRAMING_INVALID
