"""The setting of the demonstration: a folder with a configuration, the sample model server, the gateway, and two keys.

Alice researches; her policy is wide and masks e-mail addresses, cards and secrets both ways. Bob is an intern: one
model, four requests an hour. Nobody else may do anything, because no policy says so.
"""

import json
import os
import secrets
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec

from guardhouse.demo.processes import (
    GUARDHOUSE,
    SAMPLE_MODEL,
    eventually,
    expect,
    fetch,
    free_port,
    is_free,
    running,
)

CONFIGURATION = """\
version: 1
listen: {{address: "127.0.0.1:{listen}"}}
admin: {{address: "127.0.0.1:{admin}"}}
targets:
  sample:
    kind: openai
    speaks: [openai, ollama]
    url: "http://127.0.0.1:{model}"
    credential: "${{env:SAMPLE_MODEL_KEY}}"
  tensors: {{kind: kserve, url: "http://127.0.0.1:{model}", credential: "${{env:SAMPLE_MODEL_KEY}}"}}
models:
  sample-large: {{targets: [sample]}}
  sample-small: {{targets: [sample]}}
  sample-words: {{targets: [tensors]}}
policies:
  - name: research
    who: {{groups: [research]}}
    may: [chat, completions, embeddings, predict, models.read]
    models: ["sample-*"]
    limits: {{requests: 600/min, tokens: 200k/day}}
    mask: {{entities: [email, card, secrets], where: [request, response]}}
  - name: interns
    who: {{groups: [interns]}}
    may: [chat, models.read]
    models: [sample-small]
    limits: {{requests: 4/h}}
"""


CALLERS = {"alice": "research", "bob": "interns"}  # and their groups


class Ports(msgspec.Struct, frozen=True):
    listen: int = 8080
    admin: int = 9090
    model: int = 8000


def free_ports() -> Ports:
    return Ports(free_port(), free_port(), free_port())


def usual_ports() -> Ports:
    """Those that the documentation names, each replaced by a free one if somebody has taken it."""
    usual = Ports()
    return Ports(*(port if is_free(port) else free_port() for port in (usual.listen, usual.admin, usual.model)))


class Key(msgspec.Struct, frozen=True):
    owner: str
    id: str
    value: str

    def __repr__(self) -> str:
        return f"<Key {self.id} of {self.owner}>"


class Setting:
    """Where everything is, and the operator's hand."""

    __slots__ = ("admin", "credential", "environment", "folder", "gateway", "journal", "keys", "model")

    def __init__(self, folder: Path, ports: Ports) -> None:
        self.folder = folder
        self.journal = folder / "guardhouse-state" / "journal"
        self.gateway = f"http://127.0.0.1:{ports.listen}"
        self.admin = f"http://127.0.0.1:{ports.admin}"
        self.model = f"http://127.0.0.1:{ports.model}"
        self.credential = f"sample-{secrets.token_hex(16)}"
        self.keys: dict[str, Key] = {}  # by their owners
        self.environment = {**os.environ, "SAMPLE_MODEL_KEY": self.credential}

    def run(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        """`guardhouse …`, as an operator types it."""
        return subprocess.run(
            [*GUARDHOUSE, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    def operate(self, *arguments: str) -> str:
        done = self.run(*arguments)
        expect(done.returncode == 0, f"guardhouse {' '.join(arguments)} failed: {done.stderr or done.stdout}")
        return done.stdout

    def mint(self, owner: str, group: str) -> Key:
        told = json.loads(self.operate("keys", "create", owner, "--group", group, "--json"))
        return Key(owner, told["id"], told["key"])


@contextmanager
def set_up(folder: Path, ports: Ports) -> Iterator[Setting]:
    """The keys made, both servers up and ready; both down again at the end."""
    for port in (ports.listen, ports.admin, ports.model):
        expect(is_free(port), f"port {port} is taken by another process")
    setting = Setting(folder, ports)
    text = CONFIGURATION.format(listen=ports.listen, admin=ports.admin, model=ports.model)
    (folder / "guardhouse.yaml").write_text(text)
    sample = (*SAMPLE_MODEL, str(ports.model))
    setting.keys = {owner: setting.mint(owner, group) for owner, group in CALLERS.items()}
    with running(sample, folder, "model.log", setting.environment) as model:
        await_answer(f"{setting.model}/received", model, folder / "model.log", "the sample model server")
        with running((*GUARDHOUSE, "serve"), folder, "gateway.log", setting.environment) as gateway:
            await_answer(f"{setting.gateway}/readyz", gateway, folder / "gateway.log", "the gateway")
            yield setting


def await_answer(url: str, process: "subprocess.Popen[bytes]", log: Path, what: str) -> None:
    """Until it answers 200; if it ends before, what it said is the reason."""

    def answers() -> bool:
        expect(process.poll() is None, f"{what} ended:\n{log.read_text()}")
        return fetch(url)[0] == 200

    eventually(answers, f"{what} did not become ready")
