"""The files of the TLS listeners that are renewed while it runs: the gateway's own certificate, and revocation lists.

Whoever renews a file puts another one in its place; nobody has to tell the gateway. A look costs a stat per file. What
is new is judged first and used only if it is sound, because what is in use can go on and a broken certificate cannot: a
certificate and its key are tried on a context of their own, since they are rarely replaced in the same moment, and
connections that are open keep what they began with. Either way it is an event.
"""

import logging
import ssl

from guardhouse.audit.record import Event
from guardhouse.model.looks import looks_of
from guardhouse.path.plane import DataPlane
from guardhouse.policy.settings import Tls

log = logging.getLogger("guardhouse.path")

_EVENTS = {"certificate": "listener.certificate", "revocation lists": "identity.revocation_lists"}


class TlsFiles:
    def __init__(self, plane: DataPlane, tls: Tls, *contexts: ssl.SSLContext) -> None:
        self._plane = plane
        self._own = (tls.certificate, tls.key)
        self._contexts = contexts
        self._seen = looks_of(self._own)
        self._wrong = ""  # what was last told of the lists; one that cannot be opened is tried at each look

    async def look(self) -> None:
        certificates = self._plane.certificates
        if certificates is not None and certificates.has_news():
            # in a thread: a list may be long, and nothing of it is in use until all of it is read
            wrong = await self._plane.loop.run_in_executor(None, certificates.reload)
            if not wrong or wrong != self._wrong:
                self._tell("revocation lists", wrong)
            self._wrong = wrong
        seen = looks_of(self._own)
        if seen is not None and seen != self._seen:
            self._seen = seen
            self._tell("certificate", self._renew())

    def _renew(self) -> str:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(*self._own)
            for context in self._contexts:
                context.load_cert_chain(*self._own)
        except ssl.SSLError as error:
            return f"certificate and key do not belong together or cannot be read ({error.reason})"
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
        return ""

    def _tell(self, what: str, wrong: str) -> None:
        if wrong:
            log.error("the new %s will not be used: %s", what, wrong)
        self._plane.journal.append(
            Event(
                at=self._plane.now(),
                name=_EVENTS[what],
                severity="alert" if wrong else "notice",
                facts={"used": False, "why": wrong} if wrong else {"used": True},
            )
        )
