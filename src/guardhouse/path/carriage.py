"""The way of one admitted exchange to a model server and back, and its single end.

A Carriage is what the upstream connection reports to: `received` for each read of the answer, `ended` when the answer
is complete or has failed. Nothing of it is a coroutine while an idle connection is at hand, because on this path a
task and its wake-ups cost as much as all of policy and admission; a task exists only while a connection has to be
made.

`end` runs exactly once, whoever comes first: the complete answer, a failure, a deadline, or the caller's departure
(`cancel`). It gives the closed record its figures and lets `record` release the answer. Whatever fails in here fails
closed: the caller gets an error or a cut connection, never an answer that was not judged or not recorded.
"""

import asyncio
import logging

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.path import overload, record
from guardhouse.path.exchange import Exchange
from guardhouse.path.fault import describe
from guardhouse.path.plane import DataPlane
from guardhouse.path.response import Response
from guardhouse.path.targets import permitted
from guardhouse.path.upstream import Pool, UpstreamConnection

log = logging.getLogger("guardhouse.path")


class Carriage:
    __slots__ = ("_connection", "_exchange", "_over", "_plane", "_response", "_task", "received")

    def __init__(self, exchange: Exchange, plane: DataPlane) -> None:
        self._exchange = exchange
        self._plane = plane
        self._response = Response(exchange, plane.settings.upstream.response_body, plane.loop_time)
        self.received = self._response.received
        self._connection: UpstreamConnection | None = None
        self._task: asyncio.Task[None] | None = None
        self._over = False

    def start(self) -> None:
        target = self._exchange.target
        assert target is not None
        pool = self._plane.upstreams.pool(target)
        connection = pool.idle_connection()
        if connection is not None:
            self._send(pool, connection)
        else:
            self._task = self._plane.loop.create_task(self._dial())

    def ended(self, denial: Denial | None) -> None:
        """The upstream connection is done with this exchange."""
        self._connection = None
        self._end(denial)

    def cancel(self, denial: Denial) -> None:
        """The caller has left or is given up: so is the request, wherever it is."""
        if self._task is not None:
            self._task.cancel()
        if self._connection is not None:
            self._connection.discard()
        self._end(denial)

    async def _dial(self) -> None:
        """Try the targets in order; as long as nothing was sent, the next one may have it."""
        denial: Denial | None = Denial(Reason.INTERNAL)
        model = self._exchange.model
        assert model is not None
        try:
            first = self._exchange.target
            for target in (first, *(other for other in permitted(self._exchange, model) if other is not first)):
                assert target is not None
                if not overload.move(self._exchange, self._plane, target):
                    continue
                pool = self._plane.upstreams.pool(target)
                connection = pool.idle_connection() or await pool.connect()
                if not isinstance(connection, Denial):
                    if self._over:  # the caller left in the very turn in which the connection was made
                        connection.discard()
                        return
                    self._send(pool, connection)
                    return
                denial = connection
        except asyncio.CancelledError:
            denial = Denial(Reason.CLIENT_LEFT)
        except Exception as error:  # noqa: BLE001 - fails closed, like a stage
            log.error("exchange %s failed: %s", self._exchange.id, describe(error))
            denial = Denial(Reason.INTERNAL)
        self._end(denial)

    def _send(self, pool: Pool, connection: UpstreamConnection) -> None:
        exchange = self._exchange
        head, route, model = exchange.head, exchange.route, exchange.model
        assert head is not None
        assert route is not None
        assert model is not None
        self._connection = connection
        exchange.caller.upstream = connection
        path = route.dialect.upstream_path(route, model.upstream_name)
        connection.send(pool.render(route, path, exchange.id, head.headers, exchange.encoded), self)

    def _end(self, denial: Denial | None) -> None:
        if self._over:
            return
        self._over = True
        exchange, response = self._exchange, self._response
        exchange.caller.upstream = None
        exchange.carriage = None  # no cycle is left behind: an exchange is freed when its last reference goes
        try:
            response.note_usage()
            record.close(exchange, self._plane, denial, b"" if denial is None else response.broken(denial))
        except Exception as error:  # noqa: BLE001 - an exchange that cannot be closed must not look served
            log.error("exchange %s could not be closed: %s", exchange.id, describe(error))
            exchange.caller.abort()
