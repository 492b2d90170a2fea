from pathlib import Path

import pytest

from cli.commanding import CONFIGURATION, Command

_command = Command()
run, told = _command.run, _command.told


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "guardhouse.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUDO_USER", "olga")
    return tmp_path


def in_force() -> list[tuple[str, str, str]]:
    return [(each["what"], each["name"], each["state"]) for each in told("standing")]


def test_a_suspension_names_its_end_its_author_and_its_reason() -> None:
    done = told("suspend", "alice", "--for", "2h", "--because", "key found on a public page")
    assert (done["by"], done["because"]) == ("olga", "key found on a public page")
    assert done["until"] == pytest.approx(done["at"] + 7200)
    assert in_force() == [("principal", "alice", "suspended")]


def test_an_unknown_principal_is_suspended_with_a_note() -> None:
    assert "no API key belongs to alise" in run("suspend", "alise").stderr
    assert run("keys", "create", "alice").exit_code == 0
    assert run("suspend", "alice").stderr == ""


def test_everything_that_is_switched_off_can_be_switched_on_again() -> None:
    for words in (("suspend", "alice"), ("gates", "close", "tiny"), ("gates", "cap", "free", "100/min")):
        told(*words)
    assert in_force() == [
        ("model", "tiny", "closed"),
        ("principal", "alice", "suspended"),
        ("tier", "free", "capped to 100/min"),
    ]
    for words in (("unsuspend", "alice"), ("gates", "open", "tiny"), ("gates", "uncap", "free")):
        told(*words)
    assert in_force() == []
    assert run("standing").stdout == "nothing is switched off\n"
    assert [each["state"] for each in told("standing", "--history", "2")] == ["uncapped", "open"]


@pytest.mark.parametrize("words", [("unsuspend", "alice"), ("gates", "open", "tiny"), ("gates", "uncap", "free")])
def test_what_is_not_switched_off_cannot_be_switched_on(words: tuple[str, ...]) -> None:
    result = run(*words)
    assert result.exit_code == 1
    assert "is not" in result.stderr


def test_a_model_that_is_not_configured_cannot_be_closed() -> None:
    result = run("gates", "close", "tinny")
    assert result.exit_code == 1
    assert 'did you mean "tiny"?' in result.stderr
    assert in_force() == []


@pytest.mark.parametrize(
    "words",
    [
        ("suspend", "a b"),
        ("suspend", "*"),
        ("suspend", "alice", "--for", "soon"),
        ("suspend", "alice", "--for", "0s"),
        ("suspend", "alice", "--because", "two\nlines"),
        ("suspend", "alice", "--because", "x" * 201),
        ("gates", "cap", "free", "100"),
        ("gates", "cap", "free", "0/min"),
    ],
)
def test_a_command_line_that_makes_no_sense_switches_nothing(words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2
    assert in_force() == []


def test_people_see_a_table() -> None:
    told("suspend", "alice", "--because", "a reason")
    head, line = run("standing").stdout.splitlines()
    assert head.split() == ["WHAT", "NAME", "STATE", "SINCE", "UNTIL", "BY", "BECAUSE"]
    assert line.split()[:3] == ["principal", "alice", "suspended"]
    assert line.endswith("a reason")


@pytest.mark.parametrize(
    "words",
    [
        ("suspend",),
        ("unsuspend",),
        ("standing",),
        ("gates", "close"),
        ("gates", "open"),
        ("gates", "cap"),
        ("gates", "uncap"),
    ],
)
def test_every_command_has_an_example(words: tuple[str, ...]) -> None:
    assert "Example: guardhouse" in run(*words, "--help").stdout
