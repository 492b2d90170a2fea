"""What `python -m bench` understands, and that the configurations it writes are right for those who read them."""

import sys
from pathlib import Path

import pytest

from bench import plan, registry
from bench.__main__ import arguments
from bench.contenders.base import UnavailableError, installed_venv, run
from bench.contenders.guardhouse import Guardhouse, PassThrough
from bench.interpreter import chosen
from guardhouse.policy.load import Loaded, load


def test_names_are_taken_by_commas() -> None:
    asked = arguments(["--only", "envoy, guardhouse", "--figures", "chat,paced", "--rounds", "2", "--seconds", "0.5"])
    assert asked.only == ("envoy", "guardhouse")
    assert asked.figures == ("chat", "paced")
    assert plan.quick(asked.only, asked.figures, asked.rounds, asked.seconds).seconds == 0.5


@pytest.mark.parametrize("given", [["--only", "apache"], ["--figures", ""], ["--figures", "chat,chatter"], ["walk"]])
def test_unknown_names_are_refused(given: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        arguments(given)
    assert "error:" in capsys.readouterr().err


def test_contenders_are_chosen_in_the_order_of_the_tables() -> None:
    assert [one.name for one in registry.chosen(["litellm", "direct", "envoy"])] == ["direct", "envoy", "litellm"]


def test_the_quick_form_measures_known_contenders_and_the_base_of_all_ratios() -> None:
    assert set(registry.QUICK) <= set(registry.NAMES)
    assert registry.BASE in registry.QUICK


@pytest.mark.parametrize("contender", [Guardhouse(), PassThrough()])
def test_the_configuration_that_guardhouse_is_measured_with_is_accepted(contender: Guardhouse, tmp_path: Path) -> None:
    port, path = contender.configure(8000, tmp_path)
    loaded = load(path)
    assert isinstance(loaded, Loaded)
    assert loaded.settings.listen.address.port == port


def test_a_command_that_fails_makes_the_contender_unavailable_with_its_last_words() -> None:
    with pytest.raises(UnavailableError, match="no such option"):
        run(["sh", "-c", "echo first; echo no such option >&2; exit 3"])
    with pytest.raises(UnavailableError):
        run(["/nonexistent/program"])


def test_a_venv_that_holds_the_requirement_is_used_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bench.contenders.base.PEERS", tmp_path)
    (tmp_path / "peer").mkdir()
    (tmp_path / "peer" / ".installed").write_text(f"peer==1 for {chosen().program}\n")
    assert installed_venv("peer", "peer==1") == tmp_path / "peer" / "bin"


def test_an_environment_of_another_interpreter_is_made_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[list[str]] = []
    monkeypatch.setattr("bench.contenders.base.PEERS", tmp_path)
    monkeypatch.setattr("bench.contenders.base.run", made.append)
    (tmp_path / "peer").mkdir()
    (tmp_path / "peer" / ".installed").write_text("peer==1 for /some/other/python\n")
    installed_venv("peer", "peer==1")
    assert [chosen().program, "-m", "venv"] == made[0][:3]
    assert (tmp_path / "peer" / ".installed").read_text() == f"peer==1 for {chosen().program}\n"


def test_the_interpreter_takes_the_same_extension_modules_and_names_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BENCH_PYTHON", "/nowhere/python3")
    assert chosen.__wrapped__().program == sys.executable
    assert "the one that runs this" in str(chosen.__wrapped__())
    assert chosen().command("-c", "pass") == [chosen().program, "-c", "pass"]
