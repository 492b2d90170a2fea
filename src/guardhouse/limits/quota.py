"""How much in one window of the calendar: quotas of requests and tokens, and budgets of tokens and money.

Written `<amount> <unit>/<window>`: `10k requests/day`, `5M tokens/month`, `12.50 EUR/month`. Unlike a rate, which
refills evenly, a window is empty when it is used up and whole again when the next one begins.

Money is counted in whole billionths of its unit, prices are whole billionths per token, and nothing is ever rounded:
sums are exact whatever their order. A budget is kept below 2**53 of them (some nine million), which is what a shared
store can count exactly.

A budget differs from a quota in what it is for: a quota keeps use even, a budget must not be overrun. So an answer that
flows is cut where its budget ends, and a store that is away never lets a budget's request through.
"""

import re
from typing import Literal

import msgspec

from guardhouse.limits.calendar import LENGTHS, Window

Unit = Literal["requests", "tokens", "money"]

NANO = 1_000_000_000  # billionths
MOST_MONEY = 9_000_000
MOST = 2**53  # of anything that is written down; more than any limit
QUOTA_PATTERN = r"([1-9][0-9]{0,8})([kM]?) (requests|tokens)/(min|h|day|week|month)"
BUDGET_PATTERN = r"(([1-9][0-9]{0,8})([kM]?) tokens|([0-9]{1,7})(\.[0-9]{1,2})? ([A-Z]{3}))/(min|h|day|week|month)"
PRICE_PATTERN = r"([0-9]{1,6})(\.[0-9]{1,3})? ([A-Z]{3})/1M"

_QUOTA = re.compile(QUOTA_PATTERN)
_BUDGET = re.compile(BUDGET_PATTERN)
_PRICE = re.compile(PRICE_PATTERN)
_FACTORS = {"": 1, "k": 1_000, "M": 1_000_000}
_WINDOWS: dict[str, Window] = {"min": "min", "h": "h", "day": "day", "week": "week", "month": "month"}


class Quota(msgspec.Struct, frozen=True, cache_hash=True):
    unit: Unit
    amount: int  # requests, tokens, or billionths of a unit of money
    window: Window
    currency: str = ""  # of money
    budget: bool = False
    zone: str = "UTC"
    bound: bool = False  # counts what an exchange may use at most (load.py)

    @property
    def seconds(self) -> int:
        """About how long the window is."""
        return LENGTHS[self.window]

    @property
    def what(self) -> str:
        return self.currency or self.unit

    def __str__(self) -> str:
        return f"{self.show(self.amount)}/{self.window}"

    def show(self, amount: int) -> str:
        """An amount of this quota's unit, with its unit."""
        if self.unit == "money":
            return f"{show_money(amount)} {self.currency}"
        for factor in ("M", "k"):
            whole, rest = divmod(amount, _FACTORS[factor])
            if whole and not rest:
                return f"{whole}{factor} {self.unit}"
        return f"{amount} {self.unit}"


class Price(msgspec.Struct, frozen=True):
    """What a token costs, in billionths; what is not said costs nothing."""

    currency: str
    input: int = 0
    output: int = 0

    def of(self, given: int, made: int) -> int:
        return min(given * self.input + made * self.output, MOST)


class Use(msgspec.Struct, frozen=True):
    """What was used of one quota, for keeping (ledger.py)."""

    principal: str
    policy: str
    what: str
    window: str
    zone: str
    budget: bool
    begins: float
    used: int


def parse_quota(text: str) -> Quota | None:
    """The quota that `text` says; None when it says none."""
    match = _QUOTA.fullmatch(text)
    if match is None:
        return None
    unit: Unit = "requests" if match[3] == "requests" else "tokens"
    return Quota(unit, int(match[1]) * _FACTORS[match[2]], _WINDOWS[match[4]])


def parse_budget(text: str) -> Quota | None:
    match = _BUDGET.fullmatch(text)
    if match is None:
        return None
    window = _WINDOWS[match[7]]
    if match[2]:
        return Quota("tokens", int(match[2]) * _FACTORS[match[3]], window, budget=True)
    amount = _nano(match[4], match[5])
    if not 0 < amount <= MOST_MONEY * NANO:
        return None
    return Quota("money", amount, window, match[6], budget=True)


def parse_price(text: str) -> tuple[int, str] | None:
    """Billionths per token and the currency, of a price per million tokens."""
    match = _PRICE.fullmatch(text)
    return None if match is None else (_nano(match[1], match[2]) // 1_000_000, match[3])


def show_price(price: tuple[int, str]) -> str:
    return f"{show_money(price[0] * 1_000_000)} {price[1]}/1M"


def show_money(amount: int) -> str:
    """In whole units with as many decimals as it takes, two at least if any."""
    sign, (whole, rest) = "-" if amount < 0 else "", divmod(abs(amount), NANO)
    decimals = f"{rest:09d}".rstrip("0").ljust(2, "0")
    return f"{sign}{whole}.{decimals}" if rest else f"{sign}{whole}"


def _nano(whole: str, decimals: str | None) -> int:
    return int(whole) * NANO + (0 if decimals is None else int(decimals[1:].ljust(9, "0")))
