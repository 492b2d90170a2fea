"""Each route has one spelling; everything else does not exist."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.dialects.openai.routes import recognise

KNOWN = {
    ("POST", b"/v1/chat/completions"): Operation.CHAT,
    ("POST", b"/v1/completions"): Operation.COMPLETIONS,
    ("POST", b"/v1/responses"): Operation.RESPONSES,
    ("POST", b"/v1/embeddings"): Operation.EMBEDDINGS,
    ("POST", b"/v1/moderations"): Operation.MODERATIONS,
    ("GET", b"/v1/models"): Operation.MODELS_READ,
    ("GET", b"/v1/models/llama-3-8b"): Operation.MODELS_READ,
    ("GET", b"/v1/models/meta-llama/Llama-3.1:8b@q4"): Operation.MODELS_READ,
}
OTHER_SPELLINGS = [
    b"/",
    b"/v1",
    b"/V1/chat/completions",
    b"/v1/chat/completions/",
    b"/v1//chat/completions",
    b"//v1/chat/completions",
    b"/v1/./chat/completions",
    b"/v1/chat/../chat/completions",
    b"/v1/chat/completions;a=b",
    b"/v1/chat/completions%20",
    b"/v1/chat%2fcompletions",
    b"/%761/chat/completions",
    b"/v1/chat/completions\x00",
    b"/v1/chat/completions?",
    b"/v1/models/",
    b"/v1/models//a",
    b"/v1/models/a/",
    b"/v1/models/a//b",
    b"/v1/models/.",
    b"/v1/models/..",
    b"/v1/models/../chat/completions",
    b"/v1/models/a/../b",
    b"/v1/models/a%2fb",
    b"/v1/models/a;b",
    b"/v1/models/" + b"a" * 400,
    "/v1/models/é".encode(),
]
MANAGEMENT = [
    *(b"/invocations", b"/inference/v1/generate", b"/classify", b"/score", b"/rerank", b"/pause", b"/update_weights"),
    *(b"/api/create", b"/api/push", b"/api/pull", b"/metrics", b"/docs", b"/openapi.json", b"/v2/embed", b"/slots"),
    *(b"/v1/load_lora_adapter", b"/v1/uploads", b"/v1/files/", b"/v1/fine_tuning/jobs", b"/tokenize", b"/health"),
]


def model_in(method: str, path: bytes) -> str | None:
    route = recognise(method, path)
    assert isinstance(route, Route)
    return route.model


@pytest.mark.parametrize(("method", "path"), KNOWN)
def test_a_known_route_is_its_operation(method: str, path: bytes) -> None:
    route = recognise(method, path)
    assert isinstance(route, Route)
    assert (route.operation, route.path) == (KNOWN[method, path], path)
    assert route.local == (method == "GET")


@pytest.mark.parametrize("path", [*OTHER_SPELLINGS, *MANAGEMENT])
def test_nothing_else_exists_for_any_method(path: bytes) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "OPTIONS", "HEAD"):
        assert recognise(method, path) is Reason.ROUTE_UNKNOWN


@pytest.mark.parametrize(("method", "path"), KNOWN)
def test_a_known_path_takes_one_method(method: str, path: bytes) -> None:
    for other in {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "get", "post", ""} - {method}:
        assert recognise(other, path) is Reason.METHOD_NOT_ALLOWED


def test_the_id_of_a_model_is_what_stands_after_the_prefix() -> None:
    assert model_in("GET", b"/v1/models/meta-llama/Llama-3.1") == "meta-llama/Llama-3.1"
    assert model_in("GET", b"/v1/models") is None
    assert model_in("POST", b"/v1/chat/completions") is None


@given(st.binary(max_size=40).map(lambda tail: b"/v1/" + tail) | st.binary(max_size=40))
def test_an_arbitrary_path_is_a_known_one_or_none(path: bytes) -> None:
    found = recognise("POST", path)
    reads_models = not isinstance(recognise("GET", path), Reason)
    assert (found is Reason.ROUTE_UNKNOWN) == (("POST", path) not in KNOWN and not reads_models)
