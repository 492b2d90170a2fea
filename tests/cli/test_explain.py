from pathlib import Path
from typing import Any

import pytest

from cli.commanding import Command
from guardhouse.policy.load import Loaded, load

_command = Command()
run, told = _command.run, _command.told

ROOT = Path(__file__).parents[2]
CONFIGURATION = """\
version: 1
state: ./state
targets: {local: {kind: openai, url: "http://127.0.0.1:9", credential: "${env:NOT_SET_ANYWHERE}"}}
models: {llama-3-8b: {targets: [local]}}
networks: {office: [192.0.2.0/24]}
policies:
  - name: research may chat
    who: {groups: [research]}
    may: [chat]
    models: [llama-*]
    limits: {requests: 60/min, tokens: 200k/day}
    mask: {entities: [email], where: [request]}
  - name: not when risky
    effect: deny
    who: {ids: ["*"]}
    may: [chat]
    models: ["*"]
    when: {risk: {at_least: 7}, not_network: [office]}
"""

CASES = """\
cases:
  - name: research may chat and its mail is masked
    who: {id: alice, groups: [research]}
    may: chat
    model: llama-3-8b
    expect: allowed
    policies: [research may chat]
    masks: {request: [email], response: []}
  - name: others may not
    who: {id: bob}
    may: chat
    model: llama-3-8b
    expect: denied
    reason: operation_denied
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "guardhouse.yaml").write_text(CONFIGURATION)
    (tmp_path / "guardhouse.cases.yaml").write_text(CASES)
    monkeypatch.chdir(tmp_path)
    return tmp_path


def asked(*words: str) -> Any:
    return told("policy", "explain", *words, "--model", "llama-3-8b")


def test_an_allowance_is_explained_with_all_that_comes_with_it(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    found = asked("alice", "--group", "research")
    assert (found["decision"], found["policies"]) == ("allowed", ["research may chat"])
    assert found["masked"] == {"request": ["email"], "response": []}
    assert found["limits"] == ["research may chat: requests 60/min", "research may chat: tokens 200k/day"]
    monkeypatch.setenv("NOT_SET_ANYWHERE", "made-up")
    loaded = load(folder / "guardhouse.yaml")
    assert isinstance(loaded, Loaded)
    assert found["revision"] == loaded.snapshot.revision


def test_a_denial_says_for_every_policy_why_it_does_not_apply() -> None:
    found = asked("bob")
    assert (found["decision"], found["reason"]) == ("denied", "operation_denied")
    assert [(step["policy"], step["applies"]) for step in found["steps"]] == [
        ("research may chat", False),
        ("not when risky", False),
    ]
    assert found["steps"][0]["why"].startswith('who: "bob" is not among')
    assert found["steps"][1]["why"] == "when.risk: 0 is not at least 7"


def test_the_circumstances_count() -> None:
    outside = asked("alice", "--group", "research", "--risk", "8", "--client", "203.0.113.9")
    inside = asked("alice", "--group", "research", "--risk", "8", "--client", "192.0.2.9")
    assert (outside["decision"], outside["reason"], outside["policies"]) == (
        "denied",
        "policy_denied",
        ["not when risky"],
    )
    assert inside["decision"] == "allowed"


def test_for_people_it_is_a_page() -> None:
    lines = run("policy", "explain", "alice", "--group", "research", "--model", "llama-3-8b").stdout.splitlines()
    assert lines[0] == "ALLOWED: alice may chat on llama-3-8b"
    assert "  limits          research may chat: requests 60/min; research may chat: tokens 200k/day" in lines
    assert lines[-1].startswith("  does not deny     not when risky: when.risk: 0")
    assert run("policy", "explain", "bob").stdout.startswith("DENIED: bob may not chat\n")


def test_the_page_about_policies_shows_what_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(ROOT)
    words = "policy explain sara --group support --model llama-8b --config docs/examples/policies/08-region.yaml"
    page = (ROOT / "docs/policy.md").read_text().partition("of situation 8 says\n\n```\n")[2].partition("```")[0]
    assert page
    assert run(*words.split()).stdout.startswith(page)


def test_more_of_the_request_lets_it_tell_more() -> None:
    found = asked("alice", "--group", "research", "--dialect", "anthropic", "--signed")
    assert (found["decision"], found["reason"]) == ("denied", "dialect_unsupported")
    assert found["servers"] == [{"name": "local", "speaks": ["openai"], "barred": ["dialect_unsupported"]}]


def test_residency_is_told_for_people(folder: Path) -> None:
    placed = CONFIGURATION.replace(':9"', ':9", region: here').replace(
        "state:", "regions: {here: {jurisdiction: EU}}\nresidency: {here: here, keep_in: [EU]}\nstate:"
    )
    (folder / "guardhouse.yaml").write_text(placed)
    lines = run("policy", "explain", "alice", "--group", "research", "--model", "llama-3-8b").stdout.splitlines()
    assert "  kept            in here, by residency" in lines
    assert "  server          local (here), asked first" in lines


def test_what_files_and_batches_take_is_told_for_people(folder: Path) -> None:
    left = CONFIGURATION.replace("may: [chat]\n    models: [llama-*]", "may: [chat, files]\n    models: [llama-*]")
    (folder / "guardhouse.yaml").write_text(left)
    words = ("policy", "explain", "alice", "--group", "research", "--model", "llama-3-8b", "--lines", "chat", "--may")
    lines = run(*words, "files").stdout.splitlines()
    assert lines[0] == "ALLOWED: alice may files on llama-3-8b"
    assert "  takes as well   chat: allowed, by research may chat" in lines
    assert lines[-3] == "Every policy on chat, and why:"
    lines = run(*words, "batches").stdout.splitlines()
    assert lines[:2] == ["DENIED: alice may not batches on llama-3-8b", "  reason          operation_denied"]
    assert "  takes as well   files: allowed, by research may chat" in lines
    assert [each["may"] for each in told(*words, "batches")["besides"]] == ["chat", "files"]


def test_fallbacks_are_told_for_people(folder: Path) -> None:
    local = "{targets: [local]}"
    asked = "{targets: [local], fallback: [llama-tiny, other]}"
    models = f"models: {{llama-3-8b: {asked}, llama-tiny: {local}, other: {local}}}"
    text = CONFIGURATION.replace("models: {llama-3-8b: {targets: [local]}}", models)
    more = "  - {name: others, who: {ids: [bob]}, may: [chat], models: [other], mask: {entities: []}}\n"
    (folder / "guardhouse.yaml").write_text(text + more)
    lines = run("policy", "explain", "alice", "--group", "research", "--model", "llama-3-8b").stdout.splitlines()
    assert "  fallback        llama-tiny at local" in lines
    assert "  fallback        other, not: policies" in lines


def test_a_key_stands_for_whoever_holds_it(folder: Path) -> None:
    key = told("keys", "create", "alice", "--group", "research")["id"]
    assert asked("--key", key)["decision"] == "allowed"
    assert asked("--key", key)["policies"] == ["research may chat"]
    refused = run("policy", "explain", "--key", "nosuchkeyyyy")
    assert refused.exit_code == 1
    assert "there is no such key" in refused.stderr


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("alice", "--key", "abc"),
        ("alice", "--may", "chatt"),
        ("alice", "--attribute", "x"),
        ("alice", "--risk", "11"),
        ("alice", "--dialect", "openapi"),
        ("alice", "--lines", "chat"),
        ("alice", "--may", "files", "--lines", "chats", "--model", "llama-3-8b"),
        ("alice", "--may", "files", "--lines", "predict", "--model", "llama-3-8b"),
        ("alice", "--may", "files", "--lines", "chat"),
        ("alice", "--may", "batches", "--dialect", "ollama"),
    ],
)
def test_a_question_that_cannot_be_read_is_wrong(words: tuple[str, ...]) -> None:
    assert run("policy", "explain", *words).exit_code == 2


def test_cases_that_hold_are_counted() -> None:
    assert run("policy", "test").stdout == "2 cases, none otherwise than expected\n"
    assert told("policy", "test")["failed"] == []


def test_a_case_that_does_not_hold_is_told_with_what_was_found(folder: Path) -> None:
    (folder / "more.yaml").write_text(CASES.replace("expect: denied\n    reason: operation_denied", "expect: allowed"))
    result = run("policy", "test", "guardhouse.cases.yaml", "more.yaml")
    assert result.exit_code == 1
    lines = result.stdout.splitlines()
    assert lines[0] == "more.yaml: others may not: expected allowed, found denied (operation_denied)"
    assert lines[1].startswith('  research may chat (allow): who: "bob" is not among')
    assert lines[-1] == "4 cases, 1 otherwise than expected"


@pytest.mark.parametrize(
    ("cases", "said"), [("casess: []\n", ':1: unknown key "casess"'), ("cases: []\n", "at least one")]
)
def test_cases_that_cannot_be_read_are_told_with_their_place(folder: Path, cases: str, said: str) -> None:
    (folder / "guardhouse.cases.yaml").write_text(cases)
    result = run("policy", "test")
    assert result.exit_code == 1
    assert said in result.stderr


def test_an_unsound_configuration_answers_no_question(folder: Path) -> None:
    (folder / "guardhouse.yaml").write_text(CONFIGURATION + "nonsense: 1\n")
    for words in (("explain", "alice"), ("test",)):
        result = run("policy", *words)
        assert result.exit_code == 1
        assert 'unknown key "nonsense"' in result.stderr
