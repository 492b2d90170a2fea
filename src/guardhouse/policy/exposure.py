"""What opens the gateway further than anybody has said: ports that are reached from elsewhere, credentials that travel
in the clear, memory that one caller could have whole.

Each of these may be meant; then it is said, by a key of its own.
"""

from collections.abc import Iterator

from guardhouse.policy.document import Document
from guardhouse.policy.network import is_loopback
from guardhouse.policy.problem import Path
from guardhouse.policy.sections import kserve

Finding = tuple[Path, str]


def findings(document: Document) -> Iterator[Finding]:
    yield from _ports(document)
    yield from _memory(document)
    yield from _credentials(document)


def _ports(document: Document) -> Iterator[Finding]:
    listen, admin = document.listen, document.admin
    if listen.tls is not None and listen.plaintext:
        yield ("listen", "plaintext"), "contradicts tls; leave one of them out"
    if listen.tls is None and not listen.plaintext and not is_loopback(listen.address.host):
        yield (
            ("listen", "address"),
            "callers beyond this machine need listen.tls; say listen.plaintext: true if something else does TLS",
        )
    if not admin.exposed and not is_loopback(admin.address.host):
        yield (
            ("admin", "address"),
            "the admin port beyond this machine must be meant; say admin.exposed: true if it is protected otherwise",
        )
    if listen.grpc is not None:
        yield from kserve.exposure(listen, admin.address)
    if listen.address == admin.address and listen.address.port:
        yield ("admin", "address"), "is the address of listen"


def _memory(document: Document) -> Iterator[Finding]:
    """Half of what is there may be one caller's, and not all of that for one message."""
    limits, upstream = document.listen.limits, document.upstream
    if limits.memory < 4 * limits.body:
        yield ("listen", "limits", "memory"), "must be at least four times body, or one of that size never finds room"
    if upstream.memory < 4 * upstream.response_body:
        yield ("upstream", "memory"), "must be at least four times response_body, or one of that size never finds room"


def _credentials(document: Document) -> Iterator[Finding]:
    for name, target in document.targets.items():
        sends_openly = target.url.scheme == "http" and target.credential is not None
        if sends_openly and not target.insecure and not is_loopback(target.url.host):
            yield (
                ("targets", name, "url"),
                "the credential would travel unencrypted; use https:// or say insecure: true on the target",
            )
        if target.insecure and not sends_openly:
            yield ("targets", name, "insecure"), "has no effect: no credential is sent over http://"
