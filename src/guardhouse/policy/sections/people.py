"""`admin.url`, `admin.people` and `admin.sessions`: who vouches for people that sign in at the admin port, and for how
long that counts.

People come back from their identity provider by a redirect in the browser, so the gateway has to know by which address
browsers reach it. What they bring back travels with a cookie; beyond loopback that takes https.

SAML needs a library and a program that are not part of every installation; whether they are there is asked while
loading, so that nobody finds out at the first sign-in.
"""

import importlib.util
import os
import re
from collections.abc import Iterator
from pathlib import Path as FilePath
from typing import Literal

import msgspec

from guardhouse.policy import kinds
from guardhouse.policy.network import Url, is_loopback, parse_url
from guardhouse.policy.problem import Path, quote, unknown
from guardhouse.policy.reading import Key, Kind, ListOf, MapOf, Reading, Schema, Shape, Unread
from guardhouse.policy.references import Reference
from guardhouse.policy.sections.issuers import ISSUER_NAME, IssuerEntry
from guardhouse.policy.settings import Address, Admin, Assertions, Provider, Sessions
from guardhouse.policy.source import Node, Scalar

Finding = tuple[Path, str]

XMLSEC = "xmlsec1"  # the program that judges signatures of XML
SCOPES = ("openid", "profile", "email")

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

_NAMED = kinds.Text(r"[^\x00-\x1f\x7f]{1,256}", "the name of an attribute; one has no control characters, at most 256")

_ASSERTIONS = Shape(
    Assertions,
    {
        "id": Key(_NAMED, "What the principal's id is made of; the subject's NameID, if left out."),
        "groups": Key(_NAMED, "Where the groups stand."),
        "roles": Key(_NAMED, "Where the roles stand."),
        "team": Key(_NAMED, "Where the team stands."),
        "tier": Key(_NAMED, "Where the tier stands."),
        "attributes": Key(MapOf(kinds.ATTRIBUTE, _NAMED), "Attributes of the principal, each with its name there."),
    },
)

_KINDS: dict[str, Literal["oidc", "saml"]] = {"oidc": "oidc", "saml": "saml"}

_PROVIDER = Shape(
    Provider,
    {
        "kind": Key(kinds.Choice("kind", _KINDS), "OpenID Connect, or SAML 2.0."),
        "issuer": Key(ISSUER_NAME, "Whose sign-in page is used, and by which rules people become principals."),
        "client": Key(
            kinds.Text(r"[\x21-\x7e]{1,256}", "a client id; one is printable ASCII without blanks, at most 256"),
            "What the gateway is called there.",
        ),
        "secret": Key(kinds.Credential(), "Its secret there; a public client has none."),
        "scopes": Key(
            ListOf(kinds.Text(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}", "a scope; one has no blanks, quotes or backslashes")),
            "What is asked for; openid, profile and email, if left out.",
        ),
        "metadata": Key(kinds.FILE, "SAML: file with the provider's metadata."),
        "assertions": Key(_ASSERTIONS, "SAML: in which attributes the principal's members stand."),
        "strong": Key(ListOf(_NAMED), "SAML: contexts of authentication that show several factors or a hardware key."),
        "region": Key(kinds.SECTION_NAME, "Where it is: it learns who signs in."),
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
        found = _oidc(provider, issuers, known) if provider.kind == "oidc" else _saml(provider)
        yield from ((("admin", "people", name, *path), message) for path, message in found)


def _oidc(provider: Provider, issuers: dict[str, IssuerEntry], known: set[str]) -> Iterator[Finding]:
    yield from _misfits(provider, needs=("issuer", "client"), useless=("metadata", "assertions", "strong"))
    if provider.issuer is not None and provider.issuer not in known:
        yield ("issuer",), unknown("issuer", provider.issuer, known)
    elif provider.issuer in issuers and not _discoverable(issuers[provider.issuer]):
        yield ("issuer",), "has its keys configured, so its sign-in page cannot be discovered"
    if provider.scopes is not None and "openid" not in provider.scopes:
        yield ("scopes",), "must hold openid; without it nobody vouches for who it is"


def _saml(provider: Provider) -> Iterator[Finding]:
    yield from _misfits(provider, needs=("metadata",), useless=("issuer", "client", "secret", "scopes"))


def _misfits(provider: Provider, needs: tuple[str, ...], useless: tuple[str, ...]) -> Iterator[Finding]:
    for key in needs:
        if getattr(provider, key) is None:
            yield (), f"the key {quote(key)} is missing"
    for key in useless:
        if getattr(provider, key):
            yield (key,), f"has no effect where the kind is {provider.kind}"


def unusable(admin: Admin, base: FilePath) -> Iterator[Finding]:
    """What SAML needs and this machine does not have."""
    for name, provider in admin.people.items():
        if provider.kind != "saml" or provider.metadata is None:
            continue
        place: Path = ("admin", "people", name)
        if not os.access(base / provider.metadata, os.R_OK) or not (base / provider.metadata).is_file():
            yield (*place, "metadata"), f"the file {provider.metadata} cannot be read"
        if importlib.util.find_spec("saml2") is None:
            yield (*place, "kind"), "needs pysaml2, which is not installed; it comes with guardhouse[saml]"
        if not any(os.access(FilePath(folder) / XMLSEC, os.X_OK) for folder in os.get_exec_path()):
            yield (*place, "kind"), f"needs the program {XMLSEC}, which is not installed"


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
    secret, metadata = provider.secret, provider.metadata
    if secret is not None and secret.kind == "file":
        secret = Reference("file", str(base / secret.name))
    return msgspec.structs.replace(provider, secret=secret, metadata=None if metadata is None else base / metadata)


def _origin(url: Url) -> str:
    host = f"[{url.host}]" if ":" in url.host else url.host.lower()
    port = "" if url.port == _DEFAULT_PORTS[url.scheme] else f":{url.port}"
    return f"{url.scheme}://{host}{port}"


def host_of(origin: str) -> str:
    match = re.fullmatch(r"https?://(\[[^\]]+\]|[^:]+)(:[0-9]+)?", origin)
    return "" if match is None else match[1].strip("[]")
