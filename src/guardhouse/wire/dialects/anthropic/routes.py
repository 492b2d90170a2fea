"""Which operation a method and a path ask for.

The match is exact and on the raw bytes, as in every dialect; the query is not looked at and ends here. Counting tokens
shows a model server all that a chat shows it, so it is the same operation, with an answer of no length. Message
batches, files, skills and whatever else the API has are no routes here: what they hold could be neither inspected nor
counted.

`/v1/models` is a path of another dialect as well. A caller of this one says `anthropic-version`, without which this API
takes no request; only then the list is this dialect's (table.py).
"""

import re

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.anthropic.dialect import ANTHROPIC
from guardhouse.wire.dialects.anthropic.fields import COUNT_TOKENS, MESSAGES
from guardhouse.wire.dialects.dialect import Route

TOLD_BY = b"anthropic-version"
_ROUTES = {path: Route(ANTHROPIC, Operation.CHAT, path) for path in (MESSAGES, COUNT_TOKENS)}
_MODELS = Route(ANTHROPIC, Operation.MODELS_READ, b"/v1/models", local=True)
_MODEL = re.compile(rb"/v1/models/([A-Za-z0-9][A-Za-z0-9._:@-]*(?:/[A-Za-z0-9][A-Za-z0-9._:@-]*)*)")
_LONGEST = 300


def recognise(method: str, path: bytes) -> Route | Reason:
    """The route, or why there is none."""
    route = _ROUTES.get(path)
    if route is None:
        return Reason.ROUTE_UNKNOWN
    return route if method == "POST" else Reason.METHOD_NOT_ALLOWED


def recognise_models(method: str, path: bytes) -> Route | Reason:
    """The paths that are this dialect's only for a caller that says so."""
    route = _MODELS
    if path != _MODELS.path:
        match = _MODEL.fullmatch(path) if len(path) <= _LONGEST else None
        if match is None:
            return Reason.ROUTE_UNKNOWN
        route = Route(ANTHROPIC, Operation.MODELS_READ, path, match[1].decode("ascii"), local=True)
    return route if method == "GET" else Reason.METHOD_NOT_ALLOWED
