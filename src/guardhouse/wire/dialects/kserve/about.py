"""What the gateway itself answers: that it is there, which models it serves, and what their contracts say of them.

Everything comes from the configuration; no model server is asked. A model is ready where a request for it would be
taken up.
"""

from collections.abc import Sequence
from typing import Any

from guardhouse.model.denial import Denial

NAME = "guardhouse"
PROTOCOL = "2"
EXTENSIONS = ("binary_tensor_data",)


def server(path: bytes) -> dict[str, Any]:
    if path == b"/v2/health/live":
        return {"live": True}
    if path == b"/v2/health/ready":
        return {"ready": True}
    return {"name": NAME, "version": PROTOCOL, "extensions": EXTENSIONS}


def model(name: str, versions: Sequence[str]) -> dict[str, Any]:
    return {
        "name": name,
        "versions": versions,
        "platform": "",
        "inputs": [],
        "outputs": [],
    }


def readiness(name: str) -> dict[str, Any]:
    return {"name": name, "ready": True}


def message(denial: Denial) -> str:
    reason = denial.reason
    return f"{reason.message} {denial.detail}" if denial.detail else reason.message


def refusal(denial: Denial) -> dict[str, Any]:
    """`error` is the protocol's own member, and a string; the others are beside it for programs."""
    return {"error": message(denial), "code": denial.reason.code, "param": denial.param}
