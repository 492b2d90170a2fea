"""Strings that break programs, in each place where a caller can put one.

As a prompt a string reaches the model server unharmed and comes back unharmed, streamed or not; as a model, a key or a
header value it never gets anybody anything, never turns into a 5xx, and never appears where it does not belong.
"""

import asyncio
import json
from collections.abc import Callable

import pytest
import yaml

from attack.recording import RecordingBackend
from attack.vectors import CORPUS, REPEATED
from integration.gateway import Gateway
from integration.raw_http import Answer, Talk, converse, request

KINDS: dict[str, list[str]] = yaml.safe_load((CORPUS.parent / "strings" / "naughty.yaml").read_text(encoding="utf-8"))
PARALLEL = 16
CHAT = "/v1/chat/completions"


def strings(kind: str) -> list[str]:
    def grown(text: str) -> str:
        while (found := REPEATED.search(text)) is not None:
            text = text[: found.start()] + found[1] * int(found[2]) + text[found.end() :]
        return text

    return [grown(text) for text in KINDS[kind]]


def answers(gateway: Gateway, requests: list[bytes]) -> list[Answer | None]:
    """Of each request its answer, or None when the connection was ended without one."""

    async def one(turn: asyncio.Semaphore, raw: bytes) -> Answer | None:
        async with turn:
            held = await converse(gateway.data, Talk([raw]))
        return held.answers[-1] if held.answers else None

    async def every() -> list[Answer | None]:
        turn = asyncio.Semaphore(PARALLEL)
        return await asyncio.gather(*(one(turn, raw) for raw in requests))

    return asyncio.run(every())


def chat(key: str, content: str, *, model: str = "tiny", stream: bool = False) -> bytes:
    document = {"model": model, "messages": [{"role": "user", "content": content}], "stream": stream}
    return request("POST", CHAT, headers={"Authorization": f"Bearer {key}"}, document=document)


def header(name: str) -> Callable[[str, str], bytes]:
    """A valid request but for one header that holds the string as it is, encoded but not escaped."""

    def build(key: str, value: str) -> bytes:
        plain = chat(key, "header")
        head, _, body = plain.partition(b"\r\n\r\n")
        if name == "Authorization":
            head = head.replace(f"Bearer {key}".encode(), b"Bearer " + value.encode())
        else:
            head += f"\r\n{name}: ".encode() + value.encode()
        return head + b"\r\n\r\n" + body

    return build


def test_there_are_enough_strings() -> None:
    assert sum(len(each) for each in KINDS.values()) >= 150


@pytest.mark.parametrize("kind", KINDS)
def test_a_prompt_travels_both_ways_unharmed(gateway: Gateway, back_end: RecordingBackend, kind: str) -> None:
    wanted = strings(kind)
    told = answers(gateway, [chat(gateway.key, text) for text in wanted])
    for text, answer in zip(wanted, told, strict=True):
        assert answer is not None
        assert answer.status == 200, (text[:60], answer.body[:300])
        assert answer.document["choices"][0]["message"]["content"] == text
    assert not back_end.tape.violations


@pytest.mark.parametrize("kind", KINDS)
def test_a_streamed_answer_travels_unharmed(gateway: Gateway, kind: str) -> None:
    wanted = strings(kind)
    told = answers(gateway, [chat(gateway.key, text, stream=True) for text in wanted])
    for text, answer in zip(wanted, told, strict=True):
        assert answer is not None
        assert answer.status == 200, (text[:60], answer.body[:300])
        frames = [json.loads(event) for event in answer.events[:-1]]
        assert answer.events[-1] == "[DONE]"
        assert "".join(frame["choices"][0]["delta"].get("content") or "" for frame in frames) == text


@pytest.mark.parametrize("kind", KINDS)
def test_no_string_is_a_model(gateway: Gateway, kind: str) -> None:
    told = answers(gateway, [chat(gateway.key, "model", model=text) for text in strings(kind)])
    codes = {(answer.status, answer.code) for answer in told if answer}
    assert codes <= {(403, "model_denied"), (400, "shape_invalid")}
    assert len(told) == len([answer for answer in told if answer])


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["Authorization", "X-Api-Key", "Api-Key"])
def test_no_string_is_a_key(gateway: Gateway, back_end: RecordingBackend, kind: str, name: str) -> None:
    before = len(back_end.tape.seen)
    given = [text for text in strings(kind) if text.strip("\t\n\r \0")]
    told = answers(gateway, [header(name)(gateway.key, text) for text in given])
    assert {answer.status for answer in told if answer} <= {400, 401, 431}
    assert len(back_end.tape.seen) == before


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["X-Request-Id", "User-Agent", "X-Forwarded-For", "Accept", "Traceparent"])
def test_a_header_value_is_refused_or_without_effect(gateway: Gateway, kind: str, name: str) -> None:
    told = answers(gateway, [header(name)(gateway.key, text) for text in strings(kind)])
    for answer in told:
        assert answer is None or answer.status in (200, 400, 431)
        assert answer is None or answer.header("x-injected") is None
