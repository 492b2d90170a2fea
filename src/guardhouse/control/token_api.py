"""The routes of tokens at the admin port: `POST /api/v1/token` mints, `POST /api/v1/token/revoke` ends (RFC 7009).

Both prove themselves by the credential in the body and never look at a cookie, so a foreign page that leads a browser
here gains nothing by it. A token is handed out only once the event that tells of it is written to the journal.
"""

import time
from collections.abc import Callable, Mapping

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from guardhouse.control import token_exchange
from guardhouse.control.callers import Callers
from guardhouse.control.issuance import WHY, Issuance
from guardhouse.control.token_exchange import Asked, OAuthError
from guardhouse.identity.minted import ID_PREFIX
from guardhouse.model.denial import Denial
from guardhouse.model.principal import Principal

_HEADERS = {"cache-control": "no-store", "pragma": "no-cache", "x-content-type-options": "nosniff"}
_FORM = "application/x-www-form-urlencoded"


class TokenApi:
    def __init__(
        self,
        callers: Callers,
        issuance: Issuance,
        revoke: Callable[[str, str, float, float | None], None],
        lifetime: float,
        suspension: Callable[[Principal, float], Denial | None],
    ) -> None:
        self._callers = callers
        self._issuance = issuance
        self._revoke = revoke
        self._lifetime = lifetime
        self._suspension = suspension

    def __repr__(self) -> str:
        return "<TokenApi>"

    def routes(self) -> list[Route]:
        return [
            Route("/api/v1/token", self.exchange, methods=["POST"]),
            Route("/api/v1/token/revoke", self.revoke, methods=["POST"]),
        ]

    async def exchange(self, request: Request) -> Response:
        form = await _form(request)
        asked = form if isinstance(form, OAuthError) else token_exchange.read_request(form)
        if isinstance(asked, OAuthError):
            return _refused(asked)
        now = time.time()
        found = self._callers.identify(asked.subject.reveal().encode("ascii"), _client(request), now)
        if isinstance(found, Principal):
            found = self._suspension(found, now) or found
        return _turned_away(found) if isinstance(found, Denial) else await self._mint(found, asked, request, now)

    async def revoke(self, request: Request) -> Response:
        """Whoever holds a token may end it. One that identifies nobody is as good as ended (RFC 7009, 2.2)."""
        form = await _form(request)
        if isinstance(form, OAuthError):
            return _refused(form)
        token = form.get("token", "")
        if not token.isascii() or not form.keys() <= {"token", "token_type_hint"}:
            return _refused(OAuthError("invalid_request", "The parameter token must be there, and none unknown."))
        now = time.time()
        found = self._callers.identify(token.encode("ascii"), _client(request), now)
        if isinstance(found, Denial):
            return _turned_away(found) if found.retry_after is not None else Response(status_code=200, headers=_HEADERS)
        if "." not in token:
            return _refused(OAuthError("invalid_request", "API keys are revoked as keys, not here."))
        own = found.credential_id.startswith(ID_PREFIX)  # a session may outlive the token of an issuer that began it
        self._revoke(found.credential_id, found.id, now, found.expires_at if own else None)
        return Response(status_code=200, headers=_HEADERS)

    async def _mint(self, grantor: Principal, asked: Asked, request: Request, now: float) -> Response:
        lifetime = asked.lifetime or self._lifetime
        made = await self._issuance.token(grantor, asked.narrowing, lifetime, _client(request), now)
        if isinstance(made, Denial):
            return _turned_away(made)
        if made == "unrecorded":
            return _refused(OAuthError("temporarily_unavailable", WHY[made]), 503)
        if isinstance(made, str):
            return _refused(OAuthError("invalid_request", WHY[made]))
        scope = token_exchange.show_scope(asked.narrowing)
        answer: dict[str, str | int] = {
            "access_token": made.token.reveal(),
            "issued_token_type": token_exchange.JWT,
            "token_type": "Bearer",
            "expires_in": int(made.expires_at - now),
        }
        return JSONResponse(answer | ({"scope": scope} if scope else {}), headers=_HEADERS)


async def _form(request: Request) -> Mapping[str, str] | OAuthError:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != _FORM:
        return OAuthError("invalid_request", f"The body must be {_FORM}.")
    body = bytearray()
    try:
        async for part in request.stream():
            body += part
            if len(body) > token_exchange.MOST_BYTES:
                return OAuthError("invalid_request", "The body is too large.")
    except ClientDisconnect:
        return OAuthError("invalid_request", "The body broke off.")
    return token_exchange.read_form(bytes(body))


def _client(request: Request) -> str:
    return "" if request.client is None else request.client.host


def _turned_away(denial: Denial) -> Response:
    """The subject token is no good (RFC 8693, 2.2.2), or has to be shown again later."""
    description = f"{denial.reason.message} {denial.detail}".strip()
    later = denial.retry_after is not None
    error = OAuthError("temporarily_unavailable" if later else "invalid_request", description)
    return _refused(error, denial.reason.status if later else 400, denial)


def _refused(error: OAuthError, status: int = 400, denial: Denial | None = None) -> Response:
    """`reason`, which RFC 6749 does not know, is the code of docs/reasons.md."""
    wait = None if denial is None else denial.retry_after
    retry = {} if wait is None else {"retry-after": str(max(1, -int(-wait // 1)))}
    body = {"error": error.error, "error_description": error.description}
    if denial is not None:
        body["reason"] = denial.reason.code
    return JSONResponse(body, status, headers={**_HEADERS, **retry})
