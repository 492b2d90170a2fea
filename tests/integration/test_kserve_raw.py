"""tritonclient over HTTP with tensors in raw bytes, in requests and answers, through a real gateway."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
import tritonclient.http as triton
from tritonclient.utils import InferenceServerException

from integration.gateway import Gateway, running
from integration.tensor_server import Server

MAIL = "alice@example.org"
NUMBERS = np.array([1.5, -2.0, 3.25], dtype=np.float32)


@dataclass(slots=True)
class Raw:
    gateway: Gateway
    server: Server
    client: Any

    def infer(self, *texts: bytes, outputs: Any = None, raw: bool = True, model: str = "raw") -> Any:
        words = triton.InferInput("words", [len(texts)], "BYTES")
        words.set_data_from_numpy(np.array(texts, dtype=np.object_), binary_data=raw)
        numbers = triton.InferInput("numbers", list(NUMBERS.shape), "FP32")
        numbers.set_data_from_numpy(NUMBERS, binary_data=True)
        headers = {"Authorization": f"Bearer {self.gateway.key}"}
        return self.client.infer(model, [words, numbers], outputs=outputs, headers=headers)


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Raw]:
    everything = {"entities": ["all"], "where": ["request", "response"]}
    shapes = {"words": {"datatype": "BYTES", "shape": [-1]}, "numbers": {"datatype": "FP32", "shape": [-1], "max": 3}}
    with Server() as server:
        changes = {
            "targets": {
                "local": None,
                "tensors": {"kind": "kserve", "url": server.url},
            },
            "models": {
                "tiny": None,
                "raw": {"targets": ["tensors"]},
                "bounded": {"targets": ["tensors"], "name": "raw", "contract": "shapes"},
            },
            "contracts": {"shapes": {"version": "1.0", "inputs": shapes}},
            "policies": [
                {
                    "name": "research",
                    "who": {"groups": ["research"]},
                    "may": ["predict"],
                    "models": ["*"],
                    "mask": everything,
                }
            ],
        }
        with running(tmp_path_factory.mktemp("gateway"), "http://127.0.0.1:9", changes) as gateway:
            client = triton.InferenceServerClient(f"{gateway.data[0]}:{gateway.data[1]}")
            yield Raw(gateway, server, client)
            client.close()


def words(answer: Any, name: str = "words") -> list[str]:
    return [each.decode() if isinstance(each, bytes) else each for each in answer.as_numpy(name).flatten()]


def test_raw_texts_are_masked_on_both_ways_and_raw_numbers_stay_as_they_are(raw: Raw) -> None:
    answer = raw.infer(b"hello", f"write to {MAIL} today".encode(), "grün".encode())
    given = raw.server.tensors[-1]
    assert given["words"][0] == b"hello"
    assert given["words"][2] == "grün".encode()
    assert MAIL.encode() not in raw.server.bodies[-1]
    assert given["words"][1].startswith(b"write to ")
    assert given["words"][1].endswith(b" today")
    assert given["numbers"] == NUMBERS.tolist()
    assert words(answer) == [each.decode() for each in given["words"]]
    assert answer.as_numpy("numbers").tolist() == NUMBERS.tolist()
    assert "eve@example.org" not in words(answer, "told")[0]
    assert words(answer, "told")[0].startswith("call ")
    assert answer.get_output("words")["parameters"]["binary_data_size"] > 0
    closed = raw.gateway.records()[-1]
    assert (closed["outcome"], closed["masked_request"], closed["masked"]) == ("completed", {"email": 1}, {"email": 1})


@pytest.mark.parametrize("sent_raw", [True, False])
@pytest.mark.parametrize("answered_raw", [True, False])
def test_each_side_is_as_it_was_asked_for(raw: Raw, sent_raw: bool, answered_raw: bool) -> None:
    wanted = [
        triton.InferRequestedOutput("words", binary_data=answered_raw),
        triton.InferRequestedOutput("told", binary_data=not answered_raw),
    ]
    answer = raw.infer(f"to {MAIL}".encode(), outputs=wanted, raw=sent_raw)
    assert MAIL.encode() not in raw.server.bodies[-1]
    assert words(answer) == [each.decode() for each in raw.server.tensors[-1]["words"]]
    assert "eve@example.org" not in words(answer, "told")[0]
    assert ("binary_data_size" in answer.get_output("words").get("parameters", {})) is answered_raw
    assert answer.as_numpy("numbers") is None


def test_raw_bytes_that_are_no_text_are_refused_where_texts_are_masked(raw: Raw) -> None:
    before = len(raw.server.bodies)
    with pytest.raises(InferenceServerException) as refused:
        raw.infer(b"\xff\xfe\x00")
    assert raw.gateway.records()[-1]["decision"] == "denied"
    assert len(raw.server.bodies) == before
    assert str(refused.value)


def test_a_contract_holds_for_raw_numbers(raw: Raw) -> None:
    with pytest.raises(InferenceServerException):
        raw.infer(b"a", model="bounded")
    assert raw.gateway.records()[-1]["reason"] == "contract_violated"


def test_a_large_tensor_of_texts_comes_through_whole(raw: Raw) -> None:
    texts = [f"line {number} of many".encode() for number in range(20_000)]
    assert words(raw.infer(*texts)) == [text.decode() for text in texts]
