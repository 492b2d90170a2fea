"""Signing people in by OpenID Connect: the authorization code flow with PKCE (RFC 7636, RFC 9700), the client's part.

`begin` makes what the browser is sent away with and what has to be remembered until it comes back; `finish` takes what
it comes back with. The code is exchanged by this process, with the verifier that never left it; what counts of the
answer is the ID token alone, judged like any token of its issuer (identity/tokens.py) but for another audience: this
client. It must have the nonce that was sent, so that a code from elsewhere is worth nothing.

Where the provider's pages are is discovered anew every few minutes. Endpoints must be https or on this machine, and the
discovery document of the issuer that was configured.
"""

import asyncio
import hmac
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote, urlencode

import httpx
import msgspec

from guardhouse.control import outbound
from guardhouse.control.outbound import OutboundError
from guardhouse.control.state import State
from guardhouse.identity import jws
from guardhouse.identity.flaw import Flaw
from guardhouse.identity.issuers import Issuer
from guardhouse.identity.key_table import KeyTable
from guardhouse.identity.pkce import challenge_of, random_text
from guardhouse.identity.tokens import TokenTable, read
from guardhouse.model.principal import Principal
from guardhouse.model.secret import Secret
from guardhouse.policy.sections.people import SCOPES
from guardhouse.policy.settings import Provider

_DISCOVERED_FOR = 300.0  # seconds
_LEFT_ALONE_FOR = 5.0  # seconds after a failure
_KEY_WAITS = 10  # looks at the bulletin for a key that the issuer has just put to use
_KEY_WAIT = 0.3
_AWAITED = frozenset({Flaw.KEY, Flaw.STALE})  # soon after a rotation, or after a start
_MOST_AT_ONCE = 8  # exchanges under way


class Begun(msgspec.Struct, frozen=True):
    """What is remembered of a sign-in until the browser comes back."""

    state: str
    nonce: str
    verifier: str


class _Pages(msgspec.Struct, frozen=True):
    authorization: str
    token: str
    at: float


class OidcCode:
    """One provider. `back`: where it sends browsers back to."""

    def __init__(self, issuer: Issuer, provider: Provider, secret: Secret | None, back: str, state: State) -> None:
        self._issuer = issuer
        self._provider = provider
        self._client = provider.client or ""
        self._secret = secret
        self._back = back
        for_us = msgspec.structs.replace(issuer, audience=(self._client,), clients=frozenset())
        self._tokens = TokenTable({issuer.name: for_us}, state.issuers, state.wanted)
        self._keys = KeyTable(b"")  # nothing that people show descends from an API key
        self._pages: _Pages | None = None
        self._failed: tuple[float, str] = (float("-inf"), "")  # when discovery failed last, and why
        self._asking = asyncio.Lock()
        self._turns = asyncio.Semaphore(_MOST_AT_ONCE)

    def __repr__(self) -> str:
        return f"<OidcCode of {self._issuer.name}>"

    async def begin(self) -> tuple[str, Begun]:
        """Where to send the browser, and what to remember. OutboundError: the provider cannot be asked."""
        pages = await self._discovered()
        begun = Begun(random_text(), random_text(), random_text())
        asked = {
            "response_type": "code",
            "client_id": self._client,
            "redirect_uri": self._back,
            "scope": " ".join(self._provider.scopes or SCOPES),
            "state": begun.state,
            "nonce": begun.nonce,
            "code_challenge": challenge_of(begun.verifier),
            "code_challenge_method": "S256",
        }
        separator = "&" if "?" in pages.authorization else "?"
        return f"{pages.authorization}{separator}{urlencode(asked, quote_via=quote)}", begun

    async def finish(self, begun: Begun, query: Mapping[str, str], now: float) -> Principal | str:
        """Who has signed in, or why nobody has, in words for the operator."""
        if not hmac.compare_digest(query.get("state", "").encode(), begun.state.encode()):
            return "the state is not the one that was sent"
        if query.get("iss", self._issuer.issuer) != self._issuer.issuer:
            return "the answer says that it is of another issuer"
        if "error" in query or not query.get("code"):
            return "the provider has not signed anybody in"
        try:
            async with self._turns:
                token = await self._exchanged(query["code"], begun.verifier)
        except OutboundError as failed:
            return f"the provider {failed}"
        return await self._judged(token, begun, now)

    async def _exchanged(self, code: str, verifier: str) -> bytes:
        pages = await self._discovered()
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self._back,
            "code_verifier": verifier,
            "client_id": self._client,
        }
        auth = None
        if self._secret is not None:
            named = (quote(text, safe="") for text in (self._client, self._secret.reveal()))
            auth = httpx.BasicAuth(*named)
        async with outbound.client(self._issuer.source.authorities) as asking:
            content = await outbound.post_form(asking, pages.token, form, auth)
        token = outbound.read_object(content, "answer").get("id_token")
        if not isinstance(token, str) or not token.isascii():
            raise OutboundError("gave no ID token")
        return token.encode("ascii")

    async def _judged(self, token: bytes, begun: Begun, now: float) -> Principal | str:
        self._tokens.load()
        digest = read(token).digest
        found = self._tokens.verify(token, digest, self._keys, now)
        for _ in range(_KEY_WAITS):
            if not (isinstance(found, Flaw) and found in _AWAITED):
                break
            await asyncio.sleep(_KEY_WAIT)
            self._tokens.load()
            found = self._tokens.verify(token, digest, self._keys, now)
        if isinstance(found, Flaw):
            return f"the ID token is refused: {found.name.lower()}"
        signed = jws.read(token)
        assert not isinstance(signed, Flaw)
        wrong = _wrong_with(signed.claims, self._client, begun.nonce)
        if wrong is not None:
            return wrong
        return msgspec.structs.replace(found, method="token", expires_at=None)

    async def _discovered(self) -> _Pages:
        async with self._asking:
            now = time.monotonic()
            if self._pages is not None and now - self._pages.at < _DISCOVERED_FOR:
                return self._pages
            if now - self._failed[0] < _LEFT_ALONE_FOR:
                raise OutboundError(self._failed[1])
            try:
                self._pages = await self._discover(now)
            except OutboundError as failed:
                self._failed = now, str(failed)
                raise
            return self._pages

    async def _discover(self, now: float) -> _Pages:
        source = self._issuer.source
        assert source.discovery is not None
        async with outbound.client(source.authorities) as asking:
            document = outbound.read_object(await outbound.get(asking, source.discovery, {}), "discovery document")
        if document.get("issuer") != self._issuer.issuer:
            raise OutboundError("the discovery document is of another issuer")
        pages = _Pages(document.get("authorization_endpoint", ""), document.get("token_endpoint", ""), now)
        if not (outbound.is_safe_url(pages.authorization) and outbound.is_safe_url(pages.token)):
            raise OutboundError("the discovery document names no pages that can be gone to safely")
        return pages


def _wrong_with(claims: dict[str, Any], client: str, nonce: str) -> str | None:
    """OpenID Connect Core, 3.1.3.7: what is asked of an ID token besides what is asked of any token."""
    told = claims.get("nonce")
    if not isinstance(told, str) or not hmac.compare_digest(told.encode(), nonce.encode()):
        return "the ID token has not the nonce that was sent"
    audience = claims.get("aud")
    alone = audience in (client, [client])
    if claims.get("azp", client) != client or not (alone or "azp" in claims):
        return "the ID token is for another client too"
    return None
