"""Where the suite of the books asks: one desk per kind of book, with the defaults that tests do not care about.

A desk settles what the loop would do for a book between two asks, so that a test sees an admission or a refusal.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable

from guardhouse.limits.book import Admission, Admitted, Answer, Book, Limited, Pending
from guardhouse.limits.rate import LimitRule
from guardhouse.limits.table import LimitTable

MIDNIGHT = 1_767_225_600.0  # 2026-01-01T00:00:00Z, a Thursday; tests begin here


class Desk(ABC):
    """`now` counts from 0 and is the Unix time from MIDNIGHT as well."""

    def __init__(self, book: Book) -> None:
        self.book = book

    def admit(
        self, principal: str, rules: tuple[LimitRule, ...], tokens: int = 0, now: float = 0.0, money: int = 0
    ) -> Admission:
        answer = self.ask(principal, rules, tokens, now, money)
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
        self.book.settle(admitted, tokens, money, now)
        self.catch_up()

    @abstractmethod
    def ask(self, principal: str, rules: tuple[LimitRule, ...], tokens: int, now: float, money: int) -> Answer:
        """An answer that is `Pending` only where the exchange has to wait for another to end."""

    @abstractmethod
    def catch_up(self) -> None:
        """Let everything happen that is under way."""


class LocalDesk(Desk):
    def __init__(self) -> None:
        self.table = LimitTable()
        super().__init__(self.table)

    def ask(self, principal: str, rules: tuple[LimitRule, ...], tokens: int, now: float, money: int) -> Answer:
        return self.book.admit(principal, rules, tokens, money, now, MIDNIGHT + now)

    def catch_up(self) -> None:
        """Nothing is ever under way."""


DESKS: dict[str, Callable[[], Desk]] = {"local": LocalDesk}
