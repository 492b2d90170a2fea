"""TLS towards others: always verified, by name and by authority. There is no way to ask for less."""

import ssl
from pathlib import Path

_VERSIONS = {"1.2": ssl.TLSVersion.TLSv1_2, "1.3": ssl.TLSVersion.TLSv1_3}


def client_context(
    authorities: Path | None, certificate: Path | None = None, key: Path | None = None, minimum: str = "1.2"
) -> ssl.SSLContext:
    """OSError (ssl.SSLError among them) where a file cannot be read or does not fit."""
    context = ssl.create_default_context(cafile=authorities)
    context.minimum_version = _VERSIONS[minimum]
    context.set_alpn_protocols(["http/1.1"])
    if certificate is not None and key is not None:
        context.load_cert_chain(certificate, key, password=_no_password)
    return context


def _no_password() -> str:
    """A key with a password is refused: OpenSSL would ask for it at the terminal."""
    return ""
