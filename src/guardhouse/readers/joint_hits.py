"""Refusals counted together by all machines that share a `limits_store`.

In the store stands a sorted set per rule and principal: its members are exchanges, by their ids, their scores the times
of their records. So however often a refusal is said, after a lost answer, an outage or a restart, it counts once. Each
step (`COUNT`) trims the set to the rule's time before the latest refusal, keeps no more than one above what is borne,
lets the whole end with the rule's time, and answers how many there are. That presumes clocks that agree, as records of
several machines do anyway.

What has grown since the last journey is said in the next, all principals in one batch; one journey is under way at a
time and nobody waits for it. What comes back is handed on in `turn`, where a failure ends the process as it should.

When a journey fails the store is away, which is told once: the count of this machine goes on (hits.py), and a
connection is tried again after a pause that doubles up to `_LONGEST`. Whenever one has been made, every window that is
still of interest is said anew as a whole. So nothing is kept for the time of an outage, and a store that came back
empty learns what it needs.
"""

import asyncio
import hashlib
import math
import ssl
from asyncio import AbstractEventLoop
from collections.abc import Callable
from functools import partial
from typing import Any, Final, cast

from guardhouse.limits.shared.journeys import Place
from guardhouse.limits.shared.wire import PIPELINED, Command, Wire
from guardhouse.readers.hits import HitReader, Window

Tell = Callable[[str, str], None]  # the name of an event, and why
Parcel = tuple[Window, list[tuple[float, str]]]

_PATIENCE = 1.0  # seconds for the connection, and for an answer; longer than this process may be busy with other things
_FIRST_PAUSE = 0.25
_LONGEST = 4.0
_QUIET = 10.0  # seconds after which a sign of life is asked for
_MOST = 2048  # refusals in one journey
_LAST_TURNS = 50

# KEYS the set; ARGV the rule's time in seconds and in milliseconds, how many are kept, then scores and members
COUNT: Final = """
for n = 4, #ARGV, 2 do redis.call('ZADD', KEYS[1], ARGV[n], ARGV[n + 1]) end
local latest = redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', string.format('%.17g', latest - ARGV[1]))
redis.call('ZREMRANGEBYRANK', KEYS[1], 0, -1 - ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return redis.call('ZCARD', KEYS[1])
"""
_COUNT: Final = hashlib.sha1(COUNT.encode(), usedforsecurity=False).hexdigest()


