"""A server of KServe v2 over REST that takes and gives tensors in raw bytes, written from the published extension.

No package has one that could be installed beside the tests: MLServer reads JSON alone. What the protocol says of the
extension is all that is done here: the length of the JSON in `Inference-Header-Content-Length`, the size of each raw
tensor in its parameter `binary_data_size`, the tensors one after another in the order in which they are named, and
four bytes of length before each element of BYTES. An output is raw where it, or the request as a whole, asks for that.

The model answers each input with an output of the same name, and one more text of its own. Every request is kept, so
that a test can see what got through. It runs on a thread.
"""

import json
from struct import pack, unpack_from
from typing import Any, cast

from integration import threaded

LENGTH = "Inference-Header-Content-Length"
TOLD = b"call eve@example.org"


class Server(threaded.Server):
    def __init__(self) -> None:
        super().__init__(Handler)
        self.bodies: list[bytes] = []
        self.tensors: list[dict[str, Any]] = []  # by name: what each request had


class Handler(threaded.Handler):
    def answer(self) -> None:
        server = cast(Server, self.server)
        body = self.body()
        length = int(self.headers.get(LENGTH, len(body)))
        document, raw = json.loads(body[:length]), body[length:]
        given = read(document["inputs"], raw)
        server.bodies.append(body)
        server.tensors.append(given)
        everything = document.get("parameters", {}).get("binary_data_output", False)
        asked = {
            each["name"]: each.get("parameters", {}).get("binary_data", everything)
            for each in document.get("outputs", ())
        }
        made = {tensor["name"]: (tensor["datatype"], given[tensor["name"]]) for tensor in document["inputs"]}
        made["told"] = ("BYTES", [TOLD])
        outputs, behind = written({name: made[name] for name in asked or made}, asked, everything)
        self.tell({"model_name": "raw", "model_version": "1", "outputs": outputs}, behind)

    def tell(self, document: dict[str, Any], behind: bytes) -> None:
        head = json.dumps(document).encode()
        if behind:
            fields = {LENGTH: str(len(head))}
            self.whole(200, head + behind, "application/octet-stream", fields)
        else:
            self.whole(200, head, "application/json")


def read(tensors: list[dict[str, Any]], raw: bytes) -> dict[str, Any]:
    found, at = {}, 0
    for tensor in tensors:
        size = tensor.get("parameters", {}).get("binary_data_size")
        if size is None:
            data = tensor["data"]
            found[tensor["name"]] = [each.encode() for each in data] if tensor["datatype"] == "BYTES" else data
            continue
        part, at = raw[at : at + size], at + size
        found[tensor["name"]] = elements(part) if tensor["datatype"] == "BYTES" else unpacked(part)
    assert at == len(raw), "there is more than the tensors say"
    return found


def elements(part: bytes) -> list[bytes]:
    found, at = [], 0
    while at < len(part):
        (size,) = unpack_from("<I", part, at)
        found.append(part[at + 4 : at + 4 + size])
        at += 4 + size
    assert at == len(part), "an element is longer than what is there"
    return found


def unpacked(part: bytes) -> list[float]:
    return list(unpack_from(f"<{len(part) // 4}f", part))


def written(
    made: dict[str, tuple[str, list[Any]]], asked: dict[str, bool], everything: bool
) -> tuple[list[dict[str, Any]], bytes]:
    outputs, behind = [], b""
    for name, (datatype, data) in made.items():
        output: dict[str, Any] = {"name": name, "datatype": datatype, "shape": [len(data)]}
        if asked.get(name, everything):
            part = b"".join(
                [pack("<I", len(each)) + each if datatype == "BYTES" else pack("<f", each) for each in data]
            )
            output["parameters"] = {"binary_data_size": len(part)}
            behind += part
        else:
            output["data"] = [each.decode() for each in data] if datatype == "BYTES" else data
        outputs.append(output)
    return outputs, behind
