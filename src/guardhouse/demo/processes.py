"""Starts and ends the processes of the demonstration, each by its own handle, and waits for what they announce."""

import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

GUARDHOUSE = (sys.executable, "-m", "guardhouse")
SAMPLE_MODEL = (sys.executable, "-m", "guardhouse.demo.sample_model")

PATIENCE = 20.0  # seconds for a process to come up, to go, or for a fact to become visible
_PAUSE = 0.02


class Unexpected(Exception):  # noqa: N818 - it names what happened, as the last line of the demonstration
    """Something was not as the demonstration says it is."""


def expect(fact: object, sentence: str) -> None:
    if not fact:
        raise Unexpected(sentence)


@contextmanager
def running(
    command: Sequence[str], folder: Path, log: str, environment: Mapping[str, str]
) -> Iterator["subprocess.Popen[bytes]"]:
    """A process that lives as long as the block; what it says goes to `log`."""
    with (folder / log).open("wb") as said:
        process = subprocess.Popen(command, cwd=folder, stdout=said, stderr=said, env=environment)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port: int = probe.getsockname()[1]
    return port


def is_free(port: int) -> bool:
    try:
        socket.create_server(("127.0.0.1", port)).close()
    except OSError:
        return False
    return True


def eventually(fact: Callable[[], bool], sentence: str, patience: float = PATIENCE) -> float:
    """Wait until the fact holds and return the seconds that took; `sentence` says what did not happen."""
    started = time.monotonic()
    while not fact():
        expect(time.monotonic() - started < patience, f"{sentence} within {patience:g} s")
        time.sleep(_PAUSE)
    return time.monotonic() - started


def fetch(url: str, key: str = "", body: bytes | None = None) -> tuple[int, str]:
    """Status and text of a loopback address, asked by POST if there is a body; status 0 while nobody listens there."""
    asked = urllib.request.Request(url, body, headers={"authorization": f"Bearer {key}"} if key else {})
    try:
        with urllib.request.urlopen(asked, timeout=5) as answer:
            status: int = answer.status
            return status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""
