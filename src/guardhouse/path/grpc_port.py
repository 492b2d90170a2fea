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
from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path import grpc_status, holding, oversight, pipeline, record
from guardhouse.path.exchange import Caller, Exchange
from guardhouse.path.fault import describe
from guardhouse.path.grpc_library import grpc
from guardhouse.path.plane import DataPlane
from guardhouse.wire.dialects.kserve.about import message
from guardhouse.wire.dialects.kserve.grpc import METHOD
from guardhouse.wire.http1.head import Head
from guardhouse.wire.http1.rules import collect_headers

_READ: Final = frozenset(("authorization", "x-api-key", "api-key", "traceparent", "tracestate"))
_LONGEST_DETAILS: Final = 1024
_CODES: Final = {code.value[0]: code for code in grpc.StatusCode}

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


async def serve(plane: DataPlane, method: str, metadata: Any, context: Any) -> bytes:
    """One call from its metadata to its status."""
    call = Call(plane, address_of(context.peer()))
    exchange = Exchange(call, call.address, time(), plane.loop_time(), plane.mint_id(), plane.snapshot)
    call.exchange = exchange
    _enter(plane, call)
    try:
        _judge_head(exchange, plane, call, method, metadata)
        if exchange.denial is None:
            await _read_message(exchange, plane, context)
        pipeline.serve(exchange, plane)
        await call.over
    except asyncio.CancelledError:
        call.left = True
        _give_up(exchange, plane)
        raise
    except Exception as error:  # noqa: BLE001 - fails closed, and the library would tell the caller its text
        log.error("call %s failed: %s", exchange.id, describe(error))
        exchange.denial = Denial(Reason.INTERNAL)
        record.close(exchange, plane, exchange.denial)
        call.refuse(exchange, exchange.denial)
    finally:
        _leave(plane, call)
    code, details, answer = call.outcome(exchange)
    trailing = call.trailing(exchange)
    if code != grpc_status.OK:
        await context.abort(_CODES[code], details, trailing)
    context.set_trailing_metadata(trailing)
    return answer


def address_of(peer: str) -> str:
    """`ipv4:192.0.2.7:4711` or `ipv6:[::1]:4711`, the brackets maybe escaped."""
    version, _, rest = unquote(peer).partition(":")
    if version not in ("ipv4", "ipv6"):
        return "local"
    return rest.rpartition(":")[0].strip("[]")


def _judge_head(exchange: Exchange, plane: DataPlane, call: Call, method: str, metadata: Any) -> None:
    headers = collect_headers([(key.encode(), value.encode()) for key, value in metadata if key in _READ])
    if isinstance(headers, Denial):
        exchange.denial = headers
        return
    exchange.head = Head(METHOD, method.encode("utf-8", "replace"), b"", headers, True, False, -1, False)
    exchange.keep_alive = True
    if plane.connections_by_address[call.address] > plane.settings.listen.limits.connections_per_address:
        exchange.denial = Denial(Reason.CONNECTIONS_EXCEEDED, retry_after=1.0)
    elif plane.draining:
        exchange.denial = Denial(Reason.DRAINING, retry_after=1.0)
    else:
        exchange.denial = pipeline.judge(pipeline.HEAD_STAGES, exchange, plane)


async def _read_message(exchange: Exchange, plane: DataPlane, context: Any) -> None:
    """Exactly one message. It is whole when it comes, so what it takes in memory counts from here on."""
    try:
        async with asyncio.timeout(plane.settings.listen.deadlines.body):
            body = await context.read()
            more = None if body is grpc.aio.EOF else await context.read()
    except TimeoutError:
        exchange.denial = Denial(Reason.BODY_TIMEOUT)
        return
    if body is grpc.aio.EOF or more is not grpc.aio.EOF:
        exchange.denial = Denial(Reason.BODY_MISSING if body is grpc.aio.EOF else Reason.BODY_UNEXPECTED)
        return
    exchange.denial = pipeline.identify_at_last(exchange, plane)
    if exchange.denial is None and len(body) > holding.SMALL:
        exchange.denial = holding.keep(exchange, plane, holding.room_for(len(body)))
    if exchange.denial is None:
        exchange.body = body


def _give_up(exchange: Exchange, plane: DataPlane) -> None:
    """The caller has left; whatever has become of the exchange, it is recorded."""
    if exchange.carriage is not None:
        exchange.carriage.cancel(Denial(Reason.CLIENT_LEFT))
    elif not exchange.opened:
        record.close(exchange, plane, exchange.denial or Denial(Reason.CLIENT_LEFT))


def _enter(plane: DataPlane, call: Call) -> None:
    plane.connections.add(call)
    plane.connections_by_address[call.address] = plane.connections_by_address.get(call.address, 0) + 1


def _leave(plane: DataPlane, call: Call) -> None:
    plane.connections.discard(call)
    left = plane.connections_by_address.get(call.address, 1) - 1
    if left:
        plane.connections_by_address[call.address] = left
    else:
        plane.connections_by_address.pop(call.address, None)
