"""API keys: how they look, how they are minted, and how a presented one becomes a principal.

A key is `gh_<id>_<secret>`. The id is public: it names the key in the store, the journal and the command line. The
secret is about 255 random bits. Nothing stores the key; what is kept is HMAC-SHA256(pepper, whole key), so a copy of
the store or of the feed is worth nothing without the pepper, and with it no more than a guess at 255 bits.

Identification is one path for every input, well-formed or not: take the bytes where an id would stand, digest what
was presented, compare in constant time against the digest on record or, for an unknown id, against one that nothing
hashes to. So the time says at most whether an id exists, and ids are not secret. That a key has expired or was revoked
is told only to those who know its secret. Revocation does not depend on the clock; expiry does, on the caller's `now`.

The principal of a key is built when the record arrives and handed out as the same object each time, so that the
path may cache what it derived from it by identity.
"""

import hmac
import secrets
import string
from collections.abc import Iterable

import msgspec

from guardhouse.model.keyed_hash import KeyedHash
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason
from guardhouse.model.secret import Secret

PREFIX = "gh_"
ID_LENGTH = 12
SECRET_LENGTH = 43

_ID_LETTERS = string.ascii_lowercase + string.digits
_SECRET_LETTERS = string.ascii_letters + string.digits
_ID = slice(len(PREFIX), len(PREFIX) + ID_LENGTH)
_NOBODY = secrets.token_bytes(32)


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True, gc=False):
    """A key as stored and published. The digest stays out of the repr: it is of no use to a reader of logs."""

    id: str
    digest: bytes
    principal: str
    groups: tuple[str, ...] = ()
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


class Presented(msgspec.Struct, frozen=True, gc=False):
    """A key as it was presented: the bytes that stand where an id would, and the digest of the whole. Not the key."""

    key_id: bytes
    digest: bytes

    def __repr__(self) -> str:
        return "Presented(…)"


class _Entry:
    __slots__ = ("digest", "expires_at", "principal", "revoked")

    def __init__(self, record: KeyRecord) -> None:
        self.digest = record.digest
        self.expires_at = record.expires_at
        self.revoked = record.revoked_at is not None
        self.principal = Principal(id=record.principal, groups=frozenset(record.groups), credential_id=record.id)


class KeyTable:
    """The keys a process knows. A record that is put again replaces what was known of its id."""

    __slots__ = ("_digest", "_entries")

    def __init__(self, pepper: bytes, records: Iterable[KeyRecord] = ()) -> None:
        self._digest = KeyedHash(pepper).digest
        self._entries: dict[bytes, _Entry] = {}
        for record in records:
            self.put(record)

    def __len__(self) -> int:
        return len(self._entries)

    def __repr__(self) -> str:
        return f"<KeyTable {len(self)} keys>"

    def put(self, record: KeyRecord) -> None:
        self._entries[record.id.encode()] = _Entry(record)

    def identify(self, presented: bytes, now: float) -> Principal | Reason:
        return self.judge(self.read(presented), now)

    def read(self, presented: bytes) -> Presented:
        """What there is to know of presented bytes without asking whose they are. May be kept; the bytes need not."""
        return Presented(presented[_ID], self._digest(presented))

    def judge(self, presented: Presented, now: float) -> Principal | Reason:
        """Whose key it is now: revocation and expiry are looked at each time."""
        entry = self._entries.get(presented.key_id)
        if not hmac.compare_digest(presented.digest, _NOBODY if entry is None else entry.digest) or entry is None:
            return Reason.CREDENTIAL_INVALID
        if entry.revoked:
            return Reason.CREDENTIAL_REVOKED
        if entry.expires_at is not None and entry.expires_at <= now:
            return Reason.CREDENTIAL_EXPIRED
        return entry.principal
