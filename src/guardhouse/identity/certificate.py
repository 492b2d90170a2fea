"""One client certificate: whom it names and what it attests.

That it leads to a configured authority, is within its dates, and belongs to whoever made the connection is established
by the TLS handshake (path/tls.py) before anything here is asked. Reading is strict about what the handshake leaves
open. The certificate must say that it is meant for clients (an extended key usage of clientAuth, not the absence of
one), must not be an authority's own, and must name exactly one identity of the configured kind:

    san_uri   its one URI; a SPIFFE ID is held to the form of that specification, and to the trust domain if one is
              configured. The principal is the URI itself.
    san_dns   its one DNS name, which is no wildcard. The principal is `dns:` and the name.
    subject   its one common name. The principal is `cn:` and the name.

The prefixes, and the slashes of a URI, keep a certificate from being taken for somebody who is known by a key or a
token of the same name. What else the certificate attests become attributes, for policies to ask for. A name that no
policy could write down names nobody.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from typing import TypeVar

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from guardhouse.identity.clients import Clients
from guardhouse.model.principal import Principal

E = TypeVar("E", bound=x509.ExtensionType)
Attributes = dict[str, frozenset[str]]

# what reading something that is no sound X.509 can raise; found by damaging certificates and lists at random
MALFORMED = (
    ValueError,
    TypeError,
    x509.InvalidVersion,
    x509.DuplicateExtension,
    x509.UnsupportedGeneralNameType,
)
LONGEST_ID = 255
_SPIFFE = re.compile(r"spiffe://([a-z0-9._-]{1,255})((?:/(?!\.\.?(?:/|$))[A-Za-z0-9._-]+)+)")
_WORKLOAD = re.compile(r"/ns/([^/]+)/sa/([^/]+)")  # how Kubernetes meshes write the path
_URI = re.compile(r"(?:[a-z][a-z0-9+.-]*://|urn:)[\x21-\x7e]+")  # `corp:alice` is how a token's principal is called
_DNS = re.compile(r"(?!-)[a-z0-9_-]+(\.[a-z0-9_-]+)*")
_NAME = re.compile(r"[^\s*\x00-\x1f\x7f]+")

_OF_SUBJECT = {"organization": NameOID.ORGANIZATION_NAME, "organizational_unit": NameOID.ORGANIZATIONAL_UNIT_NAME}


class _FlawError(Exception):
    """Why a certificate names nobody; the message is for the caller."""


class Certified:
    """A certificate that was read: whom it names, or why nobody."""

    __slots__ = ("flaw", "issuer", "not_after", "principal", "serial")

    def __init__(self, flaw: str, principal: Principal | None, issuer: bytes, serial: int, not_after: float) -> None:
        self.flaw = flaw
        self.principal = principal
        self.issuer = issuer
        self.serial = serial
        self.not_after = not_after

    def __repr__(self) -> str:
        return f"<Certified {self.flaw if self.principal is None else self.principal.id}>"


def read_certificate(der: bytes, clients: Clients) -> Certified:
    try:
        certificate = x509.load_der_x509_certificate(der)
        issuer, serial = certificate.issuer.public_bytes(), certificate.serial_number
        not_after = certificate.not_valid_after_utc.timestamp()
        try:
            _check_use(certificate)
            return Certified("", _principal(certificate, der, clients), issuer, serial, not_after)
        except _FlawError as flaw:
            return Certified(str(flaw), None, issuer, serial, not_after)
    except MALFORMED:
        return Certified("It cannot be read.", None, b"", 0, 0.0)


def _check_use(certificate: x509.Certificate) -> None:
    uses = extension_of(certificate, x509.ExtendedKeyUsage)
    if uses is None or ExtendedKeyUsageOID.CLIENT_AUTH not in uses:
        raise _FlawError("It does not say that it is meant for clients (extended key usage clientAuth).")
    usage = extension_of(certificate, x509.KeyUsage)
    if usage is not None and not usage.digital_signature:
        raise _FlawError("Its key is not meant for signatures.")
    constraints = extension_of(certificate, x509.BasicConstraints)
    if constraints is not None and constraints.ca:
        raise _FlawError("It is the certificate of an authority.")


def _principal(certificate: x509.Certificate, der: bytes, clients: Clients) -> Principal:
    names = extension_of(certificate, x509.SubjectAlternativeName)
    uris = [] if names is None else names.get_values_for_type(x509.UniformResourceIdentifier)
    domains = [] if names is None else names.get_values_for_type(x509.DNSName)
    attributes = dict(_attested(certificate, uris, domains))
    if clients.name == "san_uri":
        identity = _one(uris, "URI among its alternative names")
        attributes |= _judge_uri(identity, clients.trust_domain)
    elif clients.name == "san_dns":
        identity = f"dns:{_matching(_DNS, _one(domains, 'DNS name among its alternative names').lower())}"
    else:
        identity = f"cn:{_matching(_NAME, _one(_words(certificate.subject, NameOID.COMMON_NAME), 'common name'))}"
    if len(identity) > LONGEST_ID or not identity.isprintable():
        raise _FlawError(f"The name in it is longer than {LONGEST_ID} printable characters.")
    return Principal(
        id=identity,
        groups=frozenset(clients.groups),
        attributes=attributes,
        method="mtls",
        strength="strong",
        credential_id=f"x509:{hashlib.sha256(der).hexdigest()[:32]}",
        credential_made=certificate.not_valid_before_utc.timestamp(),
        expires_at=certificate.not_valid_after_utc.timestamp(),
    )


def _attested(
    certificate: x509.Certificate, uris: Sequence[str], domains: Sequence[str]
) -> Iterator[tuple[str, frozenset[str]]]:
    found = {
        "authority": _words(certificate.issuer, NameOID.COMMON_NAME),
        "uri": uris,
        "dns": [domain.lower() for domain in domains],
        **{name: _words(certificate.subject, oid) for name, oid in _OF_SUBJECT.items()},
    }
    return ((name, frozenset(values)) for name, values in found.items() if values)


def _judge_uri(uri: str, trust_domain: str | None) -> Attributes:
    spiffe = _SPIFFE.fullmatch(uri)
    if spiffe is None:
        if trust_domain is not None or uri.lower().startswith("spiffe:"):
            raise _FlawError("The URI in it is not a SPIFFE ID.")
        _matching(_URI, uri)
        return {}
    domain, path = spiffe.groups()
    if trust_domain is not None and domain != trust_domain:
        raise _FlawError("The SPIFFE ID in it is of another trust domain.")
    attributes = {"trust_domain": frozenset({domain})}
    workload = _WORKLOAD.fullmatch(path)
    if workload is not None:
        attributes["namespace"], attributes["service_account"] = frozenset({workload[1]}), frozenset({workload[2]})
    return attributes


def _one(found: Sequence[str], what: str) -> str:
    if len(found) != 1:
        raise _FlawError(f"It has {len(found) or 'no'} {what}; exactly one names its holder.")
    return found[0]


def _matching(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise _FlawError("The name in it is of a form that no policy could speak of.")
    return text


def _words(name: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in name.get_attributes_for_oid(oid)]


def extension_of(certificate: x509.Certificate, kind: type[E]) -> E | None:
    try:
        return certificate.extensions.get_extension_for_class(kind).value
    except x509.ExtensionNotFound:
        return None
