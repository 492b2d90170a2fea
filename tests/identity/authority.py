"""An authority that issues whatever a test wants, however wrong, and the lists of what it has revoked."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey
CLIENT, SERVER = ExtendedKeyUsageOID.CLIENT_AUTH, ExtendedKeyUsageOID.SERVER_AUTH
NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
SPIFFE = "spiffe://example.org/ns/prod/sa/agent"


def name_of(*common: str, **others: str) -> x509.Name:
    oids = {"organization": NameOID.ORGANIZATION_NAME, "unit": NameOID.ORGANIZATIONAL_UNIT_NAME}
    given = [x509.NameAttribute(NameOID.COMMON_NAME, each) for each in common]
    return x509.Name([*given, *(x509.NameAttribute(oids[key], value) for key, value in others.items())])


def usage(*, signature: bool = True, certificates: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signature,
        content_commitment=False,
        key_encipherment=not signature,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certificates,
        crl_sign=certificates,
        encipher_only=False,
        decipher_only=False,
    )


@dataclass(frozen=True, slots=True)
class Issued:
    certificate: x509.Certificate
    key: Key
    chain: tuple[x509.Certificate, ...] = ()

    @property
    def der(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.DER)

    def save(self, folder: Path, name: str = "client") -> tuple[Path, Path]:
        """The files that `load_cert_chain` wants."""
        pem = serialization.Encoding.PEM
        certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
        certificate.write_bytes(b"".join(each.public_bytes(pem) for each in (self.certificate, *self.chain)))
        private = self.key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        key.write_bytes(private)
        return certificate, key


@dataclass(slots=True)
class Authority:
    common: str = "clients of example.org"
    above: "Authority | None" = None
    key: Key = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))
    certificate: x509.Certificate = field(init=False)

    def __post_init__(self) -> None:
        signer = self.above or self
        subject = name_of(self.common)
        issuer = subject if self.above is None else self.above.certificate.subject
        builder = _begin(subject, issuer, self.key, NOW - DAY, NOW + 365 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(usage(certificates=True), critical=True)
        self.certificate = _above(builder, signer).sign(signer.key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        return self.certificate.public_bytes(serialization.Encoding.PEM)

    def issue(
        self,
        *names: str,
        subject: x509.Name | None = None,
        uses: Sequence[ObjectIdentifier] | None = (CLIENT,),
        key_usage: x509.KeyUsage | None = None,
        authority: bool = False,
        begins: datetime = NOW - DAY,
        ends: datetime = NOW + DAY,
        key: Key | None = None,
        algorithm: hashes.SHA256 | None = None,
        chain: tuple[x509.Certificate, ...] = (),
    ) -> Issued:
        """A certificate for these alternative names: with a colon a URI, else a DNS name."""
        own = key or ec.generate_private_key(ec.SECP256R1())
        builder = _begin(subject or name_of("agent"), self.certificate.subject, own, begins, ends)
        builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        if names:
            general: list[x509.GeneralName] = [
                x509.UniformResourceIdentifier(each) if ":" in each else x509.DNSName(each) for each in names
            ]
            builder = builder.add_extension(x509.SubjectAlternativeName(general), critical=False)
        if uses is not None:
            builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
        if key_usage is not None:
            builder = builder.add_extension(key_usage, critical=True)
        return Issued(_above(builder, self).sign(self.key, algorithm or hashes.SHA256()), own, chain)

    def list_of(
        self,
        *revoked: "Issued | Authority",
        until: datetime = NOW + DAY,
        critical: bool = False,
        signer: Key | None = None,
    ) -> bytes:
        """The authority's revocation list, PEM."""
        builder = x509.CertificateRevocationListBuilder().issuer_name(self.certificate.subject)
        builder = builder.last_update(min(NOW, until) - DAY).next_update(until)
        for each in revoked:
            entry = x509.RevokedCertificateBuilder().serial_number(each.certificate.serial_number)
            builder = builder.add_revoked_certificate(entry.revocation_date(NOW - DAY).build())
        if critical:
            builder = builder.add_extension(x509.DeltaCRLIndicator(1), critical=True)
        return builder.sign(signer or self.key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def _begin(
    subject: x509.Name, issuer: x509.Name, key: Key, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number()).not_valid_before(begins).not_valid_after(ends)
    return builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)


def _above(builder: x509.CertificateBuilder, signer: Authority) -> x509.CertificateBuilder:
    identifier = x509.AuthorityKeyIdentifier.from_issuer_public_key(signer.key.public_key())
    return builder.add_extension(identifier, critical=False)
