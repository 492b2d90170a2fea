"""References to what a model server has stored: found wherever they stand, and nothing else taken for one."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.inspect.references import find
from guardhouse.model.stored import STORED_KINDS, StoredKind

Case = tuple[StoredKind, dict[str, Any]]


def items(*found: Any) -> dict[str, Any]:
    return {"model": "m", "input": list(found)}


def said(*parts: Any, **more: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": list(parts), **more}]}


def tool(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "input": "x", "tools": [fields]}


CASES: list[Case] = [
    ("files", said({"type": "file", "file": {"file_id": "file-1"}})),
    ("files", said({"type": "file", "file": {"id": "file-1"}})),
    ("files", said({"type": "image", "source": {"type": "file", "file_id": "file_1"}})),
    ("files", said({"type": "document", "source": {"type": "file", "file_id": "file_1"}})),
    ("files", said({"type": "container_upload", "file_id": "file_1"})),
    ("files", said({"type": "tool_result", "content": [{"type": "image", "source": {"file_id": "file_1"}}]})),
    ("files", items({"role": "user", "content": [{"type": "input_file", "file_id": "file-1"}]})),
    ("files", items({"role": "user", "content": [{"type": "input_image", "FILE_ID": "file-1"}]})),
    ("files", items({"role": "user", "content": [{"type": "input_image", "fileId": "file-1"}]})),
    ("files", items({"type": "computer_call_output", "output": {"type": "computer_screenshot", "file_id": "f"}})),
    ("files", tool(type="code_interpreter", container={"type": "auto", "file_ids": ["file-1"]})),
    ("files", tool(type="image_generation", input_image_mask={"file_id": "file-1"})),
    ("files", {"model": "m", "files": [{"type": "file", "id": "f"}]}),
    ("vector_stores", tool(type="file_search", vector_store_ids=["vs_1"])),
    ("vector_stores", items({"tools": [{"type": "file_search", "vector_store_ids": ["vs_1"]}]})),
    ("containers", tool(type="code_interpreter", container="cntr_1")),
    ("containers", tool(type="shell", environment={"type": "container_reference", "container_id": "cntr_1"})),
    ("containers", {**said({"type": "text", "text": "x"}), "container": "container_1"}),
    ("containers", {**said({"type": "text", "text": "x"}), "container": {"id": "container_1", "skills": []}}),
    ("containers", items({"type": "code_interpreter_call", "code": "1", "container_id": "cntr_1"})),
    ("skills", {**said(), "container": {"skills": [{"type": "custom", "skill_id": "skill_1"}]}}),
    ("responses", {"model": "m", "input": "x", "previous_response_id": "resp_1"}),
    ("responses", {"model": "m", "input": "x", "previousResponseId": "resp_1"}),
    ("responses", items({"type": "item_reference", "id": "msg_1"})),
    ("responses", items({"id": "msg_1"})),
    ("responses", items({"id": "msg_1", "type": None})),
    ("responses", items({"type": "reasoning", "id": "rs_1", "summary": []})),
    ("responses", items({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": ""})),
    ("responses", items({"type": "image_generation_call", "id": "ig_1"})),
    ("responses", items({"type": "file_search_call", "id": "fs_1", "queries": ["x"], "results": None})),
    ("responses", items({"type": "not_known_yet", "id": "x_1", "encrypted_content": "A" * 64})),
    ("responses", {"model": "m", "messages": [{"role": "assistant", "audio": {"id": "audio_1"}}]}),
    ("conversations", {"model": "m", "input": "x", "conversation": "conv_1"}),
    ("conversations", {"model": "m", "input": "x", "conversation": {"id": "conv_1"}}),
    ("conversations", {**said(), "thread": {"name": "t"}}),
    ("prompts", {"model": "m", "prompt": {"id": "pmpt_1", "version": "2"}}),
    ("containers", {**said(), "extra_body": {"container": {"id": "container_1"}}}),
    ("conversations", {**said(), "session_params": {"id": "s", "rid": "r"}}),
    ("conversations", {**said(), "extra_body": {"thread": {"id": "t"}}}),
    ("caches", {**said(), "bootstrap_host": "10.0.0.7", "bootstrap_room": 1}),
    ("caches", {**said(), "disaggregated_params": {"ctx_request_id": 7}}),
    ("files", tool(type="code_interpreter", container={"type": "auto", "file_ids": [{"id": "file-1"}]})),
    ("responses", items({"type": "message", "role": "assistant", "id": "msg_1", "content": []})),
    ("responses", items({"role": "assistant", "id": "msg_1", "content": ""})),
    ("responses", items({"type": "function_call", "id": "fc_1", "call_id": "c", "status": "completed"})),
    ("responses", items({"type": "mcp_call", "id": "mcp_1", "output": None})),
    ("caches", {**said(), "cached_content": "cachedContents/1"}),
    ("caches", {**said(), "extra_body": {"google": {"cached_content": "cachedContents/1"}}}),
    ("caches", {**said(), "kv_transfer_params": {"do_remote_prefill": True, "remote_block_ids": [1]}}),
    ("caches", said({"type": "image_url", "image_url": None, "uuid": "bobs"})),
    ("caches", said({"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}, "uuid": "bobs"})),
]


def kinds_in(document: dict[str, Any]) -> list[StoredKind]:
    return [each.stored for each in find(document) if each.stored is not None]


@pytest.mark.parametrize(("kind", "document"), CASES)
def test_what_refers_to_something_stored_is_found(kind: StoredKind, document: dict[str, Any]) -> None:
    assert kinds_in(document) == [kind]


def test_every_kind_has_a_case() -> None:
    assert {kind for kind, _ in CASES} == set(STORED_KINDS)


@pytest.mark.parametrize(
    "document",
    [
        {"model": "m", "messages": [{"role": "user", "content": "file_id: file-1"}], "user": "u", "store": True},
        {"model": "m", "input": "x", "metadata": {"file_id": "file-1", "thread": "t", "conversation": {"id": "1"}}},
        {"model": "m", "input": "x", "previous_response_id": None, "conversation": None, "prompt": None},
        {"model": "m", "input": "x", "previous_response_id": "", "conversation": {}, "prompt": {}},
        tool(type="function", name="f", parameters={"properties": {"file_id": {"type": "string"}}}),
        tool(type="function", name="f", parameters={"default": {"file_id": "x", "container": "y"}}),
        tool(type="code_interpreter", container={"type": "auto"}),
        {**said(), "container": {"skills": []}},
        said({"type": "tool_use", "id": "a", "name": "f", "input": {"file_id": "mine", "container": "c"}}),
        said({"type": "text", "text": "x", "citations": [{"type": "char_location", "file_id": "file_1"}]}),
        items({"role": "assistant", "content": [{"type": "output_text", "annotations": [{"file_id": "f"}]}]}),
        items({"content": [{"annotations": [{"type": "container_file_citation", "container_id": "c"}]}]}),
        items({"role": "user", "content": [{"type": "input_file", "file_id": None, "file_data": "data:,"}]}),
        items({"type": "message", "id": "msg_1", "role": "assistant", "content": "x"}),
        items({"id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": ""}]}),
        {"model": "m", "input": [{"id": "a", "text": "x"}]},
        items({"type": "function_call", "id": "fc_1", "call_id": "c", "name": "f", "arguments": "{}"}),
        items({"type": "function_call_output", "id": "fc_1", "call_id": "c", "output": "x"}),
        items({"type": "mcp_call", "id": "mcp_1", "name": "f", "arguments": "{}", "output": "x"}),
        items({"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAAA"}),
        items({"type": "reasoning", "summary": []}),
        items({"type": "image_generation_call", "result": "AAAA"}),
        {"model": "m", "messages": [{"role": "assistant", "tool_calls": [{"id": "call_1", "type": "function"}]}]},
        {"model": "m", "modalities": ["audio"], "audio": {"voice": "alloy", "format": "wav"}, "messages": []},
        {"id": "r1", "inputs": [{"name": "a", "parameters": {"id": "x"}, "data": [1]}], "uuid": "u"},
        {"model": "m", "prompt": "thread", "context": [1, 2]},
    ],
)
def test_to_speak_of_it_or_to_bring_it_along_is_no_reference(document: dict[str, Any]) -> None:
    assert kinds_in(document) == []


def test_each_of_several_is_found_with_its_place() -> None:
    document = tool(type="file_search", vector_store_ids=["vs_1", "", "vs_2"])
    found = [(each.place, each.value) for each in find(document) if each.stored]
    names = ("tools", 0, "vector_store_ids")
    assert found == [((*names, 0), "vs_1"), ((*names, 2), "vs_2")]


NEUTRAL = st.sampled_from(("a", "content", "source", "tools", "parts", "input", "extra_body"))
NAMES = st.sampled_from(("file_id", "FILE_ID", "fileId", "vector_store_ids", "container", "previous_response_id"))
VALUES = st.sampled_from(("x", ["x"]))


@st.composite
def nested(draw: st.DrawFn) -> dict[str, Any]:
    """A name in any depth, between what says nothing."""
    inner: Any = {"n": 1, draw(NAMES): draw(VALUES), "z": [1, "y"]}
    for _ in range(draw(st.integers(0, 6))):
        inner = {draw(NEUTRAL): inner} if draw(st.booleans()) else {draw(NEUTRAL): ["t", inner]}
    return {"model": "m", **inner}


@given(nested())
def test_a_name_counts_at_any_depth(document: dict[str, Any]) -> None:
    assert len(kinds_in(document)) == 1
