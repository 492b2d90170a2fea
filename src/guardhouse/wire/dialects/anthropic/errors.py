"""A refusal in Anthropic's shape.

Client libraries choose an exception class by status; `type` is the word for it that the API has. The reason's own,
stable code stands where the newer ones look for one, in `details.error_code`, and the field at fault beside it. An
error in a stream that has begun travels under the status 200, so there the type is all that tells.
"""

from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.wire import json

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
}


def error_object(denial: Denial) -> dict[str, Any]:
    reason = denial.reason
    details: dict[str, Any] = {"error_code": reason.code}
    if denial.param is not None:
        details["param"] = denial.param
    kind = _TYPES.get(reason.status) or ("api_error" if reason.status >= 500 else "invalid_request_error")
    message = f"{reason.message} {denial.detail}" if denial.detail else reason.message
    return {"type": "error", "error": {"type": kind, "message": message, "details": details}}


def error_body(denial: Denial) -> bytes:
    return json.encode(error_object(denial))


def terminator(denial: Denial) -> bytes:
    """How a stream that has begun ends in an error: with an event for it, and no `message_stop`."""
    return b"event: error\ndata: %b\n\n" % error_body(denial)
