"""Lines that flow: for any cut, the client has what masking the whole texts gives."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect.masker import mask
from guardhouse.inspect.stream import StreamMasker
from guardhouse.model.denial import Denial
from guardhouse.model.entity import EVERY_ENTITY
from guardhouse.model.reason import Reason
from guardhouse.model.usage import Timing, Usage
from guardhouse.wire.dialects.flow import AnswerStream
from guardhouse.wire.dialects.ollama.lines import LinePassage, LineStream
from wire.dialects.cutting import SECRETS, secrets

DONE = {
    "done": True,
    "done_reason": "stop",
    "prompt_eval_count": 7,
    "eval_count": 3,
    "load_duration": 2_000_000_000,
    "prompt_eval_duration": 500_000_000,
    "eval_duration": 1_000_000,
}


def whole(text: str, escaped: bool = False) -> str:
    return mask(text, EVERY_ENTITY, escaped=escaped)[0]


def masked() -> LineStream:
    return LineStream(lambda escaped: StreamMasker(EVERY_ENTITY, escaped=escaped), whole)


def line(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "created_at": "2026-01-01T00:00:00Z", "done": False, **fields}


def spoken(content: str, **fields: Any) -> dict[str, Any]:
    return line(message={"role": "assistant", "content": content}, **fields)


def lines(*documents: Any) -> bytes:
    return b"".join([json.dumps(document).encode() + b"\n" for document in documents])


def through(answer: AnswerStream, *chunks: bytes) -> bytes:
    return b"".join([answer.feed(chunk) for chunk in chunks]) + answer.finish()


def read(stream: bytes) -> list[Any]:
    return [json.loads(text) for text in stream.splitlines()]


def put_together(stream: bytes) -> dict[str, str]:
    texts: dict[str, str] = {}
    for document in read(stream):
        for place, node in (("", document), ("message.", document.get("message", {}))):
            for key in ("content", "thinking", "response"):
                if key in node:
                    texts[place + key] = texts.get(place + key, "") + node[key]
    return texts


@pytest.mark.parametrize("secret", SECRETS)
def test_every_cut_of_a_text_between_two_lines_gives_the_masked_text(secret: str) -> None:
    for at in range(len(secret) + 1):
        source = lines(spoken(secret[:at]), spoken(secret[at:]), spoken("", **DONE))
        assert put_together(through(masked(), source)) == {"message.content": whole(secret)}, at


def test_every_cut_of_the_bytes_gives_the_same_lines() -> None:
    source = lines(*[spoken(letter) for letter in "an é 4111 1111 1111 1111 😀"], spoken("", **DONE))
    expected = through(masked(), source)
    for at in range(len(source) + 1):
        assert through(masked(), source[:at], source[at:]) == expected, at
    assert through(masked(), *[source[at : at + 1] for at in range(len(source))]) == expected


@given(
    st.dictionaries(
        st.sampled_from(["response", "thinking", "message.content", "message.thinking"]),
        secrets,
        min_size=1,
    ),
    st.lists(st.integers(1, 9), min_size=1, max_size=8),
    st.booleans(),
)
def test_texts_that_grow_side_by_side_are_masked_each_by_itself(
    texts: dict[str, str], sizes: list[int], done: bool
) -> None:
    documents, rest = [], dict(texts)
    for size in [*sizes, 1000]:
        document: dict[str, Any] = line()
        for place, text in rest.items():
            node = document if "." not in place else document.setdefault("message", {"role": "assistant"})
            node[place.rpartition(".")[2]] = text[:size]
            rest[place] = text[size:]
        documents.append(document)
    if done:
        documents.append(line(**DONE))
    seen = put_together(through(masked(), lines(*documents)))
    assert {place: text for place, text in seen.items() if text} == {
        place: whole(text) for place, text in texts.items() if text
    }


def test_calls_of_tools_are_masked_as_whole_texts() -> None:
    call = {
        "function": {
            "name": "mail",
            "arguments": {"to": "bob.smith@example.com", "deep": [{"x": "4111 1111 1111 1111"}]},
        }
    }
    source = lines(line(message={"role": "assistant", "content": "", "tool_calls": [call]}), spoken("", **DONE))
    answer = masked()
    out = through(answer, source)
    assert b"bob.smith" not in out
    assert b"4111" not in out
    assert read(out)[0]["message"]["tool_calls"][0]["function"]["name"] == "mail"
    assert sum(answer.masked.values()) == 2


def test_what_spells_a_text_out_is_dropped() -> None:
    source = lines(line(response="x", logprobs=[{"token": "x"}]), line(response="", context=[1, 2], **DONE))
    assert all("logprobs" not in document and "context" not in document for document in read(through(masked(), source)))


def test_a_text_that_goes_on_after_the_end_ends_the_stream() -> None:
    answer = masked()
    assert answer.feed(lines(spoken("x", **DONE)))
    assert answer.feed(lines(spoken("bob.smith@example.com"))) == b""
    assert answer.error is Reason.RESPONSE_UNREADABLE


@pytest.mark.parametrize(
    "bad",
    [
        b"not json\n",
        b"[]\n",
        b'"text"\n',
        lines({"choices": [{"delta": {"content": "x"}}]}),
        lines(line(message={"role": "assistant", "images": ["aGk="]})),
        lines(line(image="aGk=")),
        b'{"done": false, "response": "\xff"}\n',
        lines(line(**{f"text{number}": "x" for number in range(40)})),
    ],
)
def test_a_line_that_cannot_be_judged_ends_the_stream_and_nothing_of_it_leaves(bad: bytes) -> None:
    answer = masked()
    assert answer.feed(lines(spoken("fine"))) != b""
    assert answer.feed(bad) == b""
    assert answer.error is Reason.RESPONSE_UNREADABLE


@pytest.mark.parametrize("make", [masked, LinePassage])
def test_the_last_line_tells_what_it_took(make: Any) -> None:
    answer = make()
    through(answer, lines(spoken("hello"), spoken("", **DONE)))
    assert answer.usage == Usage(7, 3, timing=Timing(2.0, 0.5, 0.001))
    assert answer.finish_reason == "stop"
    assert answer.output_chars >= 5


def test_without_masking_the_bytes_are_the_upstreams_own_in_whole_lines() -> None:
    source = b'{"done": false,  "response":"x"}\r\n{ "done":true }\n'
    answer = LinePassage()
    assert through(answer, source) == source
    answer = LinePassage()
    assert answer.feed(source[:10]) == b""
    assert read(answer.feed(source[10:])) == read(source)


def test_an_error_is_one_more_line() -> None:
    for answer in (masked(), LinePassage()):
        (last,) = read(answer.terminator(Denial(Reason.BUDGET_EXHAUSTED, "Until tomorrow.")))
        assert last == {"error": "Your budget is used up. Until tomorrow.", "code": "budget_exhausted"}


def test_an_error_of_the_upstream_is_masked_and_goes_on() -> None:
    out = through(masked(), lines(spoken("x"), {"error": "no such user bob.smith@example.com"}))
    assert "bob.smith" not in read(out)[-1]["error"]


def test_names_of_members_are_masked_where_they_may_be_content() -> None:
    message = {"role": "assistant", "content": "x", "bob.smith@example.com": {"a": 1}, "4111 1111 1111 1111": "y"}
    source = lines(line(message=message, **{"eve@example.com": 1, "note": "z"}), spoken("", **DONE))
    first = read(through(masked(), source))[0]
    assert set(first) == {"model", "created_at", "done", "message", "[EMAIL]", "note"}
    assert set(first["message"]) == {"role", "content", "[EMAIL]", "[CARD]"}


def test_a_text_under_a_masked_name_goes_on_growing_under_it() -> None:
    name, secret = "bob.smith@example.com", "write to eve@example.com, or"
    source = lines(line(**{name: secret[:12]}), line(**{name: secret[12:]}), line(**DONE))
    documents = read(through(masked(), source))
    assert "".join([document.get("[EMAIL]", "") for document in documents]) == whole(secret)
    assert not any(name in document for document in documents)
