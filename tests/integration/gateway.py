"""A real gateway, started, used and ended the way an operator does it.

`running` writes a guardhouse.yaml, creates a key with the command line, starts `guardhouse serve`, waits until both
ports say that they are ready, and on the way out ends it with SIGTERM. Every gateway that any test starts is held to
the same closing conditions: it exits with 0, leaves no process behind, and its audit journal verifies.

What a test wants different from `settings` it passes as `changes`, a nested mapping laid over the defaults.
"""

import json
import os
import signal
import ssl
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from integration.polling import LOOPBACK, alive, descendants, eventually, free_port, resident_kib
from integration.raw_http import Address, Answer, AnswerMalformedError, ask, request

SOURCE = Path(__file__).resolve().parents[2] / "src"
UPSTREAM_KEY = "upstream-secret-of-the-tests"
EVERY_OPERATION = ["chat", "completions", "responses", "embeddings", "models.read"]
READY_WITHIN = 20.0
EXIT_WITHIN = 15.0
KNOWN_WITHIN = 2.0
_ASKED_EACH = 10  # times; one of two is left out once in a million


class Plain(yaml.SafeDumper):
    """Writes a value that stands twice out twice, as a person would."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def laid_over(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """`changes` over `base`, mapping by mapping; a value of None removes the key."""
    merged = dict(base)
    for key, value in changes.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = laid_over(merged[key], value)
        elif value is None:
            merged.pop(key, None)
        else:
            merged[key] = value
    return merged


def settings(upstream: str) -> dict[str, Any]:
    """The configuration that most tests run: one target, one model, one policy that allows the group research."""
    return {
        "version": 1,
        "listen": {"address": f"{LOOPBACK}:{free_port()}"},
        "admin": {"address": f"{LOOPBACK}:{free_port()}"},
        "state": "./state",
        "signins": {"failures": 1_000_000},  # many tests fail on purpose, and all of them from one address
        "targets": {"local": {"kind": "openai", "url": upstream, "credential": "${env:UPSTREAM_KEY}"}},
        "models": {"tiny": {"targets": ["local"]}},
        "policies": [
            {"name": "research", "who": {"groups": ["research"]}, "may": EVERY_OPERATION, "models": ["tiny"]},
        ],
    }


def _address(text: str) -> Address:
    host, _, port = text.rpartition(":")
    return host, int(port)


@dataclass(slots=True)
class Gateway:
    folder: Path
    config: Path
    data: Address
    admin: Address
    key: str = ""
    tls: ssl.SSLContext | None = None  # what a client of the data port trusts
    process: subprocess.Popen[bytes] | None = None
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def state(self) -> Path:
        return self.folder / "state"

    @property
    def url(self) -> str:
        return f"http://{self.data[0]}:{self.data[1]}/v1"

    def command(self, *words: str) -> subprocess.CompletedProcess[str]:
        """`guardhouse WORDS --config …`, run to its end."""
        line = [sys.executable, "-m", "guardhouse", *words, "--config", str(self.config)]
        return subprocess.run(
            line, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=60, check=False
        )

    def create_key(self, principal: str, *groups: str) -> str:
        words = [word for group in groups for word in ("--group", group)]
        done = self.command("keys", "create", "--principal", principal, *words, "--json")
        assert done.returncode == 0, done.stdout + done.stderr
        key: str = next(value for value in json.loads(done.stdout).values() if str(value).startswith("gh_"))
        if self.process is not None:
            eventually(lambda: self._knows(key), KNOWN_WITHIN, "the workers know a new key")
        return key

    def _knows(self, key: str) -> bool:
        """The kernel chooses which worker is asked, so of several each is asked often enough to be among them."""
        asking = request("GET", "/v1/models", headers={"Api-Key": key})
        workers = len(self.workers())
        times = 1 if workers == 1 else _ASKED_EACH * workers
        return all(ask(self.data, asking, tls=self.tls).status != 401 for _ in range(times))

    def start(self) -> None:
        with (self.folder / "stdout").open("ab") as out, (self.folder / "stderr").open("ab") as err:
            line = [sys.executable, "-m", "guardhouse", "serve", "--config", str(self.config)]
            self.process = subprocess.Popen(line, cwd=self.folder, env=self.environment, stdout=out, stderr=err)
        try:
            eventually(self._started_or_dead, READY_WITHIN, "the gateway is ready")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.output()}") from None
        assert self.process.poll() is None, f"the gateway ended with {self.process.returncode}\n{self.output()}"

    def _started_or_dead(self) -> bool:
        assert self.process is not None
        return self.process.poll() is not None or self.ready()

    def ready(self) -> bool:
        return self._answers(self.admin, "/readyz") and self._answers(self.data, "/healthz", self.tls)

    @staticmethod
    def _answers(address: Address, path: str, tls: ssl.SSLContext | None = None) -> bool:
        try:
            return ask(address, request("GET", path, host=address[0]), within=2, tls=tls).status == 200
        except (OSError, AssertionError, AnswerMalformedError):
            return False

    def stop(self) -> None:
        assert self.process is not None
        family = self.family()
        self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(EXIT_WITHIN)
        orphans = [pid for pid in family if alive(pid)]
        assert code == 0, f"serve exited with {code}\n{self.output()}"
        assert not orphans, f"serve left {orphans} behind"

    def family(self) -> list[int]:
        """The processes of this gateway below the supervisor: workers and control."""
        assert self.process is not None
        return descendants(self.process.pid)

    def workers(self) -> list[int]:
        """The processes that hold a connection or listen on the data port: those whose end a client would notice."""
        return [pid for pid in self.family() if self._is_worker(pid)]

    @staticmethod
    def _is_worker(pid: int) -> bool:
        try:
            line = Path(f"/proc/{pid}/cmdline").read_bytes()
        except OSError:
            return False
        return b"guardhouse.app.worker" in line

    def resident_kib(self) -> int:
        """Of all workers together."""
        return sum(resident_kib(pid) for pid in self.workers())

    def output(self) -> str:
        """What all its processes printed."""
        files = [self.folder / "stdout", self.folder / "stderr"]
        return "".join(path.read_text(errors="replace") for path in files if path.exists())

    def records(self) -> list[dict[str, Any]]:
        """Every complete record of the journal, in file order."""
        found = []
        for path in sorted((self.state / "journal").glob("*/*.jsonl")):
            lines = path.read_bytes().split(b"\n")[:-1]
            found += [json.loads(line) for line in lines]
        return [record for record in found if record.get("kind") in ("opened", "closed")]

    def chat(self, content: str, *, key: str | None = None, **members: Any) -> Answer:
        """One chat request with this gateway's key."""
        document = {"model": "tiny", "messages": [{"role": "user", "content": content}], **members}
        headers = {"Authorization": f"Bearer {key or self.key}"}
        return ask(self.data, request("POST", "/v1/chat/completions", headers=headers, document=document), tls=self.tls)

    def metrics(self) -> str:
        return ask(self.admin, request("GET", "/metrics", host=LOOPBACK)).body.decode()


