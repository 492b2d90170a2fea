"""Carries what the book wants to know and to say to the limits' store, many things per journey, and notices when the
store is away.

One journey is under way at a time. What comes up meanwhile waits for the next, so under load a journey carries more and
not more journeys are made. A journey has three parts, in this order: a sign of life once a second, what the store is to
be told (settlements, leases that go back), and what is asked for exchanges that wait.

When a journey fails, whatever the reason, the store is away: everybody who waits is called and finds that out
(away.py decides what it means), and the connection is tried again after a pause that doubles up to `_LONGEST`. What the
failed journey has done is unknown. Shares are told as totals, so they are told again; what was on its way to a tank is
told again if the store, when it is back, has not noted that settlement. What an ask may have taken is put right by the
next total; of a tank it is lost, until it has refilled.
"""

import asyncio
import secrets
import ssl
from collections.abc import Callable
from typing import Any, cast

from guardhouse.limits.shared.journeys import (
    SCRIPTS,
    Ask,
    Phrases,
    Place,
    missing,
    note_settled,
    note_taken,
    unsaid,
)
from guardhouse.limits.shared.leases import Lease, Share, Tank
from guardhouse.limits.shared.scripts import BEAT
from guardhouse.limits.shared.wire import PIPELINED, Command, Wire

Tell = Callable[[str, str], None]  # the name of an event, and why

_FIRST_PAUSE = 0.25
_LONGEST = 2.0  # seconds
_CONNECT = 1.0  # seconds for the connection and its greeting
_BEAT = 1.0  # seconds
_ALIVE = 600  # seconds without a sign of life after which a worker is gone; longer than answers take
# seconds in which all workers write down their totals after the store has lost them: one may be at the beginning of its
# longest pause, has to connect then, and to say them
_RESTORED = _LONGEST + _CONNECT + 2.0


