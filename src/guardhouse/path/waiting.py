"""An exchange that is held before it is opened: for its turn in a queue, for a place, for the limits' store to answer.

A held exchange costs its own memory and one timer, no task. It ends its wait in exactly one of three ways: whoever it
waits for calls it; its time is over, and it is asked again or refused; or the caller leaves, and it is recorded. What
it goes on with is the pipeline's to say, on a later turn of the loop: no wait ends inside of somebody else's end.
"""

from asyncio import Handle
from collections.abc import Callable

from guardhouse.limits.book import Limited
from guardhouse.model.denial import Denial
from guardhouse.path import record
from guardhouse.path.admission import refusal
from guardhouse.path.exchange import Detour, Exchange
from guardhouse.path.holding import keep
from guardhouse.path.plane import DataPlane

Resume = Callable[[Exchange, DataPlane], None]


class Waiting:
    __slots__ = ("_exchange", "_handle", "_plane", "_resume", "_since")

    def __init__(self, exchange: Exchange, plane: DataPlane, resume: Resume) -> None:
        self._exchange = exchange
        self._plane = plane
        self._resume = resume
        self._since = plane.loop_time()
        self._handle: Handle | None = None

    def begin(self) -> None:
        exchange, plane = self._exchange, self._plane
        pending = exchange.waiting
        assert pending is not None
        assert exchange.route is not None
        denial = keep(exchange, plane, exchange.route.dialect.weight(exchange.encoded, exchange.route))
        if denial is not None:
            exchange.waiting = None
            record.close(exchange, plane, denial)
            pending.passed()
            return
        exchange.carriage = self
        plane.held += 1
        pending.resume = self._called
        self._handle = plane.loop.call_later(pending.wait, self._expired)

    def cancel(self, denial: Denial) -> None:
        """The caller has left, perhaps after it was called."""
        pending = self._exchange.waiting
        self._end()
        record.close(self._exchange, self._plane, denial)
        if pending is not None:
            pending.passed()

    def _called(self) -> None:
        assert self._handle is not None
        self._handle.cancel()
        self._handle = self._plane.loop.call_soon(self._go_on)

    def _go_on(self) -> None:
        pending = self._exchange.waiting
        self._end()
        if pending is not None:
            pending.asks()
        try:
            self._resume(self._exchange, self._plane)
        finally:
            if pending is not None:
                pending.passed()

    def _expired(self) -> None:
        pending = self._exchange.waiting
        if pending is None or pending.otherwise is None:
            self._go_on()
            return
        self._end()
        exchange = self._exchange
        exchange.controls[record.STAGE_ORDER[exchange.passed]] = "blocked"
        denial = pending.otherwise
        if isinstance(denial, Limited):
            exchange.admission = denial
            denial = refusal(denial)
        record.close(exchange, self._plane, denial)

    def _end(self) -> None:
        """No longer held; nobody can call any more."""
        exchange, plane = self._exchange, self._plane
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None
        if exchange.waiting is not None:
            exchange.waiting.resume = None
            exchange.waiting = None
        exchange.carriage = None
        detour = exchange.detour = exchange.detour or Detour()
        detour.waited += plane.loop_time() - self._since
        plane.held -= 1
