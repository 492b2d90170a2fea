"""What an operator does with API keys, in terms of the store: create, revoke, rotate.

Rotation makes a new key for the same principal and groups, with a lifetime as long as the old one was given; the old
key goes on until `overlap` has passed (or its own earlier expiry), so that a caller can be moved over without an
outage. An overlap of zero revokes it at once. A key that was revoked or has expired is not rotated: that would bring
an ended right back to life.
"""

from typing import Literal

import msgspec

from guardhouse.control.store import Store
from guardhouse.identity.api_keys import KeyRecord, MintedKey, digest, key_of, mint
from guardhouse.model.secret import Secret

OVERLAP = 24 * 3600.0  # seconds

State = Literal["active", "expired", "revoked"]
Refusal = Literal["unknown", "expired", "revoked"]


class Rotated(msgspec.Struct, frozen=True):
    minted: MintedKey
    record: KeyRecord
    old_until: float


def state_of(record: KeyRecord, now: float) -> State:
    if record.revoked_at is not None:
        return "revoked"
    return "expired" if record.expires_at is not None and record.expires_at <= now else "active"


class KeyRing:
    """The store together with the pepper under which its digests are made."""

    def __init__(self, store: Store, pepper: Secret) -> None:
        self._store = store
        self._pepper = key_of(pepper)

    def create(
        self, principal: str, groups: tuple[str, ...], now: float, expires_at: float | None = None
    ) -> tuple[MintedKey, KeyRecord]:
        minted = mint()
        record = self._record(minted, principal, groups, now, expires_at)
        self._store.add(record)
        return minted, record

    def revoke(self, key_id: str, now: float) -> KeyRecord | None:
        """The record as it is now; a key that was revoked before keeps its first moment. None: no such key."""
        self._store.revoke(key_id, now)
        return self._store.get(key_id)

    def rotate(self, key_id: str, now: float, overlap: float = OVERLAP) -> Rotated | Refusal:
        old = self._store.get(key_id)
        if old is None:
            return "unknown"
        state = state_of(old, now)
        if state != "active":
            return state
        minted = mint()
        lifetime = None if old.expires_at is None else old.expires_at - old.created_at
        new = self._record(minted, old.principal, old.groups, now, None if lifetime is None else now + lifetime)
        until = now + overlap if old.expires_at is None else min(old.expires_at, now + overlap)
        if not self._store.replace(old, new, expires_at=until, revoked_at=None if overlap else now):
            return "revoked"
        return Rotated(minted, new, until)

    def _record(
        self, minted: MintedKey, principal: str, groups: tuple[str, ...], now: float, expires_at: float | None
    ) -> KeyRecord:
        kept = digest(self._pepper, minted.key.reveal().encode())
        return KeyRecord(
            id=minted.id, digest=kept, principal=principal, groups=groups, created_at=now, expires_at=expires_at
        )
