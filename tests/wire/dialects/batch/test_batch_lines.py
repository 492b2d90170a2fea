"""Files of requests and the form that they go upstream in: what is read, what is refused, what is written."""

import json
import tracemalloc
from email import message_from_bytes
from email.message import Message
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.denial import Denial
from guardhouse.model.operation import Operation
from guardhouse.wire.dialects.batch import lines, reading, upload
from guardhouse.wire.dialects.deferred import Measure
from guardhouse.wire.dialects.openai.request import check
from guardhouse.wire.json import ANY_NUMBER

BODIES: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hello"}]},
    "/v1/completions": {"prompt": "hello"},
    "/v1/responses": {"input": "hello"},
    "/v1/embeddings": {"input": ["hello"]},
    "/v1/moderations": {"input": "hello"},
}


def line(number: int = 1, url: str = "/v1/chat/completions", **fields: Any) -> dict[str, Any]:
    return {"custom_id": f"q{number}", "method": "POST", "url": url, "body": {"model": "m", **BODIES[url], **fields}}


def file_of(*found: Any) -> bytes:
    return b"".join([json.dumps(one).encode() + b"\n" for one in found])


def judged(content: bytes, most: int = ANY_NUMBER) -> Denial | tuple[list[lines.Lines], bytes, Operation]:
    """The pieces of a file, all that was made of them, and what its requests are for; or why it is refused."""
    file = reading.open_file(bytearray(content), most)
    if isinstance(file, Denial):
        return file
    found: list[lines.Lines] = []
    encoded = b""
    while True:
        piece = file.read()
        if isinstance(piece, Denial):
            return piece
        if piece is None:
            return found, encoded, file.operation
        found.append(piece[0])
        encoded += piece[1]


def code_of(content: bytes) -> str:
    outcome = judged(content)
    return outcome.reason.code if isinstance(outcome, Denial) else ""


@pytest.mark.parametrize("url", BODIES)
def test_a_file_is_for_one_of_the_endpoints_that_are_known(url: str) -> None:
    found = judged(file_of(line(1, url), line(2, url)))
    assert not isinstance(found, Denial)
    assert found[2] is lines.URLS[url]
    assert lines.url_of(lines.URLS[url]) == url


@pytest.mark.parametrize(
    "content",
    [
        file_of(line()) + b"\n\n",
        file_of(line())[:-1],
        file_of(line(1)).replace(b"\n", b"\r\n") + file_of(line(2)),
        b"  " + file_of(line()),
    ],
)
def test_how_lines_end_does_not_matter(content: bytes) -> None:
    found = judged(content)
    assert not isinstance(found, Denial)
    assert b"\r" not in found[1]
    assert found[1].count(b"\n") == sum(map(len, found[0]))


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"", "body_missing"),
        (b"\n\r\n \n", "body_missing"),
        (b"\xef\xbb\xbf" + file_of(line()), "json_encoding"),
        (file_of(line(1)) + b"\n" + file_of(line(2)), "shape_invalid"),
        (file_of(line()).replace(b"hello", b"a\x00b"), "json_malformed"),
        (file_of(line()).replace(b"hello", b"a\\ud800b"), "json_encoding"),
        (file_of(line()).replace(b"hello", b"a\xffb"), "json_encoding"),
        (file_of(line()).replace(b'"model"', b'"model": "other", "model"'), "json_duplicate_key"),
        (file_of(line()).replace(b'"url"', b'"url": "/v1/models", "url"'), "json_duplicate_key"),
        (b"[" * 500 + b"]" * 500, "json_too_deep"),
        (file_of(line(1)).replace(b"\n", b"\r") + file_of(line(2)), "json_malformed"),
        (file_of(line(1)).strip() + file_of(line(2)), "json_malformed"),
        (b"{}\n" * (lines.MOST_LINES + 1), "content_beyond_limit"),
        (b"[]\n", "shape_invalid"),
        (file_of({**line(), "extra": 1}), "shape_invalid"),
        (file_of({key: value for key, value in line().items() if key != "custom_id"}), "shape_invalid"),
        (file_of({**line(), "custom_id": "bob@example.com"}), "shape_invalid"),
        (file_of({**line(), "custom_id": ""}), "shape_invalid"),
        (file_of({**line(), "custom_id": "a" * 129}), "shape_invalid"),
        (file_of({**line(), "custom_id": "a\n"}), "shape_invalid"),
        (file_of({**line(), "custom_id": 7}), "shape_invalid"),
        (file_of({**line(), "method": "GET"}), "shape_invalid"),
        (file_of({**line(), "url": "/v1/files"}), "shape_invalid"),
        (file_of({**line(), "url": "/v1/chat/completions?x"}), "shape_invalid"),
        (file_of({**line(), "url": ["/v1/chat/completions"]}), "shape_invalid"),
        (file_of({**line(), "body": []}), "shape_invalid"),
        (file_of(line(stream=True)), "shape_invalid"),
        (file_of(line(Model="other")), "shape_invalid"),
        (file_of(line(temperature=7)), "shape_invalid"),
        (file_of(line(1), line(1)), "shape_invalid"),
        (file_of(line(1), line(2, model="other")), "shape_invalid"),
        (file_of(line(1), line(2, "/v1/responses")), "shape_invalid"),
    ],
)
def test_a_file_is_refused_for_its_first_line_that_is_wrong(content: bytes, code: str) -> None:
    assert code_of(content) == code


@pytest.mark.parametrize("content", [b"\n" * 2**20, b"\n" * 2**20 + b"x", b"{}\n" * 2**19, b" \r\n" * 2**19])
def test_lines_without_number_take_no_more_than_the_file_that_has_them(content: bytes) -> None:
    tracemalloc.start()
    try:
        code = code_of(content)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert code in ("body_missing", "content_beyond_limit")
    assert most <= len(content) + 150_000


