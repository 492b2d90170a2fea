"""The shape of requests: what clients really send passes, what is wrong is told with its place."""

import copy
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.dialect import Prepared
from guardhouse.wire.dialects.openai.dialect import OPENAI
from guardhouse.wire.dialects.openai.request import check, prepare, unknown_fields, unreadable

CHAT, COMPLETIONS, RESPONSES, EMBEDDINGS = (
    Operation.CHAT,
    Operation.COMPLETIONS,
    Operation.RESPONSES,
    Operation.EMBEDDINGS,
)
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
CALL = {"id": "call_1", "type": "function", "function": {"name": "look_up", "arguments": "{}"}}
TOOL = {"type": "function", "function": {"name": "look_up", "parameters": {"type": "object", "properties": {}}}}


def chat(*messages: Any, **fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": list(messages) or [{"role": "user", "content": "hi"}], **fields}


def user(content: Any) -> dict[str, Any]:
    return {"role": "user", "content": content}


GOOD: list[tuple[Operation, dict[str, Any]]] = [
    (CHAT, chat()),
    (CHAT, chat({"role": "system", "content": "s"}, {"role": "developer", "content": "d"}, user("u"))),
    (CHAT, chat(user([{"type": "text", "text": "look"}, IMAGE]))),
    (CHAT, chat(user("u"), {"role": "assistant", "content": None, "tool_calls": [CALL]})),
    (CHAT, chat(user("u"), {"role": "assistant", "tool_calls": [CALL]})),
    (CHAT, chat(user("u"), {"role": "tool", "tool_call_id": "call_1", "content": "42"})),
    (CHAT, chat(user("u"), {"role": "tool", "tool_call_id": "call_1", "content": [{"type": "text", "text": "42"}]})),
    (CHAT, chat({"role": "function", "name": "look_up", "content": None})),
    (CHAT, chat({"role": "assistant", "content": "", "function_call": {"name": "f", "arguments": "{}"}})),
    (CHAT, chat({"role": "assistant", "content": [{"type": "refusal", "refusal": "no"}]})),
    (
        CHAT,
        chat(
            {"role": "assistant", "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "f", "input": "x"}}]}
        ),
    ),
    (CHAT, chat(tools=[TOOL], tool_choice="auto", parallel_tool_calls=True)),
    (CHAT, chat(tools=[TOOL], tool_choice={"type": "function", "function": {"name": "look_up"}})),
    (CHAT, chat(functions=[{"name": "f"}], function_call={"name": "f"})),
    (CHAT, chat(temperature=0, top_p=1, n=2, max_tokens=5, presence_penalty=-2, frequency_penalty=1.5, seed=-3)),
    (CHAT, chat(stop=None, temperature=None, stream=None, stream_options=None, max_tokens=None, tools=None, n=None)),
    (CHAT, chat(stop=["a", "b"], logit_bias={"50256": -100}, logprobs=True, top_logprobs=3, user="u")),
    (CHAT, chat(stream=True, stream_options={"include_usage": True})),
    (CHAT, chat(response_format={"type": "json_object"}, metadata={"a": "b"}, modalities=["text"])),
    (CHAT, chat(top_k=40, min_p=0.1, chat_template_kwargs={"a": 1})),
    (COMPLETIONS, {"model": "m", "prompt": "p"}),
    (COMPLETIONS, {"model": "m", "prompt": ["p", "q"], "echo": True, "logprobs": 5, "max_tokens": 0, "suffix": None}),
    (COMPLETIONS, {"model": "m", "prompt": [1, 2, 3]}),
    (COMPLETIONS, {"model": "m", "prompt": [[1], [2, 3]]}),
    (EMBEDDINGS, {"model": "m", "input": "p", "encoding_format": "base64", "dimensions": 256}),
    (EMBEDDINGS, {"model": "m", "input": ["p", "q"]}),
    (EMBEDDINGS, {"model": "m", "input": [[1, 2]]}),
    (RESPONSES, {"model": "m", "input": "p", "instructions": "i"}),
    (RESPONSES, {"model": "m", "previous_response_id": "resp_1"}),
    (RESPONSES, {"model": "m", "prompt": {"id": "pmpt_1", "variables": {"a": "b"}}}),
    (
        RESPONSES,
        {"model": "m", "input": [user("u"), {"role": "user", "content": [{"type": "input_text", "text": "t"}]}]},
    ),
    (RESPONSES, {"model": "m", "input": [{"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}]}),
    (RESPONSES, {"model": "m", "input": [{"type": "function_call_output", "call_id": "c", "output": "o"}]}),
    (RESPONSES, {"model": "m", "input": [{"type": "item_reference", "id": "msg_1"}]}),
    (RESPONSES, {"model": "m", "input": [], "tools": [{"type": "function", "name": "f", "parameters": {}}]}),
    (RESPONSES, {"model": "m", "input": "p", "tools": [{"type": "web_search"}], "text": {"format": {"type": "text"}}}),
]

BAD: list[tuple[Operation, Any, str]] = [
    (CHAT, [], "the body"),
    (CHAT, "x", "the body"),
    (CHAT, {}, "model"),
    (CHAT, {"messages": [user("u")]}, "model"),
    (CHAT, {**chat(), "model": ""}, "model"),
    (CHAT, {**chat(), "model": "m" * 257}, "model"),
    (CHAT, {**chat(), "model": 4}, "model"),
    (CHAT, {"model": "m"}, "messages"),
    (CHAT, {"model": "m", "messages": []}, "messages"),
    (CHAT, {"model": "m", "messages": None}, "messages"),
    (CHAT, {"model": "m", "messages": {"role": "user"}}, "messages"),
    (CHAT, chat(user("a"), "b"), "messages[1]"),
    (CHAT, chat({"content": "a"}), "messages[0].role"),
    (CHAT, chat({"role": "admin", "content": "a"}), "messages[0].role"),
    (CHAT, chat({"role": ["user"], "content": "a"}), "messages[0].role"),
    (CHAT, chat(user("a"), user(None)), "messages[1].content"),
    (CHAT, chat({"role": "user"}), "messages[0].content"),
    (CHAT, chat({"role": "user", "name": "x"}), "messages[0].content"),
    (CHAT, chat(user("a"), user("b"), user({"text": "c"})), "messages[2].content"),
    (CHAT, chat(user(7)), "messages[0].content"),
    (CHAT, chat(user(["a"])), "messages[0].content[0]"),
    (CHAT, chat(user([{"text": "a"}])), "messages[0].content[0].type"),
    (CHAT, chat(user([{"type": {}, "text": "a"}])), "messages[0].content[0].type"),
    (CHAT, chat(user([{"type": "hologram"}])), "messages[0].content[0].type"),
    (CHAT, chat(user([{"type": "text", "text": 1}])), "messages[0].content[0].text"),
    (CHAT, chat({"role": "assistant", "tool_calls": {}}), "messages[0].tool_calls"),
    (CHAT, chat({"role": "assistant", "tool_calls": ["x"]}), "messages[0].tool_calls[0]"),
    (CHAT, chat({"role": "assistant", "tool_calls": [{}]}), "messages[0].tool_calls[0].function"),
    (CHAT, chat({"role": "assistant", "tool_calls": [{**CALL, "id": 1}]}), "messages[0].tool_calls[0].id"),
    (CHAT, chat({"role": "assistant", "tool_calls": [{**CALL, "id": "x" * 257}]}), "messages[0].tool_calls[0].id"),
    (
        CHAT,
        chat({"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": {}}}]}),
        "messages[0].tool_calls[0].function.arguments",
    ),
    (
        CHAT,
        chat({"role": "assistant", "tool_calls": [{"function": {"name": "mail bob@example.com"}}]}),
        "messages[0].tool_calls[0].function.name",
    ),
    (CHAT, chat({"role": "tool", "content": "x", "name": "bob@example.com"}), "messages[0].name"),
    (CHAT, chat({"role": "assistant", "content": "x", "function_call": "f"}), "messages[0].function_call"),
    (CHAT, chat(stream="yes"), "stream"),
    (CHAT, chat(stream=1), "stream"),
    (CHAT, chat(stream_options=[]), "stream_options"),
    (CHAT, chat(stream_options={"include_usage": "yes"}), "stream_options.include_usage"),
    (CHAT, chat(n=0), "n"),
    (CHAT, chat(n=129), "n"),
    (CHAT, chat(n=True), "n"),
    (CHAT, chat(n=1.0), "n"),
    (CHAT, chat(max_tokens=0), "max_tokens"),
    (CHAT, chat(max_tokens=-1), "max_tokens"),
    (CHAT, chat(max_tokens="5"), "max_tokens"),
    (CHAT, chat(max_completion_tokens=2**31), "max_completion_tokens"),
    (CHAT, chat(temperature=2.1), "temperature"),
    (CHAT, chat(temperature=-0.1), "temperature"),
    (CHAT, chat(temperature="1"), "temperature"),
    (CHAT, chat(temperature=True), "temperature"),
    (CHAT, chat(top_p=1.1), "top_p"),
    (CHAT, chat(presence_penalty=3), "presence_penalty"),
    (CHAT, chat(seed=2**63), "seed"),
    (CHAT, chat(stop=[1]), "stop[0]"),
    (CHAT, chat(stop={}), "stop"),
    (CHAT, chat(logit_bias={"a": "b"}), "logit_bias"),
    (CHAT, chat(tools={}), "tools"),
    (CHAT, chat(tools=["f"]), "tools[0]"),
    (CHAT, chat(tools=[{}]), "tools[0].type"),
    (CHAT, chat(tools=[{"type": "function"}]), "tools[0].function"),
    (CHAT, chat(tools=[TOOL, {"type": "function", "function": {"name": "a b"}}]), "tools[1].function.name"),
    (CHAT, chat(functions=[{}]), "functions[0].name"),
    (CHAT, chat(tool_choice=1), "tool_choice"),
    (CHAT, chat(response_format="json"), "response_format"),
    (CHAT, chat(response_format={}), "response_format.type"),
    (CHAT, chat(metadata=[]), "metadata"),
    (CHAT, chat(user=1), "user"),
    (COMPLETIONS, {"model": "m"}, "prompt"),
    (COMPLETIONS, {"model": "m", "prompt": None}, "prompt"),
    (COMPLETIONS, {"model": "m", "prompt": []}, "prompt"),
    (COMPLETIONS, {"model": "m", "prompt": {}}, "prompt"),
    (COMPLETIONS, {"model": "m", "prompt": [True]}, "prompt"),
    (COMPLETIONS, {"model": "m", "prompt": ["a", 1]}, "prompt[1]"),
    (COMPLETIONS, {"model": "m", "prompt": [1, True]}, "prompt[1]"),
    (COMPLETIONS, {"model": "m", "prompt": [[1], ["a"]]}, "prompt[1]"),
    (COMPLETIONS, {"model": "m", "prompt": [[1], []]}, "prompt[1]"),
    (EMBEDDINGS, {"model": "m"}, "input"),
    (EMBEDDINGS, {"model": "m", "input": 1}, "input"),
    (EMBEDDINGS, {"model": "m", "input": "a", "dimensions": 0}, "dimensions"),
    (RESPONSES, {"model": "m", "input": 1}, "input"),
    (RESPONSES, {"model": "m", "input": ["a"]}, "input[0]"),
    (RESPONSES, {"model": "m", "input": [{"type": 1}]}, "input[0].type"),
    (RESPONSES, {"model": "m", "input": [{"role": "king", "content": "a"}]}, "input[0].role"),
    (RESPONSES, {"model": "m", "input": [{"role": "user"}]}, "input[0].content"),
    (RESPONSES, {"model": "m", "input": [{"type": "item_reference", "id": 4}]}, "input[0].id"),
    (
        RESPONSES,
        {"model": "m", "input": [{"type": "function_call", "name": "f", "arguments": {}}]},
        "input[0].arguments",
    ),
    (RESPONSES, {"model": "m", "input": [{"type": "function_call_output", "output": 5}]}, "input[0].output"),
    (RESPONSES, {"model": "m", "input": "a", "instructions": []}, "instructions"),
    (RESPONSES, {"model": "m", "prompt": "p"}, "prompt"),
    (RESPONSES, {"model": "m", "prompt": {"variables": []}}, "prompt.variables"),
]


@pytest.mark.parametrize(("operation", "document"), GOOD)
def test_what_clients_send_has_the_right_shape(operation: Operation, document: dict[str, Any]) -> None:
    before = copy.deepcopy(document)
    assert check(document, operation) is None
    assert document == before


@pytest.mark.parametrize(("operation", "document", "param"), BAD)
def test_what_is_wrong_is_told_with_its_place(operation: Operation, document: Any, param: str) -> None:
    denial = check(document, operation)
    assert denial is not None
    assert denial.reason is Reason.SHAPE_INVALID
    assert denial.param == param


@pytest.mark.parametrize(
    ("operation", "document", "places"),
    [
        (CHAT, chat(user([{"type": "text", "text": "t"}, IMAGE])), ["messages[0].content[1]"]),
        (CHAT, chat(user("u"), user([{"type": "input_audio", "input_audio": {}}])), ["messages[1].content[0]"]),
        (CHAT, chat(user([{"type": "file", "file": {}}])), ["messages[0].content[0]"]),
        (CHAT, chat(), []),
        (COMPLETIONS, {"model": "m", "prompt": [1]}, ["prompt"]),
        (COMPLETIONS, {"model": "m", "prompt": "p", "prompt_embeds": "AAAA"}, ["prompt_embeds"]),
        (COMPLETIONS, {"model": "m", "prompt": ["p"]}, []),
        (EMBEDDINGS, {"model": "m", "input": [[1]]}, ["input"]),
        (EMBEDDINGS, {"model": "m", "input": "p"}, []),
        (RESPONSES, {"model": "m", "input": [user([{"type": "input_image"}])]}, ["input[0].content[0]"]),
        (
            RESPONSES,
            {"model": "m", "input": [{"type": "computer_call_output", "output": {"type": "computer_screenshot"}}]},
            ["input[0].output"],
        ),
        (RESPONSES, {"model": "m", "input": [{"type": "image_generation_call"}]}, ["input[0]"]),
        (RESPONSES, {"model": "m", "prompt": {"variables": {"a": {"type": "input_file"}}}}, ["prompt.variables"]),
        (RESPONSES, {"model": "m", "prompt": {"variables": {"a": {"type": ["input_file"]}}}}, []),
        (RESPONSES, {"model": "m", "input": "p"}, []),
    ],
)
def test_content_nobody_can_look_into_is_listed(operation: Operation, document: Any, places: list[str]) -> None:
    assert check(document, operation) is None
    assert unreadable(document, operation) == places


def test_unknown_fields_are_listed_at_every_known_level() -> None:
    message = {"role": "user", "content": "u", "hidden": "x"}
    document = chat(message, stream_options={"include_usage": True, "other": 1}, top_k=4)
    assert unknown_fields(document, CHAT) == ["messages[0].hidden", "stream_options.other", "top_k"]


@pytest.mark.parametrize(("operation", "document"), [(o, d) for o, d in GOOD if "top_k" not in d])
def test_what_the_api_describes_has_no_unknown_fields(operation: Operation, document: dict[str, Any]) -> None:
    assert unknown_fields(document, operation) == []


@pytest.mark.parametrize("options", [None, {}, {"include_usage": False}, {"include_obfuscation": False}])
def test_a_stream_is_made_to_report_usage(options: Any) -> None:
    document = chat(stream=True, **({} if options is None else {"stream_options": options}))
    assert prepare(document, CHAT, "upstream") is Prepared.USAGE_ASKED
    assert document["model"] == "upstream"
    assert document["stream_options"] == {**(options or {}), "include_usage": True}


@pytest.mark.parametrize(
    ("operation", "document"),
    [
        (CHAT, chat()),
        (CHAT, chat(stream=False)),
        (CHAT, chat(stream=True, stream_options={"include_usage": True})),
        (RESPONSES, {"model": "m", "input": "p", "stream": True}),
    ],
)
def test_nothing_is_asked_for_where_it_is_not_needed(operation: Operation, document: dict[str, Any]) -> None:
    expected = {**copy.deepcopy(document), "model": "upstream"}
    assert prepare(document, operation, "upstream") is Prepared.CHANGED
    assert document == expected
    assert prepare(document, operation, "upstream") is Prepared.AS_IT_WAS
    assert document == expected


KEYS = st.sampled_from(
    [
        *(
            "model",
            "messages",
            "role",
            "content",
            "type",
            "text",
            "tool_calls",
            "function",
            "name",
            "arguments",
            "input",
        ),
        *("prompt", "tools", "stream", "stream_options", "n", "output", "variables", "id", "x"),
    ]
)
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-2, 3)
    | st.sampled_from(["user", "text", "function", "function_call", "input_image"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=15,
)


@pytest.mark.parametrize(
    ("operation", "document"),
    [
        (CHAT, chat(Model="another")),
        (CHAT, chat(MESSAGES=[user("unseen")])),
        (CHAT, chat(Logit_Bias={"1": 5})),
        (CHAT, chat() | {"me\u017f\u017fages": []}),  # as a keyword it would be spelt out
        (CHAT, chat({"role": "user", "content": "seen", "Content": "unseen"})),
        (CHAT, chat({"role": "user", "content": "seen", "Tool_Calls": []})),
        (CHAT, chat({"role": "user", "content": [{"type": "text", "text": "seen", "Type": "image_url"}]})),
        (CHAT, chat({"role": "user", "content": [{"type": "text", "text": "seen", "Image_URL": {"url": "u"}}]})),
        (COMPLETIONS, {"model": "m", "prompt": "seen", "Prompt": "unseen"}),
        (EMBEDDINGS, {"model": "m", "input": "seen", "INPUT": "unseen"}),
        (RESPONSES, {"model": "m", "input": "seen", "Instructions": "unseen"}),
    ],
)
def test_a_field_that_is_another_one_for_servers_that_fold_case_is_refused(
    operation: Operation, document: dict[str, Any]
) -> None:
    denial = check(document, operation)
    assert denial is not None
    assert denial.reason is Reason.SHAPE_INVALID
    assert "spelt in lower case" in denial.detail


@given(st.dictionaries(KEYS, VALUES, max_size=6), st.sampled_from(list(Operation)[:4]))
def test_no_document_breaks_the_judges(document: dict[str, Any], operation: Operation) -> None:
    document["model"] = "m"
    denial = check(document, operation)
    if denial is None:
        assert isinstance(unknown_fields(document, operation), list)
        assert isinstance(unreadable(document, operation), list)
        prepare(document, operation, "u")
        assert check(document, operation) is None
    else:
        assert denial.reason.status == 400


@given(
    st.lists(
        st.fixed_dictionaries(
            {"role": st.sampled_from(["user", "assistant", "tool"])}, optional={"content": VALUES, "tool_calls": VALUES}
        ),
        min_size=1,
        max_size=3,
    )
)
def test_no_message_breaks_the_judges(messages: list[Any]) -> None:
    denial = check(chat(*messages), CHAT)
    assert denial is None or (denial.param or "").startswith("messages[")


PICTURE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}


@pytest.mark.parametrize(
    ("given", "hidden"),
    [
        ("text", []),
        (["a", "b"], []),
        ([{"type": "text", "text": "a"}], []),
        ([{"type": "text", "text": "a"}, PICTURE], ["input[1]"]),
    ],
)
def test_what_is_to_be_moderated_is_text_or_parts(given: Any, hidden: list[str]) -> None:
    document = {"model": "m", "input": given}
    assert check(document, Operation.MODERATIONS) is None
    assert unreadable(document, Operation.MODERATIONS) == hidden


@pytest.mark.parametrize("given", [None, "", [], [1], [{}], ["a", {"type": "text", "text": "b"}], [{"type": "x"}], {}])
def test_nothing_else_is_moderated(given: Any) -> None:
    denial = check({"model": "m", "input": given}, Operation.MODERATIONS)
    assert denial is not None
    assert denial.reason is Reason.SHAPE_INVALID


@pytest.mark.parametrize("wish", [{"tools": [{}]}, {"functions": [{}]}, {"web_search_options": {}}])
def test_tools_are_used_where_any_field_asks_for_them(wish: dict[str, Any]) -> None:
    assert OPENAI.uses_tools(chat(**wish))
    assert not OPENAI.uses_tools(chat(**dict.fromkeys(wish)))
