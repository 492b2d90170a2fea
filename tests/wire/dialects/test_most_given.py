"""What each dialect says of the most that an input can be; openai/test_measure.py goes into OpenAI's."""

from typing import Any

import pytest

from guardhouse.model.operation import Operation
from guardhouse.wire import json
from guardhouse.wire.dialects.anthropic.dialect import ANTHROPIC
from guardhouse.wire.dialects.dialect import Dialect, Route
from guardhouse.wire.dialects.kserve.dialect import KSERVE
from guardhouse.wire.dialects.ollama.dialect import OLLAMA

TEXT = "\u4f60\u597d" * 100
MESSAGES = [{"role": "user", "content": TEXT}]
SAID = len(TEXT.encode())


def most(dialect: Dialect, document: dict[str, Any], path: bytes, operation: Operation = Operation.CHAT) -> int | None:
    return dialect.most_given(document, json.encode(document), Route(dialect, operation, path))


@pytest.mark.parametrize(
    ("dialect", "document", "path", "operation"),
    [
        (ANTHROPIC, {"model": "m", "max_tokens": 1, "messages": MESSAGES}, b"/v1/messages", Operation.CHAT),
        (OLLAMA, {"model": "m", "messages": MESSAGES}, b"/api/chat", Operation.CHAT),
        (OLLAMA, {"model": "m", "prompt": TEXT}, b"/api/generate", Operation.COMPLETIONS),
        (KSERVE, {"inputs": [{"name": "t", "data": [TEXT]}]}, b"/v2/models/m/infer", Operation.PREDICT),
    ],
)
def test_every_byte_of_a_text_may_be_a_token(
    dialect: Dialect, document: dict[str, Any], path: bytes, operation: Operation
) -> None:
    bound = most(dialect, document, path, operation)
    assert bound is not None
    assert SAID <= bound <= len(json.encode(document)) + 100


def test_pictures_and_templates_of_the_caller_have_no_bound() -> None:
    seen = [{"role": "user", "content": "x", "images": ["iVBORw0KGgo="]}]
    assert most(OLLAMA, {"model": "m", "messages": seen}, b"/api/chat") is None
    assert most(OLLAMA, {"model": "m", "prompt": "x", "template": "{{ .Prompt }}"}, b"/api/generate") is None
    source = {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    shown = [{"role": "user", "content": [{"type": "image", "source": source}]}]
    assert most(ANTHROPIC, {"model": "m", "max_tokens": 1, "messages": shown}, b"/v1/messages") is None


def test_tools_that_callers_run_have_instructions_and_those_of_the_server_no_end() -> None:
    def with_tools(*kinds: str) -> dict[str, Any]:
        return {"model": "m", "max_tokens": 1, "messages": MESSAGES, "tools": [{"type": kind} for kind in kinds]}

    bare, bash = with_tools(), with_tools("bash_20250124")
    assert (most(ANTHROPIC, bash, b"/v1/messages") or 0) >= (most(ANTHROPIC, bare, b"/v1/messages") or 0) + 2048
    assert [ANTHROPIC.is_endless(each) for each in (bare, bash, with_tools("custom"), with_tools("web_search"))] == [
        *(False, False, False, True)
    ]
    assert ANTHROPIC.is_endless({**bare, "mcp_servers": [{"url": "https://x"}]})


def test_each_text_of_a_batch_is_an_input() -> None:
    assert [OLLAMA.inputs({"input": each}) for each in ("x", ["x", "y"], [])] == [1, 2, 1]
