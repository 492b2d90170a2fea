"""What the admin port answers, as an ASGI application: `/metrics`, the two probes, and the routes under `/api/v1`.

The first three ask nobody who they are, so they say nothing that is secret and change nothing. Each route under
`/api/v1` has its own way of asking. By default the port listens on loopback. A browser on the same machine can still be
led here by a foreign page whose name resolves to this address; therefore the Host header must name this port by a
loopback name or address or by the configured one. An address cannot be rebound as a name can, so a port that listens on
every address accepts any literal address. Routing never looks at Host. Everything that is no answer is JSON of one
shape: {"error": {"code", "message"}}.
"""

import ipaddress
import re
from collections.abc import Callable, Sequence
from http import HTTPStatus

from prometheus_client import CONTENT_TYPE_LATEST
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

_HOST = re.compile(r"(?:\[(?P<six>[0-9A-Fa-f:.]+)\]|(?P<name>[A-Za-z0-9.-]+))(?::[0-9]{1,5})?")
_API = "/api/v1/"
_FORMS = re.compile(r"/signout|/login|/signin/[^/]+/answer").fullmatch  # what pages post to
_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


def application(
    host: str,
    render: Callable[[], bytes],
    problems: Callable[[], list[str]],
    api: Sequence[Route] = (),
    called: str | None = None,
) -> ASGIApp:
    """`render` gives the metrics; `problems` says why the gateway could not serve now, nothing if it can.

    `called`: the host by which browsers reach this port, where that is not `host`.
    """

    async def metrics(_request: Request) -> Response:
        return Response(render(), media_type=CONTENT_TYPE_LATEST, headers=_HEADERS)

    async def healthz(_request: Request) -> Response:
        return JSONResponse({"status": "ok"}, headers=_HEADERS)

    async def readyz(_request: Request) -> Response:
        found = problems()
        status = "unavailable" if found else "ok"
        return JSONResponse({"status": status, "problems": found}, 503 if found else 200, headers=_HEADERS)

    routes = [Route("/metrics", metrics), Route("/healthz", healthz), Route("/readyz", readyz), *api]
    routed = Starlette(routes=routes, exception_handlers={HTTPException: _refused, Exception: _failed})
    routed.router.redirect_slashes = False
    return _guarded(routed, [host] if called is None else [host, called])


def host_allowed(header: str, configured: str) -> bool:
    match = _HOST.fullmatch(header)
    if match is None:
        return False
    name = (match["six"] or match["name"]).lower()
    if name in ("localhost", configured.lower()):
        return True
    try:
        address = ipaddress.ip_address(name)
    except ValueError:
        return False
    return address.is_loopback or _listens_everywhere(configured)


def _listens_everywhere(configured: str) -> bool:
    try:
        return ipaddress.ip_address(configured).is_unspecified
    except ValueError:
        return False


def _guarded(inner: ASGIApp, hosts: Sequence[str]) -> ASGIApp:
    async def guard(scope: Scope, receive: Receive, send: Send) -> None:
        refusal = _refusal(scope, hosts)
        await (inner if refusal is None else refusal)(scope, receive, send)

    return guard


def _refusal(scope: Scope, hosts: Sequence[str]) -> Response | None:
    named = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    if len(named) != 1 or not any(host_allowed(named[0], host) for host in hosts):
        return _error(HTTPStatus.MISDIRECTED_REQUEST, "the Host header does not name this port")
    method: str = scope["method"]
    if method != "GET" and not scope["path"].startswith(_API) and not (method == "POST" and _FORMS(scope["path"])):
        return _error(HTTPStatus.METHOD_NOT_ALLOWED, "only GET is allowed here", {"allow": "GET"})
    return None


def _error(status: HTTPStatus, message: str, headers: dict[str, str] | None = None) -> Response:
    code = status.phrase.lower().replace(" ", "_")
    body = {"error": {"code": code, "message": message}}
    return JSONResponse(body, status, headers={**_HEADERS, **(headers or {})})


async def _refused(_request: Request, reason: Exception) -> Response:
    status = HTTPStatus(reason.status_code) if isinstance(reason, HTTPException) else HTTPStatus.BAD_REQUEST
    return _error(status, "there is nothing at this path" if status == HTTPStatus.NOT_FOUND else status.description)


async def _failed(_request: Request, _reason: Exception) -> Response:
    return _error(HTTPStatus.INTERNAL_SERVER_ERROR, "the gateway failed to answer")
