import json
import re
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from guardhouse.cli.check import check

GOOD = """\
targets:
  local: {kind: openai, url: "http://127.0.0.1:8000", credential: "${env:UPSTREAM_KEY}"}
models:
  small: {targets: [local]}
  large: {targets: [local]}
policies:
  - {name: all, who: {ids: ["*"]}, may: [chat], models: ["*"]}
"""

app = typer.Typer()
app.command()(check)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("UPSTREAM_KEY", "canary-value")
    return tmp_path


def run(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, list(arguments))
    return result.exit_code, result.output


def test_a_good_configuration_is_one_line_with_its_revision(folder: Path) -> None:
    (folder / "guardhouse.yaml").write_text(GOOD)
    code, output = run()
    assert code == 0
    assert re.fullmatch(r"guardhouse\.yaml: ok, revision [0-9a-f]{16}: 1 target, 2 models, 1 policy\n", output)


def test_every_problem_is_told_with_its_place_and_the_exit_code_is_1(folder: Path) -> None:
    (folder / "other.yaml").write_text(GOOD.replace("chat", "chatt") + "lissten: {}\n")
    code, output = run("--config", "other.yaml")
    assert code == 1
    assert output.splitlines() == [
        'other.yaml:7: policies[0].may[0]: unknown operation "chatt"; did you mean "chat"?',
        'other.yaml:8: unknown key "lissten"; did you mean "listen"?',
    ]


def test_a_missing_file_is_a_problem_and_no_traceback(folder: Path) -> None:
    code, output = run()
    assert code == 1
    assert output == "guardhouse.yaml: cannot be read: No such file or directory\n"


def test_json_has_the_parts_of_each_problem(folder: Path) -> None:
    (folder / "guardhouse.yaml").write_text(GOOD.replace("[chat]", "[chat, chat]"))
    code, output = run("--json")
    assert code == 1
    assert json.loads(output) == {
        "problems": [
            {"file": "guardhouse.yaml", "line": 7, "path": "policies[0].may[1]", "message": "is in the list already"}
        ],
    }


def test_json_of_a_good_configuration_has_its_revision(folder: Path) -> None:
    (folder / "guardhouse.yaml").write_text(GOOD)
    code, output = run("--json")
    answer = json.loads(output)
    assert code == 0
    assert answer["problems"] == []
    assert len(answer["revision"]) == 16


def test_a_secret_is_never_shown(folder: Path) -> None:
    (folder / "guardhouse.yaml").write_text(GOOD)
    assert "canary-value" not in run()[1] + run("--json")[1]


def test_its_help_has_an_example() -> None:
    assert "Example: guardhouse check" in run("--help")[1]


def test_a_file_in_the_place_of_an_argument_is_pointed_to_the_option(folder: Path) -> None:
    done = CliRunner().invoke(app, ["other.yaml"], env={"COLUMNS": "200", "TERM": "dumb"})
    assert done.exit_code == 2
    assert "guardhouse check -c other.yaml" in done.output
