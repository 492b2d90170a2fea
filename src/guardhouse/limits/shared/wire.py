"""One connection to the limits' store: commands out in one write, their replies back in order.

A conversation is a list of commands and what to call with the list of their replies; one is under way at a time, and
`silent` says that the next may begin. hiredis reads the protocol. Whatever is not plainly right ends the connection:
an error reply, a reply that nobody asked for, bytes that are no reply, silence for longer than the time allowed.

The silence has to be the store's. A worker that was busy itself for so long may have the reply in its socket already,
and uvloop calls timers before it looks there. So when the time is over there is a last look at the socket first.
"""

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, Final

import hiredis

Command = Sequence[bytes | str | int]
Told = Callable[[list[Any]], None]

_MOST = 4 * 1024 * 1024  # bytes of one reply
_LAST_LOOK = 0.001  # seconds; with none the loop would not look at its sockets between the two timers


class Wire:  # an asyncio.Protocol by its methods; not by descent, which could not be compiled
    __slots__ = ("_expected", "_loop", "_lost", "_patience", "_reader", "_replies", "_timer", "_told", "_transport")

    def __init__(self, loop: asyncio.AbstractEventLoop, patience: float, lost: Callable[[str], None]) -> None:
        self._loop = loop
        self._patience = patience
        self._lost: Callable[[str], None] | None = lost
        self._reader = hiredis.Reader()
        self._reader.setmaxbuf(_MOST)
        self._transport: asyncio.Transport | None = None
        self._expected = 0
        self._replies: list[Any] = []
        self._told: Told | None = None
        self._timer: asyncio.TimerHandle | None = None

    def __repr__(self) -> str:
        return f"<Wire: {self._expected} replies awaited>"

    @property
    def silent(self) -> bool:
        return self._transport is not None and not self._expected

    def say(self, commands: Sequence[Command], told: Told, patience: float | None = None) -> None:
        assert self.silent
        assert self._transport is not None
        self._expected = len(commands)
        self._told = told
        self._timer = self._loop.call_later(patience or self._patience, self._time_is_over)
        self._transport.write(b"".join([pack(command) for command in commands]))

    def close(self) -> None:
        """Nobody is told."""
        self._lost = None
        self._end("")

    # what the event loop calls

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        try:
            self._reader.feed(data)
            while self._transport is not None:
                reply = self._reader.gets()
                if reply is False:
                    return
                self._take(reply)
        except hiredis.ProtocolError:
            self._end("it sent something that is no reply")

    def eof_received(self) -> bool:
        return False

    def connection_lost(self, exc: Exception | None) -> None:
        self._end("it closed the connection")

    def pause_writing(self) -> None: ...

    def resume_writing(self) -> None: ...

    # inside

    def _take(self, reply: Any) -> None:
        if not self._expected:
            self._end("it sent a reply that nobody asked for")
        elif isinstance(reply, hiredis.ReplyError):
            self._end(f"it answered with {str(reply).split(' ', 1)[0]}")  # the code alone; the rest may quote
        else:
            self._replies.append(reply)
            if len(self._replies) == self._expected:
                self._finish()

    def _finish(self) -> None:
        replies, told = self._replies, self._told
        self._replies, self._told, self._expected = [], None, 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        assert told is not None
        try:
            told(replies)
        except (TypeError, ValueError, IndexError, KeyError, AttributeError):
            self._end("it answered something unexpected")

    def _time_is_over(self) -> None:
        self._timer = self._loop.call_later(_LAST_LOOK, self._too_late)

    def _too_late(self) -> None:
        self._end("it did not answer in time")

    def _end(self, why: str) -> None:
        transport, lost = self._transport, self._lost
        self._transport, self._lost = None, None
        self._expected = 0
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if transport is not None:
            transport.abort()
        if lost is not None:
            lost(why)


def pack(command: Command) -> bytes:
    packed: bytes = hiredis.pack_command(tuple(command))  # type: ignore[arg-type]  # its stub knows one member only
    return packed


PIPELINED: Final = 512  # asks in one conversation
