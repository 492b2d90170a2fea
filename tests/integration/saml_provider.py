"""An identity provider of pysaml2: it writes its metadata, reads requests and makes assertions that xmlsec1 signs."""

import base64
import datetime as dt
import re
import shutil
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

if shutil.which("xmlsec1") is None:
    pytest.skip("the program xmlsec1 is not installed (Debian: apt-get install xmlsec1)", allow_module_level=True)
saml2 = pytest.importorskip("saml2", reason="pysaml2 is not installed")

from saml2 import BINDING_HTTP_REDIRECT  # noqa: E402 - only where it is there
from saml2.config import IdPConfig  # noqa: E402
from saml2.metadata import entity_descriptor  # noqa: E402
from saml2.saml import NAMEID_FORMAT_PERSISTENT, NameID  # noqa: E402
from saml2.server import Server  # noqa: E402
from saml2.xmldsig import DIGEST_SHA256, SIG_RSA_SHA256  # noqa: E402

ENTITY = "https://idp.example.com/idp"


def key_pair(folder: Path, name: str) -> tuple[str, str]:
    """Files with a key and a certificate of its own making."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    builder = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
    made = builder.not_valid_before(now - dt.timedelta(days=1)).not_valid_after(now + dt.timedelta(days=9))
    certificate = made.sign(key, hashes.SHA256())
    files = folder / f"{name}.key", folder / f"{name}.pem"
    unencrypted = serialization.NoEncryption()
    files[0].write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, unencrypted)
    )
    files[1].write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return str(files[0]), str(files[1])


class IdentityProvider:
    """Writes its metadata to `idp.xml`; `sp` is what the gateway says of itself, `us` the URL of its answers there."""

    def __init__(self, folder: Path, us: str) -> None:
        self._folder = folder
        self._us = us
        self._config = self._configuration("idp")
        (folder / "idp.xml").write_text(str(entity_descriptor(IdPConfig().load(dict(self._config)))))

    def _configuration(self, keys: str) -> dict[str, Any]:
        key, certificate = key_pair(self._folder, keys)
        return {
            "entityid": ENTITY,
            "key_file": key,
            "cert_file": certificate,
            "xmlsec_binary": shutil.which("xmlsec1"),
            "service": {
                "idp": {
                    "name": "idp",
                    "endpoints": {"single_sign_on_service": [(f"{ENTITY}/sso", BINDING_HTTP_REDIRECT)]},
                    "policy": {"default": {"lifetime": {"minutes": 5}, "attribute_restrictions": None}},
                }
            },
        }

    def server(self, sp: str, keys: str | None = None) -> Server:
        (self._folder / "sp.xml").write_text(sp)
        config = dict(self._config) if keys is None else self._configuration(keys)
        config["metadata"] = {"local": [str(self._folder / "sp.xml")]}
        return Server(config=IdPConfig().load(config))

    def respond(self, server: Server, location: str, **changes: Any) -> dict[str, str]:
        """What the browser that was sent to `location` brings back."""
        query = {name: values[0] for name, values in parse_qs(urlsplit(location).query).items()}
        request = server.parse_authn_request(query["SAMLRequest"], BINDING_HTTP_REDIRECT)
        text = str(self.response(server, request.message.id, **changes))
        return {"SAMLResponse": base64.b64encode(text.encode()).decode(), "RelayState": query["RelayState"]}

    def response(self, server: Server, request_id: str, **changes: Any) -> Any:
        given: dict[str, Any] = {
            "identity": {"groups": ["research"], "roles": ["root"], "mail": "alice@example.com"},
            "in_response_to": request_id,
            "destination": f"{self._us}/answer",
            "sp_entity_id": f"{self._us}/metadata",
            "name_id": NameID(format=NAMEID_FORMAT_PERSISTENT, text="alice"),
            "authn": {"class_ref": "urn:oasis:names:tc:SAML:2.0:ac:classes:Password", "authn_auth": ENTITY},
            "sign_assertion": True,
            "sign_response": False,
            "sign_alg": SIG_RSA_SHA256,
            "digest_alg": DIGEST_SHA256,
        }
        return server.create_authn_response(**{**given, **changes})


def changed(form: dict[str, str], pattern: str, replacement: str) -> dict[str, str]:
    """The same response with its text changed."""
    text = base64.b64decode(form["SAMLResponse"]).decode()
    assert re.search(pattern, text, re.DOTALL), text
    other = re.sub(pattern, replacement, text, flags=re.DOTALL)
    return {**form, "SAMLResponse": base64.b64encode(other.encode()).decode()}
