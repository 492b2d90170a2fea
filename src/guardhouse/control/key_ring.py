"""What an operator does with API keys, in terms of the store: create, revoke, rotate.

Rotation makes a new key under the same terms, with a lifetime as long as the old one was given; the old key goes on
until `overlap` has passed (or its own earlier expiry), so that a caller can be moved over without an outage. An overlap
of zero revokes it at once. A key that was revoked or has expired is not rotated: that would bring an ended right back
to life.

What stands in the terms of a key is said by people at a command line or over HTTP and later looked for by policies, so
`flaws` holds both doors to names that a policy can say. The key of a service has an owner: a program cannot be asked.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Literal

import msgspec

from guardhouse.control.key_acts import KeyAct, KeyActs, Kind
from guardhouse.control.store import Beside, Store
from guardhouse.identity.api_keys import KeyRecord, KeyTerms, MintedKey, digest, key_of, mint
from guardhouse.model.secret import Secret

OVERLAP = 24 * 3600.0  # seconds

NAME_WANTED = "1 to 128 printable characters without blanks and *"
_NAME = re.compile(r"[^\s*\x00-\x1f\x7f]{1,128}")  # what a policy can say under who.ids and who.groups

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


def seen(record: KeyRecord, now: float) -> dict[str, Any]:
    """Everything about a key that may be seen."""
    return {
        "id": record.id,
        **{name: getattr(record, name) for name in KeyTerms.__struct_fields__},
        "state": state_of(record, now),
        "created_at": record.created_at,
        "expires_at": record.expires_at,
        "revoked_at": record.revoked_at,
    }


def is_name(text: str) -> bool:
    """Whether a policy can speak of it."""
    return _NAME.fullmatch(text) is not None and text.isprintable()


def flaws(terms: KeyTerms) -> Iterator[str]:
    """What is wrong with the terms of a key that is to be made; each begins with the name of the member."""
    yield from _unnamed("principal", [terms.principal])
    for member in ("groups", "roles", "scopes", "models"):
        yield from _unnamed(member, getattr(terms, member) or ())
    for member in ("team", "tier", "owner"):
        yield from _unnamed(member, filter(None, [getattr(terms, member)]))
    for member in ("operations", "models"):
        if getattr(terms, member) == ():
            yield f"{member}: an empty list would make a key that may do nothing"
    if terms.service and not terms.owner:
        yield "owner: the key of a service needs one"


def _unnamed(member: str, texts: Iterable[str]) -> Iterator[str]:
    if not all(map(is_name, texts)):
        yield f"{member}: {NAME_WANTED}"


class KeyRing:
    """The store together with the pepper under which its digests are made.

    `by` is who acts, where the act is to be noted for the journal (key_acts.py); whoever can write the journal does so
    and leaves it empty.
    """

    def __init__(self, store: Store, pepper: Secret, by: str = "") -> None:
        self._store = store
        self._pepper = key_of(pepper)
        self._by = by
        self._acts = KeyActs(store.engine)

    def create(self, terms: KeyTerms, now: float, expires_at: float | None = None) -> tuple[MintedKey, KeyRecord]:
        minted = mint()
        record = self._record(minted, terms, now, expires_at)
        self._store.add(record, self._noting("created", record, now))
        return minted, record

    def revoke(self, key_id: str, now: float) -> KeyRecord | None:
        """The record as it is now; a key that was revoked before keeps its first moment. None: no such key."""
        record = self._store.get(key_id)
        if record is not None:
            self._store.revoke(key_id, now, self._noting("revoked", record, now))
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
        new = self._record(minted, old, now, None if lifetime is None else now + lifetime)
        until = now + overlap if old.expires_at is None else min(old.expires_at, now + overlap)
        noting = self._noting("rotated", new, now, replaces=old.id)
        if not self._store.replace(old, new, expires_at=until, revoked_at=None if overlap else now, beside=noting):
            return "revoked"
        return Rotated(minted, new, until)

    def _noting(self, kind: Kind, record: KeyRecord, now: float, replaces: str = "") -> Beside:
        if not self._by:
            return lambda _connection: None
        return self._acts.noting(
            KeyAct(kind=kind, key_id=record.id, principal=record.principal, at=now, by=self._by, replaces=replaces)
        )

    def _record(self, minted: MintedKey, terms: KeyTerms, now: float, expires_at: float | None) -> KeyRecord:
        kept = digest(self._pepper, minted.key.reveal().encode())
        handed_on = {name: getattr(terms, name) for name in KeyTerms.__struct_fields__}
        return KeyRecord(**handed_on, id=minted.id, digest=kept, created_at=now, expires_at=expires_at)
