"""API keys: how they look, how they are minted, and who presents one.

A key is `gh_<id>_<secret>`. The id is public: it names the key in the store, the journal and the command line. The
secret is about 255 random bits. Nothing stores the key; what is kept is HMAC-SHA256(pepper, whole key), so a copy of
the store or of the feed is worth nothing without the pepper, and with it no more than a guess at 255 bits. How a
presented one is judged is in key_table.py.
"""

import hmac
import secrets
import string

import msgspec

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Narrowing, Principal
from guardhouse.model.secret import Secret

PREFIX = "gh_"
ID_LENGTH = 12
SECRET_LENGTH = 43

_ID_LETTERS = string.ascii_lowercase + string.digits
_SECRET_LETTERS = string.ascii_letters + string.digits


class KeyTerms(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """Whose a key is and what it may be used for: all that a rotation hands on to the next key.

    `operations` and `models` narrow the key: they only take away from what policies allow. None: not narrowed.
    """

    principal: str
    groups: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    scopes: tuple[str, ...] = ()
    team: str = ""
    tier: str = ""
    owner: str = ""  # who answers for it
    service: bool = False  # the key of a program, not of a person
    operations: tuple[Operation, ...] | None = None
    models: tuple[str, ...] | None = None


class KeyRecord(KeyTerms, frozen=True, kw_only=True, gc=False):
    """A key as stored and published. The digest stays out of the repr: it is of no use to a reader of logs."""

    id: str
    digest: bytes
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None

    def __repr__(self) -> str:
        return f"KeyRecord(id={self.id!r}, principal={self.principal!r})"


class MintedKey(msgspec.Struct, frozen=True):
    """A new key, the only time it is known whole."""

    id: str
    key: Secret


def mint() -> MintedKey:
    key_id = "".join(secrets.choice(_ID_LETTERS) for _ in range(ID_LENGTH))
    secret = "".join(secrets.choice(_SECRET_LETTERS) for _ in range(SECRET_LENGTH))
    return MintedKey(key_id, Secret(f"{PREFIX}{key_id}_{secret}"))


def is_key_id(text: str) -> bool:
    return len(text) == ID_LENGTH and set(text) <= set(_ID_LETTERS)


def parse(presented: bytes) -> str | None:
    """The public id of something shaped like a key, for people's tools; identification itself needs no shape."""
    head, _, secret = presented.decode("latin-1").rpartition("_")
    key_id = head.removeprefix(PREFIX)
    well_formed = head == PREFIX + key_id and len(secret) == SECRET_LENGTH and set(secret) <= set(_SECRET_LETTERS)
    return key_id if well_formed and is_key_id(key_id) else None


def key_of(pepper: Secret) -> bytes:
    """The pepper as HMAC takes it; it is kept and handed around as hexadecimal text."""
    return bytes.fromhex(pepper.reveal())


def digest(pepper: bytes, presented: bytes) -> bytes:
    return hmac.digest(pepper, presented, "sha256")


def principal_of(record: KeyRecord) -> Principal:
    """Who presents this key. An owner and being a service are attributes, so policies can ask for them."""
    attributes = {"owner": frozenset({record.owner})} if record.owner else {}
    if record.service:
        attributes["kind"] = frozenset({"service"})
    return Principal(
        id=record.principal,
        groups=frozenset(record.groups),
        roles=frozenset(record.roles),
        scopes=frozenset(record.scopes),
        team=record.team,
        tier=record.tier,
        attributes=attributes,
        credential_id=record.id,
        credential_made=record.created_at,
        expires_at=record.expires_at,
        narrowings=_narrowings(record),
    )


def _narrowings(record: KeyRecord) -> tuple[Narrowing, ...]:
    operations, models = record.operations, record.models
    if operations is None and models is None:
        return ()
    return (
        Narrowing(
            operations=None if operations is None else frozenset(operations),
            models=None if models is None else frozenset(models),
        ),
    )
