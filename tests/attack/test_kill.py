"""The worker is killed with SIGKILL, again and again, while clients are being served.

What a client has read to its last byte must be in the journal, opened and closed; what was under way when the worker
died is closed as aborted by its successor; the chain verifies; and a new worker is ready quickly. How many rounds:
GUARDHOUSE_KILL_ROUNDS, 20 unless it is set.
"""

import asyncio
import os
import random
import signal
import statistics
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from attack.recording import RecordingBackend
from attack.vectors import plain_request
from integration.gateway import Gateway, running
from integration.polling import eventually
from integration.raw_http import AnswerMalformedError, Talk, converse, request

ROUNDS = int(os.environ.get("GUARDHOUSE_KILL_ROUNDS", "20"))
CLIENTS = 8
READY_WITHIN = 2.0
STREAM = {"model": "tiny", "stream": True, "messages": [{"role": "user", "content": "stream:20"}]}


@dataclass(slots=True)
class Load:
    """Clients that never stop asking, and the request ids of the answers they read whole."""

    gateway: Gateway
    complete: list[str] = field(default_factory=list)
    broken: int = 0
    stopping: bool = False
    news: asyncio.Event = field(default_factory=asyncio.Event)

    async def client(self, number: int) -> None:
        headers = {"Authorization": f"Bearer {self.gateway.key}"}
        streamed = request("POST", "/v1/chat/completions", headers=headers, document=STREAM)
        count = 0
        while not self.stopping:
            count += 1
            plain = plain_request(self.gateway.key, f"load {number} {count}").encode()
            await self.once(streamed if count % 3 == 0 else plain)

    async def once(self, raw: bytes) -> None:
        try:
            held = await converse(self.gateway.data, Talk([raw], within=10))
        except (OSError, AnswerMalformedError):
            held = None
        if held is None or not held.answers or held.final.status != 200:
            self.broken += 1
            await asyncio.sleep(0.01)  # nobody listens between two workers
            return
        answer = held.final
        if answer.header("content-type") == "application/json" or answer.events[-1] == "[DONE]":
            self.complete.append(answer.header("x-request-id") or "no request id")
            self.news.set()

    async def served(self, more: int) -> None:
        """Until `more` answers have come in."""
        wanted = len(self.complete) + more
        async with asyncio.timeout(30):
            while len(self.complete) < wanted:
                self.news.clear()
                await self.news.wait()


async def killed_again_and_again(load: Load) -> list[float]:
    """Seconds from each kill to the next answer."""
    dice = random.Random(4)
    clients = [asyncio.create_task(load.client(number)) for number in range(CLIENTS)]
    recoveries = []
    for _ in range(ROUNDS):
        await load.served(dice.randrange(5, 60))
        (worker,) = load.gateway.workers()
        start = time.monotonic()
        os.kill(worker, signal.SIGKILL)
        await load.served(CLIENTS + 1)  # more than can have been under way: the last is the successor's
        recoveries.append(time.monotonic() - start)
    load.stopping = True
    await asyncio.gather(*clients)
    return recoveries


def test_no_answered_request_is_without_its_record(tmp_path: Path) -> None:
    with RecordingBackend() as back_end, running(tmp_path, back_end.url) as gateway:
        load = Load(gateway)
        recoveries = asyncio.run(killed_again_and_again(load))

        def counts(kind: str) -> Counter[str]:
            return Counter(record["id"] for record in gateway.records() if record["kind"] == kind)

        eventually(lambda: counts("opened").keys() <= counts("closed").keys(), 5, "everything opened is closed")
        opened, closed = counts("opened"), counts("closed")
        assert len(load.complete) >= ROUNDS * 5
        assert [each for each in load.complete if opened[each] != 1 or closed[each] != 1] == []
        assert set(opened.values()) == set(closed.values()) == {1}
        aborted = [record for record in gateway.records() if record.get("outcome") == "aborted"]
        assert {record["reason"] for record in aborted} <= {"worker_died"}
        assert not {record["id"] for record in aborted} & set(load.complete)
        assert len(back_end.tape.seen) <= opened.total()
        assert [each for each in back_end.tape.violations if "the connection ended inside a request" not in each] == []
        assert statistics.median(recoveries) < READY_WITHIN, recoveries
