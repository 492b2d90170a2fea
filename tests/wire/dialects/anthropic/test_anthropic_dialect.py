"""Routes, headers, lengths, whole answers and errors of Anthropic's API."""

import json
from typing import Any

import pytest
from anthropic import types

from guardhouse.model.denial import Denial
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.model.secret import Secret
from guardhouse.model.usage import Usage
from guardhouse.wire.dialects.anthropic.dialect import ANTHROPIC
from guardhouse.wire.dialects.anthropic.fields import COUNT_TOKENS
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.dialects.table import recognise

from .messages import ROUTE

COUNT = Route(ANTHROPIC, Operation.CHAT, COUNT_TOKENS)
VERSION = {b"anthropic-version": b"2023-06-01"}


@pytest.mark.parametrize("headers", [VERSION, {}])
@pytest.mark.parametrize("path", [b"/v1/messages", b"/v1/messages/count_tokens"])
def test_messages_are_asked_for_and_counted_by_chatters(path: bytes, headers: dict[bytes, bytes]) -> None:
    route = recognise("POST", path, headers)
    assert isinstance(route, Route)
    assert (route.dialect.name, route.operation, route.path, route.local) == ("anthropic", Operation.CHAT, path, False)
    assert recognise("GET", path, headers) is Reason.METHOD_NOT_ALLOWED


