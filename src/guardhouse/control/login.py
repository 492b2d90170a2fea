"""`guardhouse login`, this end of it: a person who is signed in hands a short-lived token to their command line.

The command line listens on a port of its own machine and sends the browser to `/login` with that port, a `state` and
the hash of a verifier that it keeps (as in RFC 7636 and RFC 8252). The page says whose token is asked for, what it will
be good for and a code that the command line shows as well, so that nobody allows what they did not begin; to allow it
takes a press of the button on that page. The browser is then led to the port, on the loopback address whatever was
asked, with a code that is good for a minute, once, and for nothing without the verifier: `POST /api/v1/login` takes
both and answers with the token.

The token descends from the session: it ends when that is signed out or revoked, and at its end at the latest.
"""

import hashlib
import hmac
import re
import time
from html import escape
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from guardhouse.control import pages, token_exchange
from guardhouse.control.authority import Authority
from guardhouse.control.callers import Callers
from guardhouse.control.endpoint import OPEN, Answer, Call, Endpoint, Refused
from guardhouse.control.forms import read_posted
from guardhouse.control.issuance import WHY, Issuance
from guardhouse.control.sessions import Sessions
from guardhouse.control.signin import Signin
from guardhouse.control.token_exchange import OAuthError, read_scope, show_scope
from guardhouse.identity.pkce import challenge_of, random_text, words_of
from guardhouse.model.denial import Denial
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason

GOOD_FOR = 60.0  # seconds between the button and the token
_MOST = 1000  # codes that are out at a time
_shape = re.compile(r"[A-Za-z0-9_-]{43}").fullmatch
_port = re.compile(r"[1-9][0-9]{3,4}").fullmatch


class Asked(msgspec.Struct, frozen=True):
    """What a command line asks for."""

    port: int
    state: str
    challenge: str
    scope: str


class _Out(msgspec.Struct, frozen=True):
    """A code that is on its way."""

    principal: Principal
    asked: Asked
    ends: float


class Redeemed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    code: str
    verifier: str


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    access_token: str
    token_type: str
    expires_in: int
    principal: str
    scope: str

    def __repr__(self) -> str:
        return f"<Handed to {self.principal}>"


