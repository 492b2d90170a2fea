import pytest

from guardhouse.policy.exposure import findings
from guardhouse.policy.problem import dotted
from guardhouse.policy.schema import decode
from guardhouse.policy.source import parse

MODELS_AND_POLICIES = """
models: {small: {targets: [local]}}
policies: [{name: p, who: {ids: [alice]}, may: [chat], models: [small]}]
"""
REST = 'targets: {local: {kind: openai, url: "http://127.0.0.1:8000"}}' + MODELS_AND_POLICIES
CREDENTIAL = ', credential: "${env:KEY}"'


def places(text: str) -> list[str]:
    decoded = decode(parse(text.encode(), "f").root, "f")
    assert decoded.document is not None
    return [dotted(path) for path, _ in findings(decoded.document)]


def target(url: str, rest: str = "") -> str:
    return f'targets: {{local: {{kind: openai, url: "{url}"{rest}}}}}' + MODELS_AND_POLICIES


@pytest.mark.parametrize(
    "settings",
    [
        "listen: {address: 'localhost:80'}",
        "listen: {address: '[::1]:80'}",
        "listen: {address: '0.0.0.0:80', plaintext: true}",
        "listen: {address: '0.0.0.0:443', tls: {certificate: c, key: k}}",
        "admin: {address: '10.0.0.1:80', exposed: true}",
        "listen: {address: '127.0.0.1:0'}\nadmin: {address: '127.0.0.1:0'}",
    ],
)
def test_what_is_safe_or_said_passes(settings: str) -> None:
    assert places(f"{settings}\n{REST}") == []


@pytest.mark.parametrize(
    ("settings", "place"),
    [
        ("listen: {address: '0.0.0.0:80'}", "listen.address"),
        ("listen: {address: '[::]:80'}", "listen.address"),
        ("listen: {address: 'gateway.example:80'}", "listen.address"),
        ("listen: {plaintext: true, tls: {certificate: c, key: k}}", "listen.plaintext"),
        ("admin: {address: '0.0.0.0:9090'}", "admin.address"),
        ("admin: {address: '127.0.0.1:8080'}", "admin.address"),
    ],
)
def test_what_weakens_protection_must_be_said(settings: str, place: str) -> None:
    assert places(f"{settings}\n{REST}") == [place]


@pytest.mark.parametrize(
    "text",
    [
        target("http://10.0.0.1:8000"),
        target("http://127.0.0.1", CREDENTIAL),
        target("http://localhost", CREDENTIAL),
        target("https://models.example", CREDENTIAL),
        target("http://10.0.0.1", CREDENTIAL + ", insecure: true"),
    ],
)
def test_a_credential_may_travel_encrypted_at_home_or_where_it_is_said(text: str) -> None:
    assert places(text) == []


def test_a_credential_in_the_clear_must_be_said() -> None:
    assert places(target("http://models.example", CREDENTIAL)) == ["targets.local.url"]


def test_insecure_without_need_is_inert() -> None:
    assert places(target("https://models.example", CREDENTIAL + ", insecure: true")) == ["targets.local.insecure"]
    assert places(target("http://models.example", ", insecure: true")) == ["targets.local.insecure"]
