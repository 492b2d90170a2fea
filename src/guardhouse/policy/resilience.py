"""What a configuration says of model servers that fail: when one counts as broken, who is chosen, what is tried again.

These structs are shared by the decoder (sections/resilience.py), the snapshot and the data path. Times are in seconds.
"""

from typing import Literal

import msgspec


class Breaking(msgspec.Struct, frozen=True, kw_only=True):
    """When a target is left alone for a while, and for how long."""

    failures: int = 5  # one after the other
    share: int = 50  # percent of the exchanges of ten seconds, of which there must be 20
    pause: float = 1.0  # until it is tried again; twice as long after each trial that fails
    longest: float = 10.0
    statuses: tuple[int, ...] = (502, 503, 504, 529)  # answers that count as failures


class Checking(msgspec.Struct, frozen=True, kw_only=True):
    """How a target is asked whether it is well."""

    path: str
    every: float = 5.0
    timeout: float = 2.0
    failures: int = 2  # answers in a row that make it unwell
    successes: int = 1  # answers in a row that make it well


class Choosing(msgspec.Struct, frozen=True, kw_only=True):
    """By what the targets of a model are put in order."""

    how: Literal["weighted", "least_pending", "sticky"]
    by: str = "principal"  # sticky: that, a field of the request, or header:NAME


class Retries(msgspec.Struct, frozen=True, kw_only=True):
    """How much more than was asked for may be tried."""

    share: int = 20  # percent of the requests
    attempts: int = 3  # of one request, the first one counted
    pause: float = 0.025  # before another round; up to twice as long before each further one
