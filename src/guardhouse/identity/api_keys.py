"""API keys: how they look, how they are minted, and how a presented one becomes a principal.

A key is `gh_<id>_<secret>`. The id is public: it names the key in the store, the journal and the command line. The
secret is about 255 random bits. Nothing stores the key; what is kept is HMAC-SHA256(pepper, whole key), so a copy of
the store or of the feed is worth nothing without the pepper, and with it no more than a guess at 255 bits.

Identification is one path for every input, well-formed or not: take the bytes where an id would stand, digest what
was presented, compare in constant time against the digest on record or, for an unknown id, against one that nothing
hashes to. So the time says at most whether an id exists, and ids are not secret. That a key has expired or was revoked
is told only to those who know its secret. Revocation does not depend on the clock; expiry does, on the caller's `now`.

The principal of a key is handed out as the same object each time, so that the path may cache what it derived from it by
identity. It is built when the key is first used. Most of many keys are not in use: of those a table keeps the line that
was published, which takes a third of the memory of the decoded record.
"""

import hmac
import secrets
import string
from collections.abc import Iterable

import msgspec

from guardhouse.model.keyed_hash import KeyedHash
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Narrowing, Principal
from guardhouse.model.reason import Reason
from guardhouse.model.secret import Secret

PREFIX = "gh_"
ID_LENGTH = 12
SECRET_LENGTH = 43

_ID_LETTERS = string.ascii_lowercase + string.digits
_SECRET_LETTERS = string.ascii_letters + string.digits
_ID = slice(len(PREFIX), len(PREFIX) + ID_LENGTH)
_NOBODY = secrets.token_bytes(32)


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


class Presented(msgspec.Struct, frozen=True, gc=False):
    """A key as it was presented: the bytes that stand where an id would, and the digest of the whole. Not the key."""

    key_id: bytes
    digest: bytes

    def __repr__(self) -> str:
        return "Presented(…)"


_decode = msgspec.json.Decoder(KeyRecord).decode


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


class _Used:
    """A key that has been presented, ready for the next time."""

    __slots__ = ("digest", "expires_at", "principal", "revoked")

    def __init__(self, record: KeyRecord) -> None:
        self.digest = record.digest
        self.expires_at = record.expires_at
        self.revoked = record.revoked_at is not None
        self.principal = principal_of(record)

    def ended(self, now: float) -> Reason | None:
        if self.revoked:
            return Reason.CREDENTIAL_REVOKED
        return Reason.CREDENTIAL_EXPIRED if self.expires_at is not None and self.expires_at <= now else None


class KeyTable:
    """The keys a process knows. A record that is put again replaces what was known of its id."""

    __slots__ = ("_digest", "_lines", "_used")

    def __init__(self, pepper: bytes, records: Iterable[KeyRecord] = ()) -> None:
        self._digest = KeyedHash(pepper).digest
        self._lines: dict[bytes, bytes] = {}
        self._used: dict[bytes, _Used] = {}
        for record in records:
            self.put(record)

    def __len__(self) -> int:
        return len(self._lines)

    def __repr__(self) -> str:
        return f"<KeyTable {len(self)} keys>"

    def put(self, record: KeyRecord) -> None:
        self.put_line(msgspec.json.encode(record))

    def put_line(self, line: bytes) -> None:
        """The same for a record as it is published; msgspec.MsgspecError for one that cannot be understood."""
        key_id = _decode(line).id.encode()
        self._lines[key_id] = line
        self._used.pop(key_id, None)

    def forget(self, most: int) -> bool:
        """Free some of the records of a table that is no longer in use; False when none is left."""
        self._used.clear()
        for _ in range(min(most, len(self._lines))):
            self._lines.popitem()
        return bool(self._lines)

    def identify(self, presented: bytes, now: float) -> Principal | Reason:
        return self.judge(self.read(presented), now)

    def read(self, presented: bytes) -> Presented:
        """What there is to know of presented bytes without asking whose they are. May be kept; the bytes need not."""
        return Presented(presented[_ID], self._digest(presented))

    def known_id(self, presented: Presented) -> str:
        """The id that was presented, if there is such a key; whose it is said to be, not whose it is."""
        return presented.key_id.decode() if presented.key_id in self._lines else ""

    def judge(self, presented: Presented, now: float) -> Principal | Reason:
        """Whose key it is now: revocation and expiry are looked at each time."""
        used = self._used.get(presented.key_id) or self._find(presented.key_id)
        if not hmac.compare_digest(presented.digest, _NOBODY if used is None else used.digest) or used is None:
            return Reason.CREDENTIAL_INVALID
        return used.ended(now) or used.principal

    def ended(self, key_id: str, now: float) -> Reason | None:
        """Why a key that was valid is so no longer; None while it is. One that the store has lost counts as revoked."""
        name = key_id.encode()
        used = self._used.get(name) or self._find(name)
        return Reason.CREDENTIAL_REVOKED if used is None else used.ended(now)

    def _find(self, key_id: bytes) -> _Used | None:
        line = self._lines.get(key_id)
        if line is None:
            return None
        used = self._used[key_id] = _Used(_decode(line))
        return used
