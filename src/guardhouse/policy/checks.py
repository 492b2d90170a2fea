"""What the parts of a configuration say of each other: nothing dangling, nothing unused, nothing exposed by accident.

Decoding (schema.py) has judged every value by itself. Here the whole is judged, by one file for each thing to know:
exposure.py what weakens protection without being said, serving.py models and their servers, naming.py what policies
name, inert.py whether a single policy can have an effect, redundant.py whether others leave it one, residing.py where
bytes may be, and each section its own keys. This is the list of them; problems are told by line, those of one line in
this order.
"""

from collections.abc import Iterator

from guardhouse.policy import exposure, naming, residing, serving
from guardhouse.policy.document import Document
from guardhouse.policy.inert_effects import bundle_findings
from guardhouse.policy.problem import Path
from guardhouse.policy.redundant import redundant
from guardhouse.policy.sections import (
    clients,
    features,
    headers,
    hours,
    identity,
    limits_store,
    people,
    signatures,
    signins,
    suspend,
)
from guardhouse.policy.selecting import numbered
from guardhouse.policy.unreadable import Unread, any_unread

Finding = tuple[Path, str]


def findings(document: Document, unread: Unread) -> Iterator[Finding]:
    """Everything that is wrong with the whole, by place."""
    yield from exposure.findings(document)
    yield from _sections(document, unread)
    yield from serving.findings(document, unread)
    yield from _signing(document, unread)
    wrong = set[str | int]()
    for place, message in naming.findings(document, unread):
        wrong.add(place[1])
        yield place, message
    yield from _asked_for(document, unread)
    yield from residing.findings(document, unread)
    if not any_unread("models", unread) and not any_unread("targets", unread):
        yield from redundant([(at, policy) for at, policy in numbered(document, unread) if at not in wrong], document)


def _sections(document: Document, unread: Unread) -> Iterator[Finding]:
    """What each section says of itself."""
    yield from limits_store.findings(document.limits_store, document.workers, document.limits_scope)
    yield from signins.findings(document.signins)
    yield from suspend.findings(document.suspend)
    yield from people.findings(document.admin, document.identity.issuers, unread)
    yield from clients.findings(None if document.listen.tls is None else document.listen.tls.clients)
    for where, found in (
        (("identity",), identity.findings(document.identity)),
        (("listen", "headers"), headers.findings(document.listen.headers)),
        (("hours",), hours.findings(document.hours)),
    ):
        yield from (((*where, *place), message) for place, message in found)


def _asked_for(document: Document, unread: Unread) -> Iterator[Finding]:
    """What is there for policies to ask for, and what they ask for."""
    yield from bundle_findings(document)
    if not any_unread("policies", unread):
        yield from features.unused(document.features, naming.features_asked(document))


def _signing(document: Document, unread: Unread) -> Iterator[Finding]:
    """Whether anybody is asked to sign, and can."""
    if not any_unread("policies", unread) and not any_unread("bundles", unread):
        yield from naming.requirements(document)
    machines = 1 if document.limits_store is None else document.limits_store.machines
    for place, message in signatures.findings(document.signatures, machines):
        yield ("signatures", *place), message
