"""The connections to model servers: one keep-alive pool per target, one request at a time on each connection.

Rules:
- the head of a request is written from scratch (upstream_head.py);
- a connection goes back to the pool only after a complete answer that left nothing over. One that timed out, was
  cancelled, answered badly or spoke while idle is closed. `ResponseFraming.reusable` is the judge;
- a target whose connections are all in use answers UPSTREAM_SATURATED rather than queueing without bound;
- nothing is ever sent twice: a request that has been written to a connection lives and dies with it.

Deadlines are checked by `sweep`, which the worker calls a few times a second: one comparison per connection instead of
one timer per request.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final, Protocol, cast

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path.upstream_files import UpstreamCredential, UpstreamTls
from guardhouse.path.upstream_head import Heads
from guardhouse.path.wards import Ward
from guardhouse.policy.reaching import Patience, Timeouts, patience
from guardhouse.policy.settings import Upstream
from guardhouse.policy.snapshot import Target
from guardhouse.wire.http1.head import ResponseHead
from guardhouse.wire.http1.response import ResponseFraming

_FOREVER: Final = float("inf")
# by names of their own: to find a member in its enum takes ten times as long, for each read of an answer
_FIRST_BYTE: Final = Reason.UPSTREAM_FIRST_BYTE_TIMEOUT
_BETWEEN_BYTES: Final = Reason.UPSTREAM_BETWEEN_BYTES_TIMEOUT
_WRITE: Final = Reason.UPSTREAM_WRITE_TIMEOUT


class Sink(Protocol):
    """Who takes the answer. `ended` is called once for every `send`, unless the connection is discarded before."""

    @property
    def received(self) -> Callable[[ResponseHead, bytes, bool], Denial | None]:
        """Takes the body bytes of one read, and whether they are the last; a Denial ends the exchange at once."""

    def taken(self) -> None:
        """What was sent and was too much to be taken at once has been taken."""

    def ended(self, denial: Denial | None) -> None:
        """None after the complete answer, or what went wrong. The connection is somebody else's by then."""


class UpstreamConnection:  # an asyncio.Protocol by its methods; see listener
    __slots__ = (
        "_framing",
        "_patience",
        "_paused",
        "_pool",
        "_sink",
        "_transport",
        "_waiting_for",
        "clogged",
        "deadline",
        "final",
        "idle_since",
    )

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool
        self._framing = ResponseFraming()
        self._transport: asyncio.Transport | None = None
        self._sink: Sink | None = None
        self._paused = False
        self.clogged = False  # the model server has still to take part of what was sent
        self._patience = pool.patience
        self.deadline = 0.0
        self.final = _FOREVER
        self.idle_since = 0.0
        self._waiting_for = _FIRST_BYTE

    def send(self, request: bytes, sink: Sink, patience: Patience) -> None:
        """Send one request and report its answer to `sink`."""
        pool, transport = self._pool, self._transport
        assert transport is not None
        self._sink = sink
        self._framing.begin()
        self._waiting_for = _FIRST_BYTE
        now = pool.clock()
        self._patience = patience
        self.deadline = now + patience.first_byte
        self.final = now + patience.whole
        transport.write(request)

    def data_received(self, data: bytes) -> None:
        framing, sink = self._framing, self._sink
        if sink is None:
            self.discard()  # nobody asked: whatever this is, it must not meet the next request
            return
        framing.feed(data)
        head = framing.head
        problem = framing.problem
        if problem is None and head is not None:
            self._waiting_for = _BETWEEN_BYTES
            self.deadline = self._pool.clock() + self._patience.between_bytes
            problem = sink.received(head, framing.take(), framing.complete)
        if problem is not None:
            self._end(sink, problem)
        elif framing.complete:
            self._end(sink, None)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._pool.forget(self)
        sink, framing = self._sink, self._framing
        if sink is None:
            return
        framing.end()
        problem = framing.problem
        if problem is None and framing.head is not None:
            problem = sink.received(framing.head, framing.take(), True)
        self._end(sink, problem)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, which is not derived from it

    def pause_writing(self) -> None:
        """The server takes its time with a long request: it has `write` for it before `first_byte` begins."""
        self.clogged = True
        if self._sink is not None and self._waiting_for is _FIRST_BYTE:
            self._waiting_for = _WRITE
            self.deadline = self._pool.clock() + self._patience.write

    def resume_writing(self) -> None:
        self.clogged = False
        if self._sink is not None:
            if self._waiting_for is _WRITE:
                self._waiting_for = _FIRST_BYTE
                self.deadline = self._pool.clock() + self._patience.first_byte
            self._sink.taken()

    def pause(self) -> None:
        """Back-pressure: the caller reads more slowly than the model server writes."""
        if self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()
            self.deadline = _FOREVER  # the caller's own write deadline runs meanwhile

    def resume(self) -> None:
        if self._paused and self._transport is not None and not self._transport.is_closing():
            self._paused = False
            self.deadline = self._pool.clock() + self._patience.between_bytes
            self._transport.resume_reading()

    def discard(self) -> None:
        """Close now. An exchange that is under way is not told: its owner is who calls, or `_end` tells it."""
        self._sink = None
        self._pool.forget(self)
        if self._transport is not None:
            self._transport.abort()

    def sweep(self, now: float) -> None:
        sink = self._sink
        if sink is not None:
            if now >= self.deadline:
                self._end(sink, Denial(self._waiting_for))
            elif now >= self.final:
                self._end(sink, Denial(Reason.UPSTREAM_WHOLE_TIMEOUT))
        elif now - self.idle_since >= self._pool.settings.idle:
            self.discard()

    def _end(self, sink: Sink, problem: Denial | None) -> None:
        self._sink = None
        if problem is None and self._framing.reusable and not self._paused and not self.clogged:
            self._pool.give_back(self)
        else:
            self.discard()
        sink.ended(problem)


