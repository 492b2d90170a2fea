"""An OpenID provider that does as it is told, for the tests of what this end makes of its answers."""

import asyncio
import contextlib
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from administering import POLICY, Stage, perform

from guardhouse.control import outbound
from guardhouse.identity.issuers import Issuer
from guardhouse.identity.jwks import PublicKey
from guardhouse.identity.pkce import challenge_of
from identity.signing import RSA, URL, token, usable

Story = Callable[[Stage, "Provider", httpx.AsyncClient], Awaitable[None]]
Told = Callable[[Story], None]

CLIENT = "console"
PEOPLE = (
    POLICY
    + f"""\
identity: {{issuers: {{corp: {{issuer: "{URL}", audience: [guardhouse], claims: {{roles: roles}}}}}}}}
admin: {{people: {{corp: {{issuer: corp, client: {CLIENT}}}}}}}
"""
)


async def published(_issuer: Issuer) -> tuple[PublicKey, ...] | str:
    return usable()


class Provider:
    """`claims` are laid over those of a good ID token; one that is None is left out."""

    def __init__(self) -> None:
        self.claims: dict[str, Any] = {}
        self.discovery: dict[str, Any] = {}
        self.answer: dict[str, Any] | None = None  # instead of the token
        self.key = RSA
        self.codes: dict[str, dict[str, str]] = {}  # code -> what it was asked for with
        self.asked: list[httpx.Request] = []
        self.code_taken = asyncio.Event()

    def sign_in(self, location: str) -> dict[str, str]:
        """What a browser that was sent to `location` comes back with."""
        asked = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        code = f"code-{len(self.codes)}"
        self.codes[code] = asked
        return {"code": code, "state": asked["state"], "iss": URL}

    def respond(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if request.url.path.endswith("openid-configuration"):
            pages = {"authorization_endpoint": f"{URL}/auth", "token_endpoint": f"{URL}/token"}
            return _sent({"issuer": URL, **pages, **self.discovery})
        form = {name: values[0] for name, values in parse_qs(request.content.decode()).items()}
        asked = self.codes.pop(form.get("code", ""), None)
        self.code_taken.set()
        if asked is None or challenge_of(form["code_verifier"]) != asked["code_challenge"]:
            return httpx.Response(400, json={"error": "invalid_grant"})
        if self.answer is not None:
            return _sent(self.answer)
        return _sent({"id_token": self.token(asked["nonce"]), "access_token": "canary"})

    def token(self, nonce: str) -> str:
        now = time.time()
        good = {"iss": URL, "aud": CLIENT, "sub": "alice", "iat": now, "exp": now + 60, "nonce": nonce}
        claims = {name: value for name, value in {**good, **self.claims}.items() if value is not None}
        return token(claims, key=self.key).decode()


def _sent(document: dict[str, Any]) -> httpx.Response:
    async def content() -> AsyncIterator[bytes]:
        yield json.dumps(document).encode()

    return httpx.Response(200, content=content())


@contextlib.contextmanager
def standing_in(provider: Provider, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Everything that this process asks the network is answered by `provider`."""

    @contextlib.asynccontextmanager
    async def client(_authorities: Path | None) -> AsyncIterator[httpx.AsyncClient]:
        try:
            async with httpx.AsyncClient(transport=httpx.MockTransport(provider.respond)) as made:
                yield made
        except httpx.HTTPError as error:
            raise outbound.OutboundError("cannot be asked") from error

    with monkeypatch.context() as patched:
        patched.setattr(outbound, "client", client)
        yield


async def away(stage: Stage, browser: httpx.AsyncClient, path: str = "/signin/corp") -> str:
    """Begin to sign in: where the browser is sent."""
    await stage.settle()
    answer = await browser.get(path)
    assert answer.status_code == 303, answer.text
    return str(answer.headers["location"])


async def sign_in(stage: Stage, provider: Provider, browser: httpx.AsyncClient) -> httpx.Response:
    back = provider.sign_in(await away(stage, browser))
    return await browser.get("/signin/corp/callback", params=back)


def telling(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Told:
    """Runs a story with a provider and somebody's browser."""

    def tell(story: Story) -> None:
        provider = Provider()

        async def scene(stage: Stage) -> None:
            async with stage.browser() as browser:
                await story(stage, provider, browser)

        with standing_in(provider, monkeypatch):
            perform(folder, scene, PEOPLE, published)

    return tell


async def whom(browser: httpx.AsyncClient) -> str | int:
    """As whom a browser counts, or the status of the refusal."""
    answer = await browser.get("/api/v1/me")
    return str(answer.json()["id"]) if answer.status_code == 200 else answer.status_code
