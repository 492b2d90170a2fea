"""TLS of the ports for callers: what is spoken, and which client certificates are let through the handshake.

TLS 1.2 and 1.3 with forward secrecy and authenticated encryption; HTTP/1.1 is all that is offered, and HTTP/2 at the
port for gRPC. Where callers may
have certificates, OpenSSL checks the chain, the dates, the purpose and the strength of what is presented, by the strict
rules of RFC 5280; what it leaves open is looked at in identity/certificate.py. Sessions of TLS 1.3 are not resumed
then. One of TLS 1.2 may be, for what OpenSSL remembers cannot be switched off from here: it brings the certificate
along that was verified at its beginning, and whether that still counts is asked for each request (identity/mtls.py).
"""

import ssl

from guardhouse.policy.settings import Tls

_CIPHERS = "@SECLEVEL=2:ECDHE+AESGCM:ECDHE+CHACHA20"  # level 2: no SHA-1, no RSA key below 2048 bits
SHUTDOWN = 2.0  # seconds that a peer has for its close_notify


def tls_context(tls: Tls, offered: str = "http/1.1") -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(_CIPHERS)
    context.set_alpn_protocols([offered])
    context.options |= ssl.OP_NO_COMPRESSION | ssl.OP_NO_RENEGOTIATION | ssl.OP_CIPHER_SERVER_PREFERENCE
    context.load_cert_chain(tls.certificate, tls.key)
    if tls.clients is not None:
        context.verify_mode = ssl.CERT_REQUIRED if tls.clients.required else ssl.CERT_OPTIONAL
        context.verify_flags |= ssl.VERIFY_X509_STRICT
        context.load_verify_locations(tls.clients.authorities)
        context.options |= ssl.OP_NO_TICKET
        context.num_tickets = 0
    return context
