"""The caller's side: bytes in and out, deadlines, back-pressure, and the order of answers.

One Connection per socket. It feeds the framing, makes an Exchange of each message (or of what failed to be one) and
answers in the order of arrival: `_current` is being served, `_waiting` holds pipelined exchanges behind it.

Every malformed message takes the same way: an Exchange that is denied from the start, journaled like any other,
answered, and then the connection is closed, because after a framing error nobody can say where the next message
begins. A message that is refused before its body has arrived is answered at once; the rest of the body is read and
dropped for a moment (`linger`) so that the answer is not lost to a reset.

Deadlines are absolute times checked by `sweep`, a few times a second: headers, body, idle, a minimum rate for bodies,
and a limit on how long the caller may leave an answer unread. Only `Phase` says which of them runs.

What has to be kept counts in the worker's memory (holding.py). A body that is not complete yet gets its room before
more of it is read; if there is none, the socket is left unread for a while, which holds back the caller, and then the
request is refused. An answer that the caller does not read counts as well, and nothing further is answered meanwhile.

A half-closed connection counts as closed: a caller that will not send any more has left.
"""

import asyncio
from collections import deque
from time import time
from typing import cast

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path import holding, oversight, pipeline, probes, record
from guardhouse.path.exchange import Exchange
from guardhouse.path.memory import Charge
from guardhouse.path.phase import Phase, judge_body
from guardhouse.path.plane import DataPlane
from guardhouse.path.render import LAST_CHUNK, HttpCaller, render_chunk
from guardhouse.wire.http1.head import Head
from guardhouse.wire.http1.request import RequestFraming

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
_LINGER = 2.0  # seconds that the rest of a refused message is read and dropped


