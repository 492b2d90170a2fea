"""A real, certified OpenID provider (npm `oidc-provider`) with handles for its keys: openid/provider.mjs.

Installed from the lock beside it into a folder of the test session; without node, or without a registry to install
from, the tests that need it are skipped and say so.
"""

import base64
import json
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

SCRIPT = Path(__file__).with_name("openid")
INSTALL_WITHIN = 90.0
SECRET = "secret-of-the-tests"


def install(folder: Path) -> Path:
    """A folder with the provider's script and everything it needs."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("node and npm are not installed")
    for file in SCRIPT.iterdir():
        if file.is_file():
            shutil.copy(file, folder)
    command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=INSTALL_WITHIN, check=False)
    if done.returncode != 0:
        pytest.skip(f"oidc-provider cannot be installed: {done.stderr[-200:]}")
    return folder


class OpenIdProvider:
    """The running provider: what its address is, and what its handles do."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        assert process.stdout is not None
        self._process = process
        self.issuer = process.stdout.readline().strip()

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        if self._process.stdout is not None:
            self._process.stdout.close()

    def token(self, client: str = "batch") -> str:
        form = urlencode({"grant_type": "client_credentials", "scope": "infer"})
        answer = httpx.post(
            f"{self.issuer}/token",
            content=form,
            headers={"content-type": "application/x-www-form-urlencoded"},
            auth=(client, SECRET),
            trust_env=False,
        )
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def use_keys(self, publish: Sequence[str], sign: str) -> None:
        document = {"publish": list(publish), "sign": sign}
        assert httpx.post(f"{self.issuer}/handles/keys", json=document, trust_env=False).status_code == 200

    def send_people_back_to(self, url: str) -> None:
        """The client `console` is for people, who may sign in with any name and password."""
        answer = httpx.post(f"{self.issuer}/handles/people", json={"back": url}, trust_env=False)
        assert answer.status_code == 200

    def asked(self) -> int:
        """How often its key set was asked for."""
        found: dict[str, Any] = httpx.get(f"{self.issuer}/handles/asked", trust_env=False).json()
        return int(found["jwks"])


@contextmanager
def serving(folder: Path) -> Iterator[OpenIdProvider]:
    """`folder`: where it is installed."""
    node = shutil.which("node")
    assert node is not None
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen([node, "provider.mjs"], cwd=folder, stdout=subprocess.PIPE, stderr=log, text=True)
    provider = OpenIdProvider(process)
    try:
        yield provider
    finally:
        provider.end()


def key_id(token: str) -> str:
    header = token.split(".", maxsplit=1)[0]
    decoded = base64.urlsafe_b64decode(header + "=" * (-len(header) % 4))
    return str(json.loads(decoded)["kid"])
