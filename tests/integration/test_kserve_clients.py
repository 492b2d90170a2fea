"""tritonclient over HTTP and gRPC, through a real gateway, against a real MLServer."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as over_grpc
import tritonclient.http as over_http
import yaml
from tritonclient.utils import InferenceServerException

from integration.gateway import Gateway, running
from integration.mlserver_process import serving
from integration.polling import LOOPBACK, eventually, free_port

pytestmark = [pytest.mark.timeout(600)]
MAIL = "alice@example.org"


class Triton:
    """One of the two clients, with what differs between them."""

    def __init__(self, library: Any, client: Any, gateway: Gateway, header: str) -> None:
        self.library = library
        self.client = client
        self.gateway = gateway
        self._header = header

    def headers(self, key: str | None) -> dict[str, str]:
        return {self._header: f"Bearer {key or self.gateway.key}"}

    def infer(self, *texts: str, model: str = "echo", version: str = "", key: str | None = None, **more: Any) -> Any:
        tensor = self.library.InferInput("words", [len(texts)], "BYTES")
        data = np.array([text.encode() for text in texts], dtype=object)
        if self.library is over_http:
            tensor.set_data_from_numpy(data, binary_data=False)
        else:
            tensor.set_data_from_numpy(data)
        return self.client.infer(model, [tensor], model_version=version, headers=self.headers(key), **more)


def words(answer: Any) -> list[str]:
    return [text.decode() if isinstance(text, bytes) else text for text in answer.as_numpy("echo").flatten()]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    with serving(tmp_path_factory.mktemp("mlserver")) as server:
        models = ["echo", "versioned"]
        everything = {"entities": ["all"], "where": ["request", "response"]}
        changes = {
            "listen": {"grpc": {"address": f"{LOOPBACK}:{free_port()}"}},
            "targets": {
                "local": None,
                "tensors": {"kind": "kserve", "url": f"http://{LOOPBACK}:{server.http}"},
                "calls": {"kind": "kserve-grpc", "url": f"http://{LOOPBACK}:{server.grpc}"},
            },
            "models": {
                "tiny": None,
                "echo": {"targets": ["tensors", "calls"]},
                "versioned": {"targets": ["tensors", "calls"], "name": "echo", "versions": ["v1"]},
                "hidden": {"targets": ["tensors"], "name": "echo"},
            },
            "policies": [
                {
                    "name": "research",
                    "who": {"groups": ["research"]},
                    "may": ["predict", "models.read"],
                    "models": models,
                    "mask": everything,
                },
                {
                    "name": "two a minute",
                    "who": {"ids": ["bob"]},
                    "may": ["predict"],
                    "models": models,
                    "limits": {"requests": "2/min"},
                },
                {"name": "nobody", "who": {"ids": ["nobody"]}, "may": ["predict"], "models": ["hidden"]},
            ],
        }
        with running(tmp_path_factory.mktemp("gateway"), "http://127.0.0.1:9", changes) as started:
            yield started


@pytest.fixture(params=["http", "grpc"])
def triton(request: pytest.FixtureRequest, gateway: Gateway) -> Iterator[Triton]:
    if request.param == "http":
        made = over_http.InferenceServerClient(f"{gateway.data[0]}:{gateway.data[1]}")
        header = "Authorization"
    else:
        address = yaml.safe_load(gateway.config.read_text())["listen"]["grpc"]["address"]
        made = over_grpc.InferenceServerClient(address)
        header = "authorization"
    try:
        yield Triton(over_http if request.param == "http" else over_grpc, made, gateway, header)
    finally:
        made.close()


def test_texts_go_both_ways_and_are_masked_on_both(triton: Triton) -> None:
    answer = words(triton.infer("hello", f"write to {MAIL}"))
    assert answer[0] == "hello"
    assert MAIL not in "".join(answer)
    assert "eve@example.org" not in "".join(answer)
    assert len(answer) == 3
    closed = triton.gateway.records()[-1]
    assert (closed["operation"], closed["masked_request"], closed["outcome"]) == ("predict", {"email": 1}, "completed")


def test_questions_are_answered_for_what_is_visible(triton: Triton) -> None:
    headers = triton.headers(None)
    assert triton.client.is_server_live(headers=headers)
    assert triton.client.is_server_ready(headers=headers)
    assert triton.client.is_model_ready("echo", headers=headers)
    assert triton.client.is_model_ready("versioned", "v1", headers=headers)
    metadata = triton.client.get_model_metadata("versioned", headers=headers)
    assert list(metadata["versions"] if isinstance(metadata, dict) else metadata.versions) == ["v1"]
    with pytest.raises(InferenceServerException):
        triton.client.get_model_metadata("hidden", headers=headers)


def test_a_version_that_is_configured_can_be_asked_for_and_no_other(triton: Triton) -> None:
    assert words(triton.infer("a", model="versioned", version="v1"))[0] == "a"
    for version in ("v2", "v1x"):
        with pytest.raises(InferenceServerException, match="does not exist"):
            triton.infer("a", model="versioned", version=version)


@pytest.mark.parametrize("model", ["hidden", "nothing"])
def test_a_model_that_is_not_permitted_does_not_exist(triton: Triton, model: str) -> None:
    with pytest.raises(InferenceServerException, match="does not exist or no policy"):
        triton.infer("a", model=model)


def test_without_a_credential_there_is_nothing(triton: Triton) -> None:
    with pytest.raises(InferenceServerException, match="API key"):
        triton.infer("a", key="gh_wrongwrongxx_" + "x" * 43)


def test_an_error_of_the_server_reaches_the_client_masked(triton: Triton) -> None:
    with pytest.raises(InferenceServerException) as raised:
        triton.infer("fail")
    assert "it failed for" in str(raised.value)
    assert "bob@example.org" not in str(raised.value)


def test_a_limit_is_told(triton: Triton) -> None:
    key = triton.gateway.create_key("bob")

    def too_often() -> None:  # the other client may have had its share before
        for _ in range(3):
            triton.infer("a", key=key)

    with pytest.raises(InferenceServerException, match="rate limit"):
        too_often()


def test_a_client_that_gives_up_is_recorded_as_having_left(triton: Triton) -> None:
    before = len(triton.gateway.records())
    more: dict[str, Any] = {"client_timeout": 0.5}
    if triton.library is over_http:
        triton.client = over_http.InferenceServerClient(
            f"{triton.gateway.data[0]}:{triton.gateway.data[1]}", network_timeout=0.5
        )
        more = {}
    with pytest.raises((InferenceServerException, OSError)):
        triton.infer("slow", **more)

    def left() -> bool:
        return any(record.get("reason") == "client_left" for record in triton.gateway.records()[before:])

    eventually(left, 5.0, "the record says that the client has left")
