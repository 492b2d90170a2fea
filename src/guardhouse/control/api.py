"""The administration API: every route of `/api/v1` that asks who is asking, and what each asks before it acts.

In order: who is it (entrance.py); may it (authority.py, by the operation that the row names); is the body what the row
takes, read as strictly as on the data path. Only then is the row's function called. A refusal has the codes of
docs/reasons.md; one for lack of rights is an event in the journal. An exception is answered by admin.py without its
cause. Nothing that changes anything is a GET.
"""

import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Event
from guardhouse.control.authority import Authority
from guardhouse.control.endpoint import OPEN, Answer, Call, Endpoint, Refused
from guardhouse.control.entrance import Entrance, client_of
from guardhouse.model.denial import Denial
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.wire import json

MOST_BYTES = 64 * 1024  # of a body
HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}
_MOST_QUERY = 16


class Api:
    def __init__(self, entrance: Entrance, authority: Authority, journal: Journal) -> None:
        self._entrance = entrance
        self._authority = authority
        self._journal = journal

    def __repr__(self) -> str:
        return "<Api>"

    def routes(self, endpoints: Sequence[Endpoint]) -> list[Route]:
        """Those that are served here."""
        return [
            Route(endpoint.path, self._served(endpoint), methods=[endpoint.method])
            for endpoint in endpoints
            if endpoint.does is not None
        ]

    def _served(self, endpoint: Endpoint) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        async def serve(request: Request) -> Response:
            now = time.time()
            principal = await self._admitted(endpoint, request, now)
            if isinstance(principal, Denial):
                return denied(principal)
            call = await _read(endpoint, request, principal, now)
            if isinstance(call, Denial):
                return denied(call)
            assert endpoint.does is not None
            done = await endpoint.does(call)
            return refused(done) if isinstance(done, Refused) else answered(done)

        return serve

    async def _admitted(self, endpoint: Endpoint, request: Request, now: float) -> Principal | Denial:
        if endpoint.needs == OPEN:
            return _NOBODY
        principal = self._entrance.identify(request, now)
        if isinstance(principal, Denial) or not isinstance(endpoint.needs, Operation):
            return principal
        denial = await self._authority.denial(principal, endpoint.needs, client_of(request), now)
        if denial is None:
            return principal
        self._journal.append(
            Event(
                at=now,
                name="admin.denied",
                severity="warning",
                principal=principal.id,
                credential=principal.credential_id,
                client=client_of(request),
                facts={"operation": endpoint.needs.word, "reason": denial.reason.code},
            )
        )
        return denial


_NOBODY = Principal(id="", credential_id="")  # for routes that ask nobody; no policy is ever asked about it


async def _read(endpoint: Endpoint, request: Request, principal: Principal, now: float) -> Call | Denial:
    query = request.query_params.multi_items()
    unknown = [name for name, _ in query if name not in endpoint.query]
    if unknown or len(dict(query)) != len(query) or len(query) > _MOST_QUERY:
        return Denial(Reason.SHAPE_INVALID, "A query parameter is not known here, or stands twice.")
    body = None if endpoint.takes is None else await _body(endpoint, request)
    if isinstance(body, Denial):
        return body
    return Call(
        principal=principal,
        client=client_of(request),
        now=now,
        path=dict(request.path_params),
        query=dict(query),
        body=body,
    )


async def _body(endpoint: Endpoint, request: Request) -> Any | Denial:
    if request.headers.get("content-type", "").split(";")[0].strip().lower() != "application/json":
        return Denial(Reason.CONTENT_TYPE_UNSUPPORTED)
    content = bytearray()
    try:
        async for part in request.stream():
            content += part
            if len(content) > MOST_BYTES:
                return Denial(Reason.BODY_TOO_LARGE)
    except ClientDisconnect:
        return Denial(Reason.BODY_TIMEOUT)
    decoded = json.decode(content) if content else Denial(Reason.BODY_MISSING)
    if isinstance(decoded, Denial):
        return decoded
    try:
        return msgspec.convert(decoded[0], endpoint.takes)
    except msgspec.ValidationError as wrong:
        return Denial(Reason.SHAPE_INVALID, _place(str(wrong)))


def _place(message: str) -> str:
    """Where the body is wrong and what was expected there, but not what stood there."""
    return message if message.startswith(("Expected", "Object ")) else "A value is not of those that are possible."


def denied(denial: Denial) -> Response:
    reason = denial.reason
    message = f"{reason.message} {denial.detail}".strip()
    return refused(Refused(reason.status, reason.code, message, denial.retry_after))


def refused(problem: Refused) -> Response:
    content = {"error": {"code": problem.code, "message": problem.message}}
    wait = problem.retry_after
    headers = {} if wait is None else {"retry-after": str(max(1, -int(-wait // 1)))}
    if problem.status == 401:
        headers["www-authenticate"] = "Bearer"
    return _response(content, problem.status, headers)


def answered(answer: Answer) -> Response:
    return _response(answer.content, answer.status, {})


def _response(content: Any, status: int, headers: dict[str, str]) -> Response:
    body = msgspec.json.encode(content)
    return Response(body, status, {**HEADERS, **headers}, media_type="application/json")
