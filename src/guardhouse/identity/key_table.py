"""The keys that a process knows, and whose a presented one is.

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
from collections.abc import Iterable
from typing import Final

import msgspec

from guardhouse.identity.api_keys import ID_LENGTH, PREFIX, KeyRecord, principal_of
from guardhouse.model.keyed_hash import KeyedHash
from guardhouse.model.principal import Principal
from guardhouse.model.reason import Reason

_ID_BEGINS: Final = len(PREFIX)
_ID_ENDS: Final = _ID_BEGINS + ID_LENGTH
_NEVER: Final = float("inf")
_NOBODY: Final = secrets.token_bytes(32)

_decode: Final = msgspec.json.Decoder(KeyRecord).decode


class Presented:
    """A key as it was presented: the bytes that stand where an id would, and the digest of the whole. Not the key."""

    __slots__ = ("digest", "key_id")

    def __init__(self, key_id: bytes, digest: bytes) -> None:
        self.key_id = key_id
        self.digest = digest

    def __repr__(self) -> str:
        return "Presented(…)"


class _Used:
    """A key that has been presented, ready for the next time."""

    __slots__ = ("digest", "expires_at", "principal", "revoked")

    def __init__(self, record: KeyRecord) -> None:
        self.digest = record.digest
        self.expires_at: float = _NEVER if record.expires_at is None else record.expires_at
        self.revoked = record.revoked_at is not None
        self.principal = principal_of(record)

    def ended(self, now: float) -> Reason | None:
        if self.revoked:
            return Reason.CREDENTIAL_REVOKED
        return Reason.CREDENTIAL_EXPIRED if self.expires_at <= now else None


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
        return Presented(presented[_ID_BEGINS:_ID_ENDS], self._digest(presented))

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
