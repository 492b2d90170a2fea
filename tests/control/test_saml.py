"""People sign in with an assertion that pysaml2 has made; everything that only resembles one signs nobody in."""

import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from administering import BASE, Stage, perform
from people import whom
from saml_idp import ENTITY, PEOPLE, US, IdentityProvider, changed

HERE = {"origin": BASE}


class Campus:
    """The provider, with its own keys and with somebody else's."""

    def __init__(self, provider: IdentityProvider, stage: Stage, metadata: str) -> None:
        self.provider = provider
        self.stage = stage
        self.own = provider.server(metadata)
        self._metadata = metadata

    def impostor(self) -> Any:
        return self.provider.server(self._metadata, "impostor")

    async def away(self, browser: httpx.AsyncClient) -> str:
        answer = await browser.get("/signin/campus")
        assert answer.status_code == 303
        assert answer.headers["location"].startswith(f"{ENTITY}/sso?")
        return str(answer.headers["location"])

    async def back(self, browser: httpx.AsyncClient, form: dict[str, str]) -> httpx.Response:
        return await browser.post("/signin/campus/answer", data=form, headers=HERE)

    def why(self) -> str:
        return str([event for event in self.stage.events if event["name"] == "admin.signin_failed"][-1]["facts"]["why"])


Story = Callable[[Campus, httpx.AsyncClient], Awaitable[None]]
Told = Callable[[Story], None]


@pytest.fixture
def told(tmp_path: Path) -> Told:
    provider = IdentityProvider(tmp_path, US)

    def tell(story: Story) -> None:
        async def scene(stage: Stage) -> None:
            async with stage.browser() as browser:
                metadata = await browser.get("/signin/campus/metadata")
                await story(Campus(provider, stage, metadata.text), browser)

        perform(tmp_path, scene, PEOPLE)

    return tell


def test_an_assertion_signs_a_person_in(told: Told) -> None:
    async def story(campus: Campus, browser: httpx.AsyncClient) -> None:
        form = campus.provider.respond(campus.own, await campus.away(browser))
        answer = await campus.back(browser, form)
        assert (answer.status_code, answer.headers["location"]) == (303, "/signin"), campus.why()
        me = (await browser.get("/api/v1/me")).json()
        assert (me["id"], me["groups"], me["roles"]) == ("campus:alice", ["research"], ["root"])
        assert (me["method"], me["strength"]) == ("token", "single")
        assert (await browser.get("/api/v1/keys")).status_code == 200

    told(story)


def test_several_factors_are_what_the_configuration_says(told: Told) -> None:
    async def story(campus: Campus, browser: httpx.AsyncClient) -> None:
        context = {"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:TimeSyncToken", "authn_auth": ENTITY}
        form = campus.provider.respond(campus.own, await campus.away(browser), authn=context)
        await campus.back(browser, form)
        assert (await browser.get("/api/v1/me")).json()["strength"] == "strong"

    told(story)


def test_from_the_page_of_the_provider_it_takes_one_more_press_of_a_button(told: Told) -> None:
    async def story(campus: Campus, browser: httpx.AsyncClient) -> None:
        form = campus.provider.respond(campus.own, await campus.away(browser))
        foreign = {"origin": "https://idp.example.com"}
        page = await browser.post("/signin/campus/answer", data=form, headers=foreign)
        assert (page.status_code, await whom(browser)) == (200, 401)
        assert form["SAMLResponse"] in page.text
        assert (await campus.back(browser, form)).status_code == 303

    told(story)