class Pool:
    """The connections of one target. `open` counts those in use, idle and being made."""

    __slots__ = (
        "_connections",
        "_dial",
        "_idle",
        "_making",
        "_patiences",
        "_retired",
        "clock",
        "credential",
        "heads",
        "loop",
        "patience",
        "settings",
        "target",
        "tls",
        "ward",
    )

    def __init__(
        self, target: Target, settings: Upstream, loop: asyncio.AbstractEventLoop, dial: "Dial", ward: Ward
    ) -> None:
        self._dial = dial
        self.ward = ward
        self.target = target
        self.settings = settings
        self.loop = loop
        self.clock: Callable[[], float] = loop.time
        self._idle: deque[UpstreamConnection] = deque()
        self._connections: set[UpstreamConnection] = set()
        self._making = 0
        self._retired = False
        self.tls = UpstreamTls(target)
        self.credential = UpstreamCredential(target, settings.credential_stale)
        self.heads = Heads(target, self.credential)
        self.patience = patience(settings, target.timeouts, None)
        self._patiences: dict[Timeouts, Patience] = {}

    def __repr__(self) -> str:
        return (
            f"<Pool {self.target.name}: {len(self._connections)} open, {len(self._idle)} idle, {self._making} making>"
        )

    def patience_of(self, model: Timeouts) -> Patience:
        found = self._patiences.get(model)
        if found is None:
            found = self._patiences[model] = patience(self.settings, self.target.timeouts, model)
        return found

    def idle_connection(self) -> UpstreamConnection | None:
        """The most recently used idle connection: the least likely to be closed under our hands."""
        return self._idle.pop() if self._idle else None

    async def connect(self, patience: Patience, *, credential: bool = True) -> UpstreamConnection | Denial:
        """`credential`: whether what is to be sent needs the target's."""
        if credential and self.credential.current is None and self.target.credential is not None:
            return Denial(Reason.UPSTREAM_CREDENTIAL_UNAVAILABLE, retry_after=1.0)
        if len(self._connections) + self._making >= self.settings.connections:
            return Denial(Reason.UPSTREAM_SATURATED, retry_after=1.0)
        self._making += 1
        try:
            connection = await self._dial(self, patience)
        except TimeoutError:
            return Denial(Reason.UPSTREAM_CONNECT_TIMEOUT)
        except OSError:
            return Denial(Reason.UPSTREAM_UNREACHABLE)
        finally:
            self._making -= 1
        if not isinstance(connection, Denial):
            self._connections.add(connection)
        return connection

    def give_back(self, connection: UpstreamConnection) -> None:
        if self._retired or (self.credential.current is None and self.target.credential is not None):
            connection.discard()
            return
        connection.idle_since = self.clock()
        self._idle.append(connection)

    def forget(self, connection: UpstreamConnection) -> None:
        self._connections.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def sweep(self, now: float) -> None:
        for connection in tuple(self._connections):
            connection.sweep(now)

    def look(self, now: float) -> None:
        """At the files of the target. What they prove, or proved, is not left to connections that are idle."""
        credential, tls = self.credential.look(now), self.tls.look()
        if credential is not None:
            self.heads.renew()
            self.ward.tell("target.credential", credential)
        if tls is not None:
            self.ward.tell("target.certificate", tls)
        if tls == "" or self.credential.current is None:
            self._empty()

    def _empty(self) -> None:
        for connection in tuple(self._idle):
            connection.discard()

    def retire(self) -> None:
        """Nothing new will be sent; what is under way may end."""
        self._retired = True
        self._empty()

    def is_empty(self) -> bool:
        return not self._connections and not self._making

    def close(self) -> None:
        for connection in tuple(self._connections):
            connection.discard()


Dial = Callable[[Pool, Patience], Awaitable[UpstreamConnection | Denial]]
