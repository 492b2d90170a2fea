"""Ollama's official client, through a real gateway, in front of a server that answers as Ollama does."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import ollama
import pytest

from integration.gateway import Gateway, running
from integration.ollama_server import EMAIL, Server
from integration.polling import eventually

MAY = ["chat", "completions", "embeddings", "models.read"]
Clients = Callable[..., ollama.Client]
MASKED = "Write to [EMAIL] about it."


def policy(group: str, **more: Any) -> dict[str, Any]:
    return {"name": group, "who": {"groups": [group]}, "may": MAY, "models": ["tiny"], **more}


POLICIES = [
    policy("research", mask={"entities": ["email"], "where": ["request", "response"]}),
    policy("unmasked", mask={"entities": []}),
    policy("limited", limits={"requests": "1/h"}) | {"may": ["chat"]},
]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server() as started:
        yield started


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, server: Server) -> Iterator[Gateway]:
    folder: Path = tmp_path_factory.mktemp("ollama")
    changes = {"targets": {"local": {"kind": "ollama"}}, "policies": POLICIES}
    with running(folder, server.url, changes) as started:
        yield started


@pytest.fixture
def client_of(gateway: Gateway) -> Iterator[Clients]:
    with ExitStack() as stack:

        def make(key: str = "") -> ollama.Client:
            headers = {"Authorization": f"Bearer {key or gateway.key}"}
            client = ollama.Client(host=gateway.url.removesuffix("/v1"), headers=headers, timeout=30)
            stack.callback(client.close)
            return client

        yield make


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


def test_a_chat_is_masked_both_ways(server: Server, client_of: Clients) -> None:
    answer = client_of().chat(model="tiny", messages=said(f"who is {EMAIL}"))
    assert answer.message.content == MASKED
    assert (answer.done_reason, answer.eval_count, answer.load_duration) == ("stop", 8, 1_500_000_000)
    path, document = server.requests[-1]
    assert (path, document["messages"][0]["content"]) == ("/api/chat", "who is [EMAIL]")


def test_a_chat_flows_and_is_masked(client_of: Clients) -> None:
    parts = list(client_of().chat(model="tiny", messages=said("hello"), stream=True))
    assert "".join([part.message.content or "" for part in parts]) == MASKED
    assert [part.done for part in parts] == [*[False] * (len(parts) - 1), True]
    assert len(parts) > 3


def test_calls_of_tools_come_as_objects_and_masked(client_of: Clients) -> None:
    tool = {"type": "function", "function": {"name": "mail", "description": "d", "parameters": {"type": "object"}}}
    for stream in (False, True):
        answer = client_of().chat(model="tiny", messages=said("calling"), tools=[tool], stream=stream)
        parts: list[Any] = list(answer) if stream else [answer]
        (call,) = [call for part in parts for call in part.message.tool_calls or []]
        assert call.function.name == "mail"
        assert call.function.arguments == {"to": "[EMAIL]", "copies": 2}


def test_text_is_generated_and_masked_and_its_tokens_are_not_given_away(client_of: Clients) -> None:
    answer = client_of().generate(model="tiny", prompt="hello")
    assert (answer.response, answer.context) == (MASKED, None)
    parts = list(client_of().generate(model="tiny", prompt="hello", stream=True))
    assert "".join([part.response or "" for part in parts]) == MASKED
    assert all(part.context is None for part in parts)


def test_without_masking_everything_comes_as_it_was_said(gateway: Gateway, client_of: Clients) -> None:
    client = client_of(gateway.create_key("carol", "unmasked"))
    answer = client.generate(model="tiny", prompt="hello")
    assert (answer.response, answer.context) == (f"Write to {EMAIL} about it.", [1, 2, 3])
    parts = list(client.chat(model="tiny", messages=said("hello"), stream=True))
    assert "".join([part.message.content or "" for part in parts]) == f"Write to {EMAIL} about it."


def test_texts_are_embedded(client_of: Clients) -> None:
    answer = client_of().embed(model="tiny", input=["a", f"b {EMAIL}"])
    assert [list(vector) for vector in answer.embeddings] == [[0.1, 0.2]] * 2


def test_the_list_has_what_the_caller_may_use(client_of: Clients) -> None:
    assert [model.model for model in client_of().list().models] == ["tiny"]


def test_a_model_is_neither_kept_nor_thrown_out(server: Server, client_of: Clients) -> None:
    client_of().chat(model="tiny", messages=said("hello"), keep_alive=0)
    assert "keep_alive" not in server.requests[-1][1]
    before = len(server.requests)
    with pytest.raises(ollama.ResponseError, match="messages"):
        client_of().chat(model="tiny", messages=[], keep_alive=0)
    assert len(server.requests) == before


@pytest.mark.parametrize("call", ["pull", "push", "delete", "show", "ps", "create"])
def test_nothing_that_manages_the_server_gets_through(server: Server, call: str, client_of: Clients) -> None:
    before = len(server.requests)
    client = client_of()
    with pytest.raises(ollama.ResponseError) as refused:
        client.ps() if call == "ps" else getattr(client, call)("tiny")
    assert refused.value.status_code == 404
    assert len(server.requests) == before


def test_refusals_are_the_clients_own_errors(client_of: Clients) -> None:
    with pytest.raises(ollama.ResponseError) as refused:
        client_of("gh_nobodynobody_" + "x" * 43).chat(model="tiny", messages=said("hello"))
    assert (refused.value.status_code, "Incorrect API key" in refused.value.error) == (401, True)
    with pytest.raises(ollama.ResponseError) as refused:
        client_of().chat(model="other", messages=said("hello"))
    assert refused.value.status_code == 403


def test_a_limit_is_the_clients_own_error(gateway: Gateway, client_of: Clients) -> None:
    client = client_of(gateway.create_key("dave", "limited"))
    client.chat(model="tiny", messages=said("hello"))
    with pytest.raises(ollama.ResponseError) as refused:
        client.chat(model="tiny", messages=said("hello"))
    assert refused.value.status_code == 429


def test_an_error_of_the_server_is_told_and_masked(client_of: Clients) -> None:
    with pytest.raises(ollama.ResponseError) as refused:
        client_of().chat(model="tiny", messages=said("missing"))
    assert refused.value.status_code == 404
    assert EMAIL not in refused.value.error
    with pytest.raises(ollama.ResponseError, match="out of memory"):
        list(client_of().chat(model="tiny", messages=said("failing"), stream=True))


def timed(gateway: Gateway) -> list[dict[str, Any]]:
    return [record for record in gateway.records() if record.get("timing")]


def test_what_the_server_tells_of_its_times_is_a_record_and_a_metric(gateway: Gateway, client_of: Clients) -> None:
    client_of().chat(model="tiny", messages=said("hello"))
    eventually(lambda: bool(timed(gateway)), 5, "a record with its times")
    closed = timed(gateway)
    assert closed[-1]["timing"] == {"load": 1.5, "reading": 0.25, "writing": 1.0}
    assert (closed[-1]["input_tokens"], closed[-1]["output_tokens"]) == (11, 8)
    eventually(lambda: "guardhouse_model_time_seconds_total{" in gateway.metrics(), 10, "the metric")
