"""The way of one admitted exchange to a model server and back, and its single end.

A Carriage is what the upstream connection reports to: `received` for each read of the answer, `ended` when the answer
is complete or has failed. Nothing of it is a coroutine while an idle connection is at hand, because on this path a
task and its wake-ups cost as much as all of policy and admission; a task exists only while a connection has to be
made, or another server found.

What is tried again: anything of which nothing was sent, at every further server that may have it (rerouting.py), and in
another round after a pause; and what was sent to a server that broke before it answered, where doing it twice does no
harm: an operation that only computes, or a model that says so (`repeat`). Both of the latter draw on the budget of
retrying.py. An answer that has begun is never begun again. The attempts are on the record.

`end` runs exactly once, whoever comes first: the complete answer, a failure, a deadline, or the caller's departure
(`cancel`). It gives the closed record its figures and lets `record` release the answer. Whatever fails in here fails
closed: the caller gets an error or a cut connection, never an answer that was not judged or not recorded.
"""

import asyncio
import logging
import random
from collections.abc import Callable

from guardhouse.audit.record import Attempt
from guardhouse.model.denial import Denial
from guardhouse.model.operation import DEFERRED, Operation
from guardhouse.model.reason import Reason
from guardhouse.path import deferred, deferred_answer, record, rerouting, retrying, routing, sizing
from guardhouse.path.breaker import REFUSED, Ticket
from guardhouse.path.exchange import HELD, Detour, Exchange
from guardhouse.path.fault import describe
from guardhouse.path.holding import keep, let_go, owner_of, room_for
from guardhouse.path.hop import body_for, make_whole
from guardhouse.path.plane import DataPlane
from guardhouse.path.response import Response
from guardhouse.path.upstream import Pool, UpstreamConnection
from guardhouse.path.wards import Ward
from guardhouse.policy.reaching import Patience
from guardhouse.wire.http1.head import ResponseHead

_COMPUTES_ONLY = frozenset((Operation.EMBEDDINGS,))  # it leaves nothing behind and costs no more than its time

log = logging.getLogger("guardhouse.path")