class JointHits:
    def __init__(self, place: Place, loop: AbstractEventLoop, hits: HitReader, tell: Tell) -> None:
        self._place = place
        self._loop = loop
        self._hits = hits
        self._tell = tell
        self.away = True
        self._told = False  # that it is away
        self._unsaid: dict[Window, int] = {}  # how many of its latest refusals
        self._counted: list[tuple[Window, int, float]] = []
        self._wire: Wire | None = None
        self._connecting: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._scheduled = False
        self._pause = _FIRST_PAUSE
        self._spoken = 0.0
        self._now = 0.0
        hits.newly = self._note

    def __repr__(self) -> str:
        return f"<JointHits: the store is {'away' if self.away else 'there'}, {len(self._unsaid)} windows unsaid>"

    def open(self, now: float) -> None:
        self._now = now
        self._open()

    def turn(self, now: float) -> None:
        """Hands on what was counted."""
        self._now = now
        counted, self._counted = self._counted, []
        for window, count, at in counted:
            self._hits.see(window, count, at)
        if self._loop.time() - self._spoken > _QUIET:
            self._say([("PING",)], _pass)

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing waits."""
        return not self._unsaid and not self._connecting and (self._wire is None or self._wire.silent)

    async def end(self) -> None:
        """What was read last is still said, if the store takes it in time."""
        for _ in range(_LAST_TURNS):
            if self.idle or self.away:
                break
            await asyncio.sleep(0.01)
        for handle in (self._connecting, self._retry):
            if handle is not None:
                handle.cancel()
        if self._wire is not None:
            self._wire.close()
        self._wire, self.away = None, True

    # the connection

    def _open(self) -> None:
        self._retry = None
        self._connecting = self._loop.create_task(self._connect())

    async def _connect(self) -> None:
        place = self._place
        wire = Wire(self._loop, _PATIENCE, self._lost)
        factory = cast(Callable[[], asyncio.BaseProtocol], lambda: wire)
        try:
            async with asyncio.timeout(_PATIENCE):
                await self._loop.create_connection(factory, place.host, place.port, ssl=place.tls)
        except (OSError, ssl.SSLError, TimeoutError):
            wire.close()
            self._connecting = None
            self._lost("it cannot be reached")
            return
        self._connecting = None
        if wire.silent:  # it has not been lost meanwhile
            self._wire = wire
            wire.say([*place.greeting(), ("SCRIPT", "LOAD", COUNT)], self._greeted)

    def _greeted(self, _: list[Any]) -> None:
        self.away = False
        self._pause = _FIRST_PAUSE
        self._spoken = self._loop.time()
        if self._told:
            self._told = False
            self._tell("limits_store.back", "")
        for window in self._hits.windows():
            if window.hits[-1][0] > self._now - window.rule.above.window:
                self._unsaid[window] = len(window.hits)
        self._schedule()

    def _lost(self, why: str) -> None:
        self._wire = None
        self.away = True
        self._unsaid.clear()
        if not self._told:
            self._told = True
            self._tell("limits_store.away", why)
        if self._retry is None:
            self._retry = self._loop.call_later(self._pause, self._open)
        self._pause = min(self._pause * 2, _LONGEST)

    # journeys

    def _note(self, window: Window) -> None:
        if not self.away:
            self._unsaid[window] = min(self._unsaid.get(window, 0) + 1, len(window.hits))
            self._schedule()

    def _schedule(self) -> None:
        if not self._scheduled:
            self._scheduled = True
            self._loop.call_soon(self._depart)

    def _depart(self) -> None:
        self._scheduled = False
        if self._unsaid and self._wire is not None and self._wire.silent:
            parcels = self._load()
            self._say([self._phrase(*parcel) for parcel in parcels], partial(self._returned, parcels))

    def _say(self, commands: list[Command], told: Callable[[list[Any]], None]) -> None:
        if not self.away and self._wire is not None and self._wire.silent:
            self._spoken = self._loop.time()
            self._wire.say(commands, told)

    def _load(self) -> list[Parcel]:
        """As much as one journey carries; what was refused first goes first."""
        parcels: list[Parcel] = []
        room = _MOST
        while room and self._unsaid and len(parcels) < PIPELINED:
            window = next(iter(self._unsaid))
            number = self._unsaid.pop(window)
            hits = list(window.hits)[-number:][:room]
            if number > len(hits):
                self._unsaid[window] = number - len(hits)
            room -= len(hits)
            parcels.append((window, hits))
        return parcels

    def _phrase(self, window: Window, hits: list[tuple[float, str]]) -> Command:
        rule = window.rule
        key = self._place.prefix + f"refused\0{rule.name}\0{rule.above}\0{window.principal}".encode()
        span = rule.above.window
        said = [part for at, exchange in hits for part in (repr(at), exchange)]
        return ("EVALSHA", _COUNT, 1, key, repr(span), math.ceil(span * 1000), rule.above.amount + 1, *said)

    def _returned(self, parcels: list[Parcel], replies: list[Any]) -> None:
        if not all(isinstance(reply, int) for reply in replies):
            raise TypeError("a count is a whole number")
        for (window, hits), count in zip(parcels, replies, strict=True):
            self._counted.append((window, count, max(at for at, _ in hits)))
        self._schedule()


def _pass(_: list[Any]) -> None:
    """A sign of life says nothing else."""
