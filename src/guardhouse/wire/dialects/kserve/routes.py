"""What is asked for? The paths of the protocol, in one spelling.

The name of a model stands in the path, so the path decides: a name is one segment of plain characters that begins with
a letter or digit. There are no dot segments, no escapes, no empty segments and no trailing slash; whoever spells a path
in another way asks for something that does not exist. What goes upstream is not this path but one that is made from the
configured name (`upstream_path` of the dialect).
"""

import re
from functools import lru_cache

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.dialect import Dialect, Route

JSON_ONLY = -1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:@+-]{0,127}")

_MODEL = re.compile(
    rb"/v2/models/([A-Za-z0-9][A-Za-z0-9._:@+-]{0,127})"
    rb"(?:/versions/([A-Za-z0-9][A-Za-z0-9._+-]{0,63}))?(/infer|/ready)?"
)
_SERVER = frozenset((b"/v2", b"/v2/health/live", b"/v2/health/ready"))
_LONGEST = 300
_REMEMBERED = 1024  # paths, of at most _LONGEST bytes


class KServeRoute(Route):
    """One per request, because it remembers how the bytes on both sides are cut: how many of them are JSON, where raw
    tensors stand behind it, or JSON_ONLY."""

    __slots__ = ("answer_split", "split")

    def __init__(  # noqa: PLR0917 - as its base
        self, dialect: Dialect, operation: Operation, path: bytes, model: str | None, version: str, local: bool
    ) -> None:
        super().__init__(dialect, operation, path, model, version, local)
        self.split = JSON_ONLY
        self.answer_split = JSON_ONLY


def recognise(dialect: Dialect, method: str, path: bytes) -> Route | Reason:
    if not path.startswith(b"/v2"):
        return Reason.ROUTE_UNKNOWN
    parts = _parts_of(path) if len(path) <= _LONGEST else None
    if parts is None:
        if path not in _SERVER:
            return Reason.ROUTE_UNKNOWN
        return _read(dialect, method, path, None, "")
    model, version, infers = parts
    if not infers:
        return _read(dialect, method, path, model, version)
    if method != "POST":
        return Reason.METHOD_NOT_ALLOWED
    return KServeRoute(dialect, Operation.PREDICT, path, model, version, local=False)


@lru_cache(maxsize=_REMEMBERED)
def _parts_of(path: bytes) -> tuple[str, str, bool] | None:
    """Model, version and whether it infers. Callers ask for few paths, again and again."""
    match = _MODEL.fullmatch(path)
    if match is None:
        return None
    return match[1].decode("ascii"), (match[2] or b"").decode("ascii"), match[3] == b"/infer"


def _read(dialect: Dialect, method: str, path: bytes, model: str | None, version: str) -> Route | Reason:
    if method != "GET":
        return Reason.METHOD_NOT_ALLOWED
    return KServeRoute(dialect, Operation.MODELS_READ, path, model, version, local=True)
