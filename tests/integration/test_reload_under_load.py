"""A real gateway whose policy is changed a hundred times under load, a fifth of them by mistakes."""

import http.client
import json
import os
import signal
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from attack.recording import RecordingBackend
from integration.gateway import Gateway, Plain, running
from integration.polling import eventually

RELOADS = 100
EVERY_FIFTH_IS_A_MISTAKE = 5
CALLERS = 3
PACE = 0.01  # seconds between two requests of a caller, so that the machine is not what is tested
WITHIN = 20.0


class Journal:
    """One journal, read as it grows."""

    def __init__(self, folder: Path) -> None:
        self._file = folder / "00000001.jsonl"
        self._offset = 0
        self.records: list[dict[str, Any]] = []

    def read(self) -> None:
        with self._file.open("rb") as file:
            file.seek(self._offset)
            whole, _, _ = file.read().rpartition(b"\n")
        if whole:
            self._offset += len(whole) + 1
            self.records += [json.loads(line) for line in whole.split(b"\n")]

    def events(self, name: str) -> list[dict[str, Any]]:
        self.read()
        return [record for record in self.records if record["kind"] == "event" and record["name"] == name]


class Caller(threading.Thread):
    """Asks for one completion after the other on one connection, every third of them as a stream."""

    def __init__(self, gateway: Gateway, over: threading.Event) -> None:
        super().__init__()
        self._gateway = gateway
        self._over = over
        self.answers: Counter[str] = Counter()
        self.revisions: dict[str, str] = {}  # request id -> the revision that the answer named

    def run(self) -> None:
        connection = http.client.HTTPConnection(*self._gateway.data, timeout=WITHIN)
        try:
            number = 0
            while not self._over.wait(PACE):
                number += 1
                self.answers[self._ask(connection, stream=number % 3 == 0)] += 1
        finally:
            connection.close()

    def _ask(self, connection: http.client.HTTPConnection, *, stream: bool) -> str:
        document = {"model": "tiny", "messages": [{"role": "user", "content": "hello"}], "stream": stream}
        headers = {"Authorization": f"Bearer {self._gateway.key}", "Content-Type": "application/json"}
        try:
            connection.request("POST", "/v1/chat/completions", json.dumps(document), headers)
            answer = connection.getresponse()
            body = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            return f"failed: {type(error).__name__}"
        self.revisions[answer.headers["x-request-id"]] = answer.headers["x-guardhouse-policy"]
        whole = b"data: [DONE]" in body if stream else json.loads(body)["choices"]
        return "whole" if answer.status == 200 and whole else f"{answer.status}"


