"""The official client does through the gateway exactly what it does directly.

Each behaviour is a function of a client. It runs against llama.cpp and against the gateway in front of the same
llama.cpp, synchronously and asynchronously, and the two results have to be equal (see comparison.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import openai
import pytest

from attack.recording import RecordingBackend
from integration.comparison import comparable, joined
from integration.gateway import Gateway, running
from integration.llama import Llama

FRESH = {"cache_prompt": False}
GREEDY: dict[str, Any] = {"temperature": 0, "seed": 11, "extra_body": FRESH}
WEATHER = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather of a town",
        "parameters": {
            "type": "object",
            "properties": {"town": {"type": "string", "maxLength": 8}},
            "required": ["town"],
        },
    },
}
TOOLS: Any = [WEATHER]
Ask = Callable[[openai.OpenAI], Any]
AskLater = Callable[[openai.AsyncOpenAI], Awaitable[Any]]


def chat(client: openai.OpenAI) -> Any:
    messages: Any = [{"role": "system", "content": "Short."}, {"role": "user", "content": "Hello there"}]
    return client.chat.completions.create(model="tiny", messages=messages, max_tokens=12, **GREEDY)


def chat_with_parts(client: openai.OpenAI) -> Any:
    messages: Any = [{"role": "user", "content": [{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]}]
    return client.chat.completions.create(model="tiny", messages=messages, max_tokens=6, **GREEDY)


def chat_with_probabilities(client: openai.OpenAI) -> Any:
    messages: Any = [{"role": "user", "content": "odds"}]
    return client.chat.completions.create(
        model="tiny", messages=messages, max_tokens=4, logprobs=True, top_logprobs=2, **GREEDY
    )


def streamed_chat(client: openai.OpenAI) -> Any:
    messages: Any = [{"role": "user", "content": "Count"}]
    stream = client.chat.completions.create(model="tiny", messages=messages, max_tokens=24, stream=True, **GREEDY)
    return list(stream)


def streamed_chat_with_usage(client: openai.OpenAI) -> Any:
    messages: Any = [{"role": "user", "content": "Count again"}]
    stream = client.chat.completions.create(
        model="tiny",
        messages=messages,
        max_tokens=8,
        stream=True,
        stream_options={"include_usage": True},
        **GREEDY,
    )
    return list(stream)


def several_choices(client: openai.OpenAI) -> Any:
    messages: Any = [{"role": "user", "content": "Thrice"}]
    answer = client.chat.completions.create(model="tiny", messages=messages, max_tokens=6, n=3, **GREEDY)
    return sorted(answer.choices, key=lambda choice: choice.index)


def several_streamed_choices(client: openai.OpenAI) -> Any:
    """The choices arrive interleaved as the server's slots happen to run: each is compared by itself."""
    messages: Any = [{"role": "user", "content": "Twice"}]
    stream = client.chat.completions.create(model="tiny", messages=messages, max_tokens=6, n=2, stream=True, **GREEDY)
    choices = [choice for chunk in stream for choice in chunk.choices]
    return [[choice for choice in choices if choice.index == index] for index in (0, 1)]


def forced_tool(client: openai.OpenAI) -> Any:
    messages: Any = [{"role": "user", "content": "Weather in Oslo?"}]
    return client.chat.completions.create(
        model="tiny", messages=messages, tools=TOOLS, tool_choice="required", max_tokens=80, **GREEDY
    )


def streamed_tool(client: openai.OpenAI) -> Any:
    messages: Any = [{"role": "user", "content": "Weather in Oslo?"}]
    stream = client.chat.completions.create(
        model="tiny", messages=messages, tools=TOOLS, tool_choice="required", max_tokens=80, stream=True, **GREEDY
    )
    return list(stream)


