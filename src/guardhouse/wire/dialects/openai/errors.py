"""A refusal in OpenAI's shape.

`code` is the reason's own, stable code. `type` follows from the status, because client libraries choose an exception
class by status first and by type next. Some choose by the text of a 401, which is why the messages of those reasons say
"Incorrect API key provided".
"""

from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.wire import json

_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}


def error_object(denial: Denial) -> dict[str, Any]:
    reason = denial.reason
    return {
        "message": f"{reason.message} {denial.detail}" if denial.detail else reason.message,
        "type": _TYPES.get(reason.status) or ("server_error" if reason.status >= 500 else "invalid_request_error"),
        "param": denial.param,
        "code": reason.code,
    }


def error_body(denial: Denial) -> bytes:
    return json.encode({"error": error_object(denial)})


def error_event(denial: Denial, number: int) -> bytes:
    """How a stream of the Responses API that has begun ends in an error: an event for it, and no `[DONE]`."""
    error = error_object(denial)
    body = {
        "type": "error",
        "code": error["code"],
        "message": error["message"],
        "param": error["param"],
        "sequence_number": number,
    }
    return b"event: error\ndata: %b\n\n" % json.encode(body)


def terminator(denial: Denial) -> bytes:
    """How a stream of chat or completions that has begun ends in an error."""
    return b"data: %b\n\ndata: [DONE]\n\n" % error_body(denial)
