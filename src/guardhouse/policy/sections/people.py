"""`admin.url`, `admin.people` and `admin.sessions`: who vouches for people that sign in at the admin port, and for how
long that counts.

People come back from their identity provider by a redirect in the browser, so the gateway has to know by which address
browsers reach it. What they bring back travels with a cookie; beyond loopback that takes https.
"""

import re
from collections.abc import Iterator
from pathlib import Path as FilePath

import msgspec

from guardhouse.policy import kinds
from guardhouse.policy.network import Url, is_loopback, parse_url
from guardhouse.policy.problem import Path, unknown
from guardhouse.policy.reading import Key, Kind, ListOf, MapOf, Reading, Schema, Shape, Unread
from guardhouse.policy.references import Reference
from guardhouse.policy.sections.issuers import ISSUER_NAME, IssuerEntry
from guardhouse.policy.settings import Address, Admin, Provider, Sessions
from guardhouse.policy.source import Node, Scalar

Finding = tuple[Path, str]

_DEFAULT_PORTS = {"http": 80, "https": 443}
_EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104 - nothing is bound here


class _Origin(Kind[str]):
    """Scheme, host and port as a browser writes them in `Origin`."""

    def read(self, node: Node, path: Path, reading: Reading) -> str | Unread:
        if not isinstance(node, Scalar) or not isinstance(node.value, str):
            return reading.mistyped(node, path, "text")
        url = parse_url(node.value)
        if isinstance(url, str):
            return reading.tell(node.line, path, url)
        if url.path or node.value.endswith("/"):
            return reading.tell(node.line, path, "must end after the host and its port")
        return _origin(url)

    def schema(self) -> Schema:
        return {"type": "string", "pattern": r"^https?://[^/@?#\s]+$"}


SESSIONS = Shape(
    Sessions,
    {
        "idle": Key(kinds.DURATION, "How long a session lasts without a request."),
        "longest": Key(kinds.DURATION, "How long it lasts at most; then one has to sign in again."),
    },
)

_PROVIDER = Shape(
    Provider,
    {
        "issuer": Key(ISSUER_NAME, "Whose sign-in page is used, and by which rules people become principals."),
        "client": Key(
            kinds.Text(r"[\x21-\x7e]{1,256}", "a client id; one is printable ASCII without blanks, at most 256"),
            "What the gateway is called there.",
        ),
        "secret": Key(kinds.Credential(), "Its secret there; a public client has none."),
        "scopes": Key(
            ListOf(kinds.Text(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}", "a scope; one has no blanks, quotes or backslashes")),
            "What is asked for.",
        ),
    },
)

PEOPLE = MapOf(ISSUER_NAME, _PROVIDER)
ORIGIN: Kind[str] = _Origin()


def findings(admin: Admin, issuers: dict[str, IssuerEntry], unread: frozenset[Path]) -> Iterator[Finding]:
    if not admin.people:
        if admin.sessions != Sessions():
            yield ("admin", "sessions"), "has no effect: there is nobody to sign in with; see admin.people"
        return
    yield from _origin_findings(admin)
    if admin.sessions.longest < admin.sessions.idle:
        yield ("admin", "sessions", "longest"), "is shorter than idle"
    known = {*issuers, *(str(path[2]) for path in unread if path[:2] == ("identity", "issuers") and len(path) == 3)}
    for name, provider in admin.people.items():
        place: Path = ("admin", "people", name)
        if provider.issuer not in known:
            yield (*place, "issuer"), unknown("issuer", provider.issuer, known)
        elif provider.issuer in issuers and not _discoverable(issuers[provider.issuer]):
            yield (*place, "issuer"), "has its keys configured, so its sign-in page cannot be discovered"
        if "openid" not in provider.scopes:
            yield (*place, "scopes"), "must hold openid; without it nobody vouches for who it is"


def origin_of(admin: Admin) -> str:
    """How browsers call the admin port."""
    return admin.url or f"http://{admin.address}"


def located(admin: Admin, base: FilePath) -> Admin:
    """With the files of secrets relative to `base`, the folder of the configuration."""
    return msgspec.structs.replace(
        admin, people={name: _provider_at(provider, base) for name, provider in admin.people.items()}
    )


def secrets_of(admin: Admin) -> Iterator[tuple[Path, Reference]]:
    """The secrets that the control process looks up, each with its place."""
    for name, provider in admin.people.items():
        if provider.secret is not None:
            yield ("admin", "people", name, "secret"), provider.secret


def _origin_findings(admin: Admin) -> Iterator[Finding]:
    if admin.url is None:
        if _unnameable(admin.address):
            yield ("admin", "url"), "must say how browsers reach the admin port, since its address does not"
    elif admin.url.startswith("http://") and not is_loopback(host_of(admin.url)):
        yield ("admin", "url"), "must begin with https://: sessions would travel unencrypted"


def _unnameable(address: Address) -> bool:
    return address.port == 0 or address.host in _EVERYWHERE or not is_loopback(address.host)


def _discoverable(issuer: IssuerEntry) -> bool:
    return issuer.keys.discovery is not None or (issuer.keys.file is None and issuer.keys.jwks is None)


def _provider_at(provider: Provider, base: FilePath) -> Provider:
    secret = provider.secret
    if secret is None or secret.kind != "file":
        return provider
    return msgspec.structs.replace(provider, secret=Reference("file", str(base / secret.name)))


def _origin(url: Url) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host.lower()
    port = "" if url.port == _DEFAULT_PORTS[url.scheme] else f":{url.port}"
    return f"{url.scheme}://{host}{port}"


def host_of(origin: str) -> str:
    match = re.fullmatch(r"https?://(\[[^\]]+\]|[^:]+)(:[0-9]+)?", origin)
    return "" if match is None else match[1].strip("[]")