class Courier:
    __slots__ = (
        "_asks",
        "_beaten",
        "_changed",
        "_connecting",
        "_connection",
        "_epoch",
        "_loop",
        "_number",
        "_owing",
        "_pause",
        "_place",
        "_retry",
        "_scheduled",
        "_settlement",
        "_settling",
        "_tell",
        "_told",
        "_under_way",
        "_wire",
        "away",
        "back_at",
        "clock",
        "forget",
        "journeys",
        "restored_at",
        "time",
    )

    def __init__(self, place: Place, loop: asyncio.AbstractEventLoop, tell: Tell) -> None:
        self._place = place
        self._loop = loop
        self._tell = tell
        self.forget: Callable[[bool], None] | None = None  # the book's: what is known of the store counts no more
        self.clock: Callable[[], float] = loop.time
        self.time: Callable[[], float] | None = None  # the time that rates run on, if not the store's own
        self.away = True
        self.back_at = 0.0  # when the store is tried again, on the loop's clock
        self.restored_at = 0.0  # until then the store may not know everything yet
        self.journeys = 0
        self._told = False  # that it is away
        self._asks: list[Ask] = []
        self._changed: list[Lease] = []
        self._under_way: list[Ask] = []
        self._settling: list[Lease] = []
        self._owing: list[tuple[Tank, int]] = []  # what tanks were told last, until it is known to be noted
        self._settlement = 0  # its number
        self._scheduled = False
        self._connecting: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._wire: Wire | None = None
        self._pause = _FIRST_PAUSE
        self._epoch = b""
        self._beaten = float("-inf")
        self._number = 0
        self._connection = 0

    def __repr__(self) -> str:
        state = "away" if self.away else "there"
        return f"<Courier: the store is {state}, {len(self._asks)} asks wait>"

    # what the book calls

    def open(self) -> None:
        if self._connecting is None and self._wire is None:
            self._connecting = self._loop.create_task(self._connect())

    def ask(self, ask: Ask) -> None:
        self._asks.append(ask)
        self._schedule()

    def note(self, lease: Lease) -> None:
        """It has changed, and the store has to know."""
        self._changed.append(lease)
        self._schedule()

    def sweep(self, now: float) -> None:
        if not self.away and now - self._beaten >= _BEAT:
            self._schedule()

    @property
    def tried(self) -> bool:
        """Whether it is known if the store is there: it takes its own time-outs at most after `open`."""
        return not self.away or self._told

    @property
    def idle(self) -> bool:
        """Nothing is under way and nothing waits."""
        return not (self._asks or self._changed or self._under_way or self._scheduled or self._connecting) and (
            self._wire is None or self._wire.silent
        )

    def close(self) -> None:
        for handle in (self._connecting, self._retry):
            if handle is not None:
                handle.cancel()
        if self._wire is not None:
            self._wire.close()
            self._wire = None
        self.away = True

    # the connection

    async def _connect(self) -> None:
        self._retry = None
        place = self._place
        wire = Wire(self._loop, place.timeout, self._lost)
        factory = cast(Callable[[], asyncio.BaseProtocol], lambda: wire)
        try:
            async with asyncio.timeout(_CONNECT):
                await self._loop.create_connection(factory, place.host, place.port, ssl=place.tls)
        except (OSError, ssl.SSLError, TimeoutError):
            self._connecting = None
            self._lost("it cannot be reached")
            return
        self._connecting = None
        self._connection += 1
        self._wire = wire
        wire.say(self._greeting(), self._greeted, _CONNECT)

    def _greeting(self) -> list[Command]:
        loading: list[Command] = [("SCRIPT", "LOAD", script) for script in SCRIPTS]
        return [*self._place.greeting(), *loading, self._beat()]

    def _beat(self) -> Command:
        place = self._place
        self._beaten = self.clock()
        sign = place.prefix + b"alive\0" + place.worker.encode()
        keys = (place.prefix + b"epoch", sign, sign + b":settled")
        return ("EVALSHA", SCRIPTS[BEAT], len(keys), *keys, secrets.token_hex(8), _ALIVE, self._connection)

    def _greeted(self, replies: list[Any]) -> None:
        if self._live_in(replies[-1]) < self._settlement:
            self._owe_again()
        self._owing = []
        self.away = False
        self._pause = _FIRST_PAUSE
        if self._told:
            self._told = False
            self._tell("limits_store.back", "")
        self._schedule()

    def _live_in(self, reply: list[bytes]) -> int:
        """The number of this worker's last settlement. Another epoch than before: the store has lost what it knew."""
        epoch, settled = reply
        if not isinstance(epoch, bytes):
            raise TypeError("the epoch is a string")
        if self._epoch and epoch != self._epoch:
            self.restored_at = self.clock() + _RESTORED
            self._tell("limits_store.emptied", "it has lost what was counted")
            self._let_forget(emptied=True)
        self._epoch = epoch
        return int(settled)

    def _lost(self, why: str) -> None:
        self._wire = None
        self.away = True
        self.back_at = self.clock() + self._pause
        asks = self._under_way + self._asks
        self._tell_again()
        self._under_way, self._asks = [], []
        self._let_forget(emptied=False)
        if not self._told:
            self._told = True
            self._tell("limits_store.away", why)
        self._retry = self._loop.call_later(self._pause, self.open)
        self._pause = min(self._pause * 2, _LONGEST)
        for ask in asks:
            ask.done()

    def _tell_again(self) -> None:
        """The totals of the shares that the journey was about, whose reply is not coming any more."""
        doubtful = [*self._settling, *[lease for ask in self._under_way for lease, _ in ask.sent]]
        self._settling = []
        for lease in doubtful:
            if isinstance(lease, Share):
                latest = lease.latest()
                latest.changed = True
                self._changed.append(latest)

    def _owe_again(self) -> None:
        for tank, amount in self._owing:
            tank.owe(amount)
            self._changed.append(tank)
        self._owing = []

    def _let_forget(self, *, emptied: bool) -> None:
        if self.forget is not None:
            self.forget(emptied)

    # journeys

    def _schedule(self) -> None:
        if not self._scheduled and not self.away:
            self._scheduled = True
            self._loop.call_soon(self._depart)

    def _depart(self) -> None:
        self._scheduled = False
        wire = self._wire
        if wire is None or self.away or not wire.silent:
            return
        phrases = Phrases(self._place, self._epoch, None if self.time is None else self.time(), self._connection)
        self._settling = unsaid(self._changed[:PIPELINED])
        self._changed = self._changed[PIPELINED:]
        commands: list[Command] = []
        if self._settling:
            self._settlement += 1
            self._owing = [(lease, lease.owed) for lease in self._settling if isinstance(lease, Tank)]
            commands.append(phrases.settle(self._settling, self._settlement))
        self._under_way = missing(self._asks[:PIPELINED], self.clock())
        self._asks = self._asks[PIPELINED:]
        for ask in self._under_way:
            self._number += 1
            commands.append(phrases.take(ask, self._number))
        beaten = self.clock() - self._beaten >= _BEAT
        if beaten:
            commands.insert(0, self._beat())
        if commands:
            self.journeys += 1
            wire.say(commands, lambda replies: self._returned(replies, beaten=beaten))

    def _returned(self, replies: list[Any], *, beaten: bool) -> None:
        """What fails in here is a store that does not answer as it should; until the end the journey is under way."""
        now = self.clock()
        asks, leases = self._under_way, self._settling
        if beaten:
            self._live_in(replies.pop(0))
        if leases:
            if not note_settled(replies.pop(0), leases, now):
                self._miss(now)
            self._owing = []
        for ask, reply in zip(asks, replies, strict=True):
            if not note_taken(reply, ask, now):
                self._miss(now)
            ask.done()
        self._under_way, self._settling = [], []
        if self._asks or self._changed or self._beaten < 0.0:
            self._schedule()

    def _miss(self, now: float) -> None:
        """The store has another epoch: it is learned on the next journey, before anything else. Whoever has asked asks
        again, and where a budget is concerned not before all workers have told their totals."""
        self._beaten = float("-inf")
        self.restored_at = now + _RESTORED
        self._owe_again()
        self._tell_again()
