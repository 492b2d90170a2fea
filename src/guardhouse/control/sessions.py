"""Sessions: who a browser at the admin port is, after somebody has signed in with it.

What the cookie holds is 256 random bits, and nothing but its digest is kept. A session ends after `idle` without a
request, at `longest` after the sign-in, when it is signed out, and when its credential id (`gs_…`) or that of what was
shown for it is revoked; what was minted from it ends with it. Each sign-in makes a new one and ends the one before it.

Browsers send cookies along with whatever a foreign page makes them send. So the cookie is kept from most of it
(cookies.py), and a request that could change anything has to say where it comes from (`Origin`, which pages cannot
forge), and that has to be here.
"""

import hashlib
import secrets
import string
from collections.abc import Callable

from starlette.requests import Request
from starlette.responses import Response

from guardhouse.control.cookies import Cookie
from guardhouse.control.session_store import SessionStore, StoredSession
from guardhouse.identity import minted
from guardhouse.identity.pkce import random_text
from guardhouse.model.denial import Denial
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.policy.settings import Sessions as Patience

ID_PREFIX = "gs_"
NAME = "guardhouse-session"
_ID_LETTERS = string.ascii_lowercase + string.digits
_ID_LENGTH = 20
_SEEN_EVERY = 60.0  # seconds between two notes that a session is in use
_SAFE = frozenset({"GET", "HEAD"})


class Sessions:
    """`origin`: how browsers call this port. `ended` says whether somebody's credential was revoked."""

    def __init__(
        self,
        store: SessionStore,
        patience: Patience,
        origin: str,
        *,
        ended: Callable[[Principal, float], Denial | None],
        revoke: Callable[[str, str, float, float | None], None],
    ) -> None:
        self._store = store
        self._patience = patience
        self._origin = origin
        self._ended = ended
        self._revoke = revoke
        self._cookie = Cookie(NAME, origin)

    def __repr__(self) -> str:
        return f"<Sessions at {self._origin}>"

    def begin(self, principal: Principal, request: Request, response: Response, now: float) -> Principal:
        """A session of `principal` for the browser that gets `response`; the principal as the session has it."""
        if (old := self._stored(request)) is not None:
            self._close(old, now)
        value = random_text()
        session_id = ID_PREFIX + "".join(secrets.choice(_ID_LETTERS) for _ in range(_ID_LENGTH))
        claims = minted.claims_of(principal, session_id, now, now + self._patience.longest)
        self._store.add(StoredSession(_digest(value), claims, now))
        self._cookie.set(response, value, int(self._patience.longest))
        begun = minted.principal_of(claims)
        assert isinstance(begun, Principal)
        return begun

    def forget(self, principal: Principal) -> None:
        """As if it had not begun."""
        self._store.remove_of(principal.credential_id)

    def find(self, request: Request, now: float) -> Principal | Denial | None:
        """Whose session the request belongs to; None when it has no cookie of one."""
        if not self._cookie.values(request):
            return None
        session = self._stored(request)
        principal = None if session is None else minted.principal_of(session.claims)
        if session is None or not isinstance(principal, Principal):
            return Denial(Reason.CREDENTIAL_INVALID, "The session has ended.")
        if session.seen_at + self._patience.idle <= now or session.claims.exp <= now:
            self._store.remove(session.digest)
            return Denial(Reason.CREDENTIAL_EXPIRED, "The session has ended.")
        if (ended := self._ended(principal, now)) is not None:
            if not ended.reason.retry:
                self._store.remove(session.digest)
            return ended
        if request.method not in _SAFE and not self.comes_from_here(request):
            return Denial(Reason.ORIGIN_REFUSED)
        if now - session.seen_at > _SEEN_EVERY:
            self._store.note_seen(session.digest, now)
        return principal

    def comes_from_here(self, request: Request) -> bool:
        """Whether a page of this port has sent the request."""
        origins = [value for name, value in request.headers.raw if name == b"origin"]
        sites = {value for name, value in request.headers.raw if name == b"sec-fetch-site"}
        return origins == [self._origin.encode("ascii")] and sites <= {b"same-origin"}

    def end(self, request: Request, response: Response, now: float) -> Principal | None:
        """Sign out: the session, the cookie, and what was minted from the session. None when there was none."""
        session = self._stored(request)
        self._cookie.clear(response)
        if session is None:
            return None
        self._close(session, now)
        principal = minted.principal_of(session.claims)
        return principal if isinstance(principal, Principal) else None

    def _close(self, session: StoredSession, now: float) -> None:
        self._store.remove(session.digest)
        self._revoke(session.claims.jti, session.claims.sub, now, session.claims.exp)

    def _stored(self, request: Request) -> StoredSession | None:
        values = self._cookie.values(request)
        return self._store.get(_digest(values[0])) if len(values) == 1 else None


def _digest(value: str) -> bytes:
    return hashlib.sha256(value.encode("latin-1")).digest()
