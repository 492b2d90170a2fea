"""What is said on a journey to the limits' store, and what its answers mean. Nothing here waits or sends.

Where several exchanges ask for the same lease in one journey, each asks for what is missing after those before it, so
that they do not fetch the same thing twice; who misses nothing any more does not travel at all.
"""

import hashlib
import secrets
import ssl
from typing import Any, Final

from guardhouse.limits.book import Pending
from guardhouse.limits.shared.holding import Holding, Need
from guardhouse.limits.shared.leases import Lease, Share, Tank
from guardhouse.limits.shared.scripts import BEAT, SETTLE, TAKE
from guardhouse.limits.shared.wire import Command
from guardhouse.model.secret import Secret

SCRIPTS: Final = {
    script: hashlib.sha1(script.encode(), usedforsecurity=False).hexdigest() for script in (BEAT, SETTLE, TAKE)
}


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
        password: Secret | None = None,
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

    def greeting(self) -> list[Command]:
        """What a new connection says before anything else."""
        commands: list[Command] = []
        if self.password is not None:
            commands.append(("AUTH", self.user or "default", self.password.reveal()))
        if self.database:
            commands.append(("SELECT", self.database))
        return commands


class Ask:
    """What an exchange needs. Without a pending one it only fetches ahead."""

    __slots__ = ("ahead", "holdings", "needs", "pending", "sent")

    def __init__(self, needs: list[Need], holdings: list[Holding], pending: Pending | None, ahead: int = 0) -> None:
        self.needs = needs
        self.ahead = ahead  # how many times of each need is taken besides, where there is plenty
        self.holdings = holdings
        self.pending = pending
        self.sent: list[Need] = []  # what is missing of it, as it went out

    def done(self) -> None:
        if self.pending is not None:
            self.pending.call()


class Phrases:
    """The commands of one journey."""

    __slots__ = ("_common", "_epoch", "_prefix")

    def __init__(self, place: Place, epoch: bytes, time: float | None, connection: int) -> None:
        """`time`: what rates run on, if not the store's own clock. `connection` counts the worker's."""
        self._prefix = place.prefix
        self._epoch = place.prefix + b"epoch"
        self._common = (epoch, place.worker, place.prefix + b"alive\0", "" if time is None else repr(time), connection)

    def settle(self, leases: list[Lease], number: int) -> Command:
        arguments: list[bytes | str | int] = [number]
        for lease in leases:
            if isinstance(lease, Tank):
                arguments += ("t", lease.amount, repr(lease.span), lease.owed, 0)
                lease.owed = 0
            elif isinstance(lease, Share):
                arguments += ("s", lease.amount, repr(lease.span), lease.spent, lease.reserved + lease.held)
        return self._said(SETTLE, leases, arguments)

    def take(self, ask: Ask, number: int) -> Command:
        arguments: list[bytes | str | int] = [number]
        ahead = {lease: need * ask.ahead for lease, need in ask.needs} if ask.ahead else None
        for lease, need in ask.sent:
            kind, patience, depth = "s", 0.0, 0
            if isinstance(lease, Tank):
                kind, queue = "t", lease.queue
                if queue is not None:
                    patience, depth = queue.wait, queue.depth
            elif isinstance(lease, Share) and lease.is_budget:
                kind = "b"
            besides = lease.block if ahead is None else ahead[lease]
            arguments += (kind, lease.amount, repr(lease.span), need, besides, repr(patience), depth)
        return self._said(TAKE, [lease for lease, _ in ask.sent], arguments)

    def _said(self, script: str, leases: list[Lease], arguments: list[bytes | str | int]) -> Command:
        keys = [self._prefix + lease.key for lease in leases]
        return ("EVALSHA", SCRIPTS[script], len(keys) + 1, self._epoch, *keys, *self._common, *arguments)


def unsaid(changed: list[Lease]) -> list[Lease]:
    """Each lease that the store has to be told of, once."""
    found: list[Lease] = []
    for each in changed:
        lease = each.latest() if isinstance(each, Share) else each
        if lease.changed:
            lease.changed = False
            found.append(lease)
    return found


def missing(asks: list[Ask], now: float) -> list[Ask]:
    """Those that have to travel, in the order of their coming, with what each of them misses.

    A lease that is held but overdrawn misses nothing and does not cover either: it travels for the news.
    """
    promised: dict[Lease, int] = {}
    travelling: list[Ask] = []
    for ask in asks:
        if ask.pending is not None and ask.pending.resume is None:
            continue  # the caller has left
        ask.sent = []
        for lease, need in ask.needs:
            spare = lease.held - promised.get(lease, 0)
            promised[lease] = promised.get(lease, 0) + need
            if need > spare or ask.pending is None or not lease.covers(need, now):
                ask.sent.append((lease, max(0, need - max(0, spare))))
        if ask.sent or not all(holding.ready() for holding in ask.holdings):
            travelling.append(ask)
        else:
            ask.done()
    return travelling


def note_settled(reply: list[Any], leases: list[Lease], now: float) -> bool:
    """False if the store has lost what it knew, and has noted nothing."""
    if reply[0] == b"epoch":
        return False
    for lease, left in zip(leases, reply[1:], strict=True):
        lease.see(float(left) + _owed(lease), now)
    return True


def note_taken(reply: list[Any], ask: Ask, now: float) -> bool:
    """The same for what was asked for."""
    if reply[0] == b"epoch":
        return False
    granted, delay = reply[0] == 1, float(reply[1])
    for number, (lease, _) in enumerate(ask.sent):
        taken, left, refused = reply[2 + 3 * number : 5 + 3 * number]
        lease.held += int(float(taken))
        lease.see(float(left) + _owed(lease), now)
        lease.filling = False
        if isinstance(lease, Tank) and refused == 1:
            lease.refused_at = now
    if granted:
        for holding in ask.holdings:
            if holding.rule.queue is not None:
                holding.turns.append(now + delay)
    return True


def _owed(lease: Lease) -> int:
    """What came up while the journey was under way, and so is not in the store's figure."""
    return lease.owed if isinstance(lease, Tank) else 0
