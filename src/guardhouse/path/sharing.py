"""Which book a worker counts limits in, and what it tells of the store behind it.

Without `limits_store` the book is this process's own. With it the book is shared (limits/shared), and what becomes of
the store stands in the journal: that it is away, that it is back, that it has lost what it knew.
"""

import asyncio
import logging
import os
import ssl
import time
from asyncio import AbstractEventLoop
from pathlib import Path

from guardhouse.audit.journal import Journal
from guardhouse.audit.record import Event, Severity
from guardhouse.limits.shared.away import Substitute
from guardhouse.limits.shared.courier import Courier
from guardhouse.limits.shared.joint import SharedBook
from guardhouse.limits.shared.journeys import Place
from guardhouse.model.secret import Secret
from guardhouse.policy.references import Reference, resolve
from guardhouse.policy.settings import LimitsStore, Settings

_PATIENCE = 4  # times the store's time-out: what an exchange waits for at most, if everything goes wrong at once
_LAST_TURNS = 50
_LOOK = 0.01  # seconds between two looks, before there is anybody to serve
_SEVERE = {"limits_store.away", "limits_store.emptied"}

log = logging.getLogger("guardhouse.path")


class Sharing:
    """The shared book with its connection, as the worker keeps it going."""

    __slots__ = ("book", "courier")

    def __init__(self, courier: Courier, book: SharedBook) -> None:
        self.courier = courier
        self.book = book

    async def until_tried(self, stopping: asyncio.Event) -> None:
        """For a start: until the store is there, is known to be away, or the worker is to end."""
        while not (self.courier.tried or stopping.is_set()):
            await asyncio.sleep(_LOOK)

    async def end(self) -> None:
        """Give back what is held, if the store takes it in time."""
        self.book.give_back()
        for _ in range(_LAST_TURNS):
            if self.courier.idle or self.courier.away:
                break
            await asyncio.sleep(0.01)
        self.courier.close()


def share(settings: Settings, worker: int, journal: Journal, loop: AbstractEventLoop) -> Sharing | None:
    """None: there is no store, and this process counts for itself."""
    store = settings.limits_store
    if store is None:
        return None
    courier = Courier(place_of(store, f"w{worker}"), loop, lambda name, why: _tell(journal, name, why, worker))
    book = SharedBook(courier, Substitute(store.away, settings.workers * store.machines), store.timeout * _PATIENCE)
    courier.open()
    return Sharing(courier, book)


def place_of(store: LimitsStore, process: str) -> Place:
    return Place(
        store.url.host,
        store.url.port,
        worker=process,
        timeout=store.timeout,
        prefix=store.prefix,
        database=store.url.database,
        user=store.user or "",
        password=None if store.password is None else _password(store.password),
        tls=ssl.create_default_context() if store.url.tls else None,
    )


def _password(reference: Reference) -> Secret:
    secret = resolve(reference, Path("/"), os.environ)
    if not isinstance(secret, Secret):
        raise OSError(f"the password of limits_store: {secret}")
    return secret


def _tell(journal: Journal, name: str, why: str, worker: int) -> None:
    severity: Severity = "alert" if name in _SEVERE else "notice"
    log.log(logging.WARNING if why else logging.INFO, "%s: %s", name, why or "limits are counted together again")
    facts: dict[str, str | int | float | bool] = {"worker": f"w{worker}"}
    if why:
        facts["why"] = why
    journal.append(Event(at=time.time(), name=name, severity=severity, facts=facts))
