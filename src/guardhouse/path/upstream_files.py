"""The files by which the gateway proves itself to a model server, followed while it runs: credential and certificate.

Whoever renews a file puts another one in its place, and nobody has to tell the gateway: a look costs a stat per file.
A credential that cannot be read any more is gone on with for a declared time, since a file may be missing for a moment
while it is renewed; then the target is barred, because nobody knows whether what was read last still counts. A
certificate that cannot be used changes nothing, as it ends by itself. Neither is ever told, only what became of it.
"""

import ssl
from pathlib import Path

from guardhouse.model.looks import Looks, looks_of
from guardhouse.model.secret import Secret
from guardhouse.policy.references import resolve
from guardhouse.policy.snapshot import Target
from guardhouse.wire.tls import client_context


class UpstreamCredential:
    """What is sent to a target; None while it may not be used."""

    __slots__ = ("_failing_since", "_file", "_last", "_lasts", "_reference", "_seen", "current")

    def __init__(self, target: Target, lasts: float) -> None:
        self.current: Secret | None = target.credential
        self._last: Secret | None = target.credential
        self._lasts = lasts
        self._reference = target.credential_from
        self._file = () if target.credential_from is None else (Path(target.credential_from.name),)
        self._seen: Looks | None = None  # it may have been renewed since the configuration was read
        self._failing_since: float | None = None

    def __repr__(self) -> str:
        return f"<UpstreamCredential{'' if self._reference is None else f' from {self._reference}'}>"

    def look(self, now: float) -> str | None:
        """None if nothing is new; else what went wrong, or nothing: there is another one."""
        reference = self._reference
        if reference is None:
            return None
        seen = looks_of(self._file)
        if seen is not None and seen == self._seen and self._failing_since is None:
            return None
        found = resolve(reference, Path("/"), {})
        if isinstance(found, Secret):
            self._seen = seen
            self._failing_since = None
            if found == self.current:
                return None
            self.current = self._last = found
            return ""
        return self._fail(found, now)

    def _fail(self, why: str, now: float) -> str | None:
        began = self._failing_since
        if began is None:
            self._failing_since = now
            return why
        if self.current is not None and now - began >= self._lasts:
            self.current = None
            return f"{why}; it is not used any more"
        return None


class UpstreamTls:
    """The context of a target's connections; None while there is none that could be used."""

    __slots__ = ("_files", "_seen", "_target", "context")

    def __init__(self, target: Target) -> None:
        tls = target.tls
        named = () if tls is None else (tls.authorities, tls.certificate, tls.key)
        self._target = target
        self._files = tuple([file for file in named if file is not None])
        self._seen = looks_of(self._files)
        self.context: ssl.SSLContext | None = None
        if target.scheme == "https":
            self._renew()

    def look(self) -> str | None:
        """As above."""
        if not self._files:
            return None
        seen = looks_of(self._files)
        if seen is None or seen == self._seen:
            return None
        self._seen = seen
        return self._renew()

    def _renew(self) -> str:
        tls = self._target.tls
        try:
            if tls is None:
                self.context = client_context(None)
            else:
                self.context = client_context(tls.authorities, tls.certificate, tls.key, tls.minimum)
        except ssl.SSLError as error:
            why: object = getattr(error, "reason", None)  # not always there, whatever its type says
            return f"certificate and key do not belong together or cannot be read ({why})"
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
        return ""
