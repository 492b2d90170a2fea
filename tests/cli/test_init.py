import json
import stat
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from guardhouse.cli.init import CONFIGURATION, init
from guardhouse.policy.load import Loaded, load

app = typer.Typer()
app.command()(init)


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_what_it_writes_passes_check_as_it_is(tmp_path: Path) -> None:
    code, _ = run(str(tmp_path / "new" / "place"))
    loaded = load(tmp_path / "new" / "place" / "guardhouse.yaml", environ={})
    assert code == 0
    assert isinstance(loaded, Loaded), loaded
    assert loaded.settings.state == tmp_path / "new" / "place" / "guardhouse-state"


def test_the_state_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    (tmp_path / "guardhouse-state").mkdir(mode=0o755)
    run(str(tmp_path))
    assert stat.S_IMODE((tmp_path / "guardhouse-state").stat().st_mode) == 0o700


def test_it_writes_here_when_no_folder_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert run() == (0, "wrote guardhouse.yaml and guardhouse-state; next: guardhouse check -c guardhouse.yaml\n")
    assert (tmp_path / "guardhouse.yaml").read_text() == CONFIGURATION


def test_an_existing_configuration_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "guardhouse.yaml").write_text("mine")
    code, output = run(str(tmp_path))
    assert code == 1
    assert "nothing was overwritten" in output
    assert (tmp_path / "guardhouse.yaml").read_text() == "mine"
    assert not (tmp_path / "guardhouse-state").exists()


def test_a_place_that_cannot_be_written_is_told_without_traceback(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, output = run(str(tmp_path / "file" / "below"))
    assert code == 1
    assert "cannot be written: Not a directory" in output


def test_json_names_what_was_written(tmp_path: Path) -> None:
    _, output = run(str(tmp_path), "--json")
    assert json.loads(output) == {
        "config": str(tmp_path / "guardhouse.yaml"),
        "state": str(tmp_path / "guardhouse-state"),
    }


def test_the_first_configuration_is_short() -> None:
    assert 12 <= len(CONFIGURATION.splitlines()) <= 25


def test_its_help_has_an_example() -> None:
    assert "Example: guardhouse init" in run("--help")[1]
