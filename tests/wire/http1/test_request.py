import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.http1.head import Head, RequestLimits
from guardhouse.wire.http1.request import RequestFraming

LIMITS = RequestLimits(headers=10, header_bytes=1000, body=100)


class Recorder:
    def __init__(self, wanted: int = 1000) -> None:
        self.wanted = wanted  # messages until it wants no more
        self.heads: list[Head] = []
        self.bodies: list[bytes] = []

    def head_received(self, head: Head) -> None:
        self.heads.append(head)

    def message_received(self, body: bytes | bytearray) -> None:
        self.bodies.append(bytes(body))

    def is_over(self) -> bool:
        return len(self.bodies) >= self.wanted


def framing() -> tuple[RequestFraming, Recorder]:
    recorder = Recorder()
    return RequestFraming(recorder, LIMITS), recorder


def refusal(data: bytes, size: int = 0) -> Reason | None:
    """What a stream of bytes is refused for, whole or in pieces of `size`."""
    parser, _ = framing()
    for start in range(0, len(data), size or len(data)):
        parser.feed(data[start : start + (size or len(data))])
    return parser.problem.reason if parser.problem else None


GET = b"GET /v1/models HTTP/1.1\r\nhost: a\r\n\r\n"
POST = b"POST /v1/chat/completions HTTP/1.1\r\nhost: a\r\n"


def test_pipelined_messages_arrive_in_order() -> None:
    parser, recorder = framing()
    parser.feed(POST + b"content-length: 3\r\n\r\nabc" + GET + POST + b"transfer-encoding: chunked\r\n\r\n")
    parser.feed(b"2\r\nde\r\n1\r\nf\r\n0\r\n\r\n")
    assert [head.method for head in recorder.heads] == ["POST", "GET", "POST"]
    assert recorder.bodies == [b"abc", b"", b"def"]
    assert parser.problem is None
    assert not parser.in_message


@given(st.integers(1, 60))
@settings(max_examples=60)
def test_the_reading_does_not_depend_on_how_the_bytes_arrive(size: int) -> None:
    data = (
        POST
        + b"x-a: b\r\ncontent-length: 5\r\n\r\nhello"
        + POST
        + b"transfer-encoding: chunked\r\n\r\n5\r\nworld\r\n0\r\n\r\n"
    )
    parser, recorder = framing()
    for start in range(0, len(data), size):
        assert parser.feed(data[start : start + size]) is None
    assert recorder.bodies == [b"hello", b"world"]


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_read_or_refused_and_never_raise(data: bytes) -> None:
    parser, recorder = framing()
    parser.feed(data)
    if parser.problem is not None:
        seen = len(recorder.heads)
        assert parser.feed(GET) is parser.problem
        assert len(recorder.heads) == seen


