"""A message in a stream: for any cut, the client has what masking the whole texts gives."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect.stream import StreamMasker
from guardhouse.model.denial import Denial
from guardhouse.model.entity import EVERY_ENTITY
from guardhouse.model.reason import Reason
from guardhouse.model.usage import Usage
from guardhouse.wire.dialects.anthropic.dialect import ANTHROPIC
from wire.dialects.cutting import SECRETS, cut, secrets
from wire.dialects.openai.masking import whole

from .messages import (
    END,
    FIELDS,
    ROUTE,
    SIGNATURE,
    START,
    STOP,
    begin,
    end,
    events_of,
    masked,
    piece,
    put_together,
    sse,
    text_stream,
    through,
)


@pytest.mark.parametrize("secret", SECRETS)
def test_every_cut_of_a_text_between_two_events_gives_the_masked_text(secret: str) -> None:
    for at in range(len(secret) + 1):
        assert put_together(through(masked(), text_stream(secret[:at], secret[at:]))) == [("text", whole(secret))], at


def test_every_cut_of_the_bytes_gives_the_same_events() -> None:
    source = text_stream(*"an é 4111 1111 1111 1111 😀")
    expected = through(masked(), source)
    for at in range(len(source) + 1):
        assert through(masked(), source[:at], source[at:]) == expected, at
    assert through(masked(), *[source[at : at + 1] for at in range(len(source))]) == expected


@st.composite
def streams(draw: st.DrawFn) -> tuple[list[tuple[str, str]], list[dict[str, Any]]]:
    """Blocks of all kinds, cut and mixed at random, and the events that carry them."""
    texts = draw(st.lists(st.tuples(st.sampled_from(sorted(FIELDS)), secrets), min_size=1, max_size=4))
    texts = [
        (kind, json.dumps({"a": text}, ensure_ascii=draw(st.booleans())) if "tool" in kind else text)
        for kind, text in texts
    ]
    waiting = {index: cut(text, draw(st.lists(st.integers(0, 9), max_size=6))) for index, (_, text) in enumerate(texts)}
    events: list[dict[str, Any]] = [START]
    opened = 0
    while waiting:
        index = draw(st.sampled_from([number for number in waiting if number <= opened]))
        kind = texts[index][0]
        if index == opened:
            opened += 1
            field = FIELDS[kind][1]
            early = field in ("text", "thinking") and draw(st.booleans())
            events.append(begin(index, kind, **({field: waiting[index].pop(0)} if early else {})))
        elif draw(st.integers(0, 9)) == 9:
            events.append({"type": "ping"})
        else:
            events.append(piece(index, waiting[index].pop(0), kind))
        if not waiting[index]:
            del waiting[index]
            if draw(st.booleans()):
                events.append(end(index))
    return texts, [*events, *END] if draw(st.booleans()) else events


@given(streams(), st.integers(1, 400))
def test_any_mixture_of_blocks_in_any_pieces_is_each_text_masked(
    drawn: tuple[list[tuple[str, str]], list[dict[str, Any]]], size: int
) -> None:
    texts, events = drawn
    source = sse(*events)
    answer = masked()
    out = through(answer, *[source[at : at + size] for at in range(0, len(source), size)])
    assert answer.error is None
    assert put_together(out) == [(kind, whole(text, "tool" in kind)) for kind, text in texts]
    assert len(events_of(out)) >= len(events)


def test_each_event_of_the_upstream_is_one_event_for_the_caller() -> None:
    answer = masked()
    for document in [START, begin(0), *[piece(0, " word") for _ in range(10)]]:
        assert len(events_of(answer.feed(sse(document)))) == 1
    assert answer.events == 12


def test_what_was_held_back_goes_out_right_before_the_end_of_its_block() -> None:
    out = events_of(through(masked(), sse(START, begin(0), piece(0, "write to bob"), end(0), *END)))
    assert [event["type"] for event in out] == [
        *("message_start", "content_block_start", "content_block_delta", "content_block_delta"),
        *("content_block_stop", "message_delta", "message_stop"),
    ]
    assert out[3]["index"] == 0
    assert out[2]["delta"]["text"] + out[3]["delta"]["text"] == "write to bob"


@pytest.mark.parametrize("last", [[], END, [{"type": "error", "error": {"type": "api_error", "message": "m"}}]])
def test_what_was_held_back_is_sent_if_no_block_is_ended(last: list[Any]) -> None:
    out = through(masked(), sse(START, begin(0), piece(0, "bob@example.com"), *last))
    assert put_together(out) == [("text", whole("bob@example.com"))]
    if last:
        assert events_of(out)[-1]["type"] == last[-1]["type"]


def test_an_incomplete_last_event_is_judged_too() -> None:
    out = through(masked(), sse(START, begin(0), piece(0, "bob@example.com ")).removesuffix(b"\n\n"))
    assert b"bob@example.com" not in out


@pytest.mark.parametrize("kind", ["tool_use", "mcp_tool_use"])
def test_arguments_are_masked_as_the_json_source_they_are_and_stay_json(kind: str) -> None:
    source = json.dumps({"to": "bob@example.com", "card": 4111111111111111, "note": "a\nb@example.com"})
    for at in range(len(source) + 1):
        out = through(
            masked(),
            sse(
                START,
                begin(0, kind),
                piece(0, source[:at], kind),
                piece(0, source[at:], kind),
                end(0),
                *END,
            ),
        )
        text = put_together(out)[0][1]
        assert json.loads(text) == {"to": "[EMAIL]", "card": "[CARD]", "note": "a\n[EMAIL]"}, at


def test_the_maskers_know_what_is_source() -> None:
    asked: list[bool] = []

    def masker(escaped: bool) -> StreamMasker:
        asked.append(escaped)
        return StreamMasker(EVERY_ENTITY, escaped=escaped)

    answer = ANTHROPIC.stream(ROUTE, masker, whole, hide_usage=False)
    answer.feed(sse(START, begin(0), begin(1, "tool_use"), begin(2, "thinking"), begin(3, "server_tool_use")))
    assert asked == [False, True, False, True]


def test_counts_say_what_was_masked_in_texts_and_around_them() -> None:
    answer = masked()
    through(answer, sse(START, begin(0), piece(0, "bob@example.com and", note="eve@example.com"), end(0), *END))
    assert answer.masked == {"email": 2}
    answer = masked()
    answer.feed(sse(START, begin(0), piece(0, "bob@example.com and more ")))
    assert answer.masked == {"email": 1}


def test_signatures_and_redacted_thinking_pass_as_they_are() -> None:
    redacted = {"type": "redacted_thinking", "data": SIGNATURE}
    signed = {"type": "content_block_delta", "index": 0, "delta": {"type": "signature_delta", "signature": SIGNATURE}}
    source = [
        START,
        begin(0, "thinking"),
        piece(0, "hm ", "thinking"),
        signed,
        end(0),
        {"type": "content_block_start", "index": 1, "content_block": redacted},
        end(1),
        *END,
    ]
    assert events_of(through(masked(), sse(*source))) == source


def test_what_only_pretends_to_be_sealed_is_masked() -> None:
    hiding = {"type": "redacted_thinking", "data": "bob@example.com"}
    signed = {"type": "signature_delta", "signature": "bob@example.com"}
    out = through(
        masked(),
        sse(
            START,
            begin(0, "thinking"),
            {"type": "content_block_delta", "index": 0, "delta": signed},
            {"type": "content_block_start", "index": 1, "content_block": hiding},
        ),
    )
    assert b"bob@" not in out
    assert len(events_of(out)) == 4


def test_citations_and_results_of_searches_come_whole_and_masked() -> None:
    citation = {"type": "web_search_result_location", "cited_text": "by bob@example.com", "encrypted_index": SIGNATURE}
    result = {"type": "web_search_result", "title": "eve@example.com", "url": "u", "encrypted_content": SIGNATURE}
    block = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_4111111111111111", "content": [result]}
    out = events_of(
        through(
            masked(),
            sse(
                START,
                {"type": "content_block_start", "index": 0, "content_block": block},
                end(0),
                begin(1),
                {
                    "type": "content_block_delta",
                    "index": 1,
                    "delta": {"type": "citations_delta", "citation": citation},
                },
            ),
        )
    )
    assert out[1]["content_block"] == {**block, "content": [{**result, "title": "[EMAIL]"}]}
    assert out[4]["delta"]["citation"] == {**citation, "cited_text": "by [EMAIL]"}


def test_everything_around_the_texts_is_masked_and_frames_pass() -> None:
    start = {
        **START,
        "message": {**START["message"], "provider": "bob@example.com", "a rather long key@example.com": 1},
        "trace": ["eve@example.com"],
    }
    last = {"type": "message_delta", "delta": {"stop_reason": "stop_sequence", "stop_sequence": "eve@example.com"}}
    out = events_of(
        through(
            masked(),
            sse(
                start,
                {"type": "ping", "note": "bob@example.com"},
                {**begin(0), "from": "bob@example.com"},
                {**piece(0, "x"), "logged": "bob@example.com"},
                {**end(0), "why": "bob@example.com"},
                last,
                {**STOP, "bye": "bob@example.com"},
            ),
        )
    )
    assert "example.com" not in json.dumps(out)
    assert (out[0]["message"]["id"], out[0]["message"]["model"]) == ("msg_1", "m")


def test_token_wise_spellings_are_emptied() -> None:
    out = events_of(through(masked(), sse(START, begin(0, logprobs=[1]), piece(0, "x ", token_ids=[1, 2]))))
    assert out[1]["content_block"]["logprobs"] is None
    assert out[2]["delta"]["token_ids"] is None


def test_comments_pass_and_names_with_more_lines_are_masked() -> None:
    source = sse(START).replace(b"event:", b": ping bob@example.com\nid: 7\nevent:")
    out = masked().feed(b": ping\n\n" + source)
    assert out.startswith(b": ping\n\n: ping [EMAIL]\nid: 7\nevent: message_start\ndata: {")


def test_usage_and_end_are_learnt_and_count_everything() -> None:
    answer = masked()
    through(answer, sse(START, begin(0), piece(0, "abc"), end(0), *END))
    assert answer.usage == Usage(9, 9)
    assert answer.finish_reason == "stop"
    assert answer.output_chars == 4  # a token is not counted as less


def test_the_output_of_a_stream_that_is_cut_is_not_taken_from_its_beginning() -> None:
    answer = masked()
    answer.feed(sse(START, begin(0), piece(0, "abc")))
    assert answer.usage is None


def test_an_error_in_the_stream_passes_masked_and_is_its_end() -> None:
    answer = masked()
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "bob@example.com waits"}}
    out = answer.feed(sse(START, error))
    assert events_of(out)[1]["error"] == {"type": "overloaded_error", "message": "[EMAIL] waits"}
    assert answer.feed(sse(begin(0))) == b""
    assert answer.error is Reason.RESPONSE_UNREADABLE


def delta(index: Any, **inner: Any) -> dict[str, Any]:
    return {"type": "content_block_delta", "index": index, "delta": inner}


SIGNED = delta(0, type="signature_delta", signature="a")
UNREADABLE: list[bytes] = [
    b"data: {\n\n",
    b"data: hello\n\n",
    b"event: message_start\ndata: [1]\n\n",
    sse(START).replace(b"event: message_start\n", b""),
    sse(START).replace(b"event: message_start", b"event: ping"),
    sse({"type": "ping"}).replace(b"event: ping", b"event: content_block_delta"),
    sse(START, {"type": "message_update", "delta": {"text": "bob@"}}),
    sse(begin(0)),
    sse({"type": "message_stop"}),
    sse({"type": "message_delta", "delta": {}}),
    sse(START, START),
    sse({**START, "message": "bob@"}),
    sse({**START, "message": {**START["message"], "content": [{"type": "text", "text": "bob@"}]}}),
    sse(START, piece(0, "x")),
    sse(START, begin(1)),
    sse(START, begin(0), begin(0)),
    sse(START, begin(0), piece(1, "x")),
    sse(START, begin(0), end(0), piece(0, "x")),
    sse(START, begin(0), end(0), end(0)),
    sse(START, begin(0), piece(0, "x", "thinking")),
    sse(START, begin(0, "thinking"), piece(0, "x")),
    sse(START, begin(0, "tool_use"), piece(0, "x")),
    sse(START, begin(0), piece(0, "{}", "tool_use")),
    sse(START, begin(0), delta(0, type="text_delta", text=5)),
    sse(START, begin(0), delta(0, type="text_delta")),
    sse(START, begin(0), delta(0, type="hologram_delta", text="x")),
    sse(START, begin(0), delta(0, type=["text_delta"], text="x")),
    sse(START, begin(0), delta(0, text="x")),
    sse(START, begin(0), {"type": "content_block_delta", "index": 0, "delta": "x"}),
    sse(START, begin(0), delta("0", type="text_delta", text="x")),
    sse(START, begin(0), delta(False, type="text_delta", text="x")),
    sse(START, begin(0), SIGNED),
    sse(START, begin(0, "thinking"), SIGNED, SIGNED),
    sse(START, begin(0, "thinking", signature="bob@"), SIGNED),
    sse(START, begin(0, "thinking"), piece(0, "x", "thinking", signature="bob@")),
    sse(START, begin(0, "thinking"), delta(0, type="signature_delta", signature="a", thinking="bob@")),
    sse(START, begin(0), delta(0, type="citations_delta", citation={}, text="bob@")),
    sse(START, begin(0, "thinking"), delta(0, type="citations_delta", citation={})),
    sse(START, {"type": "content_block_start", "index": 0, "content_block": "x"}),
    sse(START, {"type": "content_block_start", "index": 0, "content_block": {"type": "image", "source": {}}}),
    sse(START, {"type": "content_block_start", "index": 0, "content_block": {"type": "compaction", "content": "x"}}),
    sse(START, {"type": "content_block_start", "index": 0, "content_block": {"text": "x"}}),
    sse(START, *[begin(number) for number in range(1100)]),
    sse(START, *END, {"type": "ping"}),
    sse(START, *END, begin(0)),
    sse(START).replace(b'"m"', b'"\xff"'),
    b": \xff\n\n",
    b"data: " + b"x" * (9 * 1024 * 1024),
]


@pytest.mark.parametrize("source", UNREADABLE, ids=range(len(UNREADABLE)))
def test_what_cannot_be_judged_ends_the_stream_without_a_byte_of_it(source: bytes) -> None:
    answer = masked()
    assert answer.feed(source) == b""
    assert answer.error in (Reason.RESPONSE_UNREADABLE, Reason.RESPONSE_TOO_LARGE)
    assert answer.feed(sse({"type": "ping"})) == b""
    assert answer.finish() == b""


def test_the_terminator_is_an_error_event() -> None:
    (error,) = events_of(masked().terminator(Denial(Reason.BUDGET_EXHAUSTED)))
    assert error["type"] == "error"
    assert error["error"]["type"] == "rate_limit_error"
    assert error["error"]["details"] == {"error_code": "budget_exhausted"}


NAMES = ["type", "index", "delta", "content_block", "message", "content", "text", "partial_json", "usage", "error", "z"]
JUNK = st.recursive(
    st.none() | st.integers(0, 2) | st.sampled_from(["x", "bob@example.com", "text_delta", "text", "tool_use", ""]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from([*NAMES, "a key that holds bob@example.com"]), inner, max_size=4)
    ),
    max_leaves=12,
)
KINDS = st.sampled_from(["content_block_start", "content_block_delta", "content_block_stop", "message_delta", "ping"])


@given(st.lists(st.tuples(KINDS, st.dictionaries(st.sampled_from(NAMES), JUNK, max_size=4)), max_size=5))
def test_no_event_is_too_odd_and_nothing_whole_slips_through(drawn: list[tuple[str, dict[str, Any]]]) -> None:
    answer = masked()
    out = through(answer, sse(START, begin(0), *[{**document, "type": kind} for kind, document in drawn]))
    if answer.error is None:
        assert "bob@example.com" not in json.dumps(events_of(out))
    else:
        assert answer.error is Reason.RESPONSE_UNREADABLE


@given(st.binary(max_size=80), st.integers(1, 9))
def test_arbitrary_bytes_never_raise(source: bytes, size: int) -> None:
    answer = masked()
    out = through(answer, *[source[at : at + size] for at in range(0, len(source), size)])
    assert answer.error is None or out == b""