class Carriage:
    __slots__ = (
        "_connection",
        "_exchange",
        "_over",
        "_plane",
        "_response",
        "_rounds",
        "_task",
        "_ticket",
        "_tried",
        "_ward",
        "received",
    )

    def __init__(self, exchange: Exchange, plane: DataPlane) -> None:
        self._exchange = exchange
        self._plane = plane
        self._response = Response(exchange, plane)
        self.received: Callable[[ResponseHead, bytes, bool], Denial | None] = self._response.received
        self._connection: UpstreamConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._ward: Ward | None = None  # of the server that it is with
        self._ticket: Ticket = REFUSED
        self._tried: set[str] | None = None
        self._rounds = 1
        self._over = False

    def start(self) -> None:
        plane, target = self._plane, self._exchange.target
        assert target is not None
        plane.retries.requests += 1
        pool = plane.upstreams.pool(target)
        connection = pool.idle_connection()
        if connection is not None and self._enter(pool):
            self._send(pool, connection)
            return
        if connection is not None:
            connection.discard()  # of a server that is being left alone
        self._exchange.document = None
        denial = keep(self._exchange, plane, room_for(len(self._exchange.encoded)))
        if denial is None:
            self._task = plane.loop.create_task(self._go())
        else:
            self._end(denial)

    def taken(self) -> None:
        """The model server has taken the request, but for a rest that does not matter."""
        if not self._is_repeatable():
            let_go(self._exchange)

    def ended(self, denial: Denial | None) -> None:
        """The upstream connection is done with this exchange."""
        self._connection = None
        if denial is HELD:
            self._exchange.caller.upstream = None
            self._task = self._plane.loop.create_task(self._judge())
        elif denial is not None and self._may_repeat(denial):
            self._exchange.caller.upstream = None
            self._task = self._plane.loop.create_task(self._go(denial))
        else:
            self._end(denial)

    def cancel(self, denial: Denial) -> None:
        """The caller has left or is given up: so is the request, wherever it is."""
        if self._task is not None:
            self._task.cancel()
        if self._connection is not None:
            self._connection.discard()
        self._end(denial)

    async def _go(self, failure: Denial | None = None) -> None:
        """Find a server that takes it, after the one that has failed with `failure`."""
        denial: Denial | None = failure
        try:
            while True:
                if denial is not None:
                    refused = await self._onward(denial)
                    if refused is not None:
                        denial = refused
                        break
                denial = await self._try()
                if denial is None:
                    return
        except asyncio.CancelledError:
            denial = Denial(Reason.CLIENT_LEFT)
        except Exception as error:  # noqa: BLE001 - fails closed, like a stage
            log.error("exchange %s failed: %s", self._exchange.id, describe(error))
            denial = Denial(Reason.INTERNAL)
        self._end(denial)

    async def _judge(self) -> None:
        """The whole answer is there, and is too much to be judged in one turn. Its connection is not used again."""
        denial: Denial | None
        try:
            denial = await deferred_answer.finish_in_turns(self._exchange, self._plane)
        except asyncio.CancelledError:
            denial = Denial(Reason.CLIENT_LEFT)
        except Exception as error:  # noqa: BLE001 - fails closed: an answer that could not be judged does not go on
            log.error("answer to %s failed: %s", self._exchange.id, describe(error))
            denial = Denial(Reason.INTERNAL)
        self._end(denial)

    async def _try(self) -> Denial | None:
        """None when it is under way, or over."""
        target = self._exchange.target
        assert target is not None
        pool = self._plane.upstreams.pool(target)
        if not self._enter(pool):
            return rerouting.refusal(self._exchange, self._plane)
        connection = pool.idle_connection() or await pool.connect(self._patience(pool))
        if isinstance(connection, Denial):
            return connection
        if self._over:  # the caller left in the very turn in which the connection was made
            connection.discard()
        else:
            self._send(pool, connection)
        return None

    async def _onward(self, denial: Denial) -> Denial | None:
        """After a failure: None when the exchange has another target, and is ready for it."""
        exchange, plane = self._exchange, self._plane
        self._note(denial)
        self._leave(denial)
        tried = self._tried = self._tried or set()
        assert exchange.target is not None
        assert exchange.route is not None
        if exchange.document is None:  # what another model may be given is judged by what stands in it
            exchange.document = exchange.route.dialect.reread(exchange.encoded, exchange.route)
        tried.add(exchange.target.name)
        if not rerouting.onward(exchange, plane, tried):
            if not self._may_go_round(denial):
                return denial
            rules = plane.settings.upstream.retries
            await asyncio.sleep(retrying.pause(rules, self._rounds - 2, random.random()))  # noqa: S311 - spreads load
            tried.clear()
            if not rerouting.onward(exchange, plane, tried):
                return denial
        assert exchange.target is not None
        return routing.prepare(exchange, exchange.target)

    def _may_repeat(self, denial: Denial) -> bool:
        """Whether what was sent may be sent again: the connection broke and not even a head had come."""
        exchange = self._exchange
        if denial.reason is not Reason.UPSTREAM_CLOSED_EARLY or exchange.status or exchange.begun or self._over:
            return False
        if not self._is_repeatable() or self._rounds >= self._plane.settings.upstream.retries.attempts:
            return False
        plane = self._plane
        self._rounds += 1
        return plane.retries.take(plane.loop_time()) and sizing.may_repeat(exchange, plane.limits, plane.now())

    def _may_go_round(self, denial: Denial) -> bool:
        """Whether those that were tried may be tried once more. To send again is paid for already (`_may_repeat`)."""
        if denial.reason is Reason.UPSTREAM_CLOSED_EARLY:
            return True
        plane = self._plane
        if denial.reason is not Reason.UPSTREAM_UNREACHABLE or self._rounds >= plane.settings.upstream.retries.attempts:
            return False
        self._rounds += 1
        return plane.retries.take(plane.loop_time())

    def _is_repeatable(self) -> bool:
        exchange = self._exchange
        model = exchange.model
        return exchange.operation in _COMPUTES_ONLY or (
            model is not None and model.repeatable and exchange.operation not in DEFERRED
        )

    def _enter(self, pool: Pool) -> bool:
        ward = pool.ward
        ticket = ward.enter(self._plane.loop_time(), owner_of(self._exchange))
        if ticket == REFUSED:
            return False
        self._ward = ward
        self._ticket = ticket
        if not self._plane.upstreams.wards.calm and ward.tries(ticket, owner_of(self._exchange)):
            self.received = self._received_on_trial
        return True

    def _leave(self, denial: Denial | None) -> None:
        ward = self._ward
        if ward is None:
            return
        self._ward = None
        fault, caller = rerouting.fault_of(self._exchange, denial), owner_of(self._exchange)
        if fault is None:
            ward.give_up(self._ticket, self._plane.loop_time(), caller)
        else:
            ward.leave(self._ticket, self._plane.loop_time(), caller, fault)

    def _received_on_trial(self, head: ResponseHead, part: bytes, complete: bool) -> Denial | None:
        """The first part of an answer tells whether the server is back; a stream may go on for long after it."""
        self.received = self._response.received
        denial = self.received(head, part, complete)
        fault = rerouting.fault_of(self._exchange, denial)
        if self._ward is not None and fault is not None:
            self._ward.judge(self._ticket, self._plane.loop_time(), owner_of(self._exchange), fault)
        return denial

    def _send(self, pool: Pool, connection: UpstreamConnection) -> None:
        exchange = self._exchange
        head, route, model = exchange.head, exchange.route, exchange.model
        assert head is not None
        assert route is not None
        assert model is not None
        body = exchange.encoded if exchange.snapshot.residency is None else body_for(exchange, pool.target)
        if isinstance(body, Denial):
            connection.discard()
            self._end(body)
            return
        self._connection = connection
        if exchange.sent and exchange.size is not None:
            exchange.size.lost += 1
        exchange.sent = True
        exchange.caller.upstream = connection
        path = route.dialect.upstream_path(route, model.upstream_name)
        headers = head.headers if not route.deferred else deferred.forwarded(head.headers)
        rendered = pool.heads.render(route, path, exchange.id, headers, body)
        if exchange.withheld:
            make_whole(exchange)
        connection.send(rendered, self, self._patience(pool))
        exchange.document = None
        if not self._is_repeatable():
            exchange.encoded = b""
            if exchange.charge is not None and not connection.clogged:
                let_go(exchange)

    def _patience(self, pool: Pool) -> Patience:
        model = self._exchange.model
        return pool.patience if model is None or model.timeouts is None else pool.patience_of(model.timeouts)

    def _note(self, denial: Denial | None) -> None:
        exchange = self._exchange
        assert exchange.target is not None
        detour = exchange.detour = exchange.detour or Detour()
        outcome = "completed" if denial is None else denial.reason.code
        detour.attempts.append(Attempt(exchange.target.name, outcome, exchange.target.region))

    def _end(self, denial: Denial | None) -> None:
        if self._over:
            return
        self._over = True
        exchange, response = self._exchange, self._response
        exchange.caller.upstream = None
        exchange.carriage = None  # no cycle is left behind: an exchange is freed when its last reference goes
        try:
            if self._tried is not None and self._ward is not None:
                self._note(denial)
            self._leave(denial)
            response.note_usage()
            record.close(exchange, self._plane, denial, b"" if denial is None else response.broken(denial))
        except Exception as error:  # noqa: BLE001 - an exchange that cannot be closed must not look served
            log.error("exchange %s could not be closed: %s", exchange.id, describe(error))
            record.abandon(exchange)
