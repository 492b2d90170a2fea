"""A file of requests is judged in turns: pieces.py says what is asked of each, this is when.

A request is judged in one go, since it takes microseconds. A file may take seconds, in which nobody else of the worker
would be served. So the exchange is held as soon as its form is read, and a task goes through the file twice, piece by
piece: once to learn what all of it holds, which decides whether it may be, and once to hold each line to what was
granted. After each piece the loop goes round, and of all files in a worker one piece is worked on in a round (`lane`).

Meanwhile the exchange counts in the worker's memory what its pieces take, keeps the snapshot that it began with, and is
ended by the caller's departure or the oversight of the second like an answer that is under way. When all is judged, it
goes on with admission, as after any wait: who it is from is asked again.
"""

import asyncio
import logging
from collections.abc import Callable

from guardhouse.model.denial import Denial, Verdict
from guardhouse.model.reason import Reason
from guardhouse.path import authorization, record
from guardhouse.path.exchange import Exchange
from guardhouse.path.fault import describe
from guardhouse.path.holding import keep, room_for
from guardhouse.path.pieces import Pieces
from guardhouse.path.plane import DataPlane
from guardhouse.wire.dialects.deferred import DeferredRoute

_DECIDED = 6  # stages that are passed with authorization
_HELD_TO = 7  # and with contracts

log = logging.getLogger("guardhouse.path")


class Judging:
    __slots__ = ("_exchange", "_pieces", "_plane", "_resume", "_task")

    def __init__(self, exchange: Exchange, plane: DataPlane, resume: Callable[[Exchange, DataPlane], None]) -> None:
        self._exchange = exchange
        self._plane = plane
        self._resume = resume
        self._pieces = Pieces(exchange, plane)
        self._task: asyncio.Task[None] | None = None

    def begin(self) -> None:
        exchange, plane, route = self._exchange, self._plane, self._exchange.route
        assert isinstance(route, DeferredRoute)
        assert route.unread is not None
        denial = keep(exchange, plane, route.unread.room)
        if denial is not None:
            self._end(denial)
            return
        exchange.carriage = self
        self._task = plane.loop.create_task(self._go())

    def cancel(self, denial: Denial) -> None:
        """The caller has left, or may not be served any more."""
        if self._task is not None:
            self._task.cancel()
        self._end(denial)

    async def _go(self) -> None:
        try:
            denial = await self._judge()
        except asyncio.CancelledError:
            denial = Denial(Reason.CLIENT_LEFT)
        except Exception as error:  # noqa: BLE001 - fails closed, like a stage
            log.error("exchange %s failed: %s", self._exchange.id, describe(error))
            self._exchange.controls[record.STAGE_ORDER[self._exchange.passed]] = "blocked"
            denial = Denial(Reason.INTERNAL)
        if denial is not None:
            self._end(denial)
            return
        self._exchange.carriage = None
        self._resume(self._exchange, self._plane)

    def _end(self, denial: Denial) -> None:
        exchange = self._exchange
        exchange.carriage = None
        exchange.document = None
        route = exchange.route
        assert isinstance(route, DeferredRoute)
        route.unread = None
        self._pieces.all = []
        try:
            record.close(exchange, self._plane, denial)
        except Exception as error:  # noqa: BLE001 - an exchange that cannot be closed must not look served
            log.error("exchange %s could not be closed: %s", exchange.id, describe(error))
            record.abandon(exchange)

    async def _judge(self) -> Verdict:
        denial = await self._read()
        if denial is None:
            denial = await self._decide()
        if denial is None:
            denial = await self._hold()
        return denial

    async def _read(self) -> Verdict:
        """Validation and inspection."""
        found: Denial | bool = True
        while found is True:
            async with self._plane.lane:
                found = self._pieces.read()
            await asyncio.sleep(0)
        exchange = self._exchange
        if isinstance(found, Denial):
            exchange.controls["validation"] = "blocked"
            return found
        self._pieces.sum_up()
        exchange.passed += 2
        return keep(exchange, self._plane, room_for(self._pieces.size))

    async def _decide(self) -> Verdict:
        exchange, plane = self._exchange, self._plane
        shadow = plane.shadow
        denial = authorization.authorize(exchange, plane)
        if shadow is not None:
            for piece in self._pieces.all:
                async with plane.lane:
                    self._pieces.rehearse(piece, shadow)
                await asyncio.sleep(0)
        if denial is not None:
            exchange.controls["authorization"] = "blocked"
            return denial
        exchange.passed = _DECIDED
        return None

    async def _hold(self) -> Verdict:
        for piece in self._pieces.all:
            async with self._plane.lane:
                denial = self._pieces.hold(piece)
            if denial is not None:
                return denial
            await asyncio.sleep(0)
        self._pieces.put_together()
        self._exchange.passed = _HELD_TO
        return None
