"""The load generators and the static upstream understand each other, and nothing wrong passes for an answer."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest
import uvloop

from bench import payload
from bench.load import LoadError, closed_loop, open_loop
from bench.prose import CARD, EMAIL, prose
from bench.streams import Streams, first_events, whole_text
from bench.upstream import listen

T = TypeVar("T")


def against_upstream(use: Callable[[int], Awaitable[T]]) -> T:
    async def run() -> T:
        server = await listen()
        try:
            return await use(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            await asyncio.sleep(0.05)  # closed transports say good-bye in the next turns of the loop

    return uvloop.run(run())


def request(model: str, prompt: str = "Hello?", *, stream: bool = False, tokens: int = 16) -> bytes:
    return payload.http_request(1, (), payload.request_body(model, prompt, stream=stream, tokens=tokens))


@pytest.mark.parametrize("size", [64, 65536])
def test_a_closed_loop_counts_every_answer_of_every_connection(size: int) -> None:
    tally = against_upstream(lambda port: closed_loop(port, request(payload.ANSWER, prose(size)), 4, 0.05))
    assert tally.answers == tally.in_time + 4
    assert tally.elapsed >= tally.seconds == 0.05


def test_an_open_loop_times_each_request_of_its_schedule() -> None:
    taken = against_upstream(lambda port: open_loop(port, request(payload.ANSWER), 400, 0.1))
    assert len(taken) == 40
    assert min(taken) > 0


def test_an_answer_that_is_not_200_ends_the_run() -> None:
    with pytest.raises(LoadError, match="status 400"):
        against_upstream(lambda port: closed_loop(port, request("somebody-elses-model"), 2, 0.05))


@pytest.mark.parametrize("secret", [EMAIL, CARD])
def test_a_prompt_that_should_have_been_masked_ends_the_run(secret: str) -> None:
    with pytest.raises(LoadError, match="status 500"):
        against_upstream(lambda port: closed_loop(port, request(payload.PRIVATE, secret), 1, 0.0))


def test_an_answer_that_should_have_been_masked_ends_the_run() -> None:
    with pytest.raises(LoadError, match="unmasked"):
        against_upstream(lambda port: closed_loop(port, request(payload.PRIVATE), 1, 0.0))


@pytest.mark.parametrize("answer", [b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}", b"nonsense\r\n\r\n", b""])
def test_a_short_unreadable_or_missing_answer_ends_the_run(answer: bytes) -> None:
    class Wrong(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            self.transport.write(answer)  # type: ignore[attr-defined]  # uvloop's transports share no base class
            self.transport.close()

    async def run() -> None:
        server = await asyncio.get_running_loop().create_server(Wrong, "127.0.0.1", 0)
        try:
            await closed_loop(server.sockets[0].getsockname()[1], request(payload.ANSWER), 1, 0.0)
        finally:
            server.close()

    with pytest.raises(LoadError):
        uvloop.run(run())


@pytest.mark.parametrize("model", [payload.PACED, payload.BURST, payload.FIRST])
@pytest.mark.parametrize("words", [1, 3])
def test_a_stream_arrives_word_for_word(model: str, words: int) -> None:
    text = against_upstream(lambda port: whole_text(port, request(model, stream=True, tokens=words)))
    assert text == payload.streamed_text(words)


def test_every_event_of_every_stream_is_counted_once() -> None:
    async def run(port: int) -> tuple[int, int]:
        group = Streams(port, request(payload.BURST, stream=True, tokens=130))
        await group.open(3, per_second=1000)
        await group.finish(1)
        await group.close()
        return group.events, group.reads

    events, reads = against_upstream(run)
    assert events == 3 * (130 + 3)
    assert reads < events / 10


def test_a_flood_has_an_address_in_every_burst_and_is_ended_by_it_where_that_is_forbidden() -> None:
    async def run(port: int) -> None:
        group = Streams(port, request(payload.FLOOD, stream=True, tokens=640), forbidden=EMAIL.encode())
        await group.open(1, per_second=1000)
        try:
            await group.finish(1)
        finally:
            await group.close()

    with pytest.raises(LoadError, match="unmasked"):
        against_upstream(run)


def test_a_flood_is_complete_however_much_it_is() -> None:
    text = against_upstream(lambda port: whole_text(port, request(payload.FLOOD, stream=True, tokens=6400)))
    assert text.count(EMAIL) == 100
    assert text.replace(f" {EMAIL},", "") == payload.streamed_text(6400)


def test_a_held_stream_starts_and_stays_open() -> None:
    async def run(port: int) -> tuple[int, int]:
        group = Streams(port, request(payload.HELD, stream=True))
        await group.open(5, per_second=1000)
        await group.all_started()
        await group.close()
        return group.started, group.completed

    assert against_upstream(run) == (5, 0)


def test_the_first_event_comes_no_later_than_the_first_word() -> None:
    taken = against_upstream(lambda port: first_events(port, request(payload.FIRST, stream=True, tokens=2), 100, 0.05))
    assert len(taken) == 5
    assert all(0 < times.event <= times.word for times in taken)


def test_usage_is_streamed_only_to_those_who_ask_for_it() -> None:
    async def run(port: int) -> tuple[int, int]:
        plain = request(payload.FIRST, stream=True, tokens=1)
        body = payload.request_body(payload.FIRST, "Hello?", stream=True, tokens=1)[:-1]
        asking = payload.http_request(1, (), body + b',"stream_options":{"include_usage":true}}')
        counts = []
        for wanted in (plain, asking):
            group = Streams(port, wanted)
            await group.open(1, per_second=1000)
            await group.finish(1)
            await group.close()
            counts.append(group.events)
        return counts[0], counts[1]

    plain, asking = against_upstream(run)
    assert asking == plain + 1


def test_a_word_event_is_of_the_size_that_servers_send() -> None:
    sizes = [len(payload.word_event(word)) for word in payload.STREAM_WORDS]
    assert 180 < sum(sizes) / len(sizes) < 240
