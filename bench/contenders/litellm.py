"""LiteLLM's proxy: one worker, a master key, no database, the price list that comes with it (no download at start)."""

import secrets
from pathlib import Path

from bench import payload
from bench.contenders.base import Bearing, Contender, Running, installed_venv
from bench.machine import free_port
from bench.process import Process

REQUIREMENT = "litellm[proxy]==1.106.2"

MODEL = """\
- model_name: {model}
  litellm_params: {{model: openai/{model}, api_base: "http://127.0.0.1:{upstream}/v1", api_key: none}}
"""
SETTINGS = """\
litellm_settings: {telemetry: false, request_timeout: 600, num_retries: 0}
"""


class LiteLLM(Contender):
    name = "litellm"
    label = "LiteLLM proxy"
    bearing = Bearing(connections=8, rate=20, paced=10, burst=1, first=10, held=(200,), longer=3, settle=0.5, warm=3.0)
    alone = True

    def install(self) -> str:
        self.programs = installed_venv("litellm", REQUIREMENT)
        return REQUIREMENT.rpartition("=")[2]

    def start(self, upstream: int, work: Path) -> Running:
        port = free_port()
        key = "sk-" + secrets.token_hex(24)
        models = "".join(MODEL.format(model=model, upstream=upstream) for model in payload.MODELS)
        configuration = work / "litellm.yaml"
        configuration.write_text(f"model_list:\n{models}{SETTINGS}")
        command = [str(self.programs / "litellm"), "--config", str(configuration), "--telemetry", "False"]
        environment = {
            "LITELLM_MASTER_KEY": key,
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",
            "LITELLM_LOG": "ERROR",
            "NO_DOCS": "True",
        }
        command += ["--host", "127.0.0.1", "--port", str(port), "--num_workers", "1"]
        return Running(port, (("Authorization", f"Bearer {key}"),), Process(command, work, environment))