REFUSED = {
    b"GET / HTTP/1.1\r\nhost : a\r\n\r\n": Reason.HEADER_INVALID,
    b"GET / HTTP/1.1\r\nhost: a\r\n b\r\n\r\n": Reason.HEADER_INVALID,
    b"GET / HTTP/1.1\r\nhost: a\x00\r\n\r\n": Reason.HEADER_INVALID,
    b"GET / HTTP/1.1\r\nhost: a\x7f\r\n\r\n": Reason.HEADER_INVALID,
    b"GET / HTTP/1.1\r\nhost: a\rb: c\r\n\r\n": Reason.HEADER_INVALID,
    b"GET / HTTP/1.1\r\n: a\r\n\r\n": Reason.HEADER_INVALID,
    b"GET / HTTP/1.1\nhost: a\n\n": Reason.MALFORMED,
    b"\r\n" * 9 + b"GET / HTTP/1.1\r\nhost: a\r\n\r\n": Reason.MALFORMED,
    b"GET / HTTP/1.2\r\n\r\n": Reason.VERSION_UNSUPPORTED,
    b"GET / HTTP/2.0\r\nhost: a\r\n\r\n": Reason.VERSION_UNSUPPORTED,
    b"GET /\x00 HTTP/1.1\r\n\r\n": Reason.TARGET_INVALID,
    b"GET http://a/ HTTP/1.1\r\nhost: a\r\n\r\n": Reason.TARGET_INVALID,
    b"CONNECT a:1 HTTP/1.1\r\nhost: a\r\n\r\n": Reason.UPGRADE_UNSUPPORTED,
    b"CONNECT /v1 HTTP/1.1\r\nhost: a\r\n\r\n": Reason.UPGRADE_UNSUPPORTED,
    b"POST /v1 RTSP/1.0\r\nhost: a\r\n\r\n": Reason.MALFORMED,
    b"POST /v1 HTTP/1.10\r\nhost: a\r\n\r\n": Reason.VERSION_UNSUPPORTED,
    b"POST /v1 HTTP/2\r\nhost: a\r\n\r\n": Reason.VERSION_UNSUPPORTED,
    b"POST  /v1 HTTP/1.1\r\nhost: a\r\n\r\n": Reason.MALFORMED,
    b"POST /v1  HTTP/1.1\r\nhost: a\r\n\r\n": Reason.MALFORMED,
    b"POST /v 1 HTTP/1.1\r\nhost: a\r\n\r\n": Reason.MALFORMED,
    b"POST /v1 HTTP/1.1 \r\nhost: a\r\n\r\n": Reason.MALFORMED,
    b"PRI * HTTP/2.0\r\n\r\nGET / HTTP/1.1\r\n\r\n": Reason.HTTP2_UNSUPPORTED,
    b"get / HTTP/1.1\r\nhost: a\r\n\r\n": Reason.MALFORMED,
    b"\x16\x03\x01\x02\x00\x01\x00": Reason.MALFORMED,
    b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n": Reason.HTTP2_UNSUPPORTED,
    b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n": Reason.UPGRADE_UNSUPPORTED,
    b"GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: h2c\r\n\r\n": Reason.UPGRADE_UNSUPPORTED,
    POST + b"content-length: 3\r\ncontent-length: 3\r\n\r\nabc": Reason.FRAMING_INVALID,
    POST + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n": Reason.FRAMING_INVALID,
    POST + b"content-length: +3\r\n\r\nabc": Reason.FRAMING_INVALID,
    POST + b"content-length: 3, 3\r\n\r\nabc": Reason.FRAMING_INVALID,
    POST + b"transfer-encoding: xchunked\r\n\r\n0\r\n\r\n": Reason.FRAMING_INVALID,
    POST + b"transfer-encoding: chunked, chunked\r\n\r\n0\r\n\r\n": Reason.FRAMING_INVALID,
    POST + b"transfer-encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n": Reason.FRAMING_INVALID,
    POST + b"transfer-encoding: chunked\r\n\r\n3\nabc\n0\n\n": Reason.FRAMING_INVALID,
    POST + b'transfer-encoding: chunked\r\n\r\n3;a="b\nc"\r\nabc\r\n0\r\n\r\n': Reason.FRAMING_INVALID,
    POST + b"transfer-encoding: chunked\r\n\r\nfffffffffffffffff\r\n": Reason.FRAMING_INVALID,
    POST + b"transfer-encoding: chunked\r\n\r\n0\r\nhost: evil\r\n\r\n": Reason.HEADER_INVALID,
    POST + b"content-length: 101\r\n\r\n": Reason.BODY_TOO_LARGE,
    POST + b"transfer-encoding: chunked\r\n\r\n65\r\n" + b"x" * 101: Reason.BODY_TOO_LARGE,
    b"POST / HTTP/1.0\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n": Reason.FRAMING_INVALID,
    POST + b"x: " + b"y" * 1001 + b"\r\n\r\n": Reason.HEADERS_TOO_LARGE,
    POST + b"x: y\r\n" * 10 + b"\r\n": Reason.HEADERS_TOO_LARGE,
}


@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize("data", REFUSED)
def test_a_malformed_message_has_one_reason_however_it_arrives(data: bytes, size: int) -> None:
    assert refusal(data, size) is REFUSED[data]


@pytest.mark.parametrize("size", [0, 1, 7])
def test_the_head_of_a_body_that_is_too_large_is_handed_over_before_it_is_refused(size: int) -> None:
    parser, recorder = framing()
    parser.feed(POST + b"content-length: 3\r\n\r\nabc")
    data = POST + b"content-length: 101\r\n\r\n" + b"x" * 101 + GET
    for start in range(0, len(data), size or len(data)):
        parser.feed(data[start : start + (size or len(data))])
    assert parser.problem == Denial(Reason.BODY_TOO_LARGE)
    assert [head.content_length for head in recorder.heads] == [3, 101]
    assert recorder.bodies == [b"abc"]


def test_a_head_that_never_ends_is_refused_at_the_limit() -> None:
    assert refusal(b"GET /" + b"a" * 1100, 100) is Reason.HEADERS_TOO_LARGE
    assert refusal(POST + b"x: " + b"y" * 1100, 100) is Reason.HEADERS_TOO_LARGE


