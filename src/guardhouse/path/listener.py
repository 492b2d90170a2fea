"""The caller's side: bytes in, and deadlines.

One Connection per socket. It feeds the framing and makes an Exchange of each message, or of what failed to be one. How
these are answered, one after the other, is in turns.py.

Every malformed message takes the same way: an Exchange that is denied from the start, journaled like any other,
answered, and then the connection is closed, because after a framing error nobody can say where the next message
begins. A message that is refused before its body has arrived is answered at once; the rest of the body is read and
dropped for a moment (`linger`) so that the answer is not lost to a reset.

Deadlines are absolute times checked by `sweep`, a few times a second: headers, body, idle, a minimum rate for bodies,
and a limit on how long the caller may leave an answer unread. Only `Phase` says which of them runs.

What has to be kept counts in the worker's memory (holding.py). A body that is not complete yet gets its room before
more of it is read; if there is none, the socket is left unread for a while, which holds back the caller, and then the
request is refused.

A half-closed connection counts as closed: a caller that will not send any more has left.
"""

import asyncio
from time import time
from typing import cast

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path import holding, pipeline, probes
from guardhouse.path.exchange import Exchange
from guardhouse.path.phase import Phase, judge_body
from guardhouse.path.plane import DataPlane
from guardhouse.path.turns import Turns
from guardhouse.wire.http1.head import Head
from guardhouse.wire.http1.request import RequestFraming

_CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"


class Connection(Turns):  # an asyncio.Protocol by its methods; not by descent, which could not be compiled
    __slots__ = ("_body_bytes", "_framing")

    def __init__(self, plane: DataPlane) -> None:
        super().__init__(plane)
        self._framing = RequestFraming(self, plane.request_limits)
        self._body_bytes = 0

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
        self._stop_reading()
        self._break_off()
        self._plane.let_out(self, self._address)

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

    def drain(self) -> None:
        """No more messages: close when what is being served is answered."""
        if self._phase is Phase.IDLE and self._transport is not None:
            self._transport.close()

    # inside

    def _new_exchange(self) -> Exchange:
        plane = self._plane
        return Exchange(self, self._address, time(), plane.loop_time(), plane.mint_id(), plane.snapshot)

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

    def _refuse(self, denial: Denial) -> None:
        """The one way out for whatever is not a request, or comes too late to be one."""
        if self._current is not None:
            self._phase = Phase.SERVING
        exchange = self._arriving or self._new_exchange()
        if exchange.denial is None:  # what was found in the head goes before what is wrong with the body
            exchange.denial = denial
        self._refuse_early(exchange)

    def _refuse_early(self, exchange: Exchange) -> None:
        """What has come of it is dropped, what may come is read and dropped."""
        self._arriving = None
        exchange.keep_alive = False
        self._stop_reading()
        holding.let_go(exchange)
        if self._phase is Phase.PAUSED:
            self._read_on()
        self._enqueue(exchange)

    def _stop_reading(self) -> None:
        self._refusing = True
        self._framing.forget()

    def _rest(self) -> None:
        if self._arriving is None and not self._refusing:
            self._enter(Phase.HEAD if self._framing.in_message else Phase.IDLE)
