import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.reason import Reason
from guardhouse.wire.http1.response import ResponseFraming

OK = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"


def read(data: bytes, *, eof: bool = False) -> ResponseFraming:
    framing = ResponseFraming(most_fields=10, header_bytes=1000)
    framing.feed(data)
    if eof:
        framing.end()
    return framing


def test_a_complete_answer_leaves_the_connection_reusable() -> None:
    framing = read(OK + b"content-length: 2\r\n\r\n{}")
    assert framing.head is not None
    assert (framing.head.status, framing.take(), framing.complete, framing.reusable) == (200, b"{}", True, True)
    framing.begin()
    framing.feed(OK + b"transfer-encoding: chunked\r\n\r\n2\r\n[]\r\n0\r\n\r\n")
    assert (framing.take(), framing.complete, framing.reusable) == (b"[]", True, True)


@given(st.integers(1, 50))
def test_the_reading_does_not_depend_on_how_the_bytes_arrive(size: int) -> None:
    data = OK + b"transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"
    framing = ResponseFraming()
    body = b""
    for start in range(0, len(data), size):
        framing.feed(data[start : start + size])
        body += framing.take()
    assert (body, framing.complete, framing.reusable) == (b"abcde", True, True)


@given(st.binary(max_size=300))
def test_arbitrary_bytes_never_raise(data: bytes) -> None:
    framing = read(data, eof=True)
    assert framing.complete or framing.problem is not None


@pytest.mark.parametrize(
    "data",
    [
        OK + b"content-length: 2\r\n\r\n{}x",
        OK + b"content-length: 2\r\n\r\n{}" + OK + b"content-length: 0\r\n\r\n",
        OK + b"content-length: 2\r\nconnection: close\r\n\r\n{}",
        b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}",
    ],
)
def test_an_answer_with_anything_left_over_or_a_close_is_complete_but_not_reusable(data: bytes) -> None:
    framing = read(data)
    assert framing.complete
    assert framing.problem is None
    assert framing.take() == b"{}"
    assert not framing.reusable


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    framing = read(OK + b"\r\n{}")
    before = framing.complete
    framing.end()
    assert (before, framing.complete, framing.reusable) == (False, True, False)


@pytest.mark.parametrize(
    "data",
    [b"", b"HTTP/1.1 200", OK, OK + b"content-length: 3\r\n\r\n{}", OK + b"transfer-encoding: chunked\r\n\r\n2\r\n{}"],
)
def test_an_answer_that_breaks_off_is_a_problem(data: bytes) -> None:
    problem = read(data, eof=True).problem
    assert problem is not None
    assert problem.reason is Reason.UPSTREAM_CLOSED_EARLY


@pytest.mark.parametrize(
    "data",
    [
        b"garbage\r\n",
        b"<html>",
        b"RTSP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n",
        b"HTTP/2 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nx: a\x00b\r\n\r\n",
        b"HTTP/1.1 200 O\rK\r\n\r\n",
        b"HTTP/1.1 200 O\x00K\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 \x00\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\x1b[2J\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\x7f\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 100 C\x00\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 100 Continue\r\n\r\n" * 9,
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\ntransfer-encoding: chunked\r\n\r\n{}",
        b"HTTP/1.1 200 OK\r\ncontent-type: a\r\ncontent-type: b\r\n\r\n",
        b"HTTP/1.1 200 OK\r\n" + b"a: b\r\n" * 11 + b"\r\n",
        b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1001,
        OK + b"transfer-encoding: chunked\r\n\r\nzz\r\n",
    ],
)
def test_what_is_not_one_well_formed_answer_is_a_problem(data: bytes) -> None:
    problem = read(data).problem
    assert problem is not None
    assert problem.reason is Reason.UPSTREAM_PROTOCOL_ERROR
    framing = ResponseFraming(most_fields=10, header_bytes=1000)
    for start in range(len(data)):
        framing.feed(data[start : start + 1])
    assert framing.problem == problem


@pytest.mark.parametrize("reason", [b"", b" ", b" OK", b" Not\tFound", b" schon gut \xe4", " 완료".encode()])
def test_any_words_may_stand_behind_a_status(reason: bytes) -> None:
    framing = read(b"HTTP/1.1 200" + reason + b"\r\ncontent-length: 2\r\n\r\n{}")
    assert framing.complete
    assert framing.reusable


def test_a_few_informational_answers_are_skipped() -> None:
    framing = read(
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early\r\nlink: x\r\n\r\n" + OK + b"content-length: 2\r\n\r\n{}"
    )
    assert framing.head is not None
    assert framing.head.headers == {b"content-type": b"application/json"}
    assert framing.reusable


HEADS = (
    OK + b"content-length: %d\r\n\r\n",
    OK + b"Content-Length: %d\r\nserver: x\r\n\r\n",
    OK + b"content-length: 0%d\r\n\r\n",
    OK + b"content-length:  %d\r\n\r\n",
    OK + b"x: content-length: 3\r\ncontent-length: %d\r\n\r\n",
    b"HTTP/1.1 204 No Content\r\ncontent-length: %d\r\n\r\n",
    b"HTTP/1.1 503 No\r\ncontent-length: %d\r\n\r\n",
    OK + b"content-length: %d\r\nconnection: close\r\n\r\n",
    b"HTTP/1.1 100 Continue\r\n\r\n" + OK + b"content-length: %d\r\n\r\n",
    OK + b"transfer-encoding: chunked\r\nx: %d\r\n\r\n",
)
BODIES = (b"", b"{}", b"[1]", b"\r\n\r\n", b"0\r\n\r\n", OK + b"content-length: 0\r\n\r\n")


def reading(framing: ResponseFraming, answer: bytes, size: int) -> tuple[object, ...]:
    framing.begin()
    body = b""
    for start in range(0, len(answer), size):
        framing.feed(answer[start : start + size])
        body += framing.take()
    framing.end()
    return framing.head, body, framing.complete, framing.reusable, framing.problem


@given(
    st.lists(
        st.tuples(st.sampled_from(HEADS), st.sampled_from(BODIES), st.sampled_from([0, 0, 0, 1, -1]), st.booleans()),
        min_size=2,
        max_size=30,
    )
)
def test_a_repeated_head_is_read_as_if_it_were_new(answers: list[tuple[bytes, bytes, int, bool]]) -> None:
    """The short way for repeated heads against a parser that is new for each answer."""
    kept = ResponseFraming()
    for head, body, wrong, whole in answers:
        answer = head % max(0, len(body) + wrong) + body
        size = len(answer) if whole else 7
        expected = reading(ResponseFraming(), answer, size)
        assert reading(kept, answer, size) == expected
        if not expected[3]:
            kept = ResponseFraming()  # as the connection is closed


def test_a_server_whose_heads_differ_is_not_tried_for_ever() -> None:
    framing = ResponseFraming()
    for number in range(20):
        answer = OK + b"x-request-id: %d\r\ncontent-length: 2\r\n\r\n{}" % number
        assert reading(framing, answer, len(answer))[1:4] == (b"{}", True, True)
    again = OK + b"x-request-id: 19\r\ncontent-length: 2\r\n\r\n[]"
    assert reading(framing, again, len(again))[1:4] == (b"[]", True, True)
