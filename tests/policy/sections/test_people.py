"""What SAML needs of a machine is asked while loading."""

import importlib.util
from pathlib import Path

import pytest

from guardhouse.policy.sections import people
from guardhouse.policy.settings import Admin, Provider

CAMPUS = Admin(people={"campus": Provider(kind="saml", metadata=Path("idp.xml"))})


def told(folder: Path) -> list[str]:
    return [f"{'.'.join(map(str, path))}: {message}" for path, message in people.unusable(CAMPUS, folder)]


def test_what_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert told(tmp_path) == [
        "admin.people.campus.metadata: the file idp.xml cannot be read",
        "admin.people.campus.kind: needs pysaml2, which is not installed; it comes with guardhouse[saml]",
        "admin.people.campus.kind: needs the program xmlsec1, which is not installed",
    ]


def test_nothing_is_missing_where_everything_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "idp.xml").write_text("")
    (tmp_path / people.XMLSEC).touch(mode=0o700)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: object())
    assert told(tmp_path) == []


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://gate.example.com", "gate.example.com"),
        ("http://127.0.0.1:9090", "127.0.0.1"),
        ("http://[::1]:1", "::1"),
    ],
)
def test_the_host_of_an_origin(url: str, host: str) -> None:
    assert people.host_of(url) == host


def test_browsers_call_the_port_by_its_address_unless_said_otherwise() -> None:
    assert people.origin_of(Admin()) == "http://127.0.0.1:9090"
    assert people.origin_of(Admin(url="https://gate.example.com")) == "https://gate.example.com"
