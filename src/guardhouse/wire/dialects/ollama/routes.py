"""Which operation a method and a path ask for; see the table of the OpenAI dialect for the rules.

Only inference and the list of models exist. What manages a model server (`/api/pull`, `/api/push`, `/api/create`,
`/api/copy`, `/api/delete`, `/api/blobs`, `/api/ps`, `/api/show`) is not here and so out of reach.
"""

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.dialects.ollama.dialect import OLLAMA

_ROUTES: dict[bytes, tuple[str, Route]] = {
    path: (method, Route(OLLAMA, operation, path, local=operation is Operation.MODELS_READ))
    for path, method, operation in (
        (b"/api/chat", "POST", Operation.CHAT),
        (b"/api/generate", "POST", Operation.COMPLETIONS),
        (b"/api/embed", "POST", Operation.EMBEDDINGS),
        (b"/api/tags", "GET", Operation.MODELS_READ),
    )
}


def recognise(method: str, path: bytes) -> Route | Reason:
    """The route, or why there is none."""
    known = _ROUTES.get(path)
    if known is None:
        return Reason.ROUTE_UNKNOWN
    return known[1] if known[0] == method else Reason.METHOD_NOT_ALLOWED
