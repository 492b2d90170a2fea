"""How a worker follows what callers are identified by: the feeds of keys and revocations, and the issuers' keys.

A file that lies there and cannot be what the control process has written is an event at once, and another when it is
sound again. Nobody is identified by what it should have told: by a feed from that moment on, by the issuers' keys after
`identity.stale_after` (identity.py asks for the age).

A worker takes connections when it knows all of it. What the start of the gateway publishes is there already; the keys
of an issuer may still be asked for, and a file that somebody damaged is about to be made anew. Nobody has to wait for
what cannot be had: an issuer that does not answer is called unavailable after a few seconds (control/issuer_keys.py),
and without a control process that says so this goes on after PATIENCE, and tells what it does not know.
"""

import asyncio
import logging

from guardhouse.audit.record import Event
from guardhouse.path.plane import DataPlane

PATIENCE = 15.0  # seconds: the start of a control process on a busy machine, and its own patience
_LOOK = 0.02  # seconds between two looks, before there is anybody to serve
_KEYS = "keys.feed"
log = logging.getLogger("guardhouse.path")


async def until_told(
    plane: DataPlane, stopping: asyncio.Event, patience: float = PATIENCE, look: float = _LOOK
) -> None:
    """Until everything is known, it is to end, or it has waited long enough."""
    deadline = plane.loop_time() + patience
    while not stopping.is_set() and (awaited := _awaited(plane)):
        if plane.loop_time() >= deadline:
            _tell_of_start_without(plane, awaited)
            return
        await asyncio.sleep(look)
        while plane.keys.refresh() or plane.tokens.refresh():
            pass


def _awaited(plane: DataPlane) -> list[str]:
    now = plane.now()
    return [*([] if plane.keys.age(now) < float("inf") else [_KEYS]), *plane.tokens.awaited(now)]


def _tell_of_start_without(plane: DataPlane, awaited: list[str]) -> None:
    missing = ", ".join(awaited)
    log.warning("serving without having been told of %s: whom that identifies is answered with 503", missing)
    plane.journal.append(
        Event(at=plane.now(), name="identity.incomplete_at_start", severity="alert", facts={"missing": missing})
    )


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
