"""Streams at the level of their events, and what happens when the client leaves in the middle of one."""

import json
from pathlib import Path
from typing import Any

import openai
import pytest

from attack.recording import RecordingBackend
from integration.comparison import comparable
from integration.gateway import Gateway, running
from integration.llama import Llama
from integration.polling import LOOPBACK, eventually
from integration.raw_http import Answer, ask, request

CANCEL_WITHIN = 0.5
LONG: dict[str, Any] = {"max_tokens": 3500, "stream": True, "extra_body": {"ignore_eos": True}}


def client_of(gateway: Gateway) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url, api_key=gateway.key, max_retries=0)


def streamed(address: tuple[str, int], key: str, path: str, members: dict[str, Any]) -> Answer:
    document = {"model": "tiny", "max_tokens": 16, "temperature": 0, "seed": 3, "cache_prompt": False, **members}
    headers = {"Authorization": f"Bearer {key}"}
    return ask(address, request("POST", path, headers=headers, document={**document, "stream": True}))


@pytest.mark.parametrize(
    ("path", "members"),
    [
        ("/v1/chat/completions", {"messages": [{"role": "user", "content": "Events"}]}),
        (
            "/v1/chat/completions",
            {"messages": [{"role": "user", "content": "Events"}], "stream_options": {"include_usage": True}},
        ),
        ("/v1/completions", {"prompt": "Events"}),
    ],
    ids=["chat", "chat with usage", "completions"],
)
def test_the_events_are_the_servers_own(gateway: Gateway, llama: Llama, path: str, members: dict[str, Any]) -> None:
    """The gateway asks for the usage frame itself; a client that did not ask must not see it."""
    direct = streamed((LOOPBACK, llama.port), "any", path, members)
    through = streamed(gateway.data, gateway.create_key("trusted", "unmasked"), path, members)
    assert through.header(
        "content-type",
    ) == direct.header("content-type")
    assert through.events[-1] == direct.events[-1] == "[DONE]"
    assert [comparable(json.loads(each)) for each in through.events[:-1]] == [
        comparable(json.loads(each)) for each in direct.events[:-1]
    ]


def test_a_client_that_leaves_a_stream_stops_the_model(gateway: Gateway, llama: Llama) -> None:
    eventually(lambda: llama.busy_slots() == 0, 15, "llama.cpp has done with what other tests left")
    with client_of(gateway) as client:
        messages: Any = [{"role": "user", "content": "Never end"}]
        stream = client.chat.completions.create(model="tiny", messages=messages, **LONG)
        next(iter(stream))
        assert llama.busy_slots() >= 1
        stream.close()
        eventually(lambda: llama.busy_slots() == 0, CANCEL_WITHIN, "llama.cpp has stopped generating")


def test_a_client_that_leaves_closes_the_upstream_connection_and_is_recorded(
    tmp_path: Path,
) -> None:
    with RecordingBackend(pause=0.02) as back_end, running(tmp_path, back_end.url) as gateway:
        with client_of(gateway) as client:
            messages: Any = [{"role": "user", "content": "stream:100000"}]
            stream = client.chat.completions.create(model="tiny", messages=messages, stream=True)
            next(iter(stream))
            assert not back_end.tape.closed
            stream.close()
            eventually(lambda: len(back_end.tape.closed) == 1, CANCEL_WITHIN, "the upstream connection is closed")

        def outcomes() -> list[str]:
            return [record["outcome"] for record in gateway.records() if record["kind"] == "closed"]

        eventually(lambda: outcomes() == ["cancelled"], 2, "the journal says that the client left")


def test_a_stream_arrives_event_by_event(tmp_path: Path) -> None:
    """The first event is in the client's hands while the model server still has most of the stream to send."""
    with (
        RecordingBackend(pause=0.01) as back_end,
        running(tmp_path, back_end.url) as gateway,
        client_of(gateway) as client,
    ):
        messages: Any = [{"role": "user", "content": "stream:50"}]
        events = iter(client.chat.completions.create(model="tiny", messages=messages, stream=True))
        next(events)
        assert back_end.tape.answered == 0
        assert len(list(events)) >= 40
