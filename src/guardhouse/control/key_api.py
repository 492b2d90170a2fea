"""API keys over HTTP: what `guardhouse keys` does, for who may (`keys.read`, `keys.write`).

A key is shown once, in the answer that makes it, and only once the event that tells of it is written; if that cannot be
written, the key is revoked again. Nobody makes a key, or by rotation takes over one, that could administer what its
maker may not: else the right to make keys would be every right there is. To end a key takes no such proof.
"""

from functools import partial
from typing import Annotated, Any

import msgspec

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Event
from guardhouse.control.authority import Authority
from guardhouse.control.endpoint import Answer, Call, Endpoint, Refused
from guardhouse.control.key_ring import OVERLAP, KeyRing, Rotated, flaws, seen
from guardhouse.control.key_ring import State as KeyState
from guardhouse.control.store import Store
from guardhouse.control.use_store import UseStore
from guardhouse.identity.api_keys import KeyRecord, KeyTerms
from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason

MOST_LISTED = 1000
_LISTED = 100  # unless asked otherwise
_FOREVER = 1e10  # seconds; longer ones are slips

Seconds = Annotated[float, msgspec.Meta(gt=0, le=_FOREVER)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=128)]
Words = Annotated[tuple[Name, ...], msgspec.Meta(max_length=1000)]