def test_a_large_body_in_the_segment_of_its_head_is_not_counted_as_head() -> None:
    recorder = Recorder()
    parser = RequestFraming(recorder, RequestLimits(10, 100, 10_000))
    parser.feed(POST + b"content-length: 9000\r\n\r\n" + b"x" * 9000)
    assert parser.problem is None
    assert len(recorder.bodies[0]) == 9000


def test_a_head_that_differs_from_the_last_one_is_judged_anew() -> None:
    parser, recorder = framing()
    for extra in (b"x-a: 1\r\n", b"x-a: 1\r\n", b"x-a: 2\r\n", b"X-A: 1\r\nx-b: 2\r\n"):
        parser.feed(POST + extra + b"content-length: 1\r\n\r\nx")
    assert [head.headers.get(b"x-a") for head in recorder.heads] == [b"1", b"1", b"2", b"1"]
    assert recorder.heads[0].headers is recorder.heads[1].headers
    parser.feed(POST + b"x-a: 1\r\nx-b: 2\r\n\r\n" + b"POST / HTTP/1.0\r\nhost: a\r\nx-a: 1\r\nx-b: 2\r\n\r\n")
    assert [head.http10 for head in recorder.heads[-2:]] == [False, True]
    parser.feed(POST + b"x-a: 1\r\nx-b: 2\r\nauthorization: a\r\nauthorization: b\r\n\r\n")
    assert parser.problem is not None


@pytest.mark.parametrize("size", [0, 1, 1000])
def test_chunks_that_are_mostly_framing_are_refused_however_they_arrive(size: int) -> None:
    """Even where what follows in the same read would outweigh it."""
    extended = POST + b"transfer-encoding: chunked\r\n\r\n1;" + b"x" * 70_000 + b"\r\na\r\n0\r\n\r\n"
    assert refusal(extended, size) is Reason.FRAMING_INVALID
    parser = RequestFraming(Recorder(), RequestLimits(body=100_000))
    tiny = POST + b"transfer-encoding: chunked\r\n\r\n" + b"1\r\na\r\n" * 20_000 + b"0\r\n\r\n"
    for start in range(0, len(tiny), size or len(tiny)):
        parser.feed(tiny[start : start + (size or len(tiny))])
    assert parser.problem is not None
    assert parser.problem.reason is Reason.FRAMING_INVALID


CHUNKED = POST + b"transfer-encoding: chunked\r\n\r\n"
FIRST = [GET, POST + b"content-length: 3\r\n\r\nabc", CHUNKED + b"3;a=b\r\nabc\r\n0\r\n\r\n"]


@pytest.mark.parametrize("first", FIRST, ids=["no body", "length", "chunks"])
@pytest.mark.parametrize("data", REFUSED)
def test_a_malformed_message_has_the_same_reason_behind_another_in_one_read(first: bytes, data: bytes) -> None:
    parser, recorder = framing()
    parser.feed(first + data)
    assert parser.problem is not None
    assert parser.problem.reason is REFUSED[data]
    assert len(recorder.bodies) == 1


# lines that llhttp alone would take
@pytest.mark.parametrize(
    "line", [b"POST  / HTTP/1.1", b"POST /  HTTP/1.1", b"POST / RTSP/1.0", b"SOURCE / ICE/1.0", b"CONNECT /v1 HTTP/1.1"]
)
@pytest.mark.parametrize("first", FIRST, ids=["no body", "length", "chunks"])
def test_a_line_is_judged_wherever_its_message_begins(first: bytes, line: bytes) -> None:
    second = line + b"\r\nhost: a\r\n\r\n"
    alone = refusal(second)
    assert alone is not None
    for cut in range(len(first) + len(second)):
        parser, recorder = framing()
        parser.feed((first + second)[:cut])
        parser.feed((first + second)[cut:])
        assert parser.problem is not None
        assert parser.problem.reason is alone
        assert len(recorder.heads) == 1


MESSAGES = [
    GET,
    *(POST + b"x-a: %b\r\ncontent-length: 5\r\n\r\nhello" % value for value in (b"1", b"1", b"2")),
    CHUNKED + b"5\r\nworld\r\n0\r\n\r\n",
    CHUNKED + b'2;a="b"\r\nwo\r\n003\r\nrld\r\n0\r\n\r\n',
    CHUNKED + b"0\r\n\r\n",
    b"POST / HTTP/1.0\r\nconnection: keep-alive\r\ncontent-length: 1\r\n\r\nx",
    GET.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"),
    CHUNKED.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n") + b"1\r\nx\r\n0\r\n\r\n",
    b"\r\n",
    b"\r\n" * 9,
    b"BAD",
    b"GET / HTTP/1.2\r\nhost: a\r\n\r\n",
    CHUNKED + b"5;\r\n",
]


