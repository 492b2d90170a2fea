"""What the gateway itself answers: that it is there, which models it serves, and what their contracts say of them.

Everything comes from the configuration; no model server is asked. A model is ready where a request for it would be
taken up.
"""

from collections.abc import Sequence
from typing import Any

from guardhouse.model.denial import Denial
from guardhouse.model.tensors import Tensors

NAME = "guardhouse"
PROTOCOL = "2"
EXTENSIONS = ("binary_tensor_data",)


def server(path: bytes) -> dict[str, Any]:
    if path == b"/v2/health/live":
        return {"live": True}
    if path == b"/v2/health/ready":
        return {"ready": True}
    return {"name": NAME, "version": PROTOCOL, "extensions": EXTENSIONS}


def model(name: str, versions: Sequence[str], inputs: Tensors | None, outputs: Tensors | None) -> dict[str, Any]:
    return {
        "name": name,
        "versions": versions,
        "platform": "",
        "inputs": _tensors(inputs),
        "outputs": _tensors(outputs),
    }


def readiness(name: str) -> dict[str, Any]:
    return {"name": name, "ready": True}


def _tensors(rules: Tensors | None) -> list[dict[str, Any]]:
    return [{"name": name, "datatype": rule.datatype, "shape": rule.shape} for name, rule in (rules or {}).items()]


def message(denial: Denial) -> str:
    reason = denial.reason
    return f"{reason.message} {denial.detail}" if denial.detail else reason.message


def refusal(denial: Denial) -> dict[str, Any]:
    """`error` is the protocol's own member, and a string; the others are beside it for programs."""
    return {"error": message(denial), "code": denial.reason.code, "param": denial.param}