class NewKey(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The terms of a key, as for `guardhouse keys create`; `operations` and `models` narrow it."""

    principal: Name
    groups: Words = ()
    roles: Words = ()
    scopes: Words = ()
    team: str = ""
    tier: str = ""
    owner: str = ""
    service: bool = False
    operations: tuple[Operation, ...] | None = None
    models: Words | None = None
    expires_in: Seconds | None = None


class Rotation(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    overlap: Annotated[float, msgspec.Meta(ge=0, le=_FOREVER)] = OVERLAP  # seconds that the old key goes on


class Key(KeyTerms, frozen=True, kw_only=True, omit_defaults=False):
    """What may be seen of a key."""

    id: str
    state: KeyState
    created_at: float
    expires_at: float | None = None
    revoked_at: float | None = None
    last_used_at: float | None = None


class FreshKey(Key, frozen=True, kw_only=True, omit_defaults=False):
    """A key that was just made: the only time that `key` is shown."""

    key: str
    replaces: str | None = None
    old_until: float | None = None


class Keys(msgspec.Struct, frozen=True):
    keys: list[Key]
    next: str | None = None  # what `after` must be for the next page


class KeyApi:
    def __init__(self, ring: KeyRing, store: Store, authority: Authority, journal: Journal) -> None:
        self._ring = ring
        self._store = store
        self._uses = UseStore(store.engine)
        self._authority = authority
        self._journal = journal

    def __repr__(self) -> str:
        return "<KeyApi>"

    def endpoints(self) -> list[Endpoint]:
        base, one = "/api/v1/keys", "/api/v1/keys/{id}"
        asked = {
            "after": "The id after which to go on.",
            "limit": f"How many at most, {MOST_LISTED} or fewer; {_LISTED} unless said.",
            "principal": "Only the keys of this principal.",
        }
        look = partial(Endpoint, method="GET", needs=Operation.KEYS_READ)
        change = partial(Endpoint, method="POST", needs=Operation.KEYS_WRITE)
        make = partial(change, gives=FreshKey, status=201)
        rotating = "Replace a key by a new one under the same terms."
        return [
            look(path=base, summary="List keys.", does=self.list, gives=Keys, query=asked),
            look(path=one, summary="Show a key.", does=self.show, gives=Key),
            make(path=base, summary="Make a key.", does=self.create, takes=NewKey),
            make(path=f"{one}/rotate", summary=rotating, does=self.rotate, takes=Rotation),
            change(path=f"{one}/revoke", summary="End a key for good.", does=self.revoke, gives=Key),
        ]

    async def list(self, call: Call) -> Answer | Refused:
        text = call.query.get("limit", str(_LISTED))
        limit = int(text) if text.isascii() and text.isdigit() and len(text) <= 4 else 0
        if not 0 < limit <= MOST_LISTED:
            return Refused(400, Reason.SHAPE_INVALID.code, f"limit must be between 1 and {MOST_LISTED}.")
        found = self._store.page(call.query.get("after", ""), limit + 1, call.query.get("principal"))
        records = found[:limit]
        more = records[-1].id if len(found) > limit else None
        return Answer(Keys([self._shown(record, call.now) for record in records], more))

    async def show(self, call: Call) -> Answer | Refused:
        record = self._store.get(call.path["id"])
        return _UNKNOWN if record is None else Answer(self._shown(record, call.now))

    async def create(self, call: Call) -> Answer | Refused:
        asked: NewKey = call.body
        terms = KeyTerms(**{name: getattr(asked, name) for name in KeyTerms.__struct_fields__})
        if wrong := next(flaws(terms), ""):
            return Refused(400, Reason.SHAPE_INVALID.code, wrong)
        if surplus := await self._surplus(call, terms):
            return surplus
        ends = None if asked.expires_in is None else call.now + asked.expires_in
        minted, record = self._ring.create(terms, call.now, ends)
        if not await self._recorded("key.created", record, call):
            return self._taken_back(record, call)
        return Answer(_fresh(record, call.now, minted.key.reveal()), 201)

    async def rotate(self, call: Call) -> Answer | Refused:
        old = self._store.get(call.path["id"])
        if old is None:
            return _UNKNOWN
        if surplus := await self._surplus(call, old):
            return surplus
        done = self._ring.rotate(old.id, call.now, call.body.overlap)
        if not isinstance(done, Rotated):
            return _UNKNOWN if done == "unknown" else Refused(409, f"key_{done}", f"The key has {_ENDED[done]}.")
        if not await self._recorded("key.rotated", done.record, call, replaces=old.id):
            return self._taken_back(done.record, call)
        until = done.old_until if call.body.overlap else call.now
        fresh = _fresh(done.record, call.now, done.minted.key.reveal(), replaces=old.id, old_until=until)
        return Answer(fresh, 201)

    async def revoke(self, call: Call) -> Answer | Refused:
        known = self._store.get(call.path["id"])
        record = None if known is None else self._ring.revoke(known.id, call.now)
        if known is None or record is None:
            return _UNKNOWN
        if known.revoked_at is None:
            self._journal.append(_event("key.revoked", record, call))
        return Answer(self._shown(record, call.now))

    async def _surplus(self, call: Call, terms: KeyTerms) -> Refused | None:
        handed_on = {name: getattr(terms, name) for name in KeyTerms.__struct_fields__}
        like = KeyRecord(**handed_on, id="", digest=b"", created_at=call.now)
        surplus = await self._authority.surplus(call.principal, like, call.client, call.now)
        if not surplus:
            return None
        words = ", ".join(operation.word for operation in surplus)
        return Refused(403, Reason.OPERATION_DENIED.code, f"The key could do what you may not: {words}.")

    async def _recorded(self, name: str, record: KeyRecord, call: Call, **facts: str) -> bool:
        self._journal.append(_event(name, record, call, **facts))
        return await self._journal.durable() is None

    def _taken_back(self, record: KeyRecord, call: Call) -> Refused:
        self._ring.revoke(record.id, call.now)
        return Refused(503, Reason.AUDIT_UNAVAILABLE.code, "The key could not be recorded; it is revoked.")

    def _shown(self, record: KeyRecord, now: float) -> Key:
        used = self._uses.get(f"key:{record.id}")
        return Key(**seen(record, now), last_used_at=None if used is None else used.last)


_UNKNOWN = Refused(404, "not_found", "There is no such key.")
_ENDED = {"expired": "expired; make a new one", "revoked": "been revoked; make a new one"}


def _fresh(record: KeyRecord, now: float, key: str, **rotation: Any) -> FreshKey:
    return FreshKey(**seen(record, now), key=key, **rotation)


def _event(name: str, record: KeyRecord, call: Call, **facts: str) -> Event:
    return Event(
        at=call.now,
        name=name,
        principal=record.principal,
        credential=record.id,
        client=call.client,
        by=call.principal.id,
        facts={**facts},
    )
