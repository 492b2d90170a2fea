"""A call by gRPC becomes an exchange, and goes through the same stages as a request over HTTP.

A call is an exchange of its own: its metadata is its head, judged before the message is read; the message is its body.
Only what callers prove themselves by and the trace is taken from the metadata. The answer goes back when it is on
record, with its status in gRPC's words, and in the trailing metadata what the headers say over HTTP.

Whatever method is called, it is a call that is recorded. A caller that cancels, leaves, or whose deadline is over, has
left. The port itself is in grpc_listening.py.
"""

import asyncio
import logging
from time import time
from typing import Any, Final
from urllib.parse import unquote

from guardhouse.limits.headers import render as render_limits
from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path import grpc_status, holding, oversight, pipeline, record
from guardhouse.path.exchange import Caller, Exchange
from guardhouse.path.fault import describe
from guardhouse.path.grpc_metadata import head_of
from guardhouse.path.grpc_tls import Peers
from guardhouse.path.plane import DataPlane
from guardhouse.wire.dialects.kserve.about import message

_LONGEST_DETAILS: Final = 1024
_SOON: Final = 1.0  # seconds from the head to the end of its message, before that is taken for a slow one

log = logging.getLogger("guardhouse.path")

Metadata = tuple[tuple[str, str], ...]


