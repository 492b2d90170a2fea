"""Asks model servers whether they are well, where the configuration says at which path they tell.

Each worker asks for itself, from its own network and over a connection of its own, by the same guard, TLS and time-outs
as any exchange; without a credential, and of the answer only the status counts. What comes of it is for the ward to
judge (wards.py): some answers that are not good make the server unwell, some good ones make it well again, and a good
one lets a server that is left alone be tried at once.
"""

from asyncio import AbstractEventLoop, Task
from collections.abc import Callable, Iterable

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path.fault import describe
from guardhouse.path.pools import Upstreams
from guardhouse.path.upstream import Pool
from guardhouse.path.upstream_head import authority_of
from guardhouse.policy.reaching import Patience
from guardhouse.policy.resilience import Checking
from guardhouse.policy.snapshot import Target
from guardhouse.wire.http1.head import ResponseHead

_MOST_BYTES = 64 * 1024


class Checkups:
    __slots__ = ("_due", "_loop", "_tasks", "_upstreams")

    def __init__(self, upstreams: Upstreams, loop: AbstractEventLoop) -> None:
        self._upstreams = upstreams
        self._loop = loop
        self._due: dict[Target, float] = {}
        self._tasks: dict[Target, Task[None]] = {}

    def __repr__(self) -> str:
        return f"<Checkups of {len(self._due)}, {len(self._tasks)} under way>"

    def sweep(self, targets: Iterable[Target], now: float) -> None:
        """Begin those that are due; one at a time for each server."""
        checked = [target for target in targets if target.health is not None]
        self._due = {target: self._due.get(target, now) for target in checked}
        self._tasks = {target: task for target, task in self._tasks.items() if not task.done()}
        for target in checked:
            if now >= self._due[target] and target not in self._tasks and target.health is not None:
                self._due[target] = now + target.health.every
                self._tasks[target] = self._loop.create_task(self._ask(target, target.health))

    async def _ask(self, target: Target, rules: Checking) -> None:
        pool = self._upstreams.pool(target)
        limit = rules.timeout
        limits = Patience(connect=limit, tls=limit, write=limit, first_byte=limit, between_bytes=limit, whole=limit)
        try:
            connection = await pool.connect(limits, credential=False)
        except Exception as error:  # noqa: BLE001 - whatever keeps a server from being asked, it is not known to be well
            pool.ward.checked(rules, describe(error), self._loop.time())
            return
        if isinstance(connection, Denial):
            if connection.reason is not Reason.UPSTREAM_SATURATED:  # then others are with it, and tell how it is
                pool.ward.checked(rules, connection.reason.code, self._loop.time())
            return
        connection.send(_question(target, rules), Checkup(pool, rules, self._loop), limits)


class Checkup:
    """The sink of one question."""

    __slots__ = ("_loop", "_pool", "_rules", "_size", "_status", "received")

    def __init__(self, pool: Pool, rules: Checking, loop: AbstractEventLoop) -> None:
        self._pool = pool
        self._rules = rules
        self._loop = loop
        self._status = 0
        self._size = 0
        self.received: Callable[[ResponseHead, bytes, bool], Denial | None] = self._received

    def taken(self) -> None:
        """It is short."""

    def ended(self, denial: Denial | None) -> None:
        if self._status:
            why = "" if 200 <= self._status < 300 else f"status_{self._status}"
        else:
            why = "" if denial is None else denial.reason.code
        self._pool.ward.checked(self._rules, why, self._loop.time())

    def _received(self, head: ResponseHead, part: bytes, complete: bool) -> Denial | None:
        self._status = head.status
        self._size += len(part)
        return Denial(Reason.RESPONSE_TOO_LARGE) if self._size > _MOST_BYTES else None


def _question(target: Target, rules: Checking) -> bytes:
    lines = (
        f"GET {target.base_path}{rules.path} HTTP/1.1",
        f"host: {authority_of(target)}",
        "accept-encoding: identity",
        "user-agent: guardhouse",
        "connection: close",
    )
    return ("\r\n".join(lines) + "\r\n\r\n").encode("ascii")
