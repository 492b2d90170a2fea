import subprocess
import sys
from pathlib import Path

import pytest

from guardhouse.app.prepared import NotStarted, prepared
from guardhouse.app.worker import hash_key_of
from guardhouse.control.state import State, prepare

CONFIGURATION = """\
version: 1
state: ./state
targets: {local: {kind: openai, url: "http://127.0.0.1:9"}}
models: {tiny: {targets: [local]}}
policies: [{name: all, who: {groups: [research]}, may: [chat], models: [tiny]}]
"""


@pytest.fixture
def config(tmp_path: Path) -> Path:
    path = tmp_path / "guardhouse.yaml"
    path.write_text(CONFIGURATION)
    return path


def test_a_worker_knows_neither_sql_nor_the_admin_server_nor_the_command_line() -> None:
    foreign = {"sqlalchemy", "uvicorn", "starlette", "typer"}
    code = f"import sys, guardhouse.app.worker; print(sorted({foreign} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_the_hash_key_is_named_without_telling_of_it(tmp_path: Path) -> None:
    secrets, others = prepare(State(tmp_path / "a")), prepare(State(tmp_path / "b"))
    named = hash_key_of(secrets)
    assert named.id == hash_key_of(secrets).id
    assert named.id != hash_key_of(others).id
    assert len(named.id) == 8
    assert named.id not in secrets.hash_key.reveal()
    assert secrets.hash_key.reveal() not in repr(named)


def test_a_process_gets_its_configuration_and_its_secrets(config: Path) -> None:
    made = prepare(State(config.parent / "state"))
    loaded, secrets = prepared(config)
    assert loaded.settings.state == config.parent / "state"
    assert secrets == made


def test_without_secrets_a_process_does_not_start(config: Path) -> None:
    with pytest.raises(NotStarted, match="pepper is missing"):
        prepared(config)


def test_without_a_sound_configuration_a_process_does_not_start(config: Path) -> None:
    config.write_text("version: 1\nnonsense: 1\n")
    with pytest.raises(NotStarted, match=r"guardhouse\.yaml:2"):
        prepared(config)


@pytest.mark.parametrize("process", [("worker", "0"), ("control",)])
def test_a_process_that_cannot_start_says_why_in_one_line(config: Path, process: tuple[str, ...]) -> None:
    name, *rest = process
    line = [sys.executable, "-m", f"guardhouse.app.{name}", str(config), *rest]
    done = subprocess.run(line, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("guardhouse: ")
    assert done.stderr.count("\n") == 1
