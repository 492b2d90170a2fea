"""Who stands at the admin port: the credential among the headers of a request, found and judged as on the data path.

The same three carriers, one extractor, the same refusals; a header that stands twice is refused, because two readers
might take different ones. A browser brings the cookie of a session instead; one that brings both is refused for the
same reason. Whoever is suspended is turned away here, before any route.
"""

from starlette.requests import Request

from guardhouse.control.authority import Authority
from guardhouse.control.callers import Callers
from guardhouse.control.sessions import Sessions
from guardhouse.identity.credentials import extract
from guardhouse.model.denial import Denial
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason

_CARRIERS = (b"authorization", b"x-api-key", b"api-key")


class Entrance:
    def __init__(self, callers: Callers, authority: Authority, sessions: Sessions) -> None:
        self._callers = callers
        self._sessions = sessions
        self._authority = authority

    def __repr__(self) -> str:
        return "<Entrance>"

    def identify(self, request: Request, now: float) -> Principal | Denial:
        found = self._found(request, now)
        return found if isinstance(found, Denial) else self._authority.suspension(found, now) or found

    def _found(self, request: Request, now: float) -> Principal | Denial:
        carried = [(name, value) for name, value in request.headers.raw if name in _CARRIERS]
        if len(dict(carried)) != len(carried):
            return Denial(Reason.HEADER_INVALID)
        in_session = self._sessions.find(request, now)
        if in_session is not None:
            return Denial(Reason.CREDENTIALS_CONFLICT) if carried else in_session
        presented = extract(dict(carried))
        if isinstance(presented, Reason):
            return Denial(presented)
        return self._callers.identify(presented, client_of(request), now)


def client_of(request: Request) -> str:
    return "" if request.client is None else request.client.host
