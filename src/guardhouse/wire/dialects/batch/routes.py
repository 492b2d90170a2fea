"""What there is of files and batches. Lists of them are not: the model server would list everybody's.

`path` of a route has a star for the id, which goes upstream as the model server's own.
"""

from typing import Final

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.batch.dialect import ASKING, ORDERING, UPLOADING
from guardhouse.wire.dialects.deferred import DeferredRoute, Deferring, Step

_ASKED: Final[dict[str, dict[str, tuple[Operation, Step, bytes, Deferring]]]] = {
    "files": {"POST": (Operation.FILES, "upload", b"/v1/files", UPLOADING)},
    "files/*": {
        "GET": (Operation.FILES, "look", b"/v1/files/*", ASKING),
        "DELETE": (Operation.FILES, "delete", b"/v1/files/*", ASKING),
    },
    "files/*/content": {"GET": (Operation.FILES, "read", b"/v1/files/*/content", ASKING)},
    "batches": {"POST": (Operation.BATCHES, "order", b"/v1/batches", ORDERING)},
    "batches/*": {"GET": (Operation.BATCHES, "check", b"/v1/batches/*", ASKING)},
    "batches/*/cancel": {"POST": (Operation.BATCHES, "cancel", b"/v1/batches/*/cancel", ASKING)},
}


def recognise(method: str, collection: str, given: str, act: str) -> DeferredRoute | Reason:
    """`act` is what stands behind the id, with its slash."""
    methods = _ASKED.get(f"{collection}/*{act}" if given else collection)
    if methods is None:
        return Reason.ROUTE_UNKNOWN
    found = methods.get(method)
    if found is None:
        return Reason.METHOD_NOT_ALLOWED
    operation, step, path, dialect = found
    return DeferredRoute(dialect, operation, path, method, step, given)
