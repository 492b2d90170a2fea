"""`listen.tls.clients`: callers that identify themselves by a certificate."""

from collections.abc import Iterator
from pathlib import Path as FilePath

import msgspec

from guardhouse.identity.clients import Clients
from guardhouse.identity.mtls import Certificates
from guardhouse.policy import kinds
from guardhouse.policy.problem import Path
from guardhouse.policy.reading import Key, ListOf, Shape

_PLACE: Path = ("listen", "tls", "clients")
_TRUST_DOMAIN = kinds.Text(r"[a-z0-9._-]{1,255}", "a trust domain; use lower-case letters, digits and . _ -")

CLIENTS = Shape(
    Clients,
    {
        "authorities": Key(kinds.FILE, "PEM file with the authorities that vouch for callers, intermediate ones too."),
        "crl": Key(
            kinds.FILE, "File with the authorities' revocation lists; a newer one in its place is read at once."
        ),
        "required": Key(kinds.FLAG, "Say true to accept no connection without a certificate."),
        "name": Key(
            kinds.Choice("name", {"san_uri": "san_uri", "san_dns": "san_dns", "subject": "subject"}),
            "What in a certificate names the principal: its URI (a SPIFFE ID), its DNS name or its common name.",
        ),
        "trust_domain": Key(_TRUST_DOMAIN, "Accept SPIFFE IDs of this trust domain only."),
        "groups": Key(ListOf(kinds.GROUP), "Groups in which everybody with a certificate is."),
        "with_key": Key(
            kinds.Choice("treatment", {"refuse": "refuse", "key": "key"}),
            "What a certificate and a key together mean: refuse the request, or let the key say who it is.",
        ),
    },
)


def located(clients: Clients | None, base: FilePath) -> Clients | None:
    """The same with absolute paths."""
    if clients is None:
        return None
    crl = None if clients.crl is None else base / clients.crl
    return msgspec.structs.replace(clients, authorities=base / clients.authorities, crl=crl)


def findings(clients: Clients | None) -> Iterator[tuple[Path, str]]:
    if clients is not None and clients.trust_domain is not None and clients.name != "san_uri":
        yield (*_PLACE, "trust_domain"), "has no effect: only a URI is in a trust domain (name: san_uri)"


def unusable(clients: Clients | None, base: FilePath) -> Iterator[tuple[Path, str]]:
    """What is wrong with the files."""
    located_there = located(clients, base)
    if clients is None or located_there is None:
        return
    try:
        Certificates(msgspec.structs.replace(located_there, crl=None))
    except OSError:
        yield (*_PLACE, "authorities"), f"the file {clients.authorities} cannot be read"
        return
    except ValueError:
        yield (*_PLACE, "authorities"), f"the file {clients.authorities} does not hold certificates of authorities only"
        return
    try:
        Certificates(located_there)
    except OSError:
        yield (*_PLACE, "crl"), f"the file {clients.crl} cannot be read"
    except ValueError as refused:
        yield (*_PLACE, "crl"), f"the file {clients.crl} is refused: {refused}"
