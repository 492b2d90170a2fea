"""What a route of the administration API is, before anybody asks for it: the rows that api.py serves and openapi.py
describes.

A row names the operation that a caller needs, so there is no route about which nobody has said who may use it. The
three ways to say it: an operation, decided by the policy; `IDENTIFIED`, for what concerns only the caller itself; and
`OPEN`, for routes that tell nothing and prove themselves by what is in the body.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, Literal

import msgspec

from guardhouse.model.operation import Operation
from guardhouse.model.principal import Principal

IDENTIFIED: Final = "identified"
OPEN: Final = "open"

Needs = Operation | Literal["identified", "open"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A request that was let in."""

    principal: Principal
    client: str  # the address it came from
    now: float
    path: Mapping[str, str] = {}
    query: Mapping[str, str] = {}
    body: Any = None  # as `takes` says


class Answer(msgspec.Struct, frozen=True):
    content: Any
    status: int = 200


class Refused(msgspec.Struct, frozen=True):
    """Why a call that was let in is not done."""

    status: int
    code: str
    message: str
    retry_after: float | None = None  # seconds


Does = Callable[[Call], Awaitable[Answer | Refused]]


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    method: Literal["GET", "POST", "DELETE"]
    path: str
    needs: Needs
    summary: str
    does: Does | None = None  # None: served elsewhere, and only described here
    takes: Any = None  # the struct of the body
    gives: Any = None  # the struct of the answer
    query: Mapping[str, str] = {}  # names of query parameters, each with its meaning
    status: int = 200
