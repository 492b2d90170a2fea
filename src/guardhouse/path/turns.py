"""The answers of one connection: whose turn it is, bytes out, back-pressure, and the end.

Exchanges are answered in the order of their arrival: `_current` is being served, `_waiting` holds those that came
behind it. Each ends in `finish`, which record calls when it is written down, and the next begins on a later turn of the
loop.

A caller that reads more slowly than the model server writes holds that back, and what was written and is not read
counts in the worker's memory; nothing further is answered meanwhile. The connection is closed gently (`linger`), so
that the last answer is not lost to a reset.

What arrives is the listener's, which is built on this.
"""

import asyncio
from abc import abstractmethod
from collections import deque

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path import holding, oversight, pipeline, record
from guardhouse.path.exchange import Exchange
from guardhouse.path.memory import Charge
from guardhouse.path.phase import Phase
from guardhouse.path.plane import DataPlane
from guardhouse.path.render import LAST_CHUNK, HttpCaller, render_chunk

_LINGER = 2.0  # seconds that the rest of a refused message is read and dropped


class Turns(HttpCaller):
    __slots__ = (
        "_address",
        "_arriving",
        "_current",
        "_phase",
        "_phase_since",
        "_plane",
        "_refusing",
        "_stalled_since",
        "_transport",
        "_turn_due",
        "_unread",
        "_unsent",
        "_waiting",
    )

    def __init__(self, plane: DataPlane) -> None:
        super().__init__()
        self._plane = plane
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._arriving: Exchange | None = None  # its head is judged, its body is not complete
        self._current: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._refusing = False  # nothing that arrives is read any more
        self._stalled_since = 0.0
        self._unsent = 0
        self._unread: Charge | None = None  # for what was written and is not read
        self._turn_due = False  # the next exchange begins when that has been read
        self._enter(Phase.IDLE)

    @abstractmethod
    def _stop_reading(self) -> None:
        """Whatever comes from now on is dropped."""

    @abstractmethod
    def _rest(self) -> None:
        """All that has come is answered."""

    # what the event loop calls

    def pause_writing(self) -> None:
        plane, transport, exchange = self._plane, self._transport, self._current
        self._stalled_since = plane.loop_time()
        if self.upstream is not None:
            self.upstream.pause()
        assert transport is not None
        owner = self._address if exchange is None else holding.owner_of(exchange)
        self._unread = plane.answers.charge(owner, transport.get_write_buffer_size() + 1)
        if self._unread is None:  # there is no room for what somebody does not read
            plane.loop.call_soon(self._give_up)

    def resume_writing(self) -> None:
        self._stalled_since = 0.0
        if self._unread is not None:
            self._unread.give_back()
            self._unread = None
        if self.upstream is not None:
            self.upstream.resume()
        if self._turn_due:
            self._turn_due = False
            self._plane.loop.call_soon(self._begin_next)

    # what the stages after the upstream call

    @property
    def gone(self) -> bool:
        return self._phase is Phase.CLOSED

    def start(self, head: bytes) -> None:
        assert self._transport is not None
        self._transport.write(head)

    def send(self, part: bytes) -> None:
        assert self._transport is not None
        self._transport.write(part if self._is_http10() else render_chunk(part))

    def finish(self, exchange: Exchange, last: bytes, *, keep_alive: bool) -> None:
        """The exchange is recorded: write its last bytes and go on to the next."""
        transport = self._transport
        if exchange is not self._current or transport is None or self._phase is Phase.CLOSED or transport.is_closing():
            return
        if not exchange.begun:
            transport.write(last)
        elif self._is_http10():
            transport.write(last)
            keep_alive = False
        else:
            transport.write((render_chunk(last) if last else b"") + LAST_CHUNK)
        if self._waiting and keep_alive and not self._plane.draining:
            if self._stalled_since:
                self._turn_due = True  # nobody gets one answer after another without reading them
            else:
                self._plane.loop.call_soon(self._begin_next)  # not from here: a long pipeline would be a deep recursion
            return
        self._current = None
        if not keep_alive or self._plane.draining:
            self._close_gently()
        else:
            self._rest()

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # what the worker calls

    def oversee(self) -> None:
        """End what is under way for somebody who may no longer be served."""
        exchange = self._current
        if exchange is not None and exchange.carriage is not None:
            denial = oversight.oversee(exchange, self._plane)
            if denial is not None:
                exchange.carriage.cancel(denial)

    # inside

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._phase_since = self._plane.loop_time()

    def _is_http10(self) -> bool:
        head = None if self._current is None else self._current.head
        return head is not None and head.http10

    def _enqueue(self, exchange: Exchange) -> None:
        if self._current is None:
            self._begin(exchange)
        elif len(self._waiting) < self._plane.settings.listen.limits.pipelined:
            self._waiting.append(exchange)
        else:
            exchange.keep_alive = False
            exchange.denial = Denial(Reason.PIPELINE_TOO_DEEP)
            exchange.body = b""
            holding.let_go(exchange)
            self._refusing = True
            self._waiting.append(exchange)

    def _begin(self, exchange: Exchange) -> None:
        self._current = exchange
        if self._arriving is None:
            self._phase = Phase.SERVING  # no deadline of this side runs now
        pipeline.serve(exchange, self._plane)

    def _begin_next(self) -> None:
        """An exchange that has waited: who it is from is asked again, a credential may have ended meanwhile."""
        self._current = None
        if self._phase is Phase.CLOSED or not self._waiting:
            return
        exchange = self._waiting.popleft()
        if exchange.denial is None and exchange.principal is not None:
            exchange.denial = pipeline.identify_again(exchange, self._plane)
        self._begin(exchange)

    def _drop_waiting(self) -> None:
        """Nobody will be answered any more; each exchange is recorded all the same."""
        dropped = [*self._waiting] if self._arriving is None else [*self._waiting, self._arriving]
        self._waiting.clear()
        self._arriving = None
        for exchange in dropped:
            record.close(exchange, self._plane, exchange.denial or Denial(Reason.CLIENT_LEFT))

    def _break_off(self) -> None:
        """The connection is lost."""
        self._phase = Phase.CLOSED
        self._drop_waiting()
        if self._unread is not None:
            self._unread.give_back()
        self._cancel(Denial(Reason.CLIENT_LEFT))

    def _give_up(self) -> None:
        """The caller does not read what it asked for."""
        if self._phase is Phase.CLOSED:
            return
        self._stalled_since = 0.0
        self._cancel(Denial(Reason.CLIENT_TOO_SLOW))
        self.abort()

    def _cancel(self, denial: Denial) -> None:
        if self._current is not None and self._current.carriage is not None:
            self._current.carriage.cancel(denial)

    def _close_gently(self) -> None:
        """Let the last answer arrive before the socket goes: a reset would take it away from a caller still sending."""
        transport = self._transport
        assert transport is not None
        self._stop_reading()
        self._drop_waiting()
        if transport.can_write_eof():
            transport.write_eof()
            self._enter(Phase.LINGER)
        else:
            transport.close()

    def _judge_linger(self, now: float, write_deadline: float) -> None:
        """First the last answer has to be out, however long that takes as long as it moves; then the pause runs."""
        transport = self._transport
        assert transport is not None
        unsent = transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent = unsent
            self._phase_since = now
        elif now - self._phase_since > (write_deadline if unsent else _LINGER):
            self.abort()
