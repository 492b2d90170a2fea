"""Signing in at the admin port with a provider that does as it is told: who gets a session, and for whom it counts."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from administering import BASE, POLICY, Stage, perform
from people import CLIENT, PEOPLE, Provider, Told, away, published, sign_in, standing_in, telling, whom

from guardhouse.audit.journal import Journal
from guardhouse.control.revocations import Revocations
from identity.signing import OTHER_RSA


@pytest.fixture
def told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    return telling(tmp_path, monkeypatch)


def failure_of(stage: Stage) -> str:
    return str([event for event in stage.events if event["name"] == "admin.signin_failed"][-1]["facts"]["why"])


def test_whoever_the_provider_vouches_for_is_signed_in(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        provider.claims = {"roles": ["root"]}
        assert (await browser.get("/signin")).status_code == 200
        answer = await sign_in(stage, provider, browser)
        assert (answer.status_code, answer.headers["location"]) == (303, "/signin")
        assert await whom(browser) == "corp:alice"
        assert (await browser.get("/api/v1/keys")).status_code == 200
        assert "corp:alice" in (await browser.get("/signin")).text
        cookie = answer.headers.get_list("set-cookie")[0]
        assert all(part in cookie for part in ("HttpOnly", "SameSite=lax", "Path=/", "Max-Age=43200"))
        assert "Domain" not in cookie
        [signed_in] = [event for event in stage.events if event["name"] == "admin.signed_in"]
        assert (signed_in["principal"], signed_in["facts"]) == ("corp:alice", {"provider": "corp"})

    told(story)


@pytest.mark.parametrize(
    ("claims", "why"),
    [
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"nonce": 7}, "nonce"),
        ({"aud": "another"}, "audience"),
        ({"aud": ["console", "another"]}, "another client"),
        ({"azp": "another"}, "another client"),
        ({"aud": ["console", "another"], "azp": "another"}, "another client"),
        ({"iss": "https://evil.example"}, "issuer"),
        ({"exp": 1}, "expired"),
        ({"exp": None}, "claims"),
        ({"iat": 99_999_999_999}, "not_yet"),
        ({"sub": ""}, "claims"),
        ({"sub": "two words"}, "claims"),
        ({"roles": 7.5}, "claims"),
    ],
)
def test_an_id_token_that_does_not_fit_signs_nobody_in(told: Told, claims: dict[str, Any], why: str) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        provider.claims = claims
        answer = await sign_in(stage, provider, browser)
        assert answer.status_code == 403
        assert why in failure_of(stage)
        assert await whom(browser) == 401

    told(story)


@pytest.mark.parametrize("answer", [{}, {"id_token": 7}, {"id_token": "x.y.z"}, {"id_token": "ey\u00e4"}])
def test_an_answer_without_a_sound_id_token_signs_nobody_in(told: Told, answer: dict[str, Any]) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        provider.answer = answer
        assert (await sign_in(stage, provider, browser)).status_code == 403

    told(story)


def test_a_signature_by_another_key_signs_nobody_in(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        provider.key = OTHER_RSA
        assert (await sign_in(stage, provider, browser)).status_code == 403
        assert "signature" in failure_of(stage)

    told(story)


def test_a_key_that_the_provider_has_just_put_to_use_is_waited_for(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        began = await browser.get("/signin/corp")
        back = provider.sign_in(began.headers["location"])
        arriving = asyncio.get_running_loop().create_task(browser.get("/signin/corp/callback", params=back))
        await provider.code_taken.wait()
        await stage.settle()
        assert (await arriving).status_code == 303

    told(story)


@pytest.mark.parametrize(
    "change",
    [
        {"state": "another"},
        {"state": None},
        {"code": None},
        {"code": "guess"},
        {"iss": "https://evil.example"},
        {"error": "access_denied"},
    ],
)
def test_an_answer_that_was_changed_signs_nobody_in(told: Told, change: dict[str, str | None]) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        back = {**provider.sign_in(await away(stage, browser)), **change}
        query = {name: value for name, value in back.items() if value is not None}
        assert (await browser.get("/signin/corp/callback", params=query)).status_code == 403
        assert await whom(browser) == 401

    told(story)


def test_an_answer_counts_once_and_in_the_browser_that_began_it(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        back = provider.sign_in(await away(stage, browser))
        async with stage.browser() as other:
            assert (await other.get("/signin/corp/callback", params=back)).status_code == 403
            await away(stage, other)
            assert (await other.get("/signin/corp/callback", params=back)).status_code == 403
            assert await whom(other) == 401
        assert (await browser.get("/signin/corp/callback", params=back)).status_code == 303
        assert (await browser.get("/signin/corp/callback", params=back)).status_code == 403

    told(story)


def test_what_was_begun_does_not_count_for_ever(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        back = provider.sign_in(await away(stage, browser))
        late = time.time() + 601
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda: late)
            assert (await browser.get("/signin/corp/callback", params=back)).status_code == 403
        assert "too long ago" in failure_of(stage)

    told(story)


@pytest.mark.parametrize("value", ["", "x", "x" * 200, "%00"])
def test_a_cookie_that_was_not_sealed_here_is_worth_nothing(told: Told, value: str) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        back = provider.sign_in(await away(stage, browser))
        async with stage.browser() as other:
            headers = {"cookie": f"guardhouse-signin={value}"}
            answer = await other.get("/signin/corp/callback", params=back, headers=headers)
            assert answer.status_code == 403

    told(story)


@pytest.mark.parametrize(
    "asked",
    ["https://evil.example", "//evil.example", "/\\evil.example", "/api/v1/keys", "/signin/../x", "/signin\r\nx"],
)
def test_nobody_is_led_away_from_here_after_signing_in(told: Told, asked: str) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await stage.settle()
        begun = await browser.get("/signin/corp", params={"back_to": asked})
        answer = await browser.get("/signin/corp/callback", params=provider.sign_in(begun.headers["location"]))
        assert answer.headers["location"] == "/signin"

    told(story)


@pytest.mark.parametrize(
    "discovery",
    [
        {"issuer": "https://evil.example"},
        {"authorization_endpoint": "http://login.example.com/auth"},
        {"token_endpoint": "http://login.example.com/token"},
        {"token_endpoint": "https://user:pass@login.example.com/token"},
        {"authorization_endpoint": "javascript:alert(1)"},
        {"authorization_endpoint": None},
        {"token_endpoint": ["https://login.example.com"]},
    ],
)
def test_nobody_is_sent_to_pages_that_are_not_safe(told: Told, discovery: dict[str, Any]) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        provider.discovery = discovery
        await stage.settle()
        answer = await browser.get("/signin/corp")
        assert answer.status_code == 503
        assert "location" not in answer.headers

    told(story)


def test_pages_are_discovered_once_for_many_who_sign_in(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        for _ in range(20):
            await away(stage, browser)
        assert len(provider.asked) == 1

    told(story)


def test_a_provider_that_fails_is_left_alone_for_a_while(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        provider.discovery = {"issuer": "https://evil.example"}
        statuses = {(await browser.get("/signin/corp")).status_code for _ in range(20)}
        assert statuses == {503}
        assert len(provider.asked) == 1

    told(story)


def test_failures_are_counted_like_those_with_any_credential(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        statuses = {(await browser.get("/signin/corp/callback", params={"code": "x"})).status_code for _ in range(15)}
        assert statuses == {403, 429}
        assert "identity.failure_burst" in {event["name"] for event in stage.events}

    told(story)


def test_whoever_fails_behind_the_same_address_keeps_nobody_from_signing_in(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        async with stage.browser() as other:
            failed = [await other.get("/signin/corp/callback", params={"code": "x"}) for _ in range(15)]
            assert failed[-1].status_code == 429
        assert (await sign_in(stage, provider, browser)).status_code == 303
        assert await whom(browser) == "corp:alice"

    told(story)


def test_sign_ins_are_paced_before_the_provider_is_asked(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await away(stage, browser)
        begun = [await browser.get("/signin/corp") for _ in range(70)]
        assert begun[0].status_code == 303
        assert (begun[-1].status_code, int(begun[-1].headers["retry-after"])) == (429, 1)
        asked = len(provider.asked)
        answer = await browser.get("/signin/corp/callback", params={"code": "any", "state": "any"})
        assert (answer.status_code, len(provider.asked)) == (429, asked)
        async with stage.browser("192.0.2.7") as elsewhere:
            assert (await elsewhere.get("/signin/corp")).status_code == 303
        assert [event["name"] for event in stage.events].count("admin.signins_paced") == 1

    told(story)


def test_a_session_and_its_tokens_end_with_the_policy_that_leaves_out_who_vouched_for_it(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        assert await whom(browser) == "corp:alice"
        stage.activate(POLICY)
        assert await whom(browser) == 401

    told(story)


def test_a_session_stays_ended_with_the_token_that_began_it_after_that_would_have_expired(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        provider.claims = {"aud": [CLIENT, "guardhouse"], "azp": CLIENT, "jti": "id-token-0001"}
        await sign_in(stage, provider, browser)
        answer = await stage.client.post("/api/v1/token/revoke", data={"token": provider.token("any")})
        assert answer.status_code == 200
        remembered = {found.credential: found.until for found in Revocations(stage.store.engine).since(0, 9)}
        assert remembered["corp:id-token-0001"] > time.time() + 43_200
        await stage.settle()
        assert await whom(browser) == 401

    told(story)


def test_nothing_of_a_sign_in_is_kept_that_opens_anything(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        location = await away(stage, browser)
        back = provider.sign_in(location)
        await browser.get("/signin/corp/callback", params=back)
        secret = [browser.cookies["guardhouse-session"], back["code"], back["state"], "canary"]
        kept = stage.written() + stage.state.store.read_bytes() + (stage.folder / "state/store.sqlite-wal").read_bytes()
        assert not any(text.encode() in kept for text in secret)
        [exchange] = [request for request in provider.asked if request.method == "POST"]
        assert b"code_verifier" in exchange.content
        assert "code_verifier" not in location

    told(story)


def test_a_sign_in_that_cannot_be_recorded_has_not_happened(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_: Journal) -> OSError:
        return OSError("no space left")

    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        with monkeypatch.context() as patched:
            patched.setattr(Journal, "durable", full)
            answer = await sign_in(stage, provider, browser)
        assert answer.status_code == 503
        assert await whom(browser) == 401

    told(story)


def test_pages_hold_no_script_and_are_shown_in_no_frame(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        await sign_in(stage, provider, browser)
        for path in ("/signin", "/signin/nobody", "/signin/corp/callback"):
            answer = await browser.get(path)
            policy = answer.headers["content-security-policy"]
            assert "default-src 'none'" in policy
            assert "frame-ancestors 'none'" in policy
            assert "script" not in policy
            assert "<script" not in answer.text
            assert answer.headers["referrer-policy"] == "same-origin", "else browsers send no Origin with its forms"

    told(story)


def test_another_name_of_this_machine_leads_to_the_one_that_is_configured(told: Told) -> None:
    async def story(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> None:
        answer = await browser.get("/signin", headers={"host": "localhost:9090"})
        assert (answer.status_code, answer.headers["location"]) == (303, f"{BASE}/signin")

    told(story)


def test_without_providers_there_is_nothing_to_sign_in_at(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for path in ("/signin", "/signin/corp", "/signin/corp/callback"):
            assert (await stage.client.get(path)).status_code == 404

    perform(tmp_path, scene)


def test_behind_https_the_cookies_are_for_https_and_this_host_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy = PEOPLE.replace("admin: {people", "admin: {url: https://gate.example.com, people")
    provider = Provider()

    async def scene(stage: Stage) -> None:
        async with stage.browser(base="https://gate.example.com") as browser:
            answer = await sign_in(stage, provider, browser)
            cookie = answer.headers.get_list("set-cookie")[0]
            assert cookie.startswith("__Host-guardhouse-session=")
            assert "Secure" in cookie
            assert await whom(browser) == "corp:alice"
            assert "redirect_uri=https%3A%2F%2Fgate.example.com%2Fsignin%2Fcorp%2Fcallback" in str(
                (await browser.get("/signin/corp")).headers["location"]
            )

    with standing_in(provider, monkeypatch):
        perform(tmp_path, scene, policy, published)