class Connection(HttpCaller):  # an asyncio.Protocol by its methods; not by descent, which could not be compiled
    __slots__ = (
        "_address",
        "_arriving",
        "_body_bytes",
        "_current",
        "_framing",
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
        self._framing = RequestFraming(self, plane.request_limits)
        self._transport: asyncio.Transport | None = None
        self._address = ""
        self._arriving: Exchange | None = None  # its head is judged, its body is not complete
        self._current: Exchange | None = None
        self._waiting: deque[Exchange] = deque()
        self._refusing = False  # nothing that arrives is read any more
        self._body_bytes = 0
        self._stalled_since = 0.0
        self._unsent = 0
        self._unread: Charge | None = None  # for what was written and is not read
        self._turn_due = False  # the next exchange begins when that has been read
        self._enter(Phase.IDLE)

    # what the event loop calls

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)  # uvloop's own class, which is not derived from it
        plane = self._plane
        peer = transport.get_extra_info("peername")
        address = self._address = peer[0] if isinstance(peer, tuple) else "local"
        if plane.certificates is not None:
            der = transport.get_extra_info("ssl_object").getpeercert(binary_form=True)
            self.certificate = None if der is None else plane.certificates.read(der)
        denial = plane.let_in(self, address)
        if denial is not None:
            self._refuse(denial)

    def data_received(self, data: bytes) -> None:
        if self._refusing:
            return
        if self._phase is Phase.BODY:
            self._body_bytes += len(data)
        framing = self._framing
        problem = framing.feed(data)
        if self.is_over():
            return  # what was fed ended the connection; whatever came behind it is not looked at
        if problem is not None:
            if self._arriving is not None:
                holding.let_go(self._arriving)
                self._arriving = None
            self._refuse(problem)
        elif self._arriving is not None:
            if self._arriving.denial is not None:
                self._refuse_early(self._arriving)
            elif self._phase is not Phase.BODY and self._phase is not Phase.PAUSED:
                self._begin_body(self._arriving)
            elif framing.is_chunked:
                denial = holding.grow(self._arriving, self._plane, framing)
                if denial is not None:
                    self._refuse(denial)
        elif framing.in_message and self._phase is Phase.IDLE:
            self._enter(Phase.HEAD)

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._phase = Phase.CLOSED
        self._refusing = True
        self._framing.forget()
        self._drop_waiting()
        if self._unread is not None:
            self._unread.give_back()
        self._plane.let_out(self, self._address)
        self._cancel(Denial(Reason.CLIENT_LEFT))

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

    # what the framing calls

    def head_received(self, head: Head) -> None:
        if self._refusing:
            return
        exchange = self._new_exchange()
        exchange.head = head
        exchange.keep_alive = head.keep_alive and head.method != "HEAD"  # an error's body would be read as an answer
        if not probes.is_probe(head):
            exchange.denial = pipeline.judge(pipeline.HEAD_STAGES, exchange, self._plane)
        self._arriving = exchange

    def message_received(self, body: bytes | bytearray) -> None:
        exchange = self._arriving
        if exchange is None:
            return
        self._arriving = None
        if self._phase is Phase.PAUSED:  # the rest was on its way already
            holding.let_go(exchange)
            self._read_on()
        if exchange.denial is None:
            exchange.body = body
        if self._current is None:
            if self._phase is Phase.BODY and exchange.denial is None and exchange.principal is not None:
                exchange.denial = pipeline.identify_at_last(exchange, self._plane)
            self._begin(exchange)
        else:
            self._phase = Phase.SERVING
            holding.keep_behind(exchange, self._plane)
            self._enqueue(exchange)

    def is_over(self) -> bool:
        return self._refusing

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
        elif self._arriving is None and not self._refusing:
            self._enter(Phase.HEAD if self._framing.in_message else Phase.IDLE)

    def abort(self) -> None:
        if self._transport is not None:
            self._transport.abort()

    # what the worker calls

    def sweep(self, now: float) -> None:
        listen = self._plane.settings.listen
        deadlines = listen.deadlines
        elapsed = now - self._phase_since
        if self._stalled_since and now - self._stalled_since > deadlines.write:
            self._give_up()
        elif self._phase is Phase.IDLE:
            if elapsed > deadlines.idle:
                self.abort()
        elif self._phase is Phase.HEAD:
            if elapsed > deadlines.header:
                self._refuse(Denial(Reason.HEADER_TIMEOUT))
        elif self._phase is Phase.BODY:
            denial = judge_body(elapsed, self._body_bytes, listen)
            if denial is not None:
                self._refuse(denial)
        elif self._phase is Phase.PAUSED:
            if elapsed > holding.PATIENCE and self._arriving is not None:
                self._refuse(holding.exhausted(self._arriving, self._plane, self._plane.memory))
        elif self._phase is Phase.LINGER:
            self._judge_linger(now, deadlines.write)

    def oversee(self) -> None:
        """End what is under way for somebody who may no longer be served."""
        exchange = self._current
        if exchange is not None and exchange.carriage is not None:
            denial = oversight.oversee(exchange, self._plane)
            if denial is not None:
                exchange.carriage.cancel(denial)

    def drain(self) -> None:
        """No more messages: close when what is being served is answered."""
        if self._phase is Phase.IDLE and self._transport is not None:
            self._transport.close()

    # inside

    def _enter(self, phase: Phase) -> None:
        self._phase = phase
        self._phase_since = self._plane.loop_time()

    def _new_exchange(self) -> Exchange:
        plane = self._plane
        return Exchange(self, self._address, time(), plane.loop_time(), plane.mint_id(), plane.snapshot)

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

    def _begin_body(self, exchange: Exchange) -> None:
        """The rest of a body is to come; only who is first in line may be left unread until there is room for it."""
        called = None if self._current is not None else self._read_on
        denial = holding.reserve(exchange, self._plane, self._framing, called)
        if denial is not None:
            self._refuse(denial)
        elif holding.is_waiting(exchange):
            assert self._transport is not None
            self._transport.pause_reading()
            self._enter(Phase.PAUSED)
        else:
            self._expect_body(exchange)

    def _expect_body(self, exchange: Exchange) -> None:
        self._enter(Phase.BODY)
        self._body_bytes = 0
        head = exchange.head
        if head is not None and head.expects_continue and self._current is None:
            assert self._transport is not None
            self._transport.write(_CONTINUE)

    def _read_on(self) -> None:
        """There is room now, or it is not needed any more."""
        transport = self._transport
        assert transport is not None
        if not transport.is_closing():
            transport.resume_reading()
            self._phase = Phase.BODY
            if self._arriving is not None:
                self._expect_body(self._arriving)

    def _drop_waiting(self) -> None:
        """Nobody will be answered any more; each exchange is recorded all the same."""
        dropped = [*self._waiting] if self._arriving is None else [*self._waiting, self._arriving]
        self._waiting.clear()
        self._arriving = None
        for exchange in dropped:
            record.close(exchange, self._plane, exchange.denial or Denial(Reason.CLIENT_LEFT))

    def _refuse(self, denial: Denial) -> None:
        """The one way out for whatever is not a request, or comes too late to be one."""
        if self._current is not None:
            self._phase = Phase.SERVING
        exchange = self._arriving or self._new_exchange()
        exchange.denial = denial
        self._refuse_early(exchange)

    def _refuse_early(self, exchange: Exchange) -> None:
        """What has come of it is dropped, what may come is read and dropped."""
        self._arriving = None
        exchange.keep_alive = False
        self._refusing = True
        self._framing.forget()
        holding.let_go(exchange)
        if self._phase is Phase.PAUSED:
            self._read_on()
        self._enqueue(exchange)

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
        self._refusing = True
        self._framing.forget()
        self._drop_waiting()
        if transport.can_write_eof():
            transport.write_eof()
            self._enter(Phase.LINGER)
        else:
            transport.close()
