"""What the benchmark must know of a contender: how to install it, start it, speak to it, and how much it can bear.

`Bearing` is not a handicap but a courtesy: figures are per request and per event, and one that needs 14 ms of CPU for
a request would only queue at the rate that suits one that needs 50 µs. What was asked of whom stands in the report.
"""

import os
import subprocess
import sys
from abc import ABC, abstractmethod
from pathlib import Path

import msgspec

from bench.interpreter import chosen
from bench.process import Process

PEERS = Path(__file__).parents[1] / ".peers"


class UnavailableError(Exception):
    """The contender cannot be had on this machine; the message goes into the table."""


class Bearing(msgspec.Struct, frozen=True):
    """The load a contender is given."""

    connections: int = 32  # closed loop
    rate: int = 200  # requests per second of the fixed rate
    paced: int = 50  # streams
    burst: int = 10  # streams
    first: int = 100  # new streams per second
    held: tuple[int, ...] = (1000,)  # streams
    longer: int = 1  # times the usual window
    settle: float = 0.1  # seconds it may put work off: it is idle when it has been quiet for so long
    warm: float = 0.0  # seconds of requests before anything is measured, for what compiles as it runs


class Running(msgspec.Struct, frozen=True):
    """A contender that is up: where it listens and with which headers it is asked."""

    port: int
    headers: tuple[tuple[str, str], ...]
    process: Process | None = None


class Contender(ABC):
    name: str
    label: str
    bearing = Bearing()
    alone = False  # measured by itself at the end of a round, because it is never quite idle
    private = False  # asked with personal data in prompt and answer, whole answers only
    messages = False  # asked in Anthropic's dialect, whole answers only
    tensors = False  # asked in KServe v2's dialect, whole answers only
    whole_answers_only = False  # a row of the tables of whole answers, and of no other

    @abstractmethod
    def install(self) -> str:
        """Makes it ready to start and returns its version. Raises UnavailableError."""

    @abstractmethod
    def start(self, upstream: int, work: Path) -> Running:
        """Starts it in the empty folder `work`, forwarding to the upstream's port."""


def run(
    command: list[str], patience: float = 900, folder: Path | None = None, extra: dict[str, str] | None = None
) -> str:
    """The output of a command; UnavailableError with its last line if it fails. `extra` goes into its environment."""
    environment = {**os.environ, **(extra or {})}
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=patience, check=False, cwd=folder, env=environment
        )
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise UnavailableError(str(error)) from error
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "no output").splitlines()
        raise UnavailableError(f"{command[0]}: {lines[-1][:200]}")
    return done.stdout or done.stderr


def installed_venv(name: str, requirement: str) -> Path:
    """The folder of programs of a venv that holds exactly this requirement; made once and used again."""
    home = PEERS / name
    stamp = home / ".installed"
    wanted = f"{requirement} for {chosen().program}\n"
    if not stamp.exists() or stamp.read_text() != wanted:
        print(f"installing {requirement} …", file=sys.stderr, flush=True)
        run(chosen().command("-m", "venv", "--clear", str(home)))
        run([str(home / "bin" / "python"), "-m", "pip", "install", "--quiet", requirement])
        stamp.write_text(wanted)
    return home / "bin"
