"""Carries what the book wants to know and to say to the limits' store, many things per journey, and notices its absence.

One journey is under way at a time. What comes up meanwhile waits for the next, so under load a journey carries more and
not more journeys are made. A journey has three parts, in this order: a sign of life once a second, what the store is to
be told (settlements, leases that go back), and what is asked for exchanges that wait.

When a journey fails, whatever the reason, the store is away: everybody who waits is called and finds that out
(away.py decides what it means), and the connection is tried again after a pause that doubles up to `_LONGEST`. What the
failed journey has done is unknown. Shares are told as totals, so they are told again; what was on its way to a tank is
not, since twice would be worse than never; what an ask may have taken is put right by the next total.
"""

import asyncio
import hashlib
import secrets
import ssl
from collections.abc import Callable
from typing import Any, Final, cast

from guardhouse.limits.book import Pending
from guardhouse.limits.shared.holding import Holding, Need
from guardhouse.limits.shared.leases import Lease, Share, Tank
from guardhouse.limits.shared.scripts import BEAT, SETTLE, TAKE
from guardhouse.limits.shared.wire import PIPELINED, Command, Wire

Tell = Callable[[str, str], None]  # the name of an event, and why

_SCRIPTS: Final = {script: hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest() for script in (BEAT, SETTLE, TAKE)}
_FIRST_PAUSE = 0.25
_LONGEST = 2.0  # seconds
_CONNECT = 1.0  # seconds for the connection and its greeting
_BEAT = 1.0  # seconds
_ALIVE = 600  # seconds without a sign of life after which a worker is gone; longer than answers take
_RESTORED = 2.0  # seconds in which all workers write down their totals after the store has lost them


