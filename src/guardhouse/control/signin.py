"""Signing in at the admin port, in a browser: `/signin` offers the configured providers, `/signout` ends a session.

Who begins to sign in gets a cookie with what has to be remembered, sealed with a key that only this process has, so
that nothing is kept here for people who never come back. Whoever comes back has to have that cookie: an answer that
was begun in another browser is refused, else somebody could be signed in as somebody else without noticing. A cookie
that has done its work is taken back.

Every sign-in, failed or not, is an event in the journal, and one that cannot be recorded has not happened. People see
that it failed; why, only the journal says. Failures are counted like those with any credential, and every step whether
it succeeds or not (signin_pace.py).
"""

import re
import secrets
import time
from collections.abc import Mapping
from html import escape
from urllib.parse import urlencode

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Event
from guardhouse.control import pages
from guardhouse.control.callers import Callers
from guardhouse.control.cookies import Cookie
from guardhouse.control.entrance import client_of
from guardhouse.control.forms import read_posted
from guardhouse.control.oidc_code import Begun
from guardhouse.control.outbound import OutboundError
from guardhouse.control.providers import Provider, metadata_of
from guardhouse.control.sessions import Sessions
from guardhouse.control.signin_pace import SigninPace
from guardhouse.identity import base64url
from guardhouse.model.principal import Principal
from guardhouse.policy.network import is_loopback
from guardhouse.policy.sections.people import host_of

_COOKIE = "guardhouse-signin"
_PATIENCE = 600  # seconds from the beginning of a sign-in to its end
_NONCE_BYTES = 12
_HOME = "/signin"
_MOST_BYTES = 256 * 1024  # of a form that a provider has people send
_place = re.compile(r"/(signin|login)(\?[A-Za-z0-9_=&.~%:+-]{0,512})?").fullmatch


class _Pending(msgspec.Struct, frozen=True):
    provider: str
    begun: Begun
    back_to: str
    ends: float


