"""A case is read strictly, and every way of not holding is told."""

from pathlib import Path

import pytest

from guardhouse.policy.cases import Case, read_cases, try_case
from guardhouse.policy.document import Document
from guardhouse.policy.load import read_document, rules_of
from guardhouse.policy.problem import Problem
from guardhouse.policy.snapshot import Snapshot

CONFIGURATION = b"""\
version: 1
targets:
  local: {kind: openai, url: "http://127.0.0.1:9", credential: "${env:NOT_SET_ANYWHERE}", region: eu}
  other: {kind: openai, url: "http://127.0.0.2:9", region: us}
models: {small: {targets: [local], fallback: [far, tiny]}, tiny: {targets: [local]}, far: {targets: [other]}}
policies:
  - {name: all, who: {groups: [research]}, may: [chat], models: ["*"], mask: {entities: [email], where: [request]}}
"""
CASE = """\
cases:
  - name: one
    who: {id: alice, groups: [research]}
    may: chat
    model: small
"""


@pytest.fixture(scope="module")
def rules() -> Snapshot:
    document = read_document(CONFIGURATION, Path("guardhouse.yaml"), Path())
    assert isinstance(document, Document), document
    return rules_of(document)


def written(folder: Path, text: str) -> tuple[Case, ...]:
    read = said(folder, text)
    assert all(isinstance(each, Case) for each in read), read
    return tuple(each for each in read if isinstance(each, Case))


def said(folder: Path, text: str) -> tuple[Case, ...] | tuple[Problem, ...]:
    path = folder / "cases.yaml"
    path.write_text(text)
    return read_cases(path)


@pytest.mark.parametrize(
    ("more", "wrong"),
    [
        ("    expect: allowed\n", []),
        ("    expect: denied\n", ["expected denied, found allowed"]),
        ("    expect: allowed\n    policies: [other]\n", ["expected the policies other, found all"]),
        ("    expect: allowed\n    masks: {request: [email], response: []}\n", []),
        ("    expect: allowed\n    servers: [local]\n", []),
        ("    expect: allowed\n    fallbacks: [tiny]\n", []),
        ("    expect: allowed\n    fallbacks: [far, tiny]\n", ["expected the fallbacks far, tiny, found tiny"]),
        ("    expect: allowed\n    servers: []\n", ["expected the servers none, found local"]),
        (
            "    expect: allowed\n    request: {dialect: ollama}\n",
            ["expected allowed, found denied (dialect_unsupported)"],
        ),
        (
            "    expect: allowed\n    masks: {request: [card], response: [email]}\n",
            ["expected card masked in the request, found email", "expected email masked in the response, found none"],
        ),
    ],
)
def test_what_is_otherwise_than_expected_is_told(tmp_path: Path, rules: Snapshot, more: str, wrong: list[str]) -> None:
    [case] = written(tmp_path, CASE + more)
    assert list(try_case(rules, case, 0.0).wrong) == wrong


@pytest.mark.parametrize(
    ("reason", "wrong"),
    [("operation_denied", []), ("model_denied", ["expected the reason model_denied, found operation_denied"])],
)
def test_a_denial_can_name_its_reason(tmp_path: Path, rules: Snapshot, reason: str, wrong: list[str]) -> None:
    text = CASE.replace("groups: [research]", "groups: [sales]") + f"    expect: denied\n    reason: {reason}\n"
    [case] = written(tmp_path, text)
    assert list(try_case(rules, case, 0.0).wrong) == wrong


def test_every_circumstance_can_be_said(tmp_path: Path) -> None:
    text = CASE + (
        "    expect: allowed\n"
        "    request: {client: 192.0.2.1, at: 2026-03-01T09:30:00+01:00, size: 2KiB, "
        "stream: true, tools: true, risk: 3, dialect: ollama, signed: true}\n"
    )
    [case] = written(tmp_path, text)
    request = case.request
    assert request.at is not None
    assert (request.client, request.at.timestamp(), request.size) == ("192.0.2.1", 1772353800.0, 2048)
    assert (request.stream, request.tools, request.risk) == (True, True, 3)
    assert (request.dialect, request.signed) == ("ollama", True)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (CASE, 'cases.yaml:2: cases[0]: the key "expect" is missing'),
        (CASE + "    expect: maybe\n", 'cases.yaml:6: cases[0].expect: unknown verdict "maybe"'),
        (CASE + "    expect: denied\n    reason: no\n", 'cases.yaml:7: cases[0].reason: unknown reason "no"'),
        (
            CASE + "    expect: allowed\n    request: {at: 2026-03-01T09:30:00}\n",
            'cases.yaml:7: cases[0].request.at: "2026-03-01T09:30:00" is not a time',
        ),
        ("cases:\n  - a\n", "cases.yaml:2: cases[0]: must be a mapping, not text"),
        ("", "the file is empty"),
    ],
)
def test_a_case_that_cannot_be_read_is_told_with_its_place(tmp_path: Path, text: str, problem: str) -> None:
    found = "\n".join(map(str, said(tmp_path, text)))
    assert problem in found


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    [problem] = read_cases(tmp_path / "none.yaml")
    assert "cannot be read" in str(problem)


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("may: chat\n    request: {lines: chat}", "cases[0].request: lines: only files and batches have any"),
        (
            "may: files\n    request: {dialect: ollama}",
            "cases[0].request: dialect: files are of the dialect openai alone",
        ),
        ("may: files\n    request: {lines: chatt}", 'unknown operation of lines "chatt"'),
    ],
)
def test_a_case_that_cannot_be_asked_is_told_with_its_place(tmp_path: Path, said: str, wrong: str) -> None:
    (problem,) = [str(each) for each in said_of(tmp_path, said)]
    assert wrong in problem
    assert ":5:" in problem


def said_of(folder: Path, text: str) -> tuple[Case, ...] | tuple[Problem, ...]:
    return said(folder, CASE.replace("may: chat", text) + "    expect: allowed\n")


def test_a_case_about_lines_takes_their_operation_as_well(tmp_path: Path, rules: Snapshot) -> None:
    text = CASE.replace("may: chat", "may: files\n    request: {lines: chat}") + "    expect: denied\n"
    [case] = written(tmp_path, text + "    reason: operation_denied\n")
    outcome = try_case(rules, case, 0.0)
    assert (outcome.wrong, [each.decision for each in outcome.explanation.besides]) == ((), ["allowed"])
