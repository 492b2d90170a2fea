"""The providers that a configuration names, made ready; what cannot be made ready says so at the start."""

import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from guardhouse.control.providers import ProviderUnusable, metadata_of, providers_of
from guardhouse.control.state import State
from guardhouse.identity.issuers import Issuer
from guardhouse.policy.references import Reference
from guardhouse.policy.settings import Admin, Identity, Provider, Settings

ISSUER = Issuer(name="corp", issuer="https://login.example.com", audience=("guardhouse",))
CORP = Provider(issuer="corp", client="console", secret=Reference("env", "CONSOLE"))


def settings(folder: Path, **people: Provider) -> Settings:
    return Settings(state=folder, admin=Admin(people=people), identity=Identity(issuers={"corp": ISSUER}))


def test_a_secret_is_looked_up_and_shown_by_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONSOLE", "canary")
    made = providers_of(settings(tmp_path, corp=CORP), State(tmp_path), "http://127.0.0.1:9090")
    assert "canary" not in repr(made)
    assert metadata_of(made["corp"]) is None


def test_a_secret_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONSOLE", raising=False)
    with pytest.raises(ProviderUnusable, match=r"admin\.people\.corp\.secret"):
        providers_of(settings(tmp_path, corp=CORP), State(tmp_path), "http://127.0.0.1:9090")


@pytest.mark.parametrize(
    "content", ["", "<x/>", "not XML", "<EntitiesDescriptor xmlns='urn:oasis:names:tc:SAML:2.0:metadata'/>"]
)
def test_metadata_that_describes_no_provider_is_told(tmp_path: Path, content: str) -> None:
    pytest.importorskip("saml2", reason="pysaml2 is not installed")
    (tmp_path / "idp.xml").write_text(content)
    campus = Provider(kind="saml", metadata=tmp_path / "idp.xml")
    with pytest.raises(ProviderUnusable, match=r"admin\.people\.campus\.metadata"):
        providers_of(settings(tmp_path, campus=campus), State(tmp_path), "http://127.0.0.1:9090")


def test_what_saml_needs_is_not_loaded_where_nobody_asks_for_it() -> None:
    probe = "import sys, guardhouse.control.process; print([name for name in sys.modules if 'saml' in name])"
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == "[]"


def test_a_public_client_has_no_secret(tmp_path: Path) -> None:
    public = msgspec.structs.replace(CORP, secret=None)
    assert "corp" in providers_of(settings(tmp_path, corp=public), State(tmp_path), "http://127.0.0.1:9090")
