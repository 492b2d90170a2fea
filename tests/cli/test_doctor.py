import json
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from guardhouse.cli.doctor import doctor

app = typer.Typer()
app.command()(doctor)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@pytest.fixture
def upstream() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@pytest.fixture
def config(tmp_path: Path) -> Path:
    return tmp_path / "guardhouse.yaml"


def write(config: Path, upstream: int) -> None:
    config.write_text(
        f"""\
version: 1
listen: {{address: "127.0.0.1:{free_port()}"}}
admin: {{address: "127.0.0.1:{free_port()}"}}
state: ./state
targets: {{local: {{kind: openai, url: "http://127.0.0.1:{upstream}"}}}}
models: {{tiny: {{targets: [local]}}}}
policies: [{{name: all, who: {{groups: [research]}}, may: [chat], models: [tiny]}}]
"""
    )


def run(config: Path, *words: str) -> Result:
    return CliRunner().invoke(app, ["--config", str(config), *words])


def test_a_sound_set_up_has_no_problem(config: Path, upstream: int) -> None:
    write(config, upstream)
    result = run(config)
    assert result.exit_code == 0, result.output
    assert "PROBLEM" not in result.output
    assert "target local: 127.0.0.1" in result.output


def test_a_problem_is_told_with_its_remedy_and_exits_with_one(config: Path) -> None:
    write(config, free_port())
    result = run(config)
    assert result.exit_code == 1
    assert "PROBLEM  target local" in result.output
    assert "-> start the model server" in result.output


def test_machines_get_the_same_findings(config: Path, upstream: int) -> None:
    write(config, upstream)
    document = json.loads(run(config, "--json").stdout)
    assert document["ok"] is True
    subjects = {finding["subject"] for finding in document["findings"]}
    assert subjects >= {"configuration", "secrets", "data port", "admin port", "open files", "disk", "clock"}


def test_a_wrong_configuration_is_a_finding_for_each_problem(config: Path) -> None:
    config.write_text("version: 2\nnonsense: true\n")
    result = run(config, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 1
    assert len([finding for finding in document["findings"] if finding["status"] == "problem"]) >= 2


def test_it_changes_nothing(config: Path, upstream: int) -> None:
    write(config, upstream)
    run(config)
    assert list(config.parent.iterdir()) == [config]


def test_help_shows_an_example(config: Path) -> None:
    assert "Example: guardhouse doctor" in " ".join(run(config, "--help").output.split())
