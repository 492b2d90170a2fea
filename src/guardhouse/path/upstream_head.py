"""The head of a request to a model server, written from scratch.

Of the caller's headers only FORWARDED and those of the dialect go on; the caller's credential is never among them, the
target's own is put in. Path and host come from the configuration and the dialect's table. What is the same in every
request for a path is written once and kept; a path is of one dialect, and there are few for each model, but for those
with an id in them, so that what is kept stays small.
"""

from guardhouse.model.secret import Secret
from guardhouse.path.upstream_files import UpstreamCredential
from guardhouse.policy.snapshot import Target
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.dialects.table import DIALECTS

FORWARDED = frozenset((b"accept", b"accept-language", b"idempotency-key", b"traceparent", b"tracestate"))


class Heads:
    """Those of one target."""

    __slots__ = ("_credential", "_prefixes", "_target")

    def __init__(self, target: Target, credential: UpstreamCredential) -> None:
        self._target = target
        self._credential = credential
        self._prefixes: dict[bytes, bytes] = {}

    def __repr__(self) -> str:
        return f"<Heads for {self._target.name}: {len(self._prefixes)} kept>"

    def render(self, route: Route, path: bytes, exchange_id: str, headers: dict[bytes, bytes], body: bytes) -> bytes:
        """The bytes of a request: our head, what may be forwarded of the caller's, the judged document."""
        dialect = route.dialect
        prefix = self._prefixes.get(path)
        if prefix is None:
            prefix = _prefix(self._target, route.method, path, self._credential.current)
            if not route.deferred:
                self._prefixes[path] = prefix
        forwarded, more = b"", dialect.forwarded
        if not FORWARDED.isdisjoint(headers):
            forwarded = b"".join([b"%b: %b\r\n" % (name, headers[name]) for name in headers if name in FORWARDED])
        if not more.isdisjoint(headers):
            kept = [(name, dialect.forward(name, headers[name])) for name in headers if name in more]
            forwarded += b"".join([b"%b: %b\r\n" % each for each in kept if each[1]])
        return b"%b%b%bx-request-id: %b\r\ncontent-length: %d\r\n\r\n%b" % (
            prefix,
            dialect.content(route),
            forwarded,
            exchange_id.encode("ascii"),
            len(body),
            body,
        )

    def renew(self) -> None:
        """The credential is another one."""
        self._prefixes.clear()


def _prefix(target: Target, method: str, path: bytes, credential: Secret | None) -> bytes:
    """Request line and constant headers."""
    lines = [
        f"{method} {target.base_path}{path.decode('ascii')} HTTP/1.1",
        f"host: {authority_of(target)}",
        "accept-encoding: identity",
        "user-agent: guardhouse",
    ]
    if credential is not None:
        lines.append(DIALECTS[target.kind].credential(credential))
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")


def authority_of(target: Target) -> str:
    default = 443 if target.scheme == "https" else 80
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == default else f"{host}:{target.port}"
