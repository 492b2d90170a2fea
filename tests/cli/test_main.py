import re
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guardhouse import __version__
from guardhouse.cli.main import app

COMMANDS = [
    ("init",),
    ("check",),
    ("doctor",),
    ("serve",),
    ("demo",),
    ("keys", "create"),
    ("keys", "list"),
    ("keys", "revoke"),
    ("keys", "rotate"),
    ("audit", "tail"),
    ("audit", "verify"),
]


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, words)
    return result.exit_code, re.sub(r"\s+", " ", result.output)


def test_the_version_is_told() -> None:
    assert run("--version") == (0, f"guardhouse {__version__} ")


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_explains_itself_with_an_example_and_speaks_json(command: tuple[str, ...]) -> None:
    code, text = run(*command, "--help")
    assert code == 0
    assert f"Example: guardhouse {' '.join(command)}" in text
    assert "--json" in text


@pytest.mark.parametrize("words", [("nonsense",), ("keys", "nonsense"), ("serve", "--nonsense")])
def test_a_wrong_command_line_exits_with_two(words: tuple[str, ...]) -> None:
    assert run(*words)[0] == 2


def test_the_module_is_the_command(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "guardhouse", "--version"], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert done.stdout == f"guardhouse {__version__}\n"


def test_a_traceback_shows_no_local_variables() -> None:
    assert app.pretty_exceptions_enable is False