def tool_result(client: openai.OpenAI) -> Any:
    call = {"id": "call_1", "type": "function", "function": {"name": "weather", "arguments": '{"town": "Oslo"}'}}
    messages: Any = [
        {"role": "user", "content": "Weather?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "call_1", "content": "rain"},
    ]
    return client.chat.completions.create(model="tiny", messages=messages, max_tokens=6, **GREEDY)


def structured(client: openai.OpenAI) -> Any:
    messages: Any = [{"role": "user", "content": "JSON, please"}]
    schema = {"name": "s", "schema": {"type": "object", "properties": {"a": {"type": "boolean"}}, "required": ["a"]}}
    wanted: Any = {"type": "json_schema", "json_schema": schema}
    return client.chat.completions.create(
        model="tiny", messages=messages, max_tokens=20, response_format=wanted, **GREEDY
    )


def completion(client: openai.OpenAI) -> Any:
    return client.completions.create(model="tiny", prompt="Once upon", max_tokens=10, **GREEDY)


def streamed_completion(client: openai.OpenAI) -> Any:
    return list(client.completions.create(model="tiny", prompt="Once upon", max_tokens=10, stream=True, **GREEDY))


def response(client: openai.OpenAI) -> Any:
    return client.responses.create(
        model="tiny", input="Say something", max_output_tokens=8, temperature=0, extra_body=FRESH
    )


def streamed_response(client: openai.OpenAI) -> Any:
    return list(
        client.responses.create(
            model="tiny", input="Say something", max_output_tokens=8, temperature=0, stream=True, extra_body=FRESH
        )
    )


def bad_messages(client: openai.OpenAI) -> Any:
    messages: Any = "not a list"
    return refused(lambda: client.chat.completions.create(model="tiny", messages=messages))


def called_tool(client: openai.OpenAI) -> Any:
    return client.chat.completions.create(model="tiny", messages=[{"role": "user", "content": "Oslo"}], tools=TOOLS)


def streamed_tool_call(client: openai.OpenAI) -> Any:
    messages: Any = [{"role": "user", "content": "Oslo"}]
    return list(client.chat.completions.create(model="tiny", messages=messages, tools=TOOLS, stream=True))


def refused(ask: Callable[[], Any]) -> str:
    with pytest.raises(openai.APIStatusError) as caught:
        ask()
    return type(caught.value).__name__


SAME: list[Ask] = [
    chat,
    chat_with_parts,
    chat_with_probabilities,
    streamed_chat,
    streamed_chat_with_usage,
    several_choices,
    several_streamed_choices,
    forced_tool,
    streamed_tool,
    tool_result,
    structured,
    completion,
    streamed_completion,
    response,
    streamed_response,
    bad_messages,
]


def same(through: Any, direct: Any) -> bool:
    """Equal but for where a masked text was cut; says what is not."""
    one, other = comparable(through), comparable(direct)
    if isinstance(one, list):
        assert joined(one) == joined(other)
    else:
        assert one == other
    return True


def client_of(url: str, key: str, **settings: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=url, api_key=key, max_retries=0, timeout=30, **settings)


@pytest.mark.parametrize("ask", SAME, ids=lambda ask: ask.__name__)
def test_the_client_gets_what_it_gets_directly(gateway: Gateway, llama: Llama, ask: Ask) -> None:
    with client_of(f"{llama.origin}/v1", "any") as direct, client_of(gateway.url, gateway.key) as through:
        assert same(ask(through), ask(direct))


@pytest.mark.parametrize("ask", SAME, ids=lambda ask: ask.__name__)
def test_where_nothing_is_masked_every_piece_is_the_same(gateway: Gateway, llama: Llama, ask: Ask) -> None:
    key = gateway.create_key("trusted", "unmasked")
    with client_of(f"{llama.origin}/v1", "any") as direct, client_of(gateway.url, key) as through:
        assert comparable(ask(through)) == comparable(ask(direct))


@pytest.mark.parametrize("ask", [called_tool, streamed_tool_call], ids=lambda ask: ask.__name__)
def test_tool_calls_are_the_same(tmp_path: Path, ask: Ask) -> None:
    """Noise never calls a tool, so that these two run against a double."""
    with RecordingBackend() as back_end, running(tmp_path, back_end.url) as gateway:
        with client_of(f"{back_end.url}/v1", "any") as direct, client_of(gateway.url, gateway.key) as through:
            answer = ask(through)
            assert same(answer, ask(direct))
        assert "weather" in str(answer)


def test_embeddings_are_the_same(gateway: Gateway, embedder: Llama) -> None:
    def ask(client: openai.OpenAI, model: str) -> Any:
        plain = client.embeddings.create(model=model, input=["a", "some words"], encoding_format="float")
        packed = client.embeddings.create(model=model, input="a")
        return comparable([plain, packed])

    with client_of(f"{embedder.origin}/v1", "any") as direct, client_of(gateway.url, gateway.key) as through:
        assert ask(through, "tiny-embed") == ask(direct, "tiny-embed")


async def streamed_later(client: openai.AsyncOpenAI) -> Any:
    messages: Any = [{"role": "user", "content": "Count slowly"}]
    stream = await client.chat.completions.create(model="tiny", messages=messages, max_tokens=24, stream=True, **GREEDY)
    return [chunk async for chunk in stream]


async def chat_later(client: openai.AsyncOpenAI) -> Any:
    messages: Any = [{"role": "user", "content": "Hello there"}]
    return await client.chat.completions.create(model="tiny", messages=messages, max_tokens=12, **GREEDY)


async def many_at_once(client: openai.AsyncOpenAI) -> Any:
    async def one(number: int) -> Any:
        messages: Any = [{"role": "user", "content": f"Number {number}"}]
        answer = await client.chat.completions.create(model="tiny", messages=messages, max_tokens=6, **GREEDY)
        return answer.choices[0].finish_reason, answer.usage

    return await asyncio.gather(*(one(number) for number in range(12)))


@pytest.mark.parametrize("ask", [chat_later, streamed_later, many_at_once], ids=lambda ask: ask.__name__)
def test_the_asynchronous_client_gets_what_it_gets_directly(gateway: Gateway, llama: Llama, ask: AskLater) -> None:
    async def both() -> tuple[Any, Any]:
        direct = openai.AsyncOpenAI(base_url=f"{llama.origin}/v1", api_key="any", max_retries=0)
        through = openai.AsyncOpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0)
        async with direct, through:
            return await ask(through), await ask(direct)

    through, direct = asyncio.run(both())
    assert same(through, direct)


def test_models_lists_only_what_the_caller_may_use(gateway: Gateway) -> None:
    with client_of(gateway.url, gateway.key) as alice, client_of(gateway.url, gateway.create_key("carol")) as carol:
        assert sorted(model.id for model in alice.models.list()) == ["renamed", "tiny", "tiny-embed"]
        assert [model.id for model in carol.models.list()] == ["tiny"]
        assert carol.models.retrieve("tiny").object == "model"
        with pytest.raises(openai.APIStatusError) as caught:
            carol.models.retrieve("tiny-embed")
        assert caught.value.status_code in (403, 404)


def test_the_caller_sees_the_name_it_asked_for_or_the_servers(gateway: Gateway) -> None:
    messages: Any = [{"role": "user", "content": "Hello"}]
    with client_of(gateway.url, gateway.key) as client:
        answer = client.chat.completions.create(model="renamed", messages=messages, max_tokens=2)
    assert answer.model in ("renamed", "tiny")
    assert answer.choices[0].finish_reason == "length"
