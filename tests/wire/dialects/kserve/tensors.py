"""Requests and answers of the protocol, as the tests put them together."""

from struct import pack
from typing import Any

from guardhouse.model.operation import Operation
from guardhouse.wire import json
from guardhouse.wire.dialects.kserve.dialect import KSERVE
from guardhouse.wire.dialects.kserve.routes import KServeRoute


def route(model: str = "iris") -> KServeRoute:
    path = f"/v2/models/{model}/infer".encode()
    return KServeRoute(KSERVE, Operation.PREDICT, path, model, "", local=False)


def tensor(data: Any, datatype: str = "FP32", shape: Any = None, name: Any = "x", **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "shape": [len(data)] if shape is None else shape,
        "datatype": datatype,
        "data": data,
        **more,
    }


def words(*texts: str, content_type: str | None = None, name: str = "words") -> dict[str, Any]:
    more = {} if content_type is None else {"parameters": {"content_type": content_type}}
    return tensor(list(texts), "BYTES", name=name, **more)


def infer(*inputs: Any, **more: Any) -> dict[str, Any]:
    return {"inputs": list(inputs), **more}


def packed(*elements: bytes) -> bytes:
    return b"".join(pack("<I", len(element)) + element for element in elements)


def raw_tensor(size: Any, datatype: str = "FP32", shape: Any = None, name: str = "x", **more: Any) -> dict[str, Any]:
    parameters = {"binary_data_size": size, **more}
    return {"name": name, "shape": shape or [1], "datatype": datatype, "parameters": parameters}


def body(document: Any, raw: bytes) -> tuple[dict[bytes, bytes], bytes]:
    """Headers and body of a request with raw tensors."""
    head = json.encode(document)
    return {b"inference-header-content-length": b"%d" % len(head)}, head + raw
