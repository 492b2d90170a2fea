"""Lists of revoked client certificates (CRLs): which are believed, what they say, and until when.

The file holds one list per authority, PEM one after the other or a single DER. A list is believed if one of the
configured authorities has signed it; it counts until its own next update. Nothing is fetched: whoever runs the
authority puts the file there, and puts a newer one in its place in time.

Once there are lists, no certificate is believed without one. Each has to come from an authority of the file (an
intermediate that only the caller sends would be beyond the lists) whose list is current; when it is not, that is the
gateway's fault and not the caller's, so `check` tells the two apart. An authority that is itself on a list, or below
one that is, vouches for nobody.

Lists that are limited to certain reasons or points, or are differences to other lists, are marked by a critical
extension and are refused whole: half a list must not pass for one.
"""

from collections.abc import Sequence

import msgspec
from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from guardhouse.identity.certificate import MALFORMED
from guardhouse.model.reason import Reason

_PEM = b"-----BEGIN X509 CRL-----"


class ListRefused(ValueError):  # noqa: N818 - it names what became of the list
    """A file of revocation lists that cannot be believed; the message says why and quotes nothing."""


class _List(msgspec.Struct, frozen=True):
    serials: frozenset[int]
    until: float


class Revocations(msgspec.Struct, frozen=True):
    """Everything the lists say, by the name of the authority in its DER form."""

    lists: dict[bytes, _List]
    distrusted: frozenset[bytes]  # authorities that are revoked, or vouched for by one that is

    @property
    def until(self) -> float:
        """When the first of the lists is past its next update."""
        return min(known.until for known in self.lists.values())

    def check(self, issuer: bytes, serial: int, now: float) -> Reason | None:
        """What speaks against a certificate of this authority and number."""
        known = self.lists.get(issuer)
        if known is None:
            return Reason.CERTIFICATE_INVALID
        if serial in known.serials or issuer in self.distrusted:
            return Reason.CREDENTIAL_REVOKED
        return Reason.IDENTITY_STALE if known.until <= now else None


def read_lists(content: bytes, authorities: Sequence[x509.Certificate]) -> Revocations:
    """ListRefused for a file with anything in it that is not the whole list of an authority."""
    try:
        lists = _read(content, authorities)
    except ListRefused:
        raise
    except MALFORMED as error:
        raise ListRefused("the file holds something that is no revocation list") from error
    return Revocations(lists, _distrusted(lists, authorities))


def _read(content: bytes, authorities: Sequence[x509.Certificate]) -> dict[bytes, _List]:
    lists: dict[bytes, _List] = {}
    for found in _parsed(content):
        issuer = found.issuer.public_bytes()
        if not any(_signed(found, each) for each in authorities if each.subject.public_bytes() == issuer):
            raise ListRefused("a list is not signed by any of the authorities")
        if any(extension.critical for extension in found.extensions):
            raise ListRefused("a list is not a whole one: it has a critical extension")
        if found.next_update_utc is None:
            raise ListRefused("a list does not say until when it counts")
        lists[issuer] = _List(frozenset(entry.serial_number for entry in found), found.next_update_utc.timestamp())
    return lists


def _parsed(content: bytes) -> list[x509.CertificateRevocationList]:
    if _PEM not in content:
        return [x509.load_der_x509_crl(content)]
    return [x509.load_pem_x509_crl(_PEM + block) for block in content.split(_PEM)[1:]]


def _signed(found: x509.CertificateRevocationList, authority: x509.Certificate) -> bool:
    key = authority.public_key()
    if not isinstance(key, RSAPublicKey | EllipticCurvePublicKey):
        return False
    try:
        return found.is_signature_valid(key)
    except (InvalidSignature, UnsupportedAlgorithm, TypeError, ValueError):
        return False


def _distrusted(lists: dict[bytes, _List], authorities: Sequence[x509.Certificate]) -> frozenset[bytes]:
    """To the end of every chain: there are few authorities, and a chain is shorter than their number."""
    fallen: set[bytes] = set()
    for _ in authorities:
        for each in authorities:
            issuer = each.issuer.public_bytes()
            if issuer in fallen or (issuer in lists and each.serial_number in lists[issuer].serials):
                fallen.add(each.subject.public_bytes())
    return frozenset(fallen)
