"""How long a session at the admin port counts, from where, and what ends it."""

import time
from pathlib import Path

import httpx
import pytest
from administering import BASE, Stage
from people import Provider, Told, sign_in, telling, whom

HERE = {"origin": BASE}


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    return telling(tmp_path, monkeypatch)


def test_a_session_counts_from_its_own_pages_only(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        provider.claims = {"roles": ["root"]}
        await sign_in(stage, provider, browser)
        foreign: list[dict[str, str]] = [
            {},
            {"origin": "null"},
            {"origin": "https://evil.example"},
            {"origin": "http://127.0.0.1:9091"},
            {"origin": f"{BASE}.evil.example"},
            {"origin": BASE.upper()},
            {**HERE, "sec-fetch-site": "cross-site"},
            {**HERE, "sec-fetch-site": "same-site"},
        ]
        for headers in foreign:
            answer = await browser.post("/api/v1/keys", json={"principal": "eve"}, headers=headers)
            assert (answer.status_code, answer.json()["error"]["code"]) == (403, "origin_refused"), headers
            assert (await browser.post("/signout", headers=headers)).status_code == 403, headers
        twice = [("origin", BASE), ("origin", BASE)]
        assert (await browser.post("/api/v1/keys", json={"principal": "eve"}, headers=twice)).status_code == 403
        made = await browser.post(
            "/api/v1/keys", json={"principal": "bob"}, headers={**HERE, "sec-fetch-site": "same-origin"}
        )
        assert made.status_code == 201

    told(story)


def test_whoever_signs_out_is_out_and_so_is_a_copy_of_the_cookie(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        copied = {"cookie": f"guardhouse-session={browser.cookies['guardhouse-session']}"}
        answer = await browser.post("/signout", headers=HERE)
        assert (answer.status_code, answer.headers["location"]) == (303, "/signin")
        assert "guardhouse-session" not in browser.cookies
        assert await whom(browser) == 401
        async with stage.browser() as thief:
            assert (await thief.get("/api/v1/me", headers=copied)).status_code == 401
        names = [event["name"] for event in stage.events if event["name"].startswith("admin.")]
        assert names == ["admin.signed_in", "admin.signed_out"]

    told(story)


def test_signing_in_again_makes_a_new_session_and_ends_the_old_one(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        old = browser.cookies["guardhouse-session"]
        await sign_in(stage, provider, browser)
        assert browser.cookies["guardhouse-session"] != old
        async with stage.browser() as thief:
            answer = await thief.get("/api/v1/me", headers={"cookie": f"guardhouse-session={old}"})
            assert answer.status_code == 401

    told(story)


def test_a_session_given_by_somebody_else_is_not_taken_over(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        browser.cookies.set("guardhouse-session", "chosen-by-somebody-else", domain="127.0.0.1")
        answer = await sign_in(stage, provider, browser)
        assert "chosen-by-somebody-else" not in answer.headers["set-cookie"]

    told(story)


@pytest.mark.parametrize(("seconds", "status"), [(1700, 200), (1801, 401)])
def test_a_session_that_rests_ends(told: Told, monkeypatch: pytest.MonkeyPatch, seconds: float, status: int) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        later = time.time() + seconds
        monkeypatch.setattr(time, "time", lambda: later)
        stage.board.turn(later)
        assert (await browser.get("/api/v1/me")).status_code == status

    told(story)


def test_a_session_that_is_used_ends_all_the_same_in_the_end(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        begun = time.time()
        for minutes in range(20, 720, 20):
            monkeypatch.setattr(time, "time", lambda at=begun + minutes * 60: at)
            stage.board.turn(time.time())
            assert (await browser.get("/api/v1/me")).status_code == 200, minutes
        monkeypatch.setattr(time, "time", lambda: begun + 43_201)
        stage.board.turn(time.time())
        assert (await browser.get("/api/v1/me")).status_code == 401

    told(story)


def test_a_session_counts_only_while_revocations_are_known(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        later = time.time() + 901
        monkeypatch.setattr(time, "time", lambda: later)
        assert (await browser.get("/api/v1/me")).json()["error"]["code"] == "identity_stale"
        stage.board.turn(later)
        assert (await browser.get("/api/v1/me")).status_code == 200, "the session was kept"

    told(story)


def test_a_session_whose_credential_is_revoked_ends(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        credential = (await browser.get("/api/v1/me")).json()["credential"]
        assert credential.startswith("gs_")
        stage.board.revoke(credential, "olga", time.time())
        await stage.settle()
        assert await whom(browser) == 401

    told(story)


def test_whoever_is_suspended_has_no_use_of_a_session(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        stage.suspend("corp:alice")
        assert await whom(browser) == 403

    told(story)


def test_a_session_and_a_key_together_are_refused(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        answer = await browser.get("/api/v1/me", headers={"x-api-key": stage.key("root", "root")})
        assert (answer.status_code, answer.json()["error"]["code"]) == (401, "credentials_conflict")

    told(story)


def test_two_cookies_of_a_session_are_refused(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        one = f"guardhouse-session={browser.cookies['guardhouse-session']}"
        async with stage.browser() as other:
            answer = await other.get("/api/v1/me", headers={"cookie": f"{one}; {one}"})
            assert answer.status_code == 401

    told(story)
