import contextlib
import importlib.util
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guardhouse.cli import demo
from guardhouse.cli.main import app


class Became(BaseException):
    """Ends this process's part, as another program taking its place would."""


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    started: list[list[str]] = []

    def become(program: str, command: list[str]) -> None:
        assert program == command[0] == sys.executable
        started.append(command)
        raise Became

    monkeypatch.setattr(os, "execv", become)
    return started


def test_the_command_becomes_the_demonstration(commands: list[list[str]]) -> None:
    with pytest.raises(Became):
        CliRunner().invoke(app, ["demo"])
    assert commands == [[sys.executable, "-m", "guardhouse.demo"]]


def test_its_options_are_handed_on(commands: list[list[str]]) -> None:
    with pytest.raises(Became):
        CliRunner().invoke(app, ["demo", "--keep-running", "--json"])
    assert commands[0][3:] == ["--keep-running", "--json"]


def command_lines_in(folder: str) -> set[str]:
    """Of the processes that work in the folder of a demonstration, or in what is left of it."""
    found = set()
    for place in Path("/proc").glob("[0-9]*/cwd"):
        with contextlib.suppress(OSError):  # it has just ended
            if place.readlink().name.startswith(folder):
                found.add((place.parent / "cmdline").read_text().replace("\0", " "))
    return found


@pytest.mark.skipif(sys.platform != "linux", reason="/proc tells which processes there are")
def test_a_signal_to_the_command_ends_everything_that_it_started() -> None:
    line = [sys.executable, "-m", "guardhouse", "demo", "--keep-running", "--json"]
    with subprocess.Popen(line, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        told = [json.loads(process.stdout.readline()) for _ in range(5)]
        folder = next(Path(line["text"]).parent.name for line in told if line.get("label") == "config")
        assert len(command_lines_in(folder)) >= 3  # the gateway, its children, the sample model server
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 128 + signal.SIGTERM
    assert command_lines_in(folder) == set()


def test_without_the_client_library_it_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, commands: list[list[str]]
) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    done = CliRunner().invoke(app, ["demo"])
    assert done.exit_code == 2
    assert "pip install openai" in done.output
    assert commands == []


def test_its_help_has_an_example() -> None:
    assert "Example: guardhouse demo" in CliRunner().invoke(app, ["demo", "--help"]).output
    assert demo.demo.__doc__
