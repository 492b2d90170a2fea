"""Chat and completions in a stream: for any cut, the client has what masking the whole texts gives."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect.stream import StreamMasker
from guardhouse.model.denial import Denial
from guardhouse.model.entity import EVERY_ENTITY
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.model.usage import Usage
from guardhouse.wire.dialects.openai.choices import place
from guardhouse.wire.dialects.openai.streams import stream
from wire.dialects.cutting import SECRETS, cut, secrets

from .client import events_of, frame, piece, put_together, sse
from .masking import masked, through, whole


@pytest.mark.parametrize("secret", SECRETS)
def test_every_cut_of_a_text_between_two_events_gives_the_masked_text(secret: str) -> None:
    for at in range(len(secret) + 1):
        source = sse(frame(piece(content=secret[:at])), frame(piece(content=secret[at:])), frame(piece(finish="stop")))
        seen = put_together(through(masked(), source))
        assert seen == {(0, "delta", "content"): whole(secret)}, at


def test_every_cut_of_the_bytes_gives_the_same_events() -> None:
    source = sse(
        frame(piece(role="assistant", content="")),
        *[frame(piece(content=letter)) for letter in "an é 4111 1111 1111 1111 😀"],
        frame(piece(finish="stop")),
        frame(usage={"prompt_tokens": 1, "completion_tokens": 2}),
    )
    expected = through(masked(), source)
    for at in range(len(source) + 1):
        assert through(masked(), source[:at], source[at:]) == expected, at
    assert through(masked(), *[source[at : at + 1] for at in range(len(source))]) == expected


FIELDS: list[tuple[Any, ...]] = [
    ("delta", "content"),
    ("delta", "refusal"),
    ("delta", "reasoning_content"),
    ("delta", "nobody_knows_it"),
    ("text",),
    ("delta", "tool_calls", 0, "function", "arguments"),
    ("delta", "tool_calls", 1, "function", "arguments"),
    ("delta", "tool_calls", 2, "custom", "input"),
    ("delta", "function_call", "arguments"),
    ("delta", "reasoning_details", 0, "text"),
]


@st.composite
def streams(draw: st.DrawFn) -> tuple[dict[tuple[Any, ...], str], list[dict[str, Any]]]:
    """Several texts of several choices, cut and mixed at random, and the events that carry them."""
    texts = draw(
        st.dictionaries(st.tuples(st.integers(0, 2), st.sampled_from(FIELDS)), secrets, min_size=1, max_size=4)
    )
    whole_texts = {(index, *path): text for (index, path), text in texts.items()}
    for path, text in whole_texts.items():
        if path[-1] == "arguments":
            whole_texts[path] = json.dumps({"a": text}, ensure_ascii=draw(st.booleans()))
    waiting = {path: cut(text, draw(st.lists(st.integers(0, 9), max_size=6))) for path, text in whole_texts.items()}
    events = []
    while waiting:
        path = draw(st.sampled_from(sorted(waiting, key=repr)))
        choice: dict[str, Any] = {"index": path[0], "finish_reason": None}
        place(choice, path[1:], waiting[path].pop(0))
        if not waiting[path]:
            del waiting[path]
        if draw(st.booleans()) and not any(other[0] == path[0] for other in waiting):
            choice["finish_reason"] = "stop"
        events.append(frame(choice))
        if choice["finish_reason"]:
            waiting = {other: pieces for other, pieces in waiting.items() if other[0] != path[0]}
    return whole_texts, events


@given(streams(), st.integers(1, 400), st.booleans())
def test_any_mixture_of_texts_in_any_pieces_is_each_text_masked(
    drawn: tuple[dict[tuple[Any, ...], str], list[dict[str, Any]]], size: int, done: bool
) -> None:
    texts, events = drawn
    source = sse(*events, done=done)
    answer = masked()
    out = through(answer, *[source[at : at + size] for at in range(0, len(source), size)])
    assert answer.error is None
    expected = {path: whole(text, path[-1] == "arguments") for path, text in texts.items()}
    assert put_together(out) == {path: text for path, text in expected.items() if text}
    assert len(events_of(out)) >= len(events)


def test_each_event_of_the_upstream_is_one_event_for_the_caller() -> None:
    source = [frame(piece(content=" word")) for _ in range(10)] + [frame(piece(finish="stop"))]
    answer = masked()
    for document in source:
        assert len(events_of(answer.feed(sse(document, done=False)))) == 1
    assert events_of(answer.feed(b"data: [DONE]\n\n")) == ["[DONE]"]
    assert answer.events == 11


def test_what_was_held_back_comes_with_the_end_of_its_choice() -> None:
    out = through(
        masked(), sse(frame(piece(content="write to bob")), frame(piece(1, content="x")), frame(piece(finish="stop")))
    )
    first, _, last, extra, done = events_of(out)
    assert first["choices"][0]["delta"]["content"] + last["choices"][0]["delta"]["content"] == "write to bob"
    assert extra["choices"] == [{"index": 1, "delta": {"content": "x"}, "finish_reason": None}]
    assert (extra["id"], extra["model"], extra["object"]) == ("c1", "m", "chat.completion.chunk")
    assert done == "[DONE]"


@pytest.mark.parametrize("done", [True, False])
def test_what_was_held_back_is_sent_if_no_end_comes(done: bool) -> None:
    out = through(masked(), sse(frame(piece(content="bob@example.com")), done=done))
    assert put_together(out) == {(0, "delta", "content"): whole("bob@example.com")}


def test_an_incomplete_last_event_is_judged_too() -> None:
    out = through(masked(), sse(frame(piece(content="bob@example.com ")), done=False).removesuffix(b"\n\n"))
    assert b"bob@example.com" not in out


def test_counts_say_what_was_masked_in_texts_and_around_them() -> None:
    answer = masked()
    through(
        answer,
        sse(
            frame(piece(content="bob@example.com and")),
            frame(piece(finish="stop"), note="eve@example.com", other=["a@b.example"]),
        ),
    )
    assert answer.masked == {"email": 3}


def test_counts_include_what_is_still_open() -> None:
    answer = masked()
    answer.feed(sse(frame(piece(content="bob@example.com and more ")), done=False))
    assert answer.masked == {"email": 1}


def test_strings_around_the_choices_are_masked_and_frames_pass() -> None:
    document = frame(
        piece(content="x"), system_fingerprint="fp", provider="bob@example.com", nested={"a": ["eve@example.com"]}
    )
    first = events_of(through(masked(), sse(document)))[0]
    assert (first["id"], first["system_fingerprint"]) == ("c1", "fp")
    assert "example.com" not in json.dumps(first)


def test_token_wise_spellings_are_emptied() -> None:
    choice = {**piece(content="x"), "logprobs": {"content": [{"token": "bob@"}]}}
    assert events_of(through(masked(), sse(frame(choice))))[0]["choices"][0]["logprobs"] is None


def test_comments_names_and_ids_pass_and_are_masked_where_they_hold_something() -> None:
    document = json.dumps(frame(piece(content="x "))).encode()
    out = masked().feed(b": ping\n\nevent: e\nid: 7\nretry: 10\n: bob@example.com\ndata: " + document + b"\n\n")
    assert out.startswith(b": ping\n\nevent: e\nid: 7\nretry: 10\n: ")
    assert b"bob@" not in out


def test_the_names_and_ids_of_calls_stay_whole() -> None:
    call = {
        "index": 0,
        "id": "call_4111111111111111",
        "type": "function",
        "function": {"name": "look_up", "arguments": ""},
    }
    first = events_of(through(masked(), sse(frame(piece(tool_calls=[call])))))[0]
    assert first["choices"][0]["delta"]["tool_calls"] == [call]


def test_strings_further_down_that_do_not_grow_come_whole_and_masked() -> None:
    cited = {"type": "url_citation", "url_citation": {"url": "https://example.com/a", "title": "by bob@example.com"}}
    first = events_of(through(masked(), sse(frame(piece(annotations=[cited])))))[0]
    seen = first["choices"][0]["delta"]["annotations"][0]["url_citation"]
    assert seen == {"url": "https://example.com/a", "title": whole("by bob@example.com")}


def test_arguments_are_masked_as_the_json_source_they_are_and_all_else_as_text() -> None:
    asked: list[bool] = []

    def masker(escaped: bool) -> StreamMasker:
        asked.append(escaped)
        return StreamMasker(EVERY_ENTITY, escaped=escaped)

    answer = stream(Operation.CHAT, masker=masker, whole=whole, hide_usage=False)
    answer.feed(
        sse(frame(piece(content="a ")), frame(piece(tool_calls=[{"index": 0, "function": {"arguments": "{"}}])))
    )
    answer.feed(sse(frame(piece(function_call={"arguments": "{"})), frame(piece(refusal="b "))))
    assert asked == [False, True, True, False]


def test_the_tail_of_arguments_is_added_to_the_call_it_belongs_to() -> None:
    call = {"index": 3, "function": {"arguments": '{"a":"bob@example.com"}'}}
    ending = {"index": 0, "delta": {"tool_calls": None}, "finish_reason": "tool_calls"}
    out = through(masked(), sse(frame(piece(tool_calls=[call])), frame(ending)))
    text = put_together(out)[0, "delta", "tool_calls", 3, "function", "arguments"]
    assert json.loads(text) == {"a": whole("bob@example.com")}


def test_usage_and_end_are_learnt() -> None:
    answer = masked()
    through(
        answer,
        sse(frame(piece(content="abc", finish="length")), frame(usage={"prompt_tokens": 7, "completion_tokens": 9})),
    )
    assert answer.usage == Usage(7, 9)
    assert answer.finish_reason == "length"
    assert answer.output_chars == 4  # a token is not counted as less


def test_an_error_in_the_stream_passes_masked() -> None:
    out = through(masked(), sse({"error": {"message": "bob@example.com failed", "code": 5}}))
    assert events_of(out)[0]["error"] == {"message": whole("bob@example.com failed"), "code": 5}


AFTER_THE_END = sse(frame(piece(content="4111 1111 ", finish="stop")), frame(piece(content="1111 1111")))


@pytest.mark.parametrize(
    "source",
    [
        b"data: {\n\n",
        b"data: hello\n\n",
        b"data: [1]\n\n",
        b'data: "text"\n\n',
        b'data: {"choices":[{"delta":{"content":"\xff"}}]}\n\n',
        b'data: {"choices":' + b"[" * 2000 + b"]" * 2000 + b"}\n\n",
        b'data: {"choices":[{"delta":' + b'{"a":' * 100 + b'"x"' + b"}" * 100 + b"}]}\n\n",
        b": \xff\n\n",
        sse({"type": "response.output_text.delta", "delta": "bob@"}),
        sse({"response": "bob@", "done": False}),
        sse({"message": {"content": "bob@"}}),
        sse(frame("text")),
        sse(frame({"index": "0", "delta": {}})),
        sse(frame(piece(tool_calls=[{"index": "0", "function": {"arguments": "{}"}}]))),
        sse(frame(piece(audio={"data": "AAAA"}))),
        sse(*[frame(piece(number, content="x")) for number in range(1100)]),
        sse(*[frame(piece(number, finish="stop")) for number in range(1100)]),
        AFTER_THE_END,
        b"data: " + b"x" * (9 * 1024 * 1024),
    ],
    ids=range(19),
)
def test_what_cannot_be_judged_ends_the_stream_without_a_byte_of_it(source: bytes) -> None:
    answer = masked()
    assert answer.feed(source) == b""
    assert answer.error in (Reason.RESPONSE_UNREADABLE, Reason.RESPONSE_TOO_LARGE)
    assert answer.feed(sse(frame(piece(content="x")))) == b""
    assert answer.finish() == b""


def test_nothing_more_after_an_end_is_fine_if_it_is_empty() -> None:
    answer = masked()
    through(answer, sse(frame(piece(content="x", finish="stop")), frame(piece(content=""))))
    assert answer.error is None


def test_the_terminator_is_an_error_and_the_end() -> None:
    error, done = events_of(masked().terminator(Denial(Reason.RESPONSE_UNREADABLE)))
    assert error["error"]["code"] == "response_unreadable"
    assert done == "[DONE]"


JUNK = st.recursive(
    st.none() | st.integers(0, 2) | st.sampled_from(["x", "bob@example.com", "stop", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "delta",
                    "content",
                    "index",
                    "tool_calls",
                    "function",
                    "arguments",
                    "usage",
                    "finish_reason",
                    "text",
                    "z",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(
    st.lists(st.dictionaries(st.sampled_from(["choices", "usage", "error", "id", "z"]), JUNK, max_size=4), max_size=4),
    st.booleans(),
)
def test_no_event_is_too_odd_and_nothing_whole_slips_through(documents: list[Any], hide_usage: bool) -> None:
    answer = masked(hide_usage=hide_usage)
    out = through(answer, sse(*documents))
    if answer.error is None:
        frames = [{**event, "id": ""} for event in events_of(out) if event != "[DONE]"]
        assert "bob@example.com" not in json.dumps(frames)
    else:
        assert answer.error is Reason.RESPONSE_UNREADABLE


@given(st.binary(max_size=80), st.integers(1, 9))
def test_arbitrary_bytes_never_raise(source: bytes, size: int) -> None:
    answer = masked()
    out = through(answer, *[source[at : at + size] for at in range(0, len(source), size)])
    assert answer.error is None or out == b""


def test_names_of_members_are_masked_where_they_may_be_content() -> None:
    delta = {"content": "x", "bob.smith@example.com": "y", "deep": {"4111 1111 1111 1111": {"eve@example.com": "z"}}}
    choice = {"index": 0, "delta": delta, "carol@example.com": 1}
    document = {"id": "1", "object": "chat.completion.chunk", "choices": [choice], "dan@example.com": None}
    out = through(masked(), b"data: " + json.dumps(document).encode() + b"\n\n", b"data: [DONE]\n\n")
    assert b"@" not in out
    assert b"4111" not in out
    first = json.loads(out.split(b"\n\n")[0].removeprefix(b"data: "))
    assert set(first["choices"][0]) == {"index", "delta", "[EMAIL]"}
    assert first["choices"][0]["delta"]["deep"] == {"[CARD]": {"[EMAIL]": "z"}}
