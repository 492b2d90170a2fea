from pathlib import Path

from guardhouse.policy.checks import findings
from guardhouse.policy.problem import dotted
from guardhouse.policy.schema import decode
from guardhouse.policy.source import parse

MODELS_AND_POLICIES = """
models: {small: {targets: [local]}}
policies: [{name: p, who: {ids: [alice]}, may: [chat], models: [small]}]
"""
REST = 'targets: {local: {kind: openai, url: "http://127.0.0.1:8000"}}' + MODELS_AND_POLICIES


def places(text: str) -> list[str]:
    decoded = decode(parse(text.encode(), "f").root, "f")
    assert decoded.document is not None
    return [dotted(path) for path, _ in findings(decoded.document, decoded.unread)]


def test_a_target_that_cannot_be_read_is_not_an_unknown_one() -> None:
    assert places(REST.replace("http://127.0.0.1:8000", "nonsense")) == []


def test_models_that_cannot_be_read_leave_targets_alone_and_still_have_names() -> None:
    text = REST.replace("small: {targets: [local]}", "small: {targets: local}")
    assert places(text) == []


def test_policies_that_cannot_be_read_leave_models_alone() -> None:
    assert places(REST.replace("[chat]", "[chatt]")) == []


def test_policies_keep_their_numbers_when_one_before_cannot_be_read() -> None:
    text = REST.replace("policies: [", "policies: [{name: broken}, ").replace("models: [small]}]", "models: [large]}]")
    assert places(text) == ["policies[1].models[0]"]


def test_relative_paths_are_not_checked_here() -> None:
    assert not Path("c").exists()
    assert places(f"listen: {{tls: {{certificate: c, key: k}}}}\n{REST}") == []


def test_several_workers_that_each_count_for_themselves_must_be_meant() -> None:
    assert places(f"workers: 2\n{REST}") == ["workers"]
    assert places(f"workers: 2\nlimits_scope: process\n{REST}") == []
    assert places(f"workers: 1\n{REST}") == []
