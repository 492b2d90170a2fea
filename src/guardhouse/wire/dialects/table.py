"""Every dialect that has routes of its own, and who answers where no route was recognised."""

from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.dialect import Dialect, Route
from guardhouse.wire.dialects.kserve import dialect as kserve
from guardhouse.wire.dialects.ollama import routes as ollama
from guardhouse.wire.dialects.openai import routes as openai
from guardhouse.wire.dialects.openai.dialect import OPENAI

DEFAULT: Dialect = OPENAI
_RECOGNISERS = (openai.recognise, ollama.recognise, kserve.recognise)


def recognise(method: str, path: bytes) -> Route | Reason:
    """The route, or why there is none. At most one dialect knows a path."""
    reason = Reason.ROUTE_UNKNOWN
    for recogniser in _RECOGNISERS:
        found = recogniser(method, path)
        if not isinstance(found, Reason):
            return found
        if found is not Reason.ROUTE_UNKNOWN:
            reason = found
    return reason
