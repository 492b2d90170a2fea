from typing import Any

import pytest

from guardhouse.inspect.abilities import stored_by, wants
from guardhouse.inspect.measures import measure
from guardhouse.model.ability import ABILITIES, Ability

IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}
CASES: list[tuple[Ability, dict[str, Any]]] = [
    ("tools", {"tools": [{"type": "function"}]}),
    ("tools", {"functions": [{}]}),
    ("hosted_tools", {"tools": [{"type": "web_search"}]}),
    ("hosted_tools", {"tools": {"odd": 1}}),
    ("hosted_tools", {"mcp_servers": [{}]}),
    ("hosted_tools", {"web_search_options": {}}),
    ("json_schema", {"response_format": {"type": "json_schema"}}),
    ("json_schema", {"text": {"format": {"type": "json_schema"}}}),
    ("json_schema", {"format": {"type": "object"}}),
    ("json_schema", {"guided_regex": "a*"}),
    ("json_schema", {"response_format": {"type": "json_object", "schema": {}}}),
    ("json_mode", {"response_format": {"type": "json_object"}}),
    ("json_mode", {"format": "json"}),
    ("logprobs", {"logprobs": True}),
    ("logprobs", {"logprobs": 0}),
    ("logprobs", {"include": ["message.output_text.logprobs"]}),
    ("choices", {"n": 2}),
    ("choices", {"best_of": 3}),
    ("stored", {"store": True}),
    ("stored", {"previous_response_id": "x"}),
    ("stored", {"prompt": {"id": "pmpt_1"}}),
    ("stored", {"input": [{"type": "message"}, {"type": "item_reference", "id": "x"}]}),
    ("stored", {"input": [{"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]}]}),
    ("stored", {"messages": [{"role": "user", "content": [{"type": "file", "file": {"file_id": "file-1"}}]}]}),
    ("stored", {"messages": [{"content": [{"type": "image", "source": {"type": "file", "file_id": "file_1"}}]}]}),
    ("stored", {"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]}),
    ("stored", {"tools": [{"type": "code_interpreter", "container": "cntr_1"}]}),
    ("stored", {"tools": [{"type": "code_interpreter", "container": {"type": "auto", "file_ids": ["file-1"]}}]}),
    ("reasoning", {"reasoning_effort": "high"}),
    ("reasoning", {"thinking": {"type": "enabled"}}),
    ("reasoning", {"think": True}),
    ("vision", {"messages": [{"content": [IMAGE]}]}),
    ("vision", {"messages": [{"content": "x", "images": ["AAAA"]}]}),
    ("audio", {"messages": [{"content": [{"type": "input_audio", "input_audio": {"data": "AA"}}]}]}),
    ("audio", {"modalities": ["text", "audio"]}),
    ("files", {"input": [{"content": [{"type": "input_file", "file_id": "f"}]}]}),
]
PLAIN: dict[str, Any] = {
    "messages": [{"role": "user", "content": "hi"}],
    "n": 1,
    "tools": [],
    "store": False,
    "logprobs": False,
    "response_format": {"type": "text"},
    "reasoning_effort": "none",
    "thinking": {"type": "disabled"},
}


@pytest.mark.parametrize(("ability", "document"), CASES)
def test_a_feature_is_wanted_by_what_asks_for_it(ability: Ability, document: dict[str, Any]) -> None:
    assert wants(ability, document, stream=False)


@pytest.mark.parametrize("ability", ABILITIES)
def test_a_plain_request_wants_none(ability: Ability) -> None:
    assert not wants(ability, PLAIN, stream=False)


def test_streaming_is_what_the_dialect_says() -> None:
    assert wants("streaming", PLAIN, stream=True)


def test_every_feature_has_a_case_that_wants_it() -> None:
    assert {ability for ability, _ in CASES} | {"streaming"} == set(ABILITIES)


def test_what_a_document_holds_is_counted() -> None:
    document = {
        "messages": [
            {"role": "user", "content": [IMAGE, {"type": "text", "text": "abc"}]},
            {"content": "de", "images": ["a", "b"]},
        ],
        "tools": [{}, {}],
        "functions": [{}],
    }
    held = measure(document)
    assert (held.messages, held.tools, held.images, held.audio, held.files) == (2, 3, 3, 0, 0)
    assert held.depth == 6
    assert held.characters == len("user") + len("image_url") + len("data:image/png;base64,AA") + len("text") + 3 + 2 + 2


@pytest.mark.parametrize(
    "document",
    [
        {"metadata": {"file_id": "file-1"}},
        {"tools": [{"type": "function", "name": "f", "parameters": {"properties": {"file_id": {"type": "string"}}}}]},
        {"tools": [{"type": "code_interpreter", "container": {"type": "auto"}}]},
        {"messages": [{"content": [{"type": "tool_use", "id": "a", "name": "f", "input": {"file_id": "mine"}}]}]},
        {"input": [{"content": [{"type": "output_text", "annotations": [{"file_id": "file-1"}]}]}]},
        {"input": [{"content": [{"type": "input_file", "file_id": None, "file_data": "data:"}]}]},
    ],
)
def test_to_speak_of_a_file_is_not_to_want_what_is_stored(document: dict[str, Any]) -> None:
    assert stored_by(document) == ""
