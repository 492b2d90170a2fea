from pathlib import Path

import pytest

from cli.commanding import Command
from guardhouse.control.revisions import Revisions
from guardhouse.control.state import State
from guardhouse.control.store import Store

_command = Command("policy")
run, told = _command.run, _command.told

BROKEN = "version: 1\nstate: ./state\nnonsense: 1\n"


def text(model: str, requests: str = "60/min") -> str:
    return f"""\
# the policy of {model}
version: 1
state: ./state
targets: {{local: {{kind: openai, url: "http://127.0.0.1:8000", credential: "${{env:NOT_SET_ANYWHERE}}"}}}}
models: {{{model}: {{targets: [local]}}}}
policies:
  - {{name: all, who: {{groups: [research]}}, may: [chat], models: [{model}], limits: {{requests: {requests}}}}}
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "guardhouse.yaml").write_text(text("a"))
    (tmp_path / "next.yaml").write_text(text("b"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUDO_USER", "ann")
    return tmp_path


def refused(*words: str) -> str:
    result = run(*words)
    assert result.exit_code == 1, result.output
    return result.stderr


def held() -> dict[str, str]:
    return {change["slot"]: change["revision"] for change in told("history") if change["in_force"]}


def test_the_file_is_activated_and_the_history_says_by_whom_and_why() -> None:
    change = told("activate", "--note", "the first")
    assert (change["slot"], change["author"], change["note"], change["status"]) == (
        "active",
        "ann",
        "the first",
        "accepted",
    )
    [line] = told("history")
    assert (line["revision"], line["in_force"]) == (change["revision"], True)
    shown = run("history").stdout.splitlines()
    assert shown[0].split() == ["NUMBER", "TIME", "SLOT", "REVISION", "BY", "THROUGH", "NOTE"]
    assert shown[1].startswith("*  1")
    assert shown[1].endswith("ann  command  the first")


def test_what_is_activated_by_hand_is_no_news_at_the_next_start(folder: Path) -> None:
    told("activate")
    store = Store(State(folder / "state").store)
    config = folder / "guardhouse.yaml"
    assert not Revisions(store.engine).is_news(str(config), config.read_bytes())
    store.close()


def test_another_file_is_tried_as_shadow_as_canary_and_then_activated() -> None:
    first = told("activate")["revision"]
    candidate = told("activate", "--file", "next.yaml", "--shadow")["revision"]
    canary = told("activate", candidate[:6], "--canary", "5%")
    assert (canary["revision"], canary["share"]) == (candidate, 5.0)
    assert held() == {"active": first, "shadow": candidate, "canary": candidate}
    told("activate", candidate)
    assert held() == {"active": candidate}


def test_a_rollback_goes_back_step_by_step_even_when_the_file_is_broken(folder: Path) -> None:
    first = told("activate")["revision"]
    told("activate", "--file", "next.yaml")
    (folder / "guardhouse.yaml").write_text(BROKEN)
    change = told("rollback", "--note", "too strict")
    assert (change["revision"], change["origin"]) == (first, "rollback")
    assert held() == {"active": first}
    assert "nothing to go back to" in refused("rollback")


def test_a_rollback_to_a_revision_that_is_named() -> None:
    first = told("activate")["revision"]
    told("activate", "--file", "next.yaml")
    assert told("rollback", first[:4])["revision"] == first


def test_a_trial_is_withdrawn_and_cannot_be_withdrawn_twice() -> None:
    told("activate")
    told("activate", "--file", "next.yaml", "--canary", "50")
    assert told("withdraw", "canary")["revision"] is None
    assert "there is no canary" in refused("withdraw", "canary")
    assert held().keys() == {"active"}


def test_an_unsound_file_is_not_activated_and_every_problem_is_told(folder: Path) -> None:
    (folder / "next.yaml").write_text(text("b").replace("[chat]", "[chatt]") + "nonsense: 1\n")
    said = refused("activate", "--file", "next.yaml")
    assert 'next.yaml:7: policies[0].may[0]: unknown operation "chatt"' in said
    assert 'next.yaml:8: unknown key "nonsense"' in said
    assert told("history") == []


def test_the_difference_is_told_key_by_key(folder: Path) -> None:
    told("activate")
    assert run("diff").stdout == "active and file say the same\n"
    (folder / "guardhouse.yaml").write_text("# a comment\n" + text("a", "90/min"))
    assert run("diff").stdout == '~ policies.all.limits.requests: "60/min" -> "90/min"\n'
    assert told("diff", "file", "active") == [
        {"kind": "changed", "path": "policies.all.limits.requests", "old": "90/min", "new": "60/min"}
    ]
    told("activate", "--file", "next.yaml", "--shadow")
    lines = run("diff", "active", "shadow").stdout.splitlines()
    assert '- models.a: {"targets":["local"]}' in lines
    assert '+ models.b: {"targets":["local"]}' in lines


def test_the_text_of_a_revision_comes_back_as_it_was_written() -> None:
    revision = told("activate")["revision"]
    assert run("show", revision[:5]).stdout == text("a")
    assert told("show")["text"] == text("a")


def test_revisions_that_are_unknown_or_could_be_several_are_refused() -> None:
    assert "there is no revision zz" in refused("activate", "zz")
    assert "there is no shadow revision" in refused("show", "shadow")
    told("activate")
    told("activate", "--file", "next.yaml")
    assert "2 revisions begin with " in refused("show", "")


@pytest.mark.parametrize(
    "words",
    [
        ("activate", "abc", "--file", "next.yaml"),
        ("activate", "--shadow", "--canary", "5"),
        ("activate", "--canary", "0"),
        ("activate", "--canary", "101"),
        ("activate", "--canary", "some"),
        ("activate", "--note", "two\nlines"),
        ("withdraw", "active"),
    ],
)
def test_a_command_line_that_contradicts_itself_is_wrong(words: tuple[str, ...]) -> None:
    assert run(*words).exit_code == 2
    assert told("history") == []


def test_every_command_has_an_example() -> None:
    for command in ("history", "diff", "show", "activate", "rollback", "withdraw"):
        assert "Example: guardhouse policy" in run(command, "--help").stdout