@given(st.lists(st.sampled_from(MESSAGES), max_size=7), st.lists(st.integers(1, 500), max_size=9))
@settings(max_examples=300)
def test_a_pipeline_is_read_alike_whichever_way_it_is_cut(messages: list[bytes], cuts: list[int]) -> None:
    """Against one message per read."""
    apart, expected = framing()
    for message in messages:
        apart.feed(message)
    data = b"".join(messages)
    edges = sorted({0, len(data), *(cut for cut in cuts if cut < len(data))})
    together, recorder = framing()
    for start, stop in itertools.pairwise(edges):
        together.feed(data[start:stop])
    assert together.problem == apart.problem
    assert recorder.heads == expected.heads
    assert recorder.bodies == expected.bodies
    assert together.in_message == apart.in_message


@pytest.mark.parametrize("first", FIRST, ids=["no body", "length", "chunks"])
def test_nothing_is_read_behind_the_message_that_was_one_too_many(first: bytes) -> None:
    recorder = Recorder(wanted=2)
    parser = RequestFraming(recorder, LIMITS)
    parser.feed(first * 3 + b"garbage")
    assert len(recorder.heads) == 2
    assert parser.problem is None


def test_an_empty_line_behind_each_of_many_messages_does_no_harm() -> None:
    parser, recorder = framing()
    for _ in range(30):
        parser.feed(POST + b"content-length: 3\r\n\r\nabc")
        parser.feed(b"\r\n")
    assert parser.problem is None
    assert len(recorder.bodies) == 30


@given(st.lists(st.tuples(st.integers(0, 3), st.binary(max_size=120)), max_size=12), st.integers(1, 400))
def test_a_repeated_head_is_read_as_if_it_were_new(messages: list[tuple[int, bytes]], size: int) -> None:
    """The short way for repeated heads against a parser that is new for each message."""
    kept, recorder = framing()
    for variant, body in messages:
        extra = (b"", b"x-a: b\r\n", b"Accept: */*\r\nx-a: b\r\n", b"expect: 100-continue\r\n")[variant]
        data = POST + extra + b"Content-Length: %d\r\n" % len(body) + b"x-tail: z\r\n\r\n" + body
        new, once = framing()
        new.feed(data)
        for start in range(0, len(data), size):
            kept.feed(data[start : start + size])
        if new.problem is not None:
            assert kept.problem == new.problem
            break
        assert recorder.heads[-1] == once.heads[-1]
        assert recorder.bodies[-1] == once.bodies[-1]


@pytest.mark.parametrize(
    "second",
    [
        b"content-length: 03\r\nx: y\r\n\r\nabc",
        b"content-length: +3\r\nx: y\r\n\r\nabc",
        b"content-length: 3 \r\nx: y\r\n\r\nabc",
        b"content-length: 3\r\nx: y\r\n\r\nabcd",
        b"content-length: 3\r\nx: y\r\n\r\nab",
        b"content-length: 3\r\nx: z\r\n\r\nabc",
        b"content-length: 3\r\ncontent-length: 3\r\nx: y\r\n\r\nabc",
        b"content-length: 3\nx: y\r\n\r\nabc",
        b"content-length: \r\nx: y\r\n\r\nabc",
        b"content-length: 101\r\nx: y\r\n\r\n" + b"a" * 101,
        b"content-length: 9999999999999\r\nx: y\r\n\r\nabc",
    ],
)
def test_a_head_that_almost_repeats_is_read_by_the_parser(second: bytes) -> None:
    kept, recorder = framing()
    kept.feed(POST + b"content-length: 5\r\nx: y\r\n\r\nhello")
    kept.feed(POST + second)
    new, once = framing()
    new.feed(POST + second)
    assert kept.problem == new.problem
    assert recorder.bodies[1:] == once.bodies
    assert recorder.heads[1:] == once.heads


def test_nothing_behind_a_malformed_message_is_read() -> None:
    parser, recorder = framing()
    parser.feed(POST + b"content-length: 3\r\ncontent-length: 4\r\n\r\nabc" + GET)
    assert recorder.heads == []
    assert parser.problem is not None


def test_a_body_of_tiny_chunks_is_gathered_in_one_buffer() -> None:
    parser, recorder = framing()
    parser.feed(POST + b"transfer-encoding: chunked\r\n\r\n" + b"1\r\nx\r\n" * 100 + b"0\r\n\r\n")
    assert recorder.bodies == [b"x" * 100]