def prepare(
    folder: Path, upstream: str, changes: Mapping[str, Any] | None = None, environ: Mapping[str, str] | None = None
) -> Gateway:
    """A configured gateway that does not run yet, with a key for alice of the group research."""
    config = laid_over(settings(upstream), changes or {})
    path = folder / "guardhouse.yaml"
    path.write_text(yaml.dump(config, Dumper=Plain, sort_keys=False))
    listen, admin = _address(config["listen"]["address"]), _address(config["admin"]["address"])
    environment = {**os.environ, "PYTHONPATH": str(SOURCE), "UPSTREAM_KEY": UPSTREAM_KEY, **(environ or {})}
    gateway = Gateway(folder, path, listen, admin, environment=environment)
    gateway.key = gateway.create_key("alice", "research")
    return gateway


@contextmanager
def running(
    folder: Path, upstream: str, changes: Mapping[str, Any] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[Gateway]:
    """A gateway for the length of a test; leaving the block checks its exit, its processes and its journal."""
    gateway = prepare(folder, upstream, changes)
    gateway.tls = tls
    with started(gateway):
        yield gateway


@contextmanager
def started(gateway: Gateway) -> Iterator[Gateway]:
    """The same for one that was prepared."""
    try:
        gateway.start()
        yield gateway
        gateway.stop()
    finally:
        if gateway.process is not None and gateway.process.poll() is None:
            gateway.process.kill()
            gateway.process.wait()
    verified = gateway.command("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