@contextmanager
def load(gateway: Gateway) -> Iterator[list[Caller]]:
    over = threading.Event()
    callers = [Caller(gateway, over) for _ in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield callers
    finally:
        over.set()
        for caller in callers:
            caller.join()


def rewrite(gateway: Gateway, turn: int) -> bool:
    """Another limit, so another revision; or a mistake. True if it is sound."""
    document = yaml.safe_load(gateway.config.read_text())
    document.pop("mistake", None)
    document["policies"][0]["limits"] = {"requests": f"{1000 + turn}k/min"}
    sound = turn % EVERY_FIFTH_IS_A_MISTAKE != 1  # the last one is sound
    if not sound:
        document["mistake"] = turn
    gateway.config.write_text(yaml.dump(document, Dumper=Plain, sort_keys=False))
    return sound


@pytest.mark.timeout(300)
def test_a_hundred_reloads_under_load_drop_nothing_and_every_record_has_one_revision(tmp_path: Path) -> None:
    with RecordingBackend() as back_end, running(tmp_path, back_end.url) as gateway:
        assert gateway.process is not None
        control, worker = (Journal(gateway.state / "journal" / name) for name in ("control", "w0"))
        with load(gateway) as callers:
            for turn in range(1, RELOADS + 1):
                name = "policy.activated" if rewrite(gateway, turn) else "policy.refused"
                known = len(control.events(name))
                gateway.process.send_signal(signal.SIGHUP)
                eventually(lambda: len(control.events(name)) > known, WITHIN, f"reload {turn} is answered")  # noqa: B023
                activated = len(control.events("policy.activated"))
                eventually(lambda: len(worker.events("policy.taken")) == activated, WITHIN, "it is taken")  # noqa: B023
            assert gateway.ready()
        answers = sum((caller.answers for caller in callers), Counter[str]())
        assert answers.keys() == {"whole"}, answers
        eventually(lambda: not gateway_is_busy(worker), WITHIN, "every exchange is recorded")
    assert len(control.events("policy.refused")) == RELOADS // EVERY_FIFTH_IS_A_MISTAKE
    activated_revisions = {event["facts"]["revision"] for event in control.events("policy.activated")}
    assert len(activated_revisions) == RELOADS - RELOADS // EVERY_FIFTH_IS_A_MISTAKE
    named = {key: revision for caller in callers for key, revision in caller.revisions.items()}
    assert revisions_of(worker, "opened") == revisions_of(worker, "closed") == named
    assert len(named) == answers.total()
    assert len(set(named.values()) & activated_revisions) > RELOADS // 4, "the load met many of them"


def gateway_is_busy(worker: Journal) -> bool:
    worker.read()
    kinds = Counter(record["kind"] for record in worker.records)
    return kinds["opened"] != kinds["closed"]


def revisions_of(worker: Journal, kind: str) -> dict[str, str]:
    return {record["id"]: record["revision"] for record in worker.records if record["kind"] == kind}


def test_an_edited_file_is_noticed_without_a_signal_and_outlives_a_worker(tmp_path: Path) -> None:
    with RecordingBackend() as back_end, running(tmp_path, back_end.url) as gateway:
        worker = Journal(gateway.state / "journal" / "w0")
        document = yaml.safe_load(gateway.config.read_text())
        document["policies"][0]["may"] = ["embeddings"]
        gateway.config.write_text(yaml.dump(document, Dumper=Plain))
        eventually(lambda: bool(worker.events("policy.taken")), WITHIN, "the edited policy is taken")
        assert gateway.chat("hello").code == "operation_denied"
        gateway.config.write_text("version: 1\n")
        [before] = gateway.workers()
        os.kill(before, signal.SIGKILL)
        eventually(lambda: gateway.workers() not in ([], [before]) and gateway.ready(), WITHIN, "another worker is up")
        assert gateway.chat("hello").code == "operation_denied", "the file is not what a worker goes by"
        gateway.config.write_text(yaml.dump(document, Dumper=Plain))


def test_a_change_by_command_is_felt_at_once_and_a_rollback_works_with_a_broken_file(tmp_path: Path) -> None:
    with RecordingBackend() as back_end, running(tmp_path, back_end.url) as gateway:
        worker = Journal(gateway.state / "journal" / "w0")
        text = gateway.config.read_text()
        document = yaml.safe_load(text)
        document["policies"][0]["may"] = ["embeddings"]
        (tmp_path / "strict.yaml").write_text(yaml.dump(document, Dumper=Plain))
        done = gateway.command("policy", "activate", "--file", str(tmp_path / "strict.yaml"), "--json")
        assert json.loads(done.stdout)["status"] == "accepted", done.stderr
        eventually(lambda: gateway.chat("hello").code == "operation_denied", WITHIN, "the workers go by it")
        gateway.config.write_text("version: 1\nstate: ./state\n")
        assert gateway.command("policy", "rollback").returncode == 0
        eventually(lambda: gateway.chat("hello").status == 200, WITHIN, "the workers have gone back")
        assert len(worker.events("policy.taken")) == 2
        missing = document | {"targets": {"local": document["targets"]["local"] | {"credential": "${env:MISSING}"}}}
        (tmp_path / "missing.yaml").write_text(yaml.dump(missing, Dumper=Plain))
        refused = gateway.command("policy", "activate", "--file", str(tmp_path / "missing.yaml"))
        assert refused.returncode == 1
        assert "MISSING is not set" in refused.stderr
        gateway.config.write_text(text)
