"""Anthropic's official client does through the gateway what it does directly, and gets the right exceptions."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import anthropic
import pytest

from integration.comparison import comparable, joined
from integration.gateway import EVERY_OPERATION, Gateway, running
from integration.llama import Llama
from integration.messages_server import EMAIL, SIGNATURE, Server

ASK: dict[str, Any] = {"model": "tiny", "max_tokens": 12, "extra_body": {"temperature": 0, "cache_prompt": False}}
TOOLS: Any = [{"name": "mail", "description": "d", "input_schema": {"type": "object", "properties": {"to": {}}}}]
SERVER: Any = {"type": "url", "url": "https://mcp.example.com/sse", "name": "files", "authorization_token": "ghp_t0ken"}
Ask = Callable[[anthropic.Anthropic], Any]


def policy(name: str, group: str, **more: Any) -> dict[str, Any]:
    return {"name": name, "who": {"groups": [group]}, "may": EVERY_OPERATION, "models": ["tiny"], **more}


POLICIES = [
    policy("research", "research", mask={"entities": ["email", "secrets"], "where": ["request", "response"]}),
    policy("nothing masked", "unmasked", mask={"entities": []}),
    policy("two a minute", "limited", limits={"requests": "2/min"}),
]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, llama: Llama) -> Iterator[Gateway]:
    changes = {"targets": {"local": {"speaks": ["openai", "anthropic"]}}, "policies": POLICIES}
    with running(tmp_path_factory.mktemp("messages"), llama.origin, changes) as started:
        yield started


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Gateway, str]]:
    """A gateway before the server that calls tools, thinks and fails, and that server's address."""
    folder: Path = tmp_path_factory.mktemp("recorded")
    with Server() as server:
        changes = {
            "targets": {"local": {"kind": "anthropic"}},
            "models": {"tiny": {"content": {"mcp_servers": ["mcp.example.com"]}}},
            "policies": POLICIES,
        }
        with running(folder, server.url, changes) as started:
            yield started, server.url


def origin(gateway: Gateway) -> str:
    return gateway.url.removesuffix("/v1")


def client_of(url: str, key: str = "any", **settings: Any) -> anthropic.Anthropic:
    return anthropic.Anthropic(base_url=url, api_key=key, timeout=30, **{"max_retries": 0, **settings})


def said(text: str, **more: Any) -> dict[str, Any]:
    return {**ASK, "messages": [{"role": "user", "content": text}], **more}


def whole(client: anthropic.Anthropic) -> Any:
    return client.messages.create(**said("Hello there", system="Short."))


def with_blocks(client: anthropic.Anthropic) -> Any:
    blocks: list[Any] = [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]
    return client.messages.create(**ASK, messages=[{"role": "user", "content": blocks}])


def streamed(client: anthropic.Anthropic) -> Any:
    return list(client.messages.create(**said("Count"), stream=True))


def gathered(client: anthropic.Anthropic) -> Any:
    with client.messages.stream(**said("Count once more")) as stream:
        return stream.get_final_message()


def with_tool_result(client: anthropic.Anthropic) -> Any:
    call = {"type": "tool_use", "id": "toolu_1", "name": "mail", "input": {"to": "us"}}
    result = {"type": "tool_result", "tool_use_id": "toolu_1", "content": [{"type": "text", "text": "sent"}]}
    turns: list[Any] = [{"role": "user", "content": "Mail"}, {"role": "assistant", "content": [call]}]
    turns.append({"role": "user", "content": [result]})
    return client.messages.create(**ASK, messages=turns, tools=TOOLS)


def counted(client: anthropic.Anthropic) -> Any:
    return client.messages.count_tokens(model="tiny", messages=[{"role": "user", "content": "Hello there"}])


def in_beta(client: anthropic.Anthropic) -> Any:
    return client.beta.messages.create(**said("Hello"), betas=["context-1m-2025-08-07"])


SAME: list[Ask] = [whole, with_blocks, streamed, gathered, with_tool_result, counted, in_beta]