class Login:
    def __init__(  # noqa: PLR0917 - what it brings together
        self,
        signin: Signin,
        sessions: Sessions,
        callers: Callers,
        authority: Authority,
        issuance: Issuance,
        lifetime: float,
    ) -> None:
        self._signin = signin
        self._sessions = sessions
        self._callers = callers
        self._authority = authority
        self._issuance = issuance
        self._lifetime = lifetime
        self._out: dict[bytes, _Out] = {}

    def __repr__(self) -> str:
        return f"<Login with {len(self._out)} codes out>"

    def routes(self) -> list[Route]:
        return [Route("/login", self.ask, methods=["GET"]), Route("/login", self.allow, methods=["POST"])]

    def endpoints(self) -> list[Endpoint]:
        return [
            Endpoint(
                method="POST",
                path="/api/v1/login",
                needs=OPEN,
                summary="Take the token that a person has allowed `guardhouse login`.",
                does=self.redeem,
                takes=Redeemed,
                gives=Handed,
            )
        ]

    async def ask(self, request: Request) -> Response:
        """The page with the button."""
        elsewhere = self._signin.elsewhere(request)
        if elsewhere is not None:
            return elsewhere
        query = request.query_params.multi_items()
        asked = read_asked(dict(query)) if len(dict(query)) == len(query) else None
        if asked is None:
            return pages.problem("Not understood", "Run `guardhouse login` again.", 400)
        found = self._sessions.find(request, time.time())
        if not isinstance(found, Principal):
            back_to = "/login?" + urlencode(msgspec.structs.asdict(asked))
            return pages.see_other("/signin?" + urlencode({"back_to": back_to}))
        return pages.page("Allow the command line?", _question(found, asked), forms=_where_to(asked))

    async def allow(self, request: Request) -> Response:
        """The button was pressed."""
        now = time.time()
        if not self._sessions.comes_from_here(request):
            return pages.problem("Refused", "This does not come from a page of this port.", 403)
        found = self._sessions.find(request, now)
        asked = read_asked(await read_posted(request, token_exchange.MOST_BYTES))
        if asked is None or not isinstance(found, Principal) or self._authority.suspension(found, now) is not None:
            return pages.problem("Not allowed", "Run `guardhouse login` again.", 403)
        self._out = {digest: out for digest, out in self._out.items() if out.ends > now}
        if len(self._out) >= _MOST:
            return pages.problem("Not now", "Too many are signing in their command lines.", 503)
        code = random_text()
        self._out[_digest(code)] = _Out(found, asked, now + GOOD_FOR)
        answer = urlencode({"code": code, "state": asked.state})
        return pages.see_other(f"http://127.0.0.1:{asked.port}/?{answer}")

    async def redeem(self, call: Call) -> Answer | Refused:
        if self._callers.away(call.client, call.now) > 0.0:
            return _TOO_MANY
        out = self._taken(call.body, call.now)
        if out is None:
            if self._callers.failed(call.client, "", call.now) > 0.0:
                return _TOO_MANY
            return Refused(400, "code_invalid", "The code is not good, not good any more, or not for this verifier.")
        denial = self._callers.ended(out.principal, call.now) or self._authority.suspension(out.principal, call.now)
        if isinstance(denial, Denial):
            return Refused(denial.reason.status, denial.reason.code, denial.reason.message)
        narrowing = read_scope(out.asked.scope)
        assert not isinstance(narrowing, OAuthError)
        made = await self._issuance.token(out.principal, narrowing, self._lifetime, call.client, call.now)
        if isinstance(made, Denial):
            reason = made.reason
            return Refused(reason.status, reason.code, f"{reason.message} {made.detail}", made.retry_after)
        if isinstance(made, str):
            return Refused(503 if made == "unrecorded" else 400, f"token_{made}", WHY[made])
        return Answer(
            Handed(
                access_token=made.token.reveal(),
                token_type="Bearer",  # noqa: S106 - a name
                expires_in=int(made.expires_at - call.now),
                principal=out.principal.id,
                scope=show_scope(narrowing),
            )
        )

    def _taken(self, body: Redeemed, now: float) -> _Out | None:
        """A code is gone once it is asked for, whether or not it was with the right verifier."""
        out = self._out.pop(_digest(body.code), None)
        if out is None or out.ends <= now or not _shape(body.verifier):
            return None
        return out if hmac.compare_digest(challenge_of(body.verifier), out.asked.challenge) else None


_TOO_MANY = Refused(Reason.SIGNIN_BACKOFF.status, Reason.SIGNIN_BACKOFF.code, Reason.SIGNIN_BACKOFF.message)


def read_asked(form: dict[str, str]) -> Asked | None:
    port, state, challenge, scope = (form.get(name, "") for name in ("port", "state", "challenge", "scope"))
    if form.keys() - {"port", "state", "challenge", "scope"} or isinstance(read_scope(scope), OAuthError):
        return None
    if not (_port(port) and 1024 <= int(port) <= 65535 and _shape(state) and _shape(challenge)):
        return None
    return Asked(int(port), state, challenge, scope)


def _question(principal: Principal, asked: Asked) -> str:
    good_for = escape(asked.scope) or "everything that you may do"
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(str(value))}">'
        for name, value in msgspec.structs.asdict(asked).items()
    )
    return (
        f"<p><code>guardhouse login</code> on this machine asks for a token as <code>{escape(principal.id)}</code>, "
        f"good for: <code>{good_for}</code>.</p>"
        f"<p>Allow it only if you have just run that command and it shows <code>{words_of(asked.challenge)}</code>.</p>"
        f'<form method="post" action="/login">{hidden}<button>Allow</button></form>'
    )


def _where_to(asked: Asked) -> str:
    return f"'self' http://127.0.0.1:{asked.port}"


def _digest(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()
