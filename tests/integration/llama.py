"""llama.cpp's own server as a fixture: started in a process of its own, ready when its health route says so.

The server answers several slots at once and lists them at `/slots`; that is how a test sees whether it still
generates for a client that has left.
"""

import importlib.util
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from integration.polling import LOOPBACK, eventually, free_port
from integration.raw_http import AnswerMalformedError, ask, request

TESTS = Path(__file__).resolve().parents[1]


class Llama:
    """The address of a running server, and what it is doing."""

    def __init__(self, port: int) -> None:
        self.port = port

    @property
    def origin(self) -> str:
        return f"http://{LOOPBACK}:{self.port}"

    def healthy(self) -> bool:
        try:
            return ask((LOOPBACK, self.port), request("GET", "/health"), within=2).status == 200
        except (OSError, AssertionError, AnswerMalformedError):
            return False

    def busy_slots(self) -> int:
        answer = ask((LOOPBACK, self.port), request("GET", "/slots"))
        return sum(bool(slot["is_processing"]) for slot in json.loads(answer.body))


@contextmanager
def serving(kind: str, folder: Path) -> Iterator[Llama]:
    for package in ("xllamacpp", "gguf", "numpy"):
        if importlib.util.find_spec(package) is None:
            pytest.skip(f"{package} is not installed: pip install --group integration")
    llama = Llama(free_port())
    command = [sys.executable, "-m", "integration.llama_process", kind, str(llama.port), str(folder / f"{kind}.gguf")]
    with (folder / f"{kind}.log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=log, stderr=log, env={**os.environ, "PYTHONPATH": str(TESTS)}
        )
    try:
        eventually(llama.healthy, 30, "llama.cpp is up")
        yield llama
    finally:
        process.kill()
        process.communicate()
