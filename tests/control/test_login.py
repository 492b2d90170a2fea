"""What stands between a command line that asks for a token and a person who allows it."""

import re
import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from administering import BASE, Stage
from people import Provider, Told, sign_in, telling

from guardhouse.audit.journal import Journal
from guardhouse.identity.pkce import challenge_of, random_text, words_of
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal

HERE = {"origin": BASE}


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    return telling(tmp_path, monkeypatch)


class CommandLine:
    def __init__(self, scope: str = "", port: str = "40000") -> None:
        self.verifier = random_text()
        self.form = {"port": port, "state": random_text(), "challenge": challenge_of(self.verifier), "scope": scope}

    async def allowed(self, browser: httpx.AsyncClient) -> str:
        """The code that the browser brings back once the button was pressed."""
        answer = await browser.post("/login", data=self.form, headers=HERE)
        assert answer.status_code == 303, answer.text
        back = urlsplit(answer.headers["location"])
        assert (back.scheme, back.netloc, back.path) == ("http", f"127.0.0.1:{self.form['port']}", "/")
        query = parse_qs(back.query)
        assert query["state"] == [self.form["state"]]
        return query["code"][0]

    async def redeem(self, stage: Stage, code: str, verifier: str | None = None) -> httpx.Response:
        body = {"code": code, "verifier": verifier or self.verifier}
        return await stage.ask("POST", "/api/v1/login", None, body)


def whom(stage: Stage, token: str) -> Principal | str:
    found = stage.callers.identify(token.encode(), "192.0.2.9", time.time())
    return found if isinstance(found, Principal) else found.reason.code


def test_a_person_hands_a_token_to_the_command_line(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        line = CommandLine("chat")
        first = await browser.get("/login", params=line.form)
        assert first.headers["location"].startswith("/signin?back_to=%2Flogin")
        chosen = await browser.get(first.headers["location"])
        begin = re.search(r'href="(/signin/corp[^"]*)"', chosen.text)
        assert begin is not None
        await stage.settle()
        sent = await browser.get(begin[1].replace("&amp;", "&"))
        back = await browser.get("/signin/corp/callback", params=provider.sign_in(sent.headers["location"]))
        page = await browser.get(back.headers["location"])
        assert page.status_code == 200
        assert words_of(line.form["challenge"]) in page.text
        assert "corp:alice" in page.text
        assert "form-action 'self' http://127.0.0.1:40000" in page.headers["content-security-policy"]
        answer = await line.redeem(stage, await line.allowed(browser))
        handed = answer.json()
        assert (answer.status_code, handed["principal"], handed["scope"]) == (200, "corp:alice", "chat")
        found = whom(stage, handed["access_token"])
        assert isinstance(found, Principal)
        assert (found.id, found.method) == ("corp:alice", "token")
        assert found.narrowings[0].operations == frozenset({Operation.CHAT})
        assert handed["access_token"] not in stage.written().decode()

    told(story)


def test_whoever_guesses_codes_behind_the_same_address_keeps_nobody_from_theirs(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        line = CommandLine()
        code = await line.allowed(browser)
        guesses = [(await line.redeem(stage, random_text())).status_code for _ in range(15)]
        assert (guesses[0], guesses[-1]) == (400, 429)
        assert (await line.redeem(stage, code)).status_code == 200

    told(story)


def test_a_code_is_good_once_and_with_its_verifier(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        line = CommandLine()
        code = await line.allowed(browser)
        assert (await line.redeem(stage, code)).status_code == 200
        assert (await line.redeem(stage, code)).json()["error"]["code"] == "code_invalid"
        for verifier in (random_text(), "", "\u00e4" * 43, line.form["challenge"]):
            other = await line.allowed(browser)
            assert (await line.redeem(stage, other, verifier or "x")).status_code == 400
            assert (await line.redeem(stage, other)).status_code == 400, "a wrong verifier has used it up"

    told(story)


def test_a_code_is_good_for_a_minute(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        line = CommandLine()
        code = await line.allowed(browser)
        late = time.time() + 61
        monkeypatch.setattr(time, "time", lambda: late)
        assert (await line.redeem(stage, code)).status_code == 400

    told(story)


@pytest.mark.parametrize("headers", [{}, {"origin": "https://evil.example"}, {"origin": "http://127.0.0.1:40000"}])
def test_a_foreign_page_cannot_press_the_button(told: Told, headers: dict[str, str]) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        answer = await browser.post("/login", data=CommandLine().form, headers=headers)
        assert answer.status_code == 403
        assert "location" not in answer.headers

    told(story)


@pytest.mark.parametrize(
    "change",
    [
        {"port": "80"},
        {"port": "70000"},
        {"port": "40000@evil.example"},
        {"port": ""},
        {"state": "short"},
        {"challenge": "x" * 42},
        {"challenge": "x" * 42 + "/"},
        {"scope": "fly"},
        {"host": "evil.example"},
    ],
)
def test_what_no_command_line_asks_for_is_not_understood(told: Told, change: dict[str, str]) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        form = {**CommandLine().form, **change}
        assert (await browser.get("/login", params=form)).status_code == 400
        refused = await browser.post("/login", data=form, headers=HERE)
        assert refused.status_code == 403
        assert "location" not in refused.headers

    told(story)


def test_nobody_who_is_not_signed_in_can_allow_anything(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        assert (await browser.post("/login", data=CommandLine().form, headers=HERE)).status_code == 403
        await sign_in(stage, provider, browser)
        stage.suspend("corp:alice")
        assert (await browser.post("/login", data=CommandLine().form, headers=HERE)).status_code == 403

    told(story)


def test_whoever_signs_out_ends_codes_and_tokens_alike(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        line, other = CommandLine(), CommandLine()
        token = (await line.redeem(stage, await line.allowed(browser))).json()["access_token"]
        assert isinstance(whom(stage, token), Principal)
        code = await other.allowed(browser)
        await browser.post("/signout", headers=HERE)
        await stage.settle()
        assert whom(stage, token) == "credential_revoked"
        assert (await other.redeem(stage, code)).status_code == 401

    told(story)


def test_a_token_ends_with_its_session(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        line = CommandLine()
        handed = (await line.redeem(stage, await line.allowed(browser))).json()
        assert 43_000 < handed["expires_in"] <= 43_200
        session = (await browser.get("/api/v1/me")).json()
        found = whom(stage, handed["access_token"])
        assert isinstance(found, Principal)
        assert found.expires_at is not None
        assert found.expires_at <= session["expires_at"]
        assert session["credential"] in found.grantors

    told(story)


def test_guesses_are_counted(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        line = CommandLine()
        statuses = {(await line.redeem(stage, random_text())).status_code for _ in range(15)}
        assert statuses == {400, 429}

    told(story)


def test_a_token_that_cannot_be_recorded_is_not_handed_out(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_: Journal) -> OSError:
        return OSError("no space left")

    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        line = CommandLine()
        code = await line.allowed(browser)
        with monkeypatch.context() as patched:
            patched.setattr(Journal, "durable", full)
            answer = await line.redeem(stage, code)
        assert answer.status_code == 503
        assert "access_token" not in answer.text

    told(story)
