"""Every dialect that has routes of its own, and which one refuses where no route was recognised."""

from collections.abc import Container
from typing import Final

from guardhouse.model.dialect import DialectName
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.anthropic import routes as anthropic
from guardhouse.wire.dialects.anthropic.dialect import ANTHROPIC
from guardhouse.wire.dialects.anthropic.fields import MESSAGES
from guardhouse.wire.dialects.dialect import Dialect, Route
from guardhouse.wire.dialects.generic.dialect import Generic, Plan
from guardhouse.wire.dialects.kserve import dialect as kserve
from guardhouse.wire.dialects.kserve import grpc as kserve_grpc
from guardhouse.wire.dialects.kserve.dialect import KSERVE
from guardhouse.wire.dialects.kserve.grpc import KSERVE_GRPC
from guardhouse.wire.dialects.ollama import routes as ollama
from guardhouse.wire.dialects.ollama.dialect import OLLAMA
from guardhouse.wire.dialects.openai import routes as openai
from guardhouse.wire.dialects.openai.dialect import OPENAI

DEFAULT: Final[Dialect] = OPENAI
DIALECTS: Final[dict[DialectName, Dialect]] = {  # of declared routes, one that nothing is declared of
    "openai": OPENAI,
    "anthropic": ANTHROPIC,
    "ollama": OLLAMA,
    "kserve": KSERVE,
    "generic": Generic(Plan()),
    "kserve-grpc": KSERVE_GRPC,
}
_OF_KSERVE: Final = b"/v2"
_UNKNOWN: Final = Reason.ROUTE_UNKNOWN
_RECOGNISERS: Final = (openai.recognise, anthropic.recognise, ollama.recognise, kserve_grpc.recognise)
_OF_ANTHROPIC: Final = (anthropic.recognise_models, *_RECOGNISERS)
_PREFIXES: Final[tuple[tuple[bytes, Dialect], ...]] = ((b"/v2", KSERVE), (b"/api", OLLAMA), (MESSAGES, ANTHROPIC))


def recognise(method: str, path: bytes, headers: Container[bytes]) -> Route | Reason:
    """The route, or why there is none. At most one dialect knows a path, but for those that a header tells apart."""
    if path.startswith(_OF_KSERVE):
        return kserve.recognise(method, path)
    reason = _UNKNOWN
    for recogniser in _OF_ANTHROPIC if anthropic.TOLD_BY in headers else _RECOGNISERS:
        found = recogniser(method, path)
        if type(found) is not Reason:
            return found
        if found is not _UNKNOWN:
            reason = found
    return reason


def spoken_at(path: bytes, headers: Container[bytes]) -> Dialect:
    """In whose words to refuse what is no route: the dialect that has the prefix, or that a header tells."""
    for prefix, dialect in _PREFIXES:
        if path.startswith(prefix) and path[len(prefix) : len(prefix) + 1] in (b"", b"/"):
            return dialect
    return ANTHROPIC if anthropic.TOLD_BY in headers else DEFAULT