class Signin:
    def __init__(  # noqa: PLR0917 - what it brings together
        self,
        providers: Mapping[str, Provider],
        sessions: Sessions,
        callers: Callers,
        journal: Journal,
        origin: str,
        pace: SigninPace,
    ) -> None:
        self.providers = providers
        self._sessions = sessions
        self._callers = callers
        self._journal = journal
        self._origin = origin
        self._pace = pace
        self._cookie = Cookie(_COOKIE, origin)
        self._seal = AESGCM(AESGCM.generate_key(256))

    def __repr__(self) -> str:
        return f"<Signin with {', '.join(self.providers)}>"

    def routes(self) -> list[Route]:
        return [
            Route("/signin", self.choose, methods=["GET"]),
            Route("/signin/{name}", self.begin, methods=["GET"]),
            Route("/signin/{name}/callback", self.come_back, methods=["GET"]),
            Route("/signin/{name}/answer", self.post_back, methods=["POST"]),
            Route("/signin/{name}/metadata", self.describe, methods=["GET"]),
            Route("/signout", self.end, methods=["POST"]),
        ]

    async def choose(self, request: Request) -> Response:
        """Who is signed in, and with whom one can sign in."""
        elsewhere = self.elsewhere(request)
        if elsewhere is not None:
            return elsewhere
        back_to = back_to_of(request)
        query = "" if back_to == _HOME else "?" + urlencode({"back_to": back_to})
        found = self._sessions.find(request, time.time())
        buttons = "".join(
            f'<a class="button" href="/signin/{escape(name)}{escape(query)}">Sign in with {escape(name)}</a>'
            for name in self.providers
        )
        if not isinstance(found, Principal):
            return pages.page("Sign in", f"<p>{buttons}</p>")
        who = f"<p>You are signed in as <code>{escape(found.id)}</code>.</p>"
        leave = '<form method="post" action="/signout"><button>Sign out</button></form>'
        return pages.page("Signed in", who + leave)

    async def begin(self, request: Request) -> Response:
        elsewhere = self.elsewhere(request)
        if elsewhere is not None:
            return elsewhere
        name = request.path_params["name"]
        provider = self.providers.get(name)
        if provider is None:
            return pages.problem("Not found", "There is no such provider.", 404)
        now = time.time()
        if (wait := self._pace.admit(client_of(request), now)) > 0.0:
            return _too_often(wait)
        try:
            where, begun = await provider.begin()
        except OutboundError as failed:
            self._tell("admin.signin_failed", request, now, provider=name, why=f"the provider {failed}")
            return pages.problem("Not now", "The provider cannot be reached.", 503)
        pending = _Pending(name, begun, back_to_of(request), now + _PATIENCE)
        response = pages.see_other(where)
        self._cookie.set(response, self._sealed(pending), _PATIENCE)
        return response

    async def come_back(self, request: Request) -> Response:
        """A provider has sent the browser back with an answer in the URL."""
        query = request.query_params.multi_items()
        return await self._finish(request, dict(query) if len(dict(query)) == len(query) else {})

    async def post_back(self, request: Request) -> Response:
        """It has sent the browser back with an answer in a form. From a page of the provider, which is another site,
        browsers send no cookies of ours along; so the answer is shown as a form of this port, to be sent once more."""
        form = await read_posted(request, _MOST_BYTES)
        if not self._sessions.comes_from_here(request):
            return pages.page("Almost there", _again(request.path_params["name"], form))
        return await self._finish(request, form)

    async def describe(self, request: Request) -> Response:
        """What a SAML provider has to know of this end."""
        provider = self.providers.get(request.path_params["name"])
        metadata = None if provider is None else metadata_of(provider)
        if metadata is None:
            return pages.problem("Not found", "There is no such provider.", 404)
        return Response(metadata, media_type="application/samlmetadata+xml", headers={"cache-control": "no-store"})

    async def _finish(self, request: Request, given: Mapping[str, str]) -> Response:
        name, now = request.path_params["name"], time.time()
        client = client_of(request)
        if self._callers.away(client, now) > 0.0:
            return _too_many()
        if (wait := self._pace.admit(client, now)) > 0.0:
            return _too_often(wait)
        with self._pace.judging(now) as wait:
            return _too_often(wait) if wait > 0.0 else await self._judge(request, name, given, now)

    async def _judge(self, request: Request, name: str, given: Mapping[str, str], now: float) -> Response:
        provider, pending = self.providers.get(name), self._opened(request, name, now)
        if provider is None or pending is None:
            found: Principal | str = "the browser did not begin this sign-in, or too long ago"
        else:
            found = await provider.finish(pending.begun, given, now)
        if isinstance(found, str) or pending is None:
            response = self._failed(request, name, str(found), now)
        else:
            response = await self._signed_in(found, pending, request, now)
        self._cookie.clear(response)
        return response

    def _failed(self, request: Request, provider: str, why: str, now: float) -> Response:
        """Of a burst of failures only the beginning is told; who has begun properly passes whoever else fails."""
        if self._callers.failed(client_of(request), "", now) > 0.0:
            return _too_many()
        self._tell("admin.signin_failed", request, now, provider=provider, why=why)
        return pages.problem("Not signed in", "The sign-in did not succeed.", 403)

    async def end(self, request: Request) -> Response:
        now = time.time()
        if not self._sessions.comes_from_here(request):
            return pages.problem("Refused", "This does not come from a page of this port.", 403)
        response = pages.see_other(_HOME)
        ended = self._sessions.end(request, response, now)
        if ended is not None:
            self._tell("admin.signed_out", request, now, ended)
        return response

    async def _signed_in(self, principal: Principal, pending: _Pending, request: Request, now: float) -> Response:
        response = pages.see_other(pending.back_to)
        begun = self._sessions.begin(principal, request, response, now)
        self._tell("admin.signed_in", request, now, begun, provider=pending.provider)
        if await self._journal.durable() is None:
            return response
        self._sessions.forget(begun)
        return pages.problem("Not now", "The sign-in could not be recorded.", 503)

    def elsewhere(self, request: Request) -> Response | None:
        """Who called this machine by another of its names is sent to the one that cookies and providers know."""
        host = self._origin.partition("://")[2]
        if request.headers.get("host", "").lower() == host or not is_loopback(host_of(self._origin)):
            return None
        query = f"?{request.url.query}" if request.url.query else ""
        return pages.see_other(f"{self._origin}{request.url.path}{query}")

    def _sealed(self, pending: _Pending) -> str:
        nonce = secrets.token_bytes(_NONCE_BYTES)
        content = self._seal.encrypt(nonce, msgspec.json.encode(pending), self._cookie.name.encode())
        return base64url.encode(nonce + content).decode("ascii")

    def _opened(self, request: Request, name: str, now: float) -> _Pending | None:
        values = self._cookie.values(request)
        sealed = base64url.decode(values[0].encode("latin-1")) if len(values) == 1 else None
        if sealed is None:
            return None
        try:
            content = self._seal.decrypt(sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:], self._cookie.name.encode())
        except (InvalidTag, ValueError):
            return None
        pending = msgspec.json.decode(content, type=_Pending)
        return pending if pending.provider == name and now < pending.ends else None

    def _tell(self, event: str, request: Request, now: float, principal: Principal | None = None, **facts: str) -> None:
        self._journal.append(
            Event(
                at=now,
                name=event,
                severity="warning" if event == "admin.signin_failed" else "notice",
                principal="" if principal is None else principal.id,
                credential="" if principal is None else principal.credential_id,
                client=client_of(request),
                facts={**facts},
            )
        )


def _again(name: str, form: Mapping[str, str]) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{field}" value="{escape(form.get(field, ""))}">'
        for field in ("SAMLResponse", "RelayState")
    )
    action = f"/signin/{escape(name)}/answer"
    return f'<form method="post" action="{action}">{hidden}<button>Continue</button></form>'


def _too_many() -> Response:
    return pages.problem("Not now", "Too many sign-ins from your address have failed.", 429)


def _too_often(wait: float) -> Response:
    response = pages.problem("Not now", "There are too many sign-ins at the moment.", 429)
    response.headers["retry-after"] = str(max(1, -int(-wait // 1)))
    return response


def back_to_of(request: Request) -> str:
    """Where to go on after signing in: one of the pages here, whatever else is asked for."""
    asked = request.query_params.getlist("back_to")
    return asked[0] if len(asked) == 1 and _place(asked[0]) else _HOME
