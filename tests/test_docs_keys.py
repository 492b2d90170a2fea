"""docs/keys.md: its configuration loads, and its commands do what they are shown for."""

import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from guardhouse.cli.main import app
from guardhouse.policy.load import Loaded, load
from identity.authority import Authority

PAGE = (Path(__file__).parent.parent / "docs" / "keys.md").read_text()
REST = """
targets: {local: {kind: openai, url: "http://127.0.0.1:8000"}}
models: {small: {targets: [local]}}
policies: [{name: all, who: {groups: [workloads]}, may: [embeddings], models: [small]}]
"""


def block(language: str) -> str:
    found = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    return found[1]


def test_the_configuration_of_the_page_is_sound(tmp_path: Path) -> None:
    authority = Authority()
    (tmp_path / "authorities.pem").write_bytes(authority.pem)
    (tmp_path / "revoked.pem").write_bytes(authority.list_of())
    for name in ("server.pem", "server-key.pem"):
        (tmp_path / name).touch()
    (tmp_path / "guardhouse.yaml").write_text(block("yaml") + REST)
    loaded = load(tmp_path / "guardhouse.yaml")
    assert isinstance(loaded, Loaded), loaded


def test_the_commands_of_the_page_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "guardhouse.yaml").write_text(REST)
    key_id = ""
    for line in block("sh").splitlines():
        words = [key_id if re.fullmatch(r"[a-z0-9]{12}", word) else word for word in line.split()[1:]]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, done.output
        made = re.search(r"gh_([a-z0-9]{12})_", done.stdout)
        key_id = made[1] if made else key_id
    assert "revoked" in CliRunner().invoke(app, ["keys", "list"]).stdout
