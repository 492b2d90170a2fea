"""People sign in at a real gateway with a real OpenID provider, in a browser: authorization code and PKCE."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from attack.recording import RecordingBackend
from integration.browsing import Browser
from integration.gateway import Gateway, prepare, started
from integration.openid_provider import SECRET, OpenIdProvider, serving
from integration.polling import LOOPBACK, eventually, free_port

POLICIES = [
    {"name": "use", "who": {"groups": ["group-of-alice", "research"]}, "may": ["chat"], "models": ["tiny"]},
    {"name": "keys", "who": {"groups": ["group-of-alice"], "methods": ["token"]}, "may": ["keys.read", "keys.write"]},
]


@pytest.fixture(scope="module")
def provider(openid_package: Path) -> Iterator[OpenIdProvider]:
    with serving(openid_package) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, provider: OpenIdProvider) -> Iterator[Gateway]:
    admin = f"{LOOPBACK}:{free_port()}"
    provider.send_people_back_to(f"http://{admin}/signin/corp/callback")
    people = {"corp": {"issuer": "op", "client": "console", "secret": "${env:CONSOLE}", "scopes": ["openid", "groups"]}}
    changes = {
        "identity": {"issuers": {"op": {"issuer": provider.issuer, "audience": ["urn:guardhouse"]}}},
        "admin": {"address": admin, "people": people},
        "policies": POLICIES,
    }
    with RecordingBackend() as back_end:
        gateway = prepare(tmp_path_factory.mktemp("gateway"), back_end.url, changes, {"CONSOLE": SECRET})
        with started(gateway):
            yield gateway


@pytest.fixture
def browser() -> Iterator[Browser]:
    browser = Browser()
    yield browser
    browser.close()


def base(gateway: Gateway) -> str:
    return f"http://{gateway.admin[0]}:{gateway.admin[1]}"


def events(gateway: Gateway) -> str:
    """The journal of the control process."""
    return "".join(path.read_text() for path in sorted((gateway.state / "journal" / "control").glob("*.jsonl")))


def test_a_person_signs_in_and_administers_what_the_policy_allows(gateway: Gateway, browser: Browser) -> None:
    page = browser.sign_in(f"{base(gateway)}/signin/corp", "alice")
    assert (page.status_code, "op:alice" in page.text) == (200, True), events(gateway)
    me = browser.client.get(f"{base(gateway)}/api/v1/me").json()
    assert (me["id"], me["groups"], me["method"]) == ("op:alice", ["group-of-alice"], "token")
    assert me["may"] == ["keys.read", "keys.write"]
    asked = browser.visited[1]
    assert "code_challenge_method=S256" in asked
    assert re.search(r"code_challenge=[\w-]{43}(&|$)", asked)
    assert SECRET not in "".join(browser.visited)


def test_somebody_without_rights_is_signed_in_and_may_administer_nothing(gateway: Gateway, browser: Browser) -> None:
    browser.sign_in(f"{base(gateway)}/signin/corp", "bob")
    assert browser.client.get(f"{base(gateway)}/api/v1/me").json()["may"] == []
    assert browser.client.get(f"{base(gateway)}/api/v1/keys").status_code == 403


def test_a_session_makes_keys_for_its_own_pages_only(gateway: Gateway, browser: Browser) -> None:
    browser.sign_in(f"{base(gateway)}/signin/corp", "alice")
    body = {"principal": "nightly", "groups": ["research"]}
    foreign = browser.client.post(f"{base(gateway)}/api/v1/keys", json=body, headers={"origin": "https://evil.example"})
    assert (foreign.status_code, foreign.json()["error"]["code"]) == (403, "origin_refused")
    made = browser.client.post(f"{base(gateway)}/api/v1/keys", json=body, headers={"origin": base(gateway)})
    assert made.status_code == 201


def test_whoever_signs_out_is_out(gateway: Gateway, browser: Browser) -> None:
    page = browser.sign_in(f"{base(gateway)}/signin/corp", "alice")
    [cookie] = [one for one in browser.client.cookies.jar if one.name == "guardhouse-session"]
    assert "Sign in with" in browser.submit(page).text
    kept = {"cookie": f"guardhouse-session={cookie.value}"}
    browser.client.cookies.clear()
    assert browser.client.get(f"{base(gateway)}/api/v1/me", headers=kept).status_code == 401


def test_a_sign_in_is_finished_by_the_browser_that_began_it(gateway: Gateway, browser: Browser) -> None:
    """Else somebody could be led to work in the session of somebody else."""
    page = browser.submit(browser.open(f"{base(gateway)}/signin/corp"), prompt="login", login="mallory", password="any")
    browser.client.cookies.delete("guardhouse-signin")
    refused = browser.submit(page, prompt="consent")
    assert refused.status_code == 403
    assert "guardhouse-session" not in {cookie.name for cookie in browser.client.cookies.jar}


def test_the_command_line_gets_a_token_that_works_at_the_data_port_until_its_person_signs_out(
    gateway: Gateway, browser: Browser, tmp_path: Path
) -> None:
    browser.sign_in(f"{base(gateway)}/signin/corp", "alice")
    line = [sys.executable, "-m", "guardhouse", "login", base(gateway), "--no-browser", "--scope", "infer", "--json"]
    environ = {**gateway.environment, "XDG_CONFIG_HOME": str(tmp_path)}
    with subprocess.Popen(line, env=environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        where = process.stderr.readline().split()[-1]
        done = browser.submit(browser.open(where))
        told, _ = process.communicate(timeout=20)
    assert (done.status_code, process.returncode) == (200, 0)
    token = Path(json.loads(told)["file"]).read_text().strip()
    assert gateway.chat("hello", key=token).status == 200
    closed = [record for record in gateway.records() if record["kind"] == "closed"][-1]
    assert (closed["principal"], closed["outcome"]) == ("op:alice", "completed")
    assert browser.client.get(f"{base(gateway)}/api/v1/me").json()["id"] == "op:alice"
    scoped = httpx.get(f"{base(gateway)}/api/v1/keys", headers={"x-api-key": token}, trust_env=False)
    assert scoped.status_code == 403, "narrowed to inference"
    browser.submit(browser.open(f"{base(gateway)}/signin"))
    eventually(lambda: gateway.chat("hello", key=token).status == 401, 2.0, "the token has ended with its session")


def test_every_sign_in_is_in_the_journal_and_no_code_or_token_is(gateway: Gateway, browser: Browser) -> None:
    browser.sign_in(f"{base(gateway)}/signin/corp", "alice")
    journal = events(gateway)
    assert '"name":"admin.signed_in","principal":"op:alice"' in journal.replace('"severity":"notice",', "")
    [answered] = [url for url in browser.visited if "/callback?" in url]
    code = re.search(r"code=([\w-]+)", answered)
    assert code is not None
    assert code[1] not in journal
    assert code[1] not in gateway.output()
