"""Guardhouse, started as its users start it: a configuration file, a key from `guardhouse keys create`, `serve`.

The data path is the compiled one where it was built (`make compile`; the row's version says so), and one row is the
same with the interpreted one. Five contenders share this file. "Every control" has a policy with limits that are never
reached, masks every entity both ways, and journals and counts as it always does. "Pass-through" switches masking off
and sets no limits; identity, authorisation, validation, the journal and the metrics cannot be switched off and stay.
"Masking hits" is every control asked with an e-mail address and a card number in the prompt and in the answer, so that
both documents are changed. "Anthropic" is every control asked the same in Anthropic's dialect."""

import json
import os
import sys
from pathlib import Path

from bench import payload
from bench.contenders.base import Bearing, Contender, Running, UnavailableError, run
from bench.interpreter import chosen, libraries
from bench.machine import free_port
from bench.process import Process, StartError

LIMITS = "    limits: {requests: 100000000/s, tokens: 100000000/s}\n"
EVERY_ENTITY = "[all]"

CONFIGURATION = """\
version: 1
listen: {{address: "127.0.0.1:{port}"}}
admin: {{address: "127.0.0.1:{admin}"}}
upstream: {{connections: 16384}}
state: {state}
targets:
  upstream: {{kind: openai, speaks: [openai, anthropic, kserve], url: "http://127.0.0.1:{upstream}"}}
models:
{models}policies:
  - name: the benchmark may chat
    who: {{ids: [bench]}}
    may: [chat, predict]
    models: [bench-*]
{limits}    mask: {{entities: {entities}, where: [request, response]}}
"""


ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src"
COMPILED = ROOT / "build" / "compiled"


def best_build() -> Path:
    """The folder of the compiled package, or of the source where nothing was compiled."""
    return COMPILED if (COMPILED / ".done").exists() else SOURCE


def environment_of(build: Path) -> dict[str, str]:
    return {"PYTHONPATH": os.pathsep.join((str(build), libraries(Path(sys.executable).parent)))}


class Guardhouse(Contender):
    name = "guardhouse"
    label = "Guardhouse, every control"
    bearing = Bearing(held=(1000, 2000), settle=0.35)
    limits = LIMITS
    entities = EVERY_ENTITY

    def build(self) -> Path:
        return best_build()

    def install(self) -> str:
        self.environment = environment_of(self.build())
        ask = chosen().command("-c", "import guardhouse; print(guardhouse.__version__)")
        version = run(ask, extra=self.environment).strip()
        return f"{version}, {'interpreted' if self.build() == SOURCE else 'compiled'}"

    def configure(self, upstream: int, work: Path) -> tuple[int, Path]:
        port = free_port()
        models = "".join(f"  {model}: {{targets: [upstream]}}\n" for model in payload.MODELS)
        configuration = work / "guardhouse.yaml"
        configuration.write_text(
            CONFIGURATION.format(
                port=port,
                admin=free_port(),
                state=work / "state",
                upstream=upstream,
                models=models,
                limits=self.limits,
                entities=self.entities,
            )
        )
        return port, configuration

    def start(self, upstream: int, work: Path) -> Running:
        port, _ = self.configure(upstream, work)
        command = chosen().command("-m", "guardhouse")
        try:
            made = run(
                [*command, "keys", "create", "bench", "--json"], patience=60, folder=work, extra=self.environment
            )
        except UnavailableError as error:
            raise StartError(f"guardhouse keys create: {error}") from error
        key = json.loads(made)["key"]
        process = Process([*command, "serve"], work, self.environment)
        return Running(port, (("Authorization", f"Bearer {key}"),), process)


class Interpreted(Guardhouse):
    name = "guardhouse-interpreted"
    label = "Guardhouse, every control, interpreted"

    def build(self) -> Path:
        return SOURCE


class PassThrough(Guardhouse):
    name = "guardhouse-pass"
    label = "Guardhouse, pass-through"
    limits = ""
    entities = "[]"


class MaskingHits(Guardhouse):
    name = "guardhouse-hits"
    label = "Guardhouse, masking hits"
    private = True


class Messages(Guardhouse):
    name = "guardhouse-anthropic"
    label = "Guardhouse, every control, Anthropic"
    messages = True


class Tensors(Guardhouse):
    name = "guardhouse-kserve"
    label = "Guardhouse, every control, KServe v2"
    tensors = True
