"""The library's server, asked for one call after another.

grpcio has a loop of its own that hands out calls, and it is not used. It reads the name of every method as UTF-8, and
one call to a name that is none ends the port; it takes a caller who cancels for one who has said all; and it has three
more tasks for each call. So calls to methods that exist are asked for by their names, which are registered; all others
are taken together, and nobody reads what they are called. What is left of the loop sleeps until the server ends.

An `Rpc` is one call as grpc_port.py sees it: messages come, and one answer goes. Each of its steps is one batch of
the core, so that what has become of it is known. This file leans on what grpcio does not promise to keep: it is held to
it by tests, and a version that has it otherwise does not start. It stays interpreted, as it derives from the library.
"""

import asyncio
import logging
import signal
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import Any

from guardhouse.model.reason import Reason
from guardhouse.path.fault import describe
from guardhouse.path.grpc_library import cygrpc

log = logging.getLogger("guardhouse.path")

Metadata = tuple[tuple[str, str], ...]


class Rpc:
    """One call: what comes, and the one answer that goes."""

    __slots__ = ("_begun", "_loop", "_state", "metadata", "method", "peer")

    def __init__(self, state: Any, method: bytes, loop: asyncio.AbstractEventLoop) -> None:
        context = cygrpc._ServicerContext(state, None, None, loop)  # noqa: SLF001 - see the head of this file
        self._state = state
        self._loop = loop
        self._begun = False
        self.method = method  # empty for one that does not exist
        self.metadata: tuple[tuple[str, str | bytes], ...] = context.invocation_metadata()
        self.peer: str = context.peer()

    async def read(self) -> bytes | Reason | None:
        """The next message, why the library refuses it, or None: there is no more."""
        receiving = cygrpc.ReceiveMessageOperation(0)
        try:
            await cygrpc.execute_batch(self._state, (receiving,), self._loop)
        except cygrpc.ExecuteBatchError:
            return Reason.BODY_TOO_LARGE
        message: bytes | None = receiving.message()
        return message

    async def begin(self) -> bool:
        """Begin the answer. False: nobody is there any more, which to whoever reads looks like the end of messages."""
        try:
            await cygrpc.execute_batch(self._state, (cygrpc.SendInitialMetadataOperation((), 0),), self._loop)
        except cygrpc.ExecuteBatchError:
            return False
        self._begun = True
        return True

    async def end(self, code: int, details: str, trailing: Metadata, message: bytes | None) -> None:
        last = cygrpc.SendStatusFromServerOperation(trailing, code, details, 0)
        answer = (last,) if message is None else (cygrpc.SendMessageOperation(message, 0), last)
        if not self._begun:
            answer = (cygrpc.SendInitialMetadataOperation((), 0), *answer)
        with suppress(cygrpc.ExecuteBatchError):  # nobody is there to be answered; the exchange is recorded
            await cygrpc.execute_batch(self._state, answer, self._loop)


class CallServer(cygrpc.AioServer):  # type: ignore[misc]
    """Gives each call to `serve`, and cancels that when the caller leaves."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        options: Iterable[tuple[str, Any]],
        methods: Iterable[str],
        serve: Callable[[Rpc], Awaitable[None]],
    ) -> None:
        super().__init__(loop, None, (), (), tuple(options), None)
        self._turns = loop
        self._serve = serve
        self._under_way: set[asyncio.Task[None]] = set()
        self.failed = False
        self.add_registered_method_handlers(dict.fromkeys(methods, serve))

    async def stop(self) -> None:
        """What is under way is cut."""
        if self.failed:
            with suppress(Exception):  # it raises what the port has failed of, once, and was not ended by that
                await self.shutdown(None)
        await self.shutdown(None)

    def _make_request_call_future(self, method: bytes | None) -> "asyncio.Task[None]":
        """Asked for once for each method, and once for all others; it never completes, so that nothing is done with it
        but to end it."""
        return self._turns.create_task(self._take(method))

    def _serving_task_crash_handler(self, task: "asyncio.Task[None]") -> None:
        """A port that takes no calls any more must not look well: the worker ends in order, and another one begins."""
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self.failed = True
            log.error("the port for gRPC failed: %s", describe(error))
            signal.raise_signal(signal.SIGTERM)

    async def _take(self, method: bytes | None) -> None:
        while True:
            state = await (self._request_call() if method is None else self._request_registered_call(method))
            self._keep(self._turns.create_task(self._follow(state, method or b"")))

    async def _follow(self, state: Any, method: bytes) -> None:
        """The core says when a call is over, and whether that is because the caller has left."""
        serving: asyncio.Task[None] = self._turns.create_task(self._serve(Rpc(state, method, self._turns)))  # type: ignore[arg-type]
        self._keep(serving)
        closing = cygrpc.ReceiveCloseOnServerOperation(0)
        await cygrpc.execute_batch(state, (closing,), self._turns)
        if closing.cancelled():
            serving.cancel()

    def _keep(self, task: "asyncio.Task[None]") -> None:
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
