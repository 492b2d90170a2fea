"""A gateway loses its disk, its control process, a worker, while it serves. Callers are told, or notice nothing."""

import json
import os
import resource
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest

from attack.recording import RecordingBackend
from integration.gateway import READY_WITHIN, Gateway, running
from integration.polling import alive, eventually
from integration.raw_http import AnswerMalformedError

CALLERS = 4
FELT = 20.0  # seconds at most; the machine may be busy


class Load:
    """Callers that ask one after the other; `told` are the codes of their answers, "ok", or "lost"."""

    def __init__(self, gateway: Gateway) -> None:
        self._gateway = gateway
        self._over = threading.Event()
        self.told: list[str] = []

    def call(self) -> None:
        while not self._over.is_set():
            self.told.append(self._ask())

    def _ask(self) -> str:
        try:
            answer = self._gateway.chat("hello")
        except (OSError, AssertionError, AnswerMalformedError):
            return "lost"
        return "ok" if answer.status == 200 else str(json.loads(answer.body)["error"]["code"])

    def since(self, before: int) -> Counter[str]:
        return Counter(self.told[before:])

    def end(self) -> None:
        self._over.set()


@contextmanager
def load(gateway: Gateway) -> Iterator[Load]:
    caller = Load(gateway)
    threads = [threading.Thread(target=caller.call) for _ in range(CALLERS)]
    for thread in threads:
        thread.start()
    try:
        eventually(lambda: caller.told.count("ok") >= CALLERS, FELT, "callers are served")
        yield caller
    finally:
        caller.end()
        for thread in threads:
            thread.join()


def more(caller: Load, code: str) -> None:
    before = len(caller.told)
    eventually(lambda: caller.since(before)[code] > 2 * CALLERS, FELT, f"callers are told {code}")


def journal_of(gateway: Gateway) -> Path:
    return max((gateway.state / "journal" / "w0").glob("*.jsonl"))


def fill_up(gateway: Gateway, room: int) -> None:
    """No file of the worker may grow beyond its journal, and that by `room` bytes only: a record is torn."""
    (worker,) = gateway.workers()
    limit = journal_of(gateway).stat().st_size + room
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))


def make_room(gateway: Gateway) -> None:
    (worker,) = gateway.workers()
    resource.prlimit(worker, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


def gone(pid: int) -> bool:
    return not alive(pid)


@pytest.mark.parametrize("room", [0, 1, 700])
def test_while_the_disk_is_full_nothing_is_served_unrecorded_and_afterwards_everything_is(
    tmp_path: Path, room: int
) -> None:
    with RecordingBackend() as back_end, running(tmp_path, back_end.url) as gateway:
        with load(gateway) as callers:
            for _ in range(3):
                fill_up(gateway, room)
                more(callers, "audit_unavailable")
                make_room(gateway)
                more(callers, "ok")
        assert set(callers.told) <= {"ok", "audit_unavailable"}
        eventually(lambda: b'"outage"' in journal_of(gateway).read_bytes(), FELT, "the outage is told")
        kinds = Counter(record["kind"] for record in gateway.records())
        assert len(back_end.tape.seen) <= kinds["opened"] <= kinds["closed"]
        assert callers.told.count("ok") <= kinds["opened"]


def test_the_loss_of_the_control_process_is_felt_by_no_caller(tmp_path: Path) -> None:
    with RecordingBackend() as back_end, running(tmp_path, back_end.url) as gateway:
        with load(gateway) as callers:
            for _ in range(2):
                (control,) = set(gateway.family()) - set(gateway.workers())
                os.kill(control, signal.SIGKILL)
                eventually(partial(gone, control), FELT, "it is gone")
                more(callers, "ok")
                eventually(gateway.ready, READY_WITHIN, "the control process is back")
        assert set(callers.told) == {"ok"}


def test_with_several_workers_the_loss_of_one_is_felt_for_as_long_as_its_connections_last(tmp_path: Path) -> None:
    changes = {"workers": 2, "limits_scope": "process"}
    with RecordingBackend() as back_end, running(tmp_path, back_end.url, changes) as gateway:
        with load(gateway) as callers:
            before = len(callers.told)
            os.kill(gateway.workers()[0], signal.SIGKILL)
            more(callers, "ok")
            assert callers.since(before)["lost"] <= 2 * CALLERS
            eventually(lambda: len(gateway.workers()) == 2 and gateway.ready(), READY_WITHIN, "both are back")
            more(callers, "ok")
        assert set(callers.told) <= {"ok", "lost"}
