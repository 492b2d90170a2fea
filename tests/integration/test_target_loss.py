"""Two model servers, real processes: one is killed under load, nobody notices after a second, and it comes back."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.gateway import SOURCE, Gateway, running
from integration.polling import LOOPBACK, accepts, eventually, free_port
from integration.repeating import Repeating

FELT = 1.0  # seconds after the kill from which nothing may fail
CALLERS = 4


class Server:
    """A sample model server that can be killed and started again at its port."""

    def __init__(self) -> None:
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        line = [sys.executable, "-m", "guardhouse.demo.sample_model", str(self.port)]
        environment = {"PYTHONPATH": str(SOURCE)}
        self.process = subprocess.Popen(line, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        eventually(lambda: accepts(self.port), 10, "the sample model listens")

    def kill(self) -> None:
        assert self.process is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


class Load(Repeating):
    """Callers that ask one after the other; `results` are the times at which each began, and what it was answered."""

    def __init__(self, gateway: Gateway) -> None:
        super().__init__(CALLERS)
        self._gateway = gateway
        self.results: list[tuple[float, int]] = []

    def once(self) -> None:
        began = time.monotonic()
        self.results.append((began, self._gateway.chat("hello").status))


@contextmanager
def servers() -> Iterator[tuple[Server, Server]]:
    pair = Server(), Server()
    try:
        for server in pair:
            server.start()
        yield pair
    finally:
        for server in pair:
            if server.process is not None:
                server.kill()


def served_by(gateway: Gateway, since: int) -> set[str]:
    return {record["target"] for record in gateway.records()[since:] if record["kind"] == "opened"}


@pytest.mark.parametrize("choose", ["first", "least_pending"])
def test_a_killed_server_is_not_noticed_after_a_second_and_is_used_again_when_it_is_back(
    tmp_path: Path, choose: str
) -> None:
    with servers() as (first, second):
        changes = {
            "targets": {
                "local": {"url": f"http://{LOOPBACK}:{first.port}"},
                "spare": {"kind": "openai", "url": f"http://{LOOPBACK}:{second.port}"},
            },
            "models": {"tiny": {"targets": ["local", "spare"], "choose": choose}},
        }
        with running(tmp_path, "http://unused.invalid", changes) as gateway:
            with Load(gateway) as load:
                eventually(lambda: len(load.results) > 50, 20, "there is load")
                killed = time.monotonic()
                first.kill()
                eventually(lambda: any(began > killed + 2 * FELT for began, _ in load.results), 20, "load goes on")
                lost = len(gateway.records())
            after = [status for began, status in load.results if began > killed + FELT]
            assert set(after) == {200}
            at_once = [status for began, status in load.results if began <= killed + FELT]
            assert at_once.count(200) >= len(at_once) - CALLERS  # what was under way there, at most
            assert 'guardhouse_events_total{name="target.broken"}' in gateway.metrics()
            first.start()
            eventually(lambda: gateway.chat("hello").status == 200 and "local" in served_by(gateway, lost), 12, "back")
            eventually(lambda: 'name="target.mended"' in gateway.metrics(), 3, "its return is told")


def test_a_drained_server_gets_nothing_new_after_a_second_and_nothing_fails(tmp_path: Path) -> None:
    with servers() as (first, second):
        changes = {
            "targets": {
                "local": {"url": f"http://{LOOPBACK}:{first.port}"},
                "spare": {"kind": "openai", "url": f"http://{LOOPBACK}:{second.port}"},
            },
            "models": {"tiny": {"targets": ["local", "spare"]}},
        }
        with running(tmp_path, "http://unused.invalid", changes) as gateway:
            with Load(gateway) as load:
                eventually(lambda: len(load.results) > 20, 20, "there is load")
                assert gateway.command("targets", "drain", "local").returncode == 0
                drained = time.time()
                eventually(lambda: time.time() > drained + 2 * FELT, 5, "load goes on")
            late = [record for record in gateway.records() if record["at"] > drained + FELT]
            assert {record["target"] for record in late if record["kind"] == "opened"} == {"spare"}
            assert {status for _, status in load.results} == {200}
            listed = json.loads(gateway.command("targets", "list", "--json").stdout)
            assert (listed["local"]["drained"], listed["local"]["pending"]) == (True, 0)
            assert gateway.command("targets", "undrain", "local").returncode == 0
            lost = len(gateway.records())
            eventually(lambda: gateway.chat("x").status == 200 and "local" in served_by(gateway, lost), 2, "back")


def test_a_server_that_hangs_is_found_by_asking_it(tmp_path: Path) -> None:
    """Its kernel goes on accepting connections, so that requests would wait for their time-out."""
    with servers() as (first, second):
        health = {"path": "/received", "every": "250ms", "timeout": "500ms"}
        changes = {
            "targets": {
                "local": {"url": f"http://{LOOPBACK}:{first.port}", "health": health},
                "spare": {"kind": "openai", "url": f"http://{LOOPBACK}:{second.port}"},
            },
            "models": {"tiny": {"targets": ["local", "spare"]}},
        }
        assert first.process is not None
        with running(tmp_path, "http://unused.invalid", changes) as gateway:
            assert gateway.chat("x").status == 200
            eventually(lambda: 'guardhouse_target_well{target="local",worker="w0"} 1.0' in gateway.metrics(), 5, "well")
            first.process.send_signal(signal.SIGSTOP)
            eventually(lambda: 'name="target.unwell"' in gateway.metrics(), 10, "that it hangs is told")
            hanging = len(gateway.records())
            assert gateway.chat("x").status == 200
            assert served_by(gateway, hanging) == {"spare"}
            first.process.send_signal(signal.SIGCONT)
            eventually(lambda: gateway.chat("x").status == 200 and "local" in served_by(gateway, hanging), 10, "back")