def without_cache(value: Any) -> Any:
    """What the model server has cached differs from one request to the next."""
    if isinstance(value, dict):
        figures = {key: each for key, each in value.items() if key not in ("cache_read_input_tokens", "input_tokens")}
        return {key: without_cache(each) for key, each in figures.items()}
    return [without_cache(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("ask", SAME, ids=lambda ask: ask.__name__)
def test_this_client_gets_what_it_gets_directly(gateway: Gateway, llama: Llama, ask: Ask) -> None:
    with client_of(llama.origin) as direct, client_of(origin(gateway), gateway.key) as through:
        one, other = without_cache(comparable(ask(through))), without_cache(comparable(ask(direct)))
    assert (joined(one) if ask is streamed else one) == (joined(other) if ask is streamed else other)


@pytest.mark.parametrize("wanted", ["plain", "calling", "thinking"])
def test_where_nothing_is_masked_every_event_is_the_same(recorded: tuple[Gateway, str], wanted: str) -> None:
    gateway, url = recorded
    key = gateway.create_key(f"trusted-{wanted}", "unmasked")
    with client_of(url) as direct, client_of(origin(gateway), key) as through:
        for ask in (
            lambda client: client.messages.create(**said(wanted), stream=True),
            lambda c: [c.messages.create(**said(wanted))],
        ):
            assert comparable(list(ask(through))) == comparable(list(ask(direct)))


@pytest.mark.parametrize("wanted", ["plain", "calling", "thinking"])
def test_whole_or_streamed_the_same_is_masked(recorded: tuple[Gateway, str], wanted: str) -> None:
    gateway, _ = recorded
    with client_of(origin(gateway), gateway.key) as client:
        at_once = client.messages.create(**said(wanted))
        with client.messages.stream(**said(wanted)) as stream:
            put_together = stream.get_final_message()
    assert [block.to_dict() for block in put_together.content] == [block.to_dict() for block in at_once.content]
    told = at_once.model_dump_json()
    assert EMAIL not in told
    assert "[EMAIL]" in told
    if wanted == "calling":
        assert at_once.content[1].model_dump()["input"] == {"to": "[EMAIL]", "copies": 2}
        assert at_once.stop_reason == "tool_use"
    if wanted == "thinking":
        assert at_once.content[0].model_dump()["signature"] == SIGNATURE
        assert at_once.content[1].model_dump()["data"] == SIGNATURE


def test_a_conversation_with_thinking_goes_on(recorded: tuple[Gateway, str]) -> None:
    gateway, _ = recorded
    with client_of(origin(gateway), gateway.create_key("thinker", "unmasked")) as client:
        first = client.messages.create(**said("thinking"))
        turns: Any = [{"role": "user", "content": "x"}, first.to_param(), {"role": "user", "content": "plain"}]
        assert client.messages.create(**ASK, messages=turns).content


def test_the_asynchronous_client_streams(recorded: tuple[Gateway, str]) -> None:
    gateway, _ = recorded

    async def scene() -> str:
        client = anthropic.AsyncAnthropic(base_url=origin(gateway), api_key=gateway.key, max_retries=0)
        async with client, client.messages.stream(**said("plain")) as stream:
            return "".join([text async for text in stream.text_stream])

    assert asyncio.run(scene()) == "Ask [EMAIL] about it."


def test_a_server_that_the_model_names_is_given_to_it_with_its_token(recorded: tuple[Gateway, str]) -> None:
    gateway, _ = recorded
    toolset: Any = {"type": "mcp_toolset", "mcp_server_name": "files"}
    betas = ["mcp-client-2025-11-20"]
    with client_of(origin(gateway), gateway.key) as client:
        assert client.beta.messages.create(**said("x"), betas=betas, mcp_servers=[SERVER], tools=[toolset]).content
    (server,) = [each for record in gateway.records() for each in record.get("servers", [])]
    assert server["host"] == "mcp.example.com"
    assert "t0ken" not in str(gateway.records())


def test_a_bearer_token_is_a_credential_too(recorded: tuple[Gateway, str]) -> None:
    gateway, _ = recorded
    with anthropic.Anthropic(base_url=origin(gateway), auth_token=gateway.key, max_retries=0) as client:
        assert client.messages.create(**said("plain")).content


@pytest.mark.parametrize(
    ("members", "error", "code"),
    [
        ({"model": "none"}, anthropic.PermissionDeniedError, "model_denied"),
        ({"messages": "x"}, anthropic.BadRequestError, "shape_invalid"),
        ({"max_tokens": "many"}, anthropic.BadRequestError, "shape_invalid"),
        ({"fallbacks": [{"model": "other"}]}, anthropic.BadRequestError, "reach_forbidden"),
        ({"mcp_servers": [{**SERVER, "url": "https://other.example/"}]}, anthropic.BadRequestError, "reach_forbidden"),
        ({"container": "container_bobs"}, anthropic.BadRequestError, "stored_refused"),
        (
            {
                "messages": [
                    {"role": "user", "content": [{"type": "image", "source": {"type": "base64", "data": "AA"}}]}
                ]
            },
            anthropic.BadRequestError,
            "content_unreadable",
        ),
    ],
)
def test_a_refusal_is_the_right_exception(
    recorded: tuple[Gateway, str], members: dict[str, Any], error: type[anthropic.APIStatusError], code: str
) -> None:
    gateway, _ = recorded
    for stream in (False, True):
        with client_of(origin(gateway), gateway.key) as client, pytest.raises(error) as caught:
            client.messages.create(**{**said("x"), "extra_body": members}, stream=stream)
        assert caught.value.error_code == code


def test_a_wrong_key_and_an_unknown_route_are_told(recorded: tuple[Gateway, str]) -> None:
    gateway, _ = recorded
    with client_of(origin(gateway), "gh_nobody000000_x") as client, pytest.raises(anthropic.AuthenticationError):
        client.messages.create(**said("x"))
    with client_of(origin(gateway), gateway.key) as client, pytest.raises(anthropic.NotFoundError):
        client.messages.batches.list()


def use_up(client: anthropic.Anthropic) -> None:
    """Twice what a minute allows."""
    for _ in range(4):
        client.messages.create(**said("plain"))


def test_a_used_up_limit_has_its_exception_and_the_time_to_wait(recorded: tuple[Gateway, str]) -> None:
    gateway, _ = recorded
    key = gateway.create_key("lea", "limited")
    with client_of(origin(gateway), key) as client, pytest.raises(anthropic.RateLimitError) as caught:
        use_up(client)
    assert (caught.value.type, caught.value.error_code) == ("rate_limit_error", "request_rate_exceeded")
    assert 0 < float(caught.value.response.headers["retry-after"]) <= 60


def test_an_overloaded_model_server_is_asked_again(recorded: tuple[Gateway, str]) -> None:
    gateway, _ = recorded
    with client_of(origin(gateway), gateway.key, max_retries=3) as client:
        assert client.messages.create(**said("overloaded")).stop_reason == "end_turn"


@pytest.mark.parametrize(
    ("wanted", "kind", "code"),
    [
        ("failing", "overloaded_error", None),
        ("breaking", "api_error", "upstream_closed_early"),
        ("unreadable", "api_error", "response_unreadable"),
    ],
)
def test_a_stream_that_fails_half_way_raises(
    recorded: tuple[Gateway, str], wanted: str, kind: str, code: str | None
) -> None:
    gateway, _ = recorded
    seen: list[str] = []
    with client_of(origin(gateway), gateway.key) as client, pytest.raises(anthropic.APIStatusError) as caught:
        seen += [event.type for event in client.messages.create(**said(wanted), stream=True)]
    assert (caught.value.type, caught.value.error_code) == (kind, code)


def test_models_are_listed_for_this_client(recorded: tuple[Gateway, str]) -> None:
    gateway, _ = recorded
    with client_of(origin(gateway), gateway.key) as client:
        assert [model.id for model in client.models.list()] == ["tiny"]
        assert client.models.retrieve("tiny").display_name == "tiny"
        with pytest.raises(anthropic.PermissionDeniedError):
            client.models.retrieve("other")
