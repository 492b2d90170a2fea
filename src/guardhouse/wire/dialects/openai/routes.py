"""Which operation a method and a path ask for.

The match is exact and on the raw bytes: nothing is decoded, folded or collapsed, so there is one spelling of each route
and no second one that somebody behind us reads as the same. What is not in the table does not exist; that is how the
management routes of a model server stay out of reach.

The query is not looked at. No operation of this dialect takes one, and the path that goes upstream is built from the
configuration and this table, so a query ends here; refusing it would only break clients that add `?api-version=`.

A model's id in `GET /v1/models/{id}` is compared with the caller's visible models and goes nowhere else. It may have
slashes between its parts, as the names of published models do. An id of a file or a batch is one of the gateway's own.
"""

import re
from typing import Final

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.batch import routes as batch
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.dialects.openai.dialect import OPENAI

_ROUTES: Final[dict[bytes, tuple[str, Route]]] = {
    path: (method, Route(OPENAI, operation, path, local=operation is Operation.MODELS_READ))
    for path, method, operation in (
        (b"/v1/chat/completions", "POST", Operation.CHAT),
        (b"/v1/completions", "POST", Operation.COMPLETIONS),
        (b"/v1/responses", "POST", Operation.RESPONSES),
        (b"/v1/embeddings", "POST", Operation.EMBEDDINGS),
        (b"/v1/moderations", "POST", Operation.MODERATIONS),
        (b"/v1/models", "GET", Operation.MODELS_READ),
    )
}
_PLACES: Final = (b"/v1/models/", b"/v1/files", b"/v1/batches")
_WITH_ID: Final = re.compile(
    rb"/v1/(?:models/([A-Za-z0-9][A-Za-z0-9._:@-]*(?:/[A-Za-z0-9][A-Za-z0-9._:@-]*)*)"
    rb"|(files|batches)(?:/([A-Za-z0-9_-]+)(/[a-z]+)?)?)"
)
_LONGEST_MODEL: Final = 300
_LONGEST: Final = 2048 + 32


def recognise(method: str, path: bytes) -> Route | Reason:
    """The route, or why there is none."""
    known = _ROUTES.get(path)
    if known is not None:
        return known[1] if known[0] == method else Reason.METHOD_NOT_ALLOWED
    match = _WITH_ID.fullmatch(path) if path.startswith(_PLACES) and len(path) <= _LONGEST else None
    if match is None:
        return Reason.ROUTE_UNKNOWN
    if match[2] is not None:
        given, act = match[3] or b"", match[4] or b""
        return batch.recognise(method, match[2].decode("ascii"), given.decode("ascii"), act.decode("ascii"))
    if len(path) > _LONGEST_MODEL:
        return Reason.ROUTE_UNKNOWN
    if method != "GET":
        return Reason.METHOD_NOT_ALLOWED
    return Route(OPENAI, Operation.MODELS_READ, path, match[1].decode("ascii"), local=True)