def test_a_file_is_read_in_pieces_that_are_all_of_it() -> None:
    requests = [line(number, user="x" * (number % 700)) for number in range(300)]
    found = judged(file_of(*requests))
    assert not isinstance(found, Denial)
    assert [one for piece in found[0] for one in piece] == requests
    assert len(found[0]) > 4
    again = [
        one
        for piece in found[0]
        for one in reading.read_again(lines.encode([json.dumps(one).encode() for one in piece]))
    ]
    assert again == requests


def test_each_line_may_have_as_many_parts_as_a_request() -> None:
    small, large = line(1), line(2, stop=["a"] * 40)
    assert not isinstance(judged(file_of(*[line(number) for number in range(50)]), 30), Denial)
    denial = judged(file_of(small, large), 30)
    assert isinstance(denial, Denial)
    assert (denial.reason.code, denial.param) == ("body_too_divided", "lines[1]")


def test_what_has_to_be_so_in_all_lines_has_to_be_so_in_all_pieces() -> None:
    far = [line(number, user="x" * 500) for number in range(200)]
    for last, param in ((line(0), "custom_id"), (line(200, model="b"), "body.model"), (line(200, user=7), "body.user")):
        denial = judged(file_of(*far, last))
        assert isinstance(denial, Denial)
        assert denial.param == f"lines[200].{param}"
    denial = judged(file_of(*far, line(200, "/v1/responses")))
    assert isinstance(denial, Denial)
    assert denial.param == "lines[200].url"


@given(
    st.lists(st.sampled_from([b"a" * 9000, b"b" * 40000, b"c", b"", b" "]), min_size=1, max_size=12),
    st.sampled_from([b"", b"\n", b" \r\n\n", b"\n" * 70000]),
)
def test_no_line_is_lost_between_pieces(found: list[bytes], end: bytes) -> None:
    content = b"\n".join(found)
    parted = reading.pieces(content + end)
    assert parted is not None
    pieces = list(parted)
    stripped = content.rstrip(b" \n")
    assert [one for piece in pieces for one in piece] == (stripped.split(b"\n") if stripped else [])
    assert all(len(piece) == 1 or sum(map(len, piece)) <= reading.PIECE for piece in pieces)


def test_a_refusal_names_the_line_and_the_place() -> None:
    denial = judged(file_of(line(1), line(2), line(3, temperature=7)))
    assert isinstance(denial, Denial)
    assert (denial.param, denial.detail) == (
        "lines[2].body.temperature",
        "Line 3: temperature must be a number from 0 to 2.",
    )


@pytest.mark.parametrize("url", BODIES)
def test_no_line_passes_that_would_not_pass_alone(url: str) -> None:
    """What is wrong with a request is wrong with a line."""
    wrong: list[dict[str, Any]] = [
        {"stream": 1},
        {"model": 7},
        {"model": ""},
        {"input": 7},
        {"messages": []},
        {"prompt": 7},
    ]
    for fields in wrong:
        one = line(1, url)
        one["body"] |= fields
        alone = check(one["body"], lines.URLS[url])
        together = judged(file_of(one))
        assert isinstance(together, Denial) == (alone is not None), fields


def test_the_sum_of_a_file_is_that_of_its_requests() -> None:
    chats = [line(1, max_tokens=10), line(2, max_tokens=30, n=2), line(3)]
    found = Measure()
    for one in chats:
        lines.take_measure([one], Operation.CHAT, found)
    assert (found.requests, found.made, found.unnamed, found.unbounded, found.endless) == (3, 70, 1, 0, False)
    assert found.most_given >= found.size > 0
    assert (lines.longest(chats), lines.answers(chats, Operation.CHAT)) == (30, 4)
    assert not lines.is_length_named(chats, Operation.CHAT)
    assert lines.shorten(chats, Operation.CHAT, 20, 15)
    assert [one["body"]["max_tokens"] for one in chats[:2]] == [10, 20]
    assert chats[2]["body"]["max_completion_tokens" if "max_tokens" not in chats[2]["body"] else "max_tokens"] == 15
    assert lines.is_length_named(chats, Operation.CHAT)


JSON_TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)


@given(st.lists(JSON_TEXTS, min_size=1, max_size=5), st.sampled_from([0, 3600, 2592000]))
def test_the_form_that_goes_upstream_is_read_alike_by_another_reader(texts: list[str], expires: int) -> None:
    content = file_of(
        *[line(number, messages=[{"role": "user", "content": text}]) for number, text in enumerate(texts)]
    )
    found = judged(content)
    assert not isinstance(found, Denial)
    form = upload.written([found[1][:7], found[1][7:]], expires)
    assert upload.content_of(form) == found[1]
    mail = message_from_bytes(upload.CONTENT + b"\r\n" + form)
    parts = {
        part.get_param("name", header="content-disposition"): part for part in cast(list[Message], mail.get_payload())
    }
    assert cast(bytes, parts["file"].get_payload(decode=True)) == found[1]
    assert parts["file"].get_filename() == "batch.jsonl"
    said = [json.loads(one)["body"]["messages"][0]["content"] for one in found[1].split(b"\n")[:-1]]
    assert said == texts
    assert ("expires_after[seconds]" in parts) == bool(expires)


def test_no_character_ends_a_line_that_some_reader_takes_for_an_end() -> None:
    text = "a\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029\rb"
    content = json.dumps(line(messages=[{"role": "user", "content": text}]), ensure_ascii=False).encode()
    found = judged(content)
    assert not isinstance(found, Denial)
    (only,) = found[1].decode().splitlines()
    assert json.loads(only)["body"]["messages"][0]["content"] == text