def test_an_assertion_counts_once_and_in_the_browser_that_asked(told: Told) -> None:
    async def story(campus: Campus, browser: httpx.AsyncClient) -> None:
        location = await campus.away(browser)
        kept = browser.cookies["guardhouse-signin"]
        form = campus.provider.respond(campus.own, location)
        async with campus.stage.browser() as other:
            assert (await campus.back(other, form)).status_code == 403
            await campus.away(other)
            assert (await campus.back(other, form)).status_code == 403
        assert (await campus.back(browser, form)).status_code == 303
        async with campus.stage.browser() as thief:
            thief.cookies.set("guardhouse-signin", kept, domain="127.0.0.1")
            assert (await campus.back(thief, form)).status_code == 403
            assert "used before" in campus.why()

    told(story)


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"sign_assertion": False}, "no signed assertion"),
        ({"sign_assertion": False, "sign_response": True}, "no signed assertion"),
        ({"in_response_to": "id-of-another-request"}, "refused"),
        ({"sp_entity_id": "https://another.example.com/metadata"}, "refused"),
        ({"destination": "https://another.example.com/answer"}, "refused"),
        ({"sign_alg": "http://www.w3.org/2000/09/xmldsig#rsa-sha1"}, "algorithms"),
        ({"digest_alg": "http://www.w3.org/2000/09/xmldsig#sha1"}, "algorithms"),
    ],
)
def test_an_assertion_that_does_not_fit_signs_nobody_in(told: Told, changes: dict[str, Any], why: str) -> None:
    async def story(campus: Campus, browser: httpx.AsyncClient) -> None:
        form = campus.provider.respond(campus.own, await campus.away(browser), **changes)
        assert (await campus.back(browser, form)).status_code == 403
        assert why in campus.why()
        assert await whom(browser) == 401

    told(story)


def test_a_signature_by_keys_that_are_not_in_the_metadata_signs_nobody_in(told: Told) -> None:
    async def story(campus: Campus, browser: httpx.AsyncClient) -> None:
        form = campus.provider.respond(campus.impostor(), await campus.away(browser))
        assert (await campus.back(browser, form)).status_code == 403
        assert await whom(browser) == 401

    told(story)


@pytest.mark.parametrize(
    ("pattern", "replacement"),
    [
        (r">alice<", ">mallory<"),
        (r">research<", ">security<"),
        (r">alice<", ">ali<!-- -->ce<"),
        (r"(<[\w:]*Assertion .*</[\w:]*Assertion>)", r"\1\1"),
        (r"(<[\w:]*Assertion )(.*</[\w:]*Assertion>)", r'<ns1:Extensions>\1\2</ns1:Extensions>\1ID="evil" \2'),
        (r'(<[\w:]*Reference URI=")#[^"]*"', r'\1"'),
        (r'(<[\w:]*Reference URI=")#[^"]*"', r'\1#another"'),
        (r"<[\w:]*Signature .*?</[\w:]*Signature>", ""),
        (r"^<\?xml[^>]*>", "<!DOCTYPE x [<!ENTITY y 'z'>]>"),
        (r"urn:oasis:names:tc:SAML:2.0:status:Success", "urn:oasis:names:tc:SAML:2.0:status:Responder"),
        (r"</[\w:]*Response>", ""),
    ],
)
def test_a_response_that_was_changed_signs_nobody_in(told: Told, pattern: str, replacement: str) -> None:
    async def story(campus: Campus, browser: httpx.AsyncClient) -> None:
        form = campus.provider.respond(campus.own, await campus.away(browser))
        assert (await campus.back(browser, changed(form, pattern, replacement))).status_code == 403
        assert await whom(browser) == 401

    told(story)


@pytest.mark.parametrize(
    "form", [{}, {"SAMLResponse": "%%%"}, {"SAMLResponse": "PHg+"}, {"SAMLResponse": "x" * 300_000}]
)
def test_what_is_no_response_signs_nobody_in(told: Told, form: dict[str, str]) -> None:
    async def story(campus: Campus, browser: httpx.AsyncClient) -> None:
        location = await campus.away(browser)
        state = campus.provider.respond(campus.own, location)["RelayState"]
        for given in (form, {**form, "RelayState": state}):
            await campus.away(browser)
            assert (await campus.back(browser, given)).status_code == 403

    told(story)


def test_an_assertion_does_not_count_for_ever(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(campus: Campus, browser: httpx.AsyncClient) -> None:
        form = campus.provider.respond(campus.own, await campus.away(browser))
        late = time.time() + 500
        gmtime = time.gmtime
        with monkeypatch.context() as patched:
            patched.setattr(time, "time", lambda: late)
            patched.setattr(time, "gmtime", lambda at=None: gmtime(late if at is None else at))
            assert (await campus.back(browser, form)).status_code == 403

    told(story)


def test_the_metadata_says_where_answers_go(told: Told) -> None:
    async def story(campus: Campus, browser: httpx.AsyncClient) -> None:
        text = (await browser.get("/signin/campus/metadata")).text
        assert f'Location="{US}/answer"' in text
        assert 'WantAssertionsSigned="true"' in text
        assert (await browser.get("/signin/nobody/metadata")).status_code == 404

    told(story)