class Call(Caller):
    """One call, as the stages see their caller."""

    __slots__ = ("_plane", "_refused", "_task", "address", "exchange", "left", "over")

    def __init__(self, plane: DataPlane, address: str) -> None:
        super().__init__()
        self._plane = plane
        self._refused: Denial | None = None
        self._task = asyncio.current_task()
        self.address = address
        self.exchange: Exchange | None = None
        self.left = False
        self.over: asyncio.Future[None] = plane.loop.create_future()

    @property
    def gone(self) -> bool:
        return self.left

    def start(self, head: bytes) -> None:
        raise AssertionError("no answer of this protocol flows")

    def send(self, part: bytes) -> None:
        raise AssertionError("no answer of this protocol flows")

    def render(self, exchange: Exchange) -> bytes:
        self._refused = None
        return exchange.answer

    def refuse(self, exchange: Exchange, denial: Denial) -> bytes:
        self._refused = denial
        return b""

    def finish(self, exchange: Exchange, last: bytes, *, keep_alive: bool) -> None:
        if not self.over.done():
            self.over.set_result(None)

    def abort(self) -> None:
        self.left = True
        if self._task is not None and not self.over.done():
            self._task.cancel()

    def make_room(self) -> None:
        """Its message is not there yet. Where there is no room for it, it is not waited for."""
        exchange, plane = self.exchange, self._plane
        assert exchange is not None
        assert self._task is not None
        exchange.denial = holding.keep(exchange, plane, holding.room_for(plane.request_limits.body))
        if exchange.denial is not None:
            self._task.cancel()

    def is_sent_away(self) -> bool:
        """Whether it was for want of room that its task was cancelled; it goes on then, to say so."""
        if self.exchange is None or self.exchange.denial is None or self._task is None:
            return False
        self._task.uncancel()
        return True

    # what the worker calls

    def sweep(self, now: float) -> None:
        """Its deadlines are kept where it is read."""

    def oversee(self) -> None:
        exchange = self.exchange
        if exchange is not None and exchange.carriage is not None:
            denial = oversight.oversee(exchange, self._plane)
            if denial is not None:
                exchange.carriage.cancel(denial)

    def drain(self) -> None:
        """What is under way may finish."""

    def outcome(self, exchange: Exchange) -> tuple[int, str, bytes]:
        """Status, its details, and the message."""
        denial = self._refused
        if denial is not None:
            return grpc_status.of_reason(denial.reason), message(denial)[:_LONGEST_DETAILS], b""
        code = grpc_status.of_answer(exchange.status)
        if code == grpc_status.OK:
            return code, "", exchange.answer
        return code, exchange.answer.decode("utf-8", "replace")[:_LONGEST_DETAILS], b""

    def trailing(self, exchange: Exchange) -> Metadata:
        denial = self._refused
        decision = "allowed" if denial is None else "failed" if exchange.opened else "denied"
        if denial is None and (exchange.masked or exchange.masked_response):
            decision = "masked"
        told = [
            ("x-request-id", exchange.id),
            ("x-guardhouse-decision", decision),
            ("x-guardhouse-policy", exchange.snapshot.revision),
        ]
        if denial is not None:
            told.append(("x-guardhouse-reason", denial.reason.code))
            if denial.retry_after is not None:
                told.append(("retry-after", str(max(1, -int(-denial.retry_after // 1)))))
        if exchange.admission is not None:
            for line in render_limits(exchange.admission).decode("latin-1").splitlines():
                name, _, value = line.partition(": ")
                told.append((name.lower(), value))
        return tuple(told)


async def serve(plane: DataPlane, peers: Peers | None, rpc: Any) -> None:
    """One call from its metadata to its status."""
    call = Call(plane, address_of(rpc.peer))
    call.left = not _introduce(call, peers, rpc.peer)
    exchange = Exchange(call, call.address, time(), plane.loop_time(), plane.mint_id(), plane.snapshot)
    call.exchange = exchange
    exchange.denial = plane.let_in(call, call.address)
    try:
        if exchange.denial is None and not call.left:
            exchange.denial = _judge_head(exchange, plane, rpc)
        if exchange.denial is None and not call.left:
            exchange.denial = await _read_message(exchange, plane, call, rpc)
        if call.left:
            _give_up(exchange, plane)
            await rpc.end(grpc_status.CANCELLED, "", (), None)
            return
        pipeline.serve(exchange, plane)
        await call.over
    except asyncio.CancelledError:
        call.left = True
        _give_up(exchange, plane)
        raise
    except Exception as error:  # noqa: BLE001 - fails closed
        log.error("call %s failed: %s", exchange.id, describe(error))
        exchange.denial = Denial(Reason.INTERNAL)
        record.close(exchange, plane, exchange.denial)
        call.refuse(exchange, exchange.denial)
    finally:
        plane.let_out(call, call.address)
    code, details, answer = call.outcome(exchange)
    await rpc.end(code, details, call.trailing(exchange), answer if code == grpc_status.OK else None)


def turn_away(plane: DataPlane, address: str, denial: Denial) -> None:
    """A connection that is not taken: nobody is answered, and it is on record."""
    call = Call(plane, address)
    record.close(Exchange(call, address, time(), plane.loop_time(), plane.mint_id(), plane.snapshot), plane, denial)


def address_of(peer: str) -> str:
    """`ipv4:192.0.2.7:4711` or `ipv6:[::1]:4711`, the brackets maybe escaped."""
    version, _, rest = unquote(peer).partition(":")
    if version not in ("ipv4", "ipv6"):
        return "local"
    return rest.rpartition(":")[0].strip("[]")


def _introduce(call: Call, peers: Peers | None, name: str) -> bool:
    """Who is behind a connection that came by TLS. False: nobody, or nobody any more."""
    if peers is None:
        return True
    peer = peers.get(name)
    if peer is None:
        return False
    call.address, call.certificate = peer.address, peer.certificate
    return True


def _judge_head(exchange: Exchange, plane: DataPlane, rpc: Any) -> Verdict:
    head = head_of(rpc.method, rpc.metadata, plane.request_limits)
    if isinstance(head, Denial):
        return head
    exchange.head = head
    exchange.keep_alive = True
    return pipeline.judge(pipeline.HEAD_STAGES, exchange, plane)


async def _read_message(exchange: Exchange, plane: DataPlane, call: Call, rpc: Any) -> Verdict:
    """Exactly one message."""
    body = await _message(exchange, plane, call, rpc)
    if isinstance(body, Denial):
        return body
    call.left = not await rpc.begin()
    if call.left or body is None:
        return Denial(Reason.CLIENT_LEFT if call.left else Reason.BODY_MISSING)
    denial = pipeline.identify_at_last(exchange, plane)
    if len(body) <= holding.SMALL:
        holding.let_go(exchange)
    elif denial is None:
        denial = holding.keep(exchange, plane, holding.room_for(len(body)))
    if denial is None:
        exchange.body = body
    return denial


async def _message(exchange: Exchange, plane: DataPlane, call: Call, rpc: Any) -> bytes | Denial | None:
    """Nobody knows how much of it has come before it is whole, so one that takes its time counts as what it may become.
    None: there is none, or nobody is there any more."""
    more: bytes | Reason | None = None
    late = plane.loop.call_later(_SOON, call.make_room)
    try:
        async with asyncio.timeout(plane.settings.listen.deadlines.body):
            body: bytes | Reason | None = await rpc.read()
            if isinstance(body, bytes):
                more = await rpc.read()
    except TimeoutError:
        return Denial(Reason.BODY_TIMEOUT)
    except asyncio.CancelledError:
        if call.is_sent_away():
            return exchange.denial
        raise
    finally:
        late.cancel()
    if isinstance(body, Reason):
        return Denial(body)
    return body if more is None else Denial(Reason.BODY_UNEXPECTED)


def _give_up(exchange: Exchange, plane: DataPlane) -> None:
    """The caller has left; whatever has become of the exchange, it is recorded."""
    if exchange.carriage is not None:
        exchange.carriage.cancel(Denial(Reason.CLIENT_LEFT))
    elif not exchange.opened:
        record.close(exchange, plane, exchange.denial or Denial(Reason.CLIENT_LEFT))