class Place:
    """Where the store is, and who asks."""

    __slots__ = ("database", "host", "password", "port", "prefix", "timeout", "tls", "user", "worker")

    def __init__(
        self,
        host: str,
        port: int,
        *,
        worker: str,
        timeout: float = 0.05,
        prefix: str = "guardhouse",
        database: int = 0,
        user: str = "",
        password: str = "",
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.host = host
        self.port = port
        self.worker = f"{worker}-{secrets.token_hex(6)}"  # of this life of the worker
        self.timeout = timeout
        self.prefix = prefix.encode() + b"\0"
        self.database = database
        self.user = user
        self.password = password
        self.tls = tls


class Ask:
    """What an exchange needs. Without a pending one it only fetches ahead."""

    __slots__ = ("holdings", "needs", "pending", "sent")

    def __init__(self, needs: list[Need], holdings: list[Holding], pending: Pending | None) -> None:
        self.needs = needs
        self.holdings = holdings
        self.pending = pending
        self.sent: list[Need] = []  # what is missing of it, as it went out

    def done(self) -> None:
        if self.pending is not None:
            self.pending.call()


class Courier:
    __slots__ = (
        "_asks",
        "_beaten",
        "_changed",
        "_connecting",
        "_epoch",
        "_forget",
        "_loop",
        "_number",
        "_pause",
        "_place",
        "_retry",
        "_scheduled",
        "_settling",
        "_tell",
        "_told",
        "_under_way",
        "_wire",
        "away",
        "back_at",
        "clock",
        "journeys",
        "restored_at",
        "time",
    )

    def __init__(
        self, place: Place, loop: asyncio.AbstractEventLoop, *, tell: Tell, forget: Callable[[bool], None]
    ) -> None:
        self._place = place
        self._loop = loop
        self._tell = tell
        self._forget = forget  # the book's: what it knows of the store counts no more; True if it is all lost there
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
        self._scheduled = False
        self._connecting: asyncio.Task[None] | None = None
        self._retry: asyncio.TimerHandle | None = None
        self._wire: Wire | None = None
        self._pause = _FIRST_PAUSE
        self._epoch = b""
        self._beaten = 0.0
        self._number = 0

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
        self._wire = wire
        wire.say(self._greeting(), self._greeted, _CONNECT)

    def _greeting(self) -> list[Command]:
        place = self._place
        commands: list[Command] = []
        if place.password:
            commands.append(("AUTH", place.user, place.password) if place.user else ("AUTH", place.password))
        if place.database:
            commands.append(("SELECT", place.database))
        commands += [("SCRIPT", "LOAD", script) for script in _SCRIPTS]
        commands.append(self._beat())
        return commands

    def _beat(self) -> Command:
        place = self._place
        self._beaten = self.clock()
        keys = (place.prefix + b"epoch", place.prefix + b"alive\0" + place.worker.encode())
        return ("EVALSHA", _SCRIPTS[BEAT], 2, *keys, secrets.token_hex(8), _ALIVE)

    def _greeted(self, replies: list[Any]) -> None:
        self._live_in(replies[-1])
        self.away = False
        self._pause = _FIRST_PAUSE
        if self._told:
            self._told = False
            self._tell("limits_store.back", "")
        self._schedule()

    def _live_in(self, epoch: bytes) -> None:
        """Another epoch than before: the store has lost what it knew."""
        if not isinstance(epoch, bytes):
            raise TypeError("the epoch is a string")
        if epoch == self._epoch:
            return
        if self._epoch:
            self.restored_at = self.clock() + _RESTORED
            self._tell("limits_store.emptied", "it has lost what was counted")
            self._forget(True)
        self._epoch = epoch

    def _lost(self, why: str) -> None:
        self._wire = None
        self.away = True
        self.back_at = self.clock() + self._pause
        asks = self._under_way + self._asks
        self._tell_again()
        self._under_way, self._asks = [], []
        self._forget(False)
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
                lease.changed = True
                self._changed.append(lease)

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
        commands: list[Command] = []
        self._settling = self._settlements(commands)
        self._under_way = self._takings(commands)
        beaten = self.clock() - self._beaten >= _BEAT
        if beaten:
            commands.insert(0, self._beat())
        if commands:
            self.journeys += 1
            wire.say(commands, lambda replies: self._returned(replies, beaten=beaten))

    def _settlements(self, commands: list[Command]) -> list[Lease]:
        changed, self._changed = self._changed[:PIPELINED], self._changed[PIPELINED:]
        leases: list[Lease] = []
        arguments: list[bytes | str | int] = []
        for lease in changed:
            if not lease.changed:
                continue  # it stood there twice
            lease.changed = False
            leases.append(lease)
            if isinstance(lease, Tank):
                arguments += ("t", lease.amount, repr(lease.span), lease.owed, 0)
                lease.owed = 0
            elif isinstance(lease, Share):
                arguments += ("s", lease.amount, repr(lease.span), lease.spent, lease.reserved + lease.held)
        if leases:
            commands.append(self._script(SETTLE, [lease.key for lease in leases], arguments))
        return leases

    def _takings(self, commands: list[Command]) -> list[Ask]:
        """What is missing for those who wait, in the order of their coming; who misses nothing any more is called."""
        asks, self._asks = self._asks[:PIPELINED], self._asks[PIPELINED:]
        promised: dict[Lease, int] = {}
        gone: list[Ask] = []
        for ask in asks:
            if ask.pending is not None and ask.pending.resume is None:
                continue  # the caller has left
            ask.sent = []
            for lease, need in ask.needs:
                spare = lease.held - promised.get(lease, 0)
                promised[lease] = promised.get(lease, 0) + need
                if need > spare or ask.pending is None:
                    ask.sent.append((lease, max(0, need - max(0, spare))))
            if ask.sent or not all([holding.ready() for holding in ask.holdings]):
                commands.append(self._taking(ask))
                gone.append(ask)
            else:
                ask.done()
        return gone

    def _taking(self, ask: Ask) -> Command:
        self._number += 1
        arguments: list[bytes | str | int] = [self._number]
        for lease, need in ask.sent:
            kind, patience, depth = "s", 0.0, 0
            if isinstance(lease, Tank):
                kind, queue = "t", lease.queue
                if queue is not None:
                    patience, depth = queue.wait, queue.depth
            arguments += (kind, lease.amount, repr(lease.span), need, lease.block, repr(patience), depth)
        return self._script(TAKE, [lease.key for lease, _ in ask.sent], arguments)

    def _script(self, script: str, keys: list[bytes], arguments: list[bytes | str | int]) -> Command:
        place = self._place
        now = "" if self.time is None else repr(self.time())
        names = [place.prefix + b"epoch", *[place.prefix + key for key in keys]]
        common = (self._epoch, place.worker, place.prefix + b"alive\0", now)
        return ("EVALSHA", _SCRIPTS[script], len(names), *names, *common, *arguments)

    def _returned(self, replies: list[Any], *, beaten: bool) -> None:
        now = self.clock()
        asks, settled = self._under_way, self._settling
        self._under_way, self._settling = [], []
        if beaten:
            self._live_in(replies.pop(0))
        if settled:
            self._note_settled(replies.pop(0), settled, now)
        for ask, reply in zip(asks, replies, strict=True):
            if reply[0] == b"epoch":
                self._beaten = 0.0  # to learn the new one on the next journey, before asking again
                self._asks.append(ask)
            else:
                _note_taken(ask, reply, now)
                ask.done()
        if self._asks or self._changed:
            self._schedule()

    def _note_settled(self, reply: list[Any], settled: list[Lease], now: float) -> None:
        if reply[0] == b"epoch":
            self._beaten = 0.0
            for lease in settled:
                if isinstance(lease, Share):
                    lease.changed = True
                    self._changed.append(lease)
            return
        for lease, left in zip(settled, reply[1:], strict=True):
            owed = lease.owed if isinstance(lease, Tank) else 0  # what came up while this was under way
            lease.see(float(left) + owed, now)


def _note_taken(ask: Ask, reply: list[Any], now: float) -> None:
    granted = reply[0] == 1
    delay = float(reply[1])
    for number, (lease, _) in enumerate(ask.sent):
        taken, left, refused = reply[2 + 3 * number : 5 + 3 * number]
        lease.held += int(float(taken))
        lease.see(float(left) + (lease.owed if isinstance(lease, Tank) else 0), now)
        lease.filling = False
        if isinstance(lease, Tank) and refused == 1:
            lease.refused_at = now
    if granted:
        for holding in ask.holdings:
            if holding.rule.queue is not None:
                holding.turns.append(now + delay)
