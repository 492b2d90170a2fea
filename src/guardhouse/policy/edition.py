"""What is in force: the revisions that the control process publishes to the workers, each as a decoded document.

An edition is one small whole state (model/bulletin.py): the document that decides, the one whose restart-only settings
are served, and up to two candidates, a shadow that is only evaluated and a canary that decides for a share of the
principals. Documents travel decoded, so that a worker is spared the reading of YAML while it serves; secrets travel as
the references they are, and each process looks them up for itself.

A document is sealed, kept as raw JSON inside the edition, so that noticing a new edition is cheap and its documents are
decoded where there is time for it. Both sides are of one release: the form is no format to keep. A new kind of value in
a document must survive `seal` and `unseal`; a test tries it with every golden configuration.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec
from msgspec.structs import replace

from guardhouse.identity.vouchers import Vouchers
from guardhouse.policy.compile import compile_settings, revision
from guardhouse.policy.document import Document
from guardhouse.policy.labels import as_started, residency_of
from guardhouse.policy.load import Loaded, resolve_document
from guardhouse.policy.problem import Problem, Problems
from guardhouse.policy.settings import Address, Settings
from guardhouse.policy.shares import Shares
from guardhouse.policy.snapshot import Snapshot


class Sealed(msgspec.Struct, frozen=True):
    revision: str
    document: msgspec.Raw


class Canary(msgspec.Struct, frozen=True):
    sealed: Sealed
    share: float  # percent of the principals


class Edition(msgspec.Struct, frozen=True, kw_only=True):
    at: float  # when it was published: two editions are never the same, so that secrets can be looked up anew
    base: str  # the folder that relative paths start from
    started: Sealed  # its restart-only settings are served until the next start
    active: Sealed
    shadow: Sealed | None = None
    canary: Canary | None = None
    ports: dict[str, int] = {}  # those that were found for `listen`, `admin` and `grpc` where port 0 is configured


def seal(document: Document) -> Sealed:
    return Sealed(revision(document), msgspec.Raw(msgspec.json.encode(document, enc_hook=_written)))


def unseal(sealed: Sealed) -> Document:
    return _decode(sealed.document)


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """An edition, compiled by the process that goes by it."""

    snapshot: Snapshot
    vouchers: Vouchers
    shadow: Snapshot | None = None
    canary: Snapshot | None = None
    share: float = 0.0  # percent of the principals that the canary decides for
    left_out: Problems = ()  # why a candidate could not be taken


def settings_of(edition: Edition) -> Settings:
    return compile_settings(unseal(edition.started), Path(edition.base))


def settings_served(edition: Edition) -> Settings:
    """The same with the ports that are listened on."""
    settings = settings_of(edition)
    listen, admin = settings.listen, settings.admin
    if listen.grpc is not None:
        listen = replace(listen, grpc=replace(listen.grpc, address=_found(listen.grpc.address, edition, "grpc")))
    listen = replace(listen, address=_found(listen.address, edition, "listen"))
    return replace(settings, listen=listen, admin=replace(admin, address=_found(admin.address, edition, "admin")))


def _found(address: Address, edition: Edition, name: str) -> Address:
    return replace(address, port=edition.ports.get(name, address.port))


def in_force(edition: Edition, environ: Mapping[str, str], shares: Shares) -> InForce | Problems:
    """What the edition says here. A candidate that lacks something is left out; the active one may lack nothing."""
    left_out: list[Problem] = []

    def candidate(sealed: Sealed | None) -> Snapshot | None:
        if sealed is None:
            return None
        compiled = _compiled(sealed, edition, environ, shares)
        if isinstance(compiled, Loaded):
            return compiled.snapshot
        left_out.extend(compiled)
        return None

    active = _compiled(edition.active, edition, environ, shares)
    if not isinstance(active, Loaded):
        return active
    return InForce(
        snapshot=active.snapshot,
        vouchers=vouchers_of(active.document),
        shadow=candidate(edition.shadow),
        canary=None if edition.canary is None else candidate(edition.canary.sealed),
        share=0.0 if edition.canary is None else edition.canary.share,
        left_out=tuple(left_out),
    )


def vouchers_of(document: Document) -> Vouchers:
    """Whom it lets vouch for callers. For people that is the issuer of their provider, or a SAML provider itself."""
    people = document.admin.people
    return Vouchers(
        issuers=frozenset(document.identity.issuers),
        people=frozenset(provider.issuer or name for name, provider in people.items()),
    )


def _compiled(sealed: Sealed, edition: Edition, environ: Mapping[str, str], shares: Shares) -> Loaded | Problems:
    loaded = resolve_document(unseal(sealed), Path(edition.base), environ, shares)
    if not isinstance(loaded, Loaded) or loaded.snapshot.residency is None:
        return loaded
    if sealed.revision == edition.started.revision:
        return loaded
    residency = residency_of(as_started(loaded.document, unseal(edition.started)))
    snapshot = replace(loaded.snapshot, residency=residency)
    return replace(loaded, snapshot=snapshot)


def _written(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} cannot be sealed")


def _read(kind: type, value: Any) -> Path:
    if kind is Path:
        return Path(value)
    raise TypeError(f"{kind.__name__} cannot be unsealed")


_decode = msgspec.json.Decoder(Document, dec_hook=_read).decode
