"""How a worker follows what callers are identified by: the feeds of keys and revocations, and the issuers' keys.

A file that lies there and cannot be what the control process has written is an event at once, and another when it is
sound again. Nobody is identified by what it should have told: by a feed from that moment on, by the issuers' keys after
`identity.stale_after` (identity.py asks for the age).
"""

import asyncio

from guardhouse.audit.record import Event
from guardhouse.path.plane import DataPlane

_KEYS = "keys.feed"


class Vouching:
    __slots__ = ("_plane", "_unsound")

    def __init__(self, plane: DataPlane) -> None:
        self._plane = plane
        self._unsound: set[str] = set()

    async def follow(self) -> None:
        while self._plane.keys.refresh() or self._plane.tokens.refresh():
            await asyncio.sleep(0)  # a long feed is read in slices, between which traffic goes on
        unsound = {*self._plane.tokens.unsound(), *([_KEYS] if self._plane.keys.condemned else [])}
        if unsound != self._unsound:
            self._tell(unsound)
            self._unsound = unsound

    def _tell(self, unsound: set[str]) -> None:
        now = self._plane.now()
        for name in sorted(unsound - self._unsound):
            self._plane.journal.append(
                Event(at=now, name="identity.file_unreadable", severity="alert", facts={"file": name})
            )
        for name in sorted(self._unsound - unsound):
            self._plane.journal.append(Event(at=now, name="identity.file_sound", facts={"file": name}))
