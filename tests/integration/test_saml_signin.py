"""People sign in at a real gateway with an assertion that pysaml2 has made and xmlsec1 judges, and work with it."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from attack.recording import RecordingBackend
from integration.browsing import Browser
from integration.gateway import Gateway, prepare, started
from integration.polling import LOOPBACK, eventually, free_port
from integration.saml_provider import IdentityProvider, changed

POLICIES = [
    {"name": "use", "who": {"groups": ["research"]}, "may": ["chat"], "models": ["tiny"]},
    {"name": "keys", "who": {"groups": ["research"], "methods": ["token"]}, "may": ["keys.read"]},
]
ANSWER = "/signin/campus/answer"


class Campus:
    """A gateway with an identity provider that it knows, and the browser of a person."""

    def __init__(self, gateway: Gateway, provider: IdentityProvider) -> None:
        self.gateway = gateway
        self.base = f"http://{gateway.admin[0]}:{gateway.admin[1]}"
        self.provider = provider
        self._server = provider.server(httpx.get(f"{self.base}/signin/campus/metadata", trust_env=False).text)

    def assertion(self, browser: Browser, **changes: Any) -> dict[str, str]:
        """What somebody brings back who was sent away with `browser`."""
        sent = browser.client.get(f"{self.base}/signin/campus")
        assert sent.status_code == 303
        return self.provider.respond(self._server, sent.headers["location"], **changes)

    def bring(self, browser: Browser, form: dict[str, str]) -> httpx.Response:
        """The provider's page has the browser post the form here, where people press Continue."""
        return browser.submit(browser.client.post(f"{self.base}{ANSWER}", data=form))

    def events(self) -> str:
        """The journal of the control process."""
        return "".join(
            path.read_text() for path in sorted((self.gateway.state / "journal" / "control").glob("*.jsonl"))
        )


@pytest.fixture(scope="module")
def campus(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Campus]:
    folder = tmp_path_factory.mktemp("gateway")
    admin = f"{LOOPBACK}:{free_port()}"
    provider = IdentityProvider(folder, f"http://{admin}/signin/campus")
    people = {"campus": {"kind": "saml", "metadata": "idp.xml", "assertions": {"groups": "groups"}}}
    changes = {"admin": {"address": admin, "people": people}, "policies": POLICIES}
    with RecordingBackend() as back_end:
        gateway = prepare(folder, back_end.url, changes)
        with started(gateway):
            yield Campus(gateway, provider)


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


def test_a_person_signs_in_gets_a_token_for_the_command_line_and_is_answered_and_recorded(
    campus: Campus, browser: Browser, tmp_path: Path
) -> None:
    page = campus.bring(browser, campus.assertion(browser))
    assert (page.status_code, "campus:alice" in page.text) == (200, True), campus.events()
    me = browser.client.get(f"{campus.base}/api/v1/me").json()
    assert (me["id"], me["groups"], me["method"], me["may"]) == ("campus:alice", ["research"], "token", ["keys.read"])
    token = logged_in(campus, browser, tmp_path)
    assert campus.gateway.chat("hello", key=token).status == 200
    closed = [record for record in campus.gateway.records() if record["kind"] == "closed"][-1]
    assert (closed["principal"], closed["outcome"]) == ("campus:alice", "completed")
    assert closed["credential"].startswith("gt_")
    browser.submit(browser.open(f"{campus.base}/signin"))
    eventually(lambda: campus.gateway.chat("hello", key=token).status == 401, 2.0, "the token ends with its session")


def logged_in(campus: Campus, browser: Browser, folder: Path) -> str:
    """The token that `guardhouse login` keeps."""
    line = [sys.executable, "-m", "guardhouse", "login", campus.base, "--no-browser", "--scope", "infer", "--json"]
    environ = {**campus.gateway.environment, "XDG_CONFIG_HOME": str(folder)}
    with subprocess.Popen(line, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        where = process.stderr.readline().split()[-1]
        done = browser.submit(browser.open(where))
        told, _ = process.communicate(timeout=20)
    assert (done.status_code, process.returncode) == (200, 0)
    return Path(json.loads(told)["file"]).read_text().strip()


def test_an_assertion_counts_once_even_with_the_cookie_of_its_own_sign_in(campus: Campus, browser: Browser) -> None:
    form = campus.assertion(browser)
    cookie = browser.client.cookies["guardhouse-signin"]
    assert campus.bring(browser, form).status_code == 200
    thief = Browser()
    thief.client.cookies.set("guardhouse-signin", cookie, domain=LOOPBACK, path="/")
    again = campus.bring(thief, form)
    assert again.status_code == 403
    assert "guardhouse-session" not in thief.client.cookies
    thief.close()
    eventually(lambda: "the assertion was used before" in campus.events(), 5, "what was refused is an event")


def test_an_assertion_that_was_changed_or_is_brought_by_another_browser_signs_nobody_in(
    campus: Campus, browser: Browser
) -> None:
    form = campus.assertion(browser)
    assert campus.bring(browser, changed(form, ">alice<", ">mallory<")).status_code == 403
    other = Browser()
    assert campus.bring(other, campus.assertion(browser)).status_code == 403
    assert "guardhouse-session" not in {*browser.client.cookies, *other.client.cookies}
    other.close()


def test_neither_the_assertion_nor_what_it_says_of_the_person_is_in_the_journal(
    campus: Campus, browser: Browser
) -> None:
    form = campus.assertion(browser)
    campus.bring(browser, form)
    told = campus.events() + campus.gateway.output()
    assert form["SAMLResponse"][:64] not in told
    assert "alice@example.com" not in told
