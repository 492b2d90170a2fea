import importlib.util
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from guardhouse.cli import demo
from guardhouse.cli.main import app


class Told:
    """Takes the place of a process: it is interrupted once and then ends with 7."""

    def __init__(self) -> None:
        self._interruptions = iter([KeyboardInterrupt()])

    def wait(self) -> int:
        for interruption in self._interruptions:
            raise interruption
        return 7


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    started: list[list[str]] = []

    def start(command: list[str]) -> Told:
        started.append(command)
        return Told()

    monkeypatch.setattr(subprocess, "Popen", start)
    return started


def test_the_demonstration_runs_in_a_process_of_its_own_and_hands_its_status_on(commands: list[list[str]]) -> None:
    done = CliRunner().invoke(app, ["demo"])
    assert done.exit_code == 7
    assert commands == [[sys.executable, "-m", "guardhouse.demo"]]


def test_its_options_are_handed_on(commands: list[list[str]]) -> None:
    CliRunner().invoke(app, ["demo", "--keep-running", "--json"])
    assert commands[0][3:] == ["--keep-running", "--json"]


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
