import pytest

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.dialect import Route
from guardhouse.wire.dialects.ollama.routes import recognise

KNOWN = {
    ("POST", b"/api/chat"): Operation.CHAT,
    ("POST", b"/api/generate"): Operation.COMPLETIONS,
    ("POST", b"/api/embed"): Operation.EMBEDDINGS,
    ("GET", b"/api/tags"): Operation.MODELS_READ,
}
NOTHING_HERE = [
    *(b"/api/pull", b"/api/push", b"/api/create", b"/api/copy", b"/api/delete", b"/api/ps", b"/api/show"),
    *(b"/api/blobs/sha256:0", b"/api/version", b"/api/embeddings", b"/api/chat/", b"/API/chat", b"/api//chat"),
    *(b"/api/./chat", b"/api/chat%20", b"/api/chat;a", b"/api/chat\x00", b"/api", b"/"),
]


@pytest.mark.parametrize(("method", "path"), KNOWN)
def test_a_known_route_is_its_operation_and_takes_one_method(method: str, path: bytes) -> None:
    route = recognise(method, path)
    assert isinstance(route, Route)
    assert (route.operation, route.path, route.local) == (KNOWN[method, path], path, method == "GET")
    for other in {"GET", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "post"} - {method}:
        assert recognise(other, path) is Reason.METHOD_NOT_ALLOWED


@pytest.mark.parametrize("path", NOTHING_HERE)
def test_what_manages_a_model_server_does_not_exist(path: bytes) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
        assert recognise(method, path) is Reason.ROUTE_UNKNOWN
