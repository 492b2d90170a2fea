"""What a refusal is called in gRPC, and what a model server's status is called here.

Records, metrics and reasons speak of HTTP statuses whatever the port, so a status is translated in both directions.
Where several of one side are one of the other, the most general is taken.
"""

from guardhouse.model.reason import Reason

OK, CANCELLED, UNKNOWN, INVALID, DEADLINE, NOT_FOUND, EXISTS, PERMISSION, EXHAUSTED = range(9)
PRECONDITION, ABORTED, OUT_OF_RANGE, UNIMPLEMENTED, INTERNAL, UNAVAILABLE, DATA_LOSS, UNAUTHENTICATED = range(9, 17)

_FROM_HTTP = {
    400: INVALID,
    401: UNAUTHENTICATED,
    403: PERMISSION,
    404: NOT_FOUND,
    405: UNIMPLEMENTED,
    408: DEADLINE,
    409: ABORTED,
    413: EXHAUSTED,
    415: INVALID,
    429: EXHAUSTED,
    431: EXHAUSTED,
    499: CANCELLED,
    500: INTERNAL,
    501: UNIMPLEMENTED,
    502: UNAVAILABLE,
    503: UNAVAILABLE,
    504: DEADLINE,
}
_TO_HTTP = (200, 499, 500, 400, 504, 404, 409, 403, 429, 400, 409, 400, 501, 500, 503, 500, 401)


def of_reason(reason: Reason) -> int:
    if reason is Reason.ROUTE_UNKNOWN:
        return UNIMPLEMENTED
    if reason.status == 502 and not reason.retry:
        return INTERNAL  # asking again would not help
    return _FROM_HTTP.get(reason.status, UNKNOWN)


def of_answer(status: int) -> int:
    """The code of an answer that a model server gave."""
    return OK if 200 <= status < 300 else _FROM_HTTP.get(status, UNKNOWN)


def http_status(code: int) -> int:
    return _TO_HTTP[code] if 0 <= code < len(_TO_HTTP) else 500
