"""The client certificates of one process's callers: read once, judged for each request.

A connection may outlive its certificate or the trust in it, so what the handshake has established at its beginning is
not enough: expiry and revocation are looked at each time, from memory. How a certificate is read is certificate.py's,
what the lists of revoked ones say revocations.py's business.

What was read is remembered by the digest of the whole certificate, so a caller with many connections is the same
principal object on all of them, as the path's caches like it. Memory is bounded.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from cryptography import x509

from guardhouse.identity.certificate import MALFORMED, Certified, extension_of, read_certificate
from guardhouse.identity.clients import Clients
from guardhouse.identity.revocations import ListRefused, Revocations, read_lists
from guardhouse.model.denial import Denial
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason

_MOST = 10_000  # certificates remembered


class Certificates:
    """The certificates of one process's callers, and the lists of those that were revoked."""

    def __init__(self, clients: Clients) -> None:
        """OSError for a file that cannot be read, ValueError for one that holds something else than it should."""
        self._clients = clients
        self._authorities = read_authorities(clients.authorities.read_bytes())
        self._read: dict[bytes, Certified] = {}
        self._seen: tuple[int, int, int] | None = None
        self._revocations: Revocations | None = None
        self.key_decides = clients.with_key == "key"
        if clients.crl is not None:
            self._seen = _look_of(clients.crl)
            self._revocations = read_lists(clients.crl.read_bytes(), self._authorities)

    def __repr__(self) -> str:
        return f"<Certificates of {len(self._authorities)} authorities, {len(self._read)} read>"

    @property
    def ends(self) -> dict[str, float]:
        """What stops to count by itself, and when the first of it does."""
        found = {"authorities": min(each.not_valid_after_utc.timestamp() for each in self._authorities)}
        return found if self._revocations is None else {**found, "revocation lists": self._revocations.until}

    def read(self, der: bytes) -> Certified:
        digest = hashlib.sha256(der).digest()
        found = self._read.get(digest)
        if found is None:
            if len(self._read) >= _MOST:
                del self._read[next(iter(self._read))]
            found = self._read[digest] = read_certificate(der, self._clients)
        return found

    def judge(self, certified: Certified, now: float) -> Principal | Denial:
        """Whom it names now."""
        if certified.principal is None:
            return Denial(Reason.CERTIFICATE_INVALID, certified.flaw)
        reason = self.ended(certified, now)
        return certified.principal if reason is None else Denial(reason, _SAYING.get(reason, ""))

    def ended(self, certified: Certified, now: float) -> Reason | None:
        """Why a certificate that was valid is so no longer; None while it is."""
        if certified.not_after <= now:
            return Reason.CREDENTIAL_EXPIRED
        if self._revocations is None:
            return None
        return self._revocations.check(certified.issuer, certified.serial, now)

    def has_news(self) -> bool:
        """Whether another file of lists lies there than the one that was read last. Costs one stat."""
        crl = self._clients.crl
        try:
            return crl is not None and _look_of(crl) != self._seen
        except OSError:
            return False  # the lists that are known count until they say so themselves

    def reload(self) -> str:
        """Read the lists anew; what is wrong with them, in which case the known ones stay. Safe in a thread."""
        crl = self._clients.crl
        assert crl is not None
        try:
            seen, content = _look_of(crl), crl.read_bytes()
            self._seen = seen
            self._revocations = read_lists(content, self._authorities)
        except ListRefused as refused:
            return str(refused)
        except OSError as error:
            return f"it cannot be read: {error.strerror}"
        return ""


_SAYING = {
    Reason.CREDENTIAL_REVOKED: "This is said of the client certificate.",
    Reason.CREDENTIAL_EXPIRED: "This is said of the client certificate.",
    Reason.CERTIFICATE_INVALID: "There is no revocation list of the authority that issued it.",
    Reason.IDENTITY_STALE: "The revocation list of client certificates is out of date.",
}


def read_authorities(content: bytes) -> Sequence[x509.Certificate]:
    """ValueError for a file that holds anything but certificates of authorities."""
    try:
        found = x509.load_pem_x509_certificates(content)
        constraints = [extension_of(each, x509.BasicConstraints) for each in found]
    except MALFORMED as error:
        raise ValueError("it holds something that is no certificate") from error
    if not all(each is not None and each.ca for each in constraints):
        raise ValueError("it holds a certificate that is not an authority's")
    return found


def _look_of(path: Path) -> tuple[int, int, int]:
    status = path.stat()
    return status.st_ino, status.st_size, status.st_mtime_ns