@pytest.mark.parametrize(
    "path",
    [
        *(b"/v1/messages/", b"/v1/messages/batches", b"/v1/messages/batches/x/results", b"/v1/complete"),
        *(b"/v1/Messages", b"/v1/messages%2fbatches", b"/v1//messages", b"/v1/skills", b"/v1/messages?x", b"/messages"),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST", "DELETE"])
def test_nothing_else_exists(method: str, path: bytes) -> None:
    assert recognise(method, path, VERSION) is Reason.ROUTE_UNKNOWN


def test_models_are_told_in_the_dialect_that_the_header_names() -> None:
    for headers, name in ((VERSION, "anthropic"), ({}, "openai")):
        route = recognise("GET", b"/v1/models", headers)
        assert isinstance(route, Route)
        assert (route.dialect.name, route.operation, route.local) == (name, Operation.MODELS_READ, True)
        one = recognise("GET", b"/v1/models/a/b", headers)
        assert isinstance(one, Route)
        assert (one.dialect.name, one.model) == (name, "a/b")
    assert recognise("POST", b"/v1/models", VERSION) is Reason.METHOD_NOT_ALLOWED


def test_lists_of_models_are_what_the_client_reads() -> None:
    route = recognise("GET", b"/v1/models", VERSION)
    assert isinstance(route, Route)
    body = json.loads(route.dialect.answer_locally(route, ["a", "b"]) or b"")
    assert [types.ModelInfo.model_validate(each).id for each in body["data"]] == ["a", "b"]
    assert (body["has_more"], body["first_id"], body["last_id"]) == (False, "a", "b")
    empty = json.loads(route.dialect.answer_locally(route, []) or b"")
    assert empty == {"data": [], "has_more": False, "first_id": None, "last_id": None}
    one = Route(ANTHROPIC, Operation.MODELS_READ, b"/v1/models/a", "a", local=True)
    assert json.loads(ANTHROPIC.answer_locally(one, ["a"]) or b"")["id"] == "a"
    assert ANTHROPIC.answer_locally(one, ["b"]) is None


def test_the_credential_is_an_api_key() -> None:
    assert ANTHROPIC.credential(Secret("s")) == "x-api-key: s"


@pytest.mark.parametrize(
    ("name", "value", "gone_on"),
    [
        (b"anthropic-version", b"2023-06-01", b"2023-06-01"),
        (b"anthropic-version", b"bob@example.com", b""),
        (b"anthropic-version", b"2023-06-01\n", b""),
        (b"anthropic-beta", b"pdfs-2024-09-25", b"pdfs-2024-09-25"),
        (b"anthropic-beta", b"pdfs-2024-09-25 ,\tcontext-1m-2025-08-07", b"pdfs-2024-09-25,context-1m-2025-08-07"),
        (b"anthropic-beta", b"mcp-tunnels-2026-05-19,pdfs-2024-09-25,my-secret", b"pdfs-2024-09-25"),
        (b"anthropic-beta", b"mcp-client-2025-11-20", b"mcp-client-2025-11-20"),
        (b"anthropic-beta", b"server-side-fallback-2026-07-01", b""),
        (b"anthropic-beta", b"", b""),
        (b"anthropic-beta", b"pdfs-2024-09-25," * 1000, b""),
    ],
)
def test_headers_go_on_as_far_as_they_are_known(name: bytes, value: bytes, gone_on: bytes) -> None:
    assert name in ANTHROPIC.forwarded
    assert ANTHROPIC.forward(name, value) == gone_on


def test_every_field_that_names_a_length_counts() -> None:
    assert ANTHROPIC.longest({"max_tokens": 5}, ROUTE) == 5
    assert ANTHROPIC.longest({"max_tokens": 5, "max_completion_tokens": 900, "max_output_tokens": 7}, ROUTE) == 900
    assert ANTHROPIC.longest({"max_tokens": 5, "thinking": {"budget_tokens": 50}}, ROUTE) == 50
    assert ANTHROPIC.longest({"max_tokens": 5, "thinking": "x", "max_output_tokens": "9"}, ROUTE) == 5
    assert ANTHROPIC.is_length_named({"max_tokens": 0}, ROUTE)
    assert not ANTHROPIC.is_length_named({"max_completion_tokens": 5}, ROUTE)


@pytest.mark.parametrize(
    ("document", "answers"), [({}, 1), ({"n": 5}, 5), ({"n": -1}, 1), ({"n": "5"}, 1), ({"best_of": 3, "n": 2}, 3)]
)
def test_answers_are_those_that_a_server_of_several_dialects_may_make(document: dict[str, Any], answers: int) -> None:
    assert ANTHROPIC.answers(document, ROUTE) == answers
    assert ANTHROPIC.answers(document, COUNT) == 0


@pytest.mark.parametrize(
    ("before", "most", "after"),
    [
        ({"max_tokens": 100}, 200, None),
        ({"max_tokens": 100}, 50, {"max_tokens": 50}),
        ({"max_tokens": 100, "max_output_tokens": 300}, 200, {"max_tokens": 100, "max_output_tokens": 200}),
        ({}, 200, {"max_tokens": 64}),
        (
            {"max_tokens": 5000, "thinking": {"type": "enabled", "budget_tokens": 4000}},
            3000,
            {"max_tokens": 3000, "thinking": {"type": "enabled", "budget_tokens": 2999}},
        ),
        (
            {"max_tokens": 5000, "thinking": {"type": "enabled", "budget_tokens": 4000}},
            1024,
            {"max_tokens": 1024, "thinking": {"type": "disabled"}},
        ),
        (
            {"max_tokens": 5000, "thinking": {"type": "enabled", "budget_tokens": 4000}},
            4001,
            {"max_tokens": 4001, "thinking": {"type": "enabled", "budget_tokens": 4000}},
        ),
    ],
)
def test_lengths_are_lowered_and_thinking_with_them(
    before: dict[str, Any], most: int, after: dict[str, Any] | None
) -> None:
    changed = ANTHROPIC.shorten(before, ROUTE, most, 64)
    assert changed is (after is not None)
    if after is not None:
        assert before == after
        assert not ANTHROPIC.shorten(before, ROUTE, most, 64)


@pytest.mark.parametrize(
    ("figures", "usage"),
    [
        ({"input_tokens": 3, "output_tokens": 4}, Usage(3, 4)),
        (
            {"input_tokens": 3, "cache_creation_input_tokens": 10, "cache_read_input_tokens": 100, "output_tokens": 4},
            Usage(113, 4),
        ),
        ({"input_tokens": 3, "cache_read_input_tokens": None, "output_tokens": 4}, Usage(3, 4)),
        ({"input_tokens": -3, "output_tokens": 4}, None),
        ({"input_tokens": True, "output_tokens": 4}, None),
        ({"input_tokens": 2**60, "output_tokens": 4}, None),
        ({"output_tokens": 4}, None),
        ("x", None),
        (None, None),
    ],
)
def test_usage_is_everything_that_went_in_and_what_came_out(figures: Any, usage: Usage | None) -> None:
    assert ANTHROPIC.usage({"usage": figures}, ROUTE) == usage
    assert ANTHROPIC.usage([figures], ROUTE) is None
    assert ANTHROPIC.usage({"input_tokens": 5}, COUNT) == Usage(0, 0)


@pytest.mark.parametrize(
    ("reason", "end"),
    [
        *[("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("tool_use", "tool_calls")],
        *[("refusal", "content_filter"), ("model_context_window_exceeded", "length"), ("pause_turn", "other")],
        *[(None, ""), ("bob@example.com", "other"), (["stop"], "other")],
    ],
)
def test_the_end_is_told_in_the_words_of_all_dialects(reason: Any, end: str) -> None:
    assert ANTHROPIC.finish_reason({"stop_reason": reason}, ROUTE) == end
    assert ANTHROPIC.finish_reason("x", ROUTE) == ""


def deep(levels: int) -> Any:
    block: Any = {"type": "text", "text": "x"}
    for _ in range(levels):
        block = {"type": "tool_result", "content": [block]}
    return block


@pytest.mark.parametrize(
    ("block", "hidden"),
    [
        ({"type": "text", "text": "x"}, False),
        ({"type": "redacted_thinking", "data": "x"}, False),
        ({"type": "image", "source": {"type": "base64", "data": "x"}}, True),
        ({"type": "hologram", "data": "x"}, True),
        ({"text": "x"}, True),
        ("x", True),
        (deep(4), False),
        (deep(400), True),
    ],
)
def test_what_cannot_be_read_of_an_answer_is_listed(block: Any, hidden: bool) -> None:
    assert ANTHROPIC.unreadable_answer({"content": [block]}, ROUTE) == (["content[0]"] if hidden else [])


def test_an_answer_without_blocks_has_nothing_hidden_unless_it_is_no_object() -> None:
    assert ANTHROPIC.unreadable_answer({"type": "error", "error": {}}, ROUTE) == []
    assert ANTHROPIC.unreadable_answer([], ROUTE) == ["(document)"]


def test_spellings_are_emptied() -> None:
    document = {"content": [{"type": "text", "text": "x", "logprobs": [1]}, "x"], "prompt_logprobs": [1]}
    ANTHROPIC.drop_fragments(document)
    assert document == {"content": [{"type": "text", "text": "x", "logprobs": None}, "x"], "prompt_logprobs": None}
    ANTHROPIC.drop_fragments([])


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (Reason.SHAPE_INVALID, "invalid_request_error"),
        (Reason.CREDENTIAL_MISSING, "authentication_error"),
        (Reason.MODEL_DENIED, "permission_error"),
        (Reason.ROUTE_UNKNOWN, "not_found_error"),
        (Reason.BODY_TOO_LARGE, "request_too_large"),
        (Reason.REQUEST_RATE_EXCEEDED, "rate_limit_error"),
        (Reason.OVERLOADED, "overloaded_error"),
        (Reason.INTERNAL, "api_error"),
        (Reason.UPSTREAM_UNREACHABLE, "api_error"),
        (Reason.UPSTREAM_FIRST_BYTE_TIMEOUT, "timeout_error"),
    ],
)
def test_errors_have_the_type_of_their_status(reason: Reason, kind: str) -> None:
    body = json.loads(ANTHROPIC.error(Denial(reason, "Where.", "messages")))
    assert body == {
        "type": "error",
        "error": {
            "type": kind,
            "message": f"{reason.message} Where.",
            "details": {"error_code": reason.code, "param": "messages"},
        },
    }
