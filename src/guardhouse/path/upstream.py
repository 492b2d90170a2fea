"""The connections to model servers: one keep-alive pool per target, one request at a time on each connection.

Rules:
- the request head is written here from scratch. Of the caller's headers only FORWARDED and those of the dialect go
  on; the caller's credential is never among them, the target's own is injected. Path and host come from the
  configuration and the dialect's table;
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
from guardhouse.model.secret import Secret
from guardhouse.path.upstream_files import UpstreamCredential, UpstreamTls
from guardhouse.path.wards import Ward, Wards
from guardhouse.policy.reaching import Patience, Timeouts, patience
from guardhouse.policy.settings import Upstream
from guardhouse.policy.snapshot import Target
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.dialects.table import DIALECTS
from guardhouse.wire.http1.head import ResponseHead
from guardhouse.wire.http1.response import ResponseFraming

_FOREVER: Final = float("inf")
_LOOK_EVERY: Final = 1.0  # seconds

FORWARDED = frozenset((b"accept", b"accept-language", b"idempotency-key", b"traceparent", b"tracestate"))


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
        self._waiting_for = Reason.UPSTREAM_FIRST_BYTE_TIMEOUT

    def send(self, request: bytes, sink: Sink, patience: Patience) -> None:
        """Send one request and report its answer to `sink`."""
        pool, transport = self._pool, self._transport
        assert transport is not None
        self._sink = sink
        self._framing.begin()
        self._waiting_for = Reason.UPSTREAM_FIRST_BYTE_TIMEOUT
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
            self._waiting_for = Reason.UPSTREAM_BETWEEN_BYTES_TIMEOUT
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
        if self._sink is not None and self._waiting_for is Reason.UPSTREAM_FIRST_BYTE_TIMEOUT:
            self._waiting_for = Reason.UPSTREAM_WRITE_TIMEOUT
            self.deadline = self._pool.clock() + self._patience.write

    def resume_writing(self) -> None:
        self.clogged = False
        if self._sink is not None:
            if self._waiting_for is Reason.UPSTREAM_WRITE_TIMEOUT:
                self._waiting_for = Reason.UPSTREAM_FIRST_BYTE_TIMEOUT
                self.deadline = self._pool.clock() + self._patience.first_byte
            self._sink.taken()

    def pause(self) -> None:
        """Back-pressure: the caller reads more slowly than the model server writes."""
        if self._transport is not None and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()
            self.deadline = float("inf")  # the caller's own write deadline runs meanwhile

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
        "_prefixes",
        "_retired",
        "clock",
        "credential",
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
        self._prefixes: dict[bytes, bytes] = {}
        self.tls = UpstreamTls(target)
        self.credential = UpstreamCredential(target, settings.credential_stale)
        self.patience = patience(settings, target.timeouts, None)
        self._patiences: dict[Timeouts, Patience] = {}

    def __repr__(self) -> str:
        return (
            f"<Pool {self.target.name}: {len(self._connections)} open, {len(self._idle)} idle, {self._making} making>"
        )

    def render(self, route: Route, path: bytes, exchange_id: str, headers: dict[bytes, bytes], body: bytes) -> bytes:
        """The bytes of a request: our head, what may be forwarded of the caller's, the judged document."""
        dialect = route.dialect
        prefix = self._prefixes.get(path)
        if prefix is None:
            prefix = self._prefixes[path] = _prefix(self.target, path, self.credential.current)
        forwarded, more = b"", dialect.forwarded
        if not FORWARDED.isdisjoint(headers):
            forwarded = b"".join([b"%b: %b\r\n" % (name, headers[name]) for name in headers if name in FORWARDED])
        if not more.isdisjoint(headers):
            kept = [(name, dialect.forward(name, headers[name])) for name in headers if name in more]
            forwarded += b"".join([b"%b: %b\r\n" % each for each in kept if each[1]])
        return b"%b%b%bx-request-id: %b\r\ncontent-length: %d\r\n\r\n%b" % (
            prefix,
            dialect.content(route),
            forwarded,
            exchange_id.encode("ascii"),
            len(body),
            body,
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
            self._prefixes.clear()
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


def _prefix(target: Target, path: bytes, credential: Secret | None) -> bytes:
    """Request line and constant headers. A path is of one dialect, and there are few for each model, so the cache above
    stays small."""
    lines = [
        f"POST {target.base_path}{path.decode('ascii')} HTTP/1.1",
        f"host: {authority_of(target)}",
        "accept-encoding: identity",
        "user-agent: guardhouse",
    ]
    if credential is not None:
        lines.append(DIALECTS[target.kind].credential(credential))
    return ("\r\n".join(lines) + "\r\n").encode("latin-1")


def authority_of(target: Target) -> str:
    default = 443 if target.scheme == "https" else 80
    host = f"[{target.host}]" if ":" in target.host else target.host
    return host if target.port == default else f"{host}:{target.port}"


Dial = Callable[[Pool, Patience], Awaitable[UpstreamConnection | Denial]]


class Upstreams:
    """Every pool of a worker, by target: equal targets of two snapshots share one, different ones never do.

    A target that no snapshot has any more is retired: its pool takes nothing new, is swept like the others for what is
    under way in it, and goes when the last of its connections does.
    """

    __slots__ = ("_dial", "_looked", "_loop", "_pools", "_retired", "_settings", "wards")

    def __init__(self, settings: Upstream, loop: asyncio.AbstractEventLoop, dial: Dial) -> None:
        self._dial = dial
        self._settings = settings
        self._loop = loop
        self._pools: dict[Target, Pool] = {}
        self._retired: list[Pool] = []
        self._looked = 0.0
        self.wards = Wards()

    def __repr__(self) -> str:
        return f"<Upstreams {list(self._pools.values())}, {len(self._retired)} retired>"

    def pool(self, target: Target) -> Pool:
        pool = self._pools.get(target)
        if pool is None:
            pool = self._pools[target] = Pool(target, self._settings, self._loop, self._dial, self.wards.of(target))
        return pool

    def keep_only(self, targets: set[Target]) -> None:
        """Retire what is not among the targets of the snapshots that are in use now."""
        for target in [target for target in self._pools if target not in targets]:
            pool = self._pools.pop(target)
            pool.retire()
            self._retired.append(pool)
        self.wards.keep_only(targets)

    def sweep(self, now: float) -> None:
        for pool in self._pools.values():
            pool.sweep(now)
        if now - self._looked >= _LOOK_EVERY:
            self._looked = now
            for pool in self._pools.values():
                pool.look(now)
        if self._retired:
            for pool in self._retired:
                pool.sweep(now)
            self._retired = [pool for pool in self._retired if not pool.is_empty()]

    def close(self) -> None:
        for pool in (*self._pools.values(), *self._retired):
            pool.close()
