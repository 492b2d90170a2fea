"""A refusal in Ollama's shape: a message under `error`, here with the reason's stable code beside it.

In an answer that flows the same object is the last line, which the client libraries raise as an error.
"""

from guardhouse.model.denial import Denial
from guardhouse.wire import json


def error_body(denial: Denial) -> bytes:
    reason = denial.reason
    message = f"{reason.message} {denial.detail}" if denial.detail else reason.message
    return json.encode({"error": message, "code": reason.code})


def terminator(denial: Denial) -> bytes:
    return error_body(denial) + b"\n"
