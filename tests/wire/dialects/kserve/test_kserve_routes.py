"""Which path is what, in one spelling only."""

import pytest

from guardhouse.model.operation import Operation
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.kserve.dialect import KSERVE, recognise


def test_inference_names_its_model_in_the_path() -> None:
    route = recognise("POST", b"/v2/models/iris/infer")
    assert not isinstance(route, Reason)
    assert (route.operation, route.model, route.version, route.local) == (Operation.PREDICT, "iris", "", False)


def test_a_version_may_stand_behind_the_model() -> None:
    route = recognise("POST", b"/v2/models/iris/versions/2/infer")
    assert not isinstance(route, Reason)
    assert (route.model, route.version) == ("iris", "2")


@pytest.mark.parametrize(
    "path",
    [
        b"/v2",
        b"/v2/health/live",
        b"/v2/health/ready",
        b"/v2/models/iris",
        b"/v2/models/iris/ready",
        b"/v2/models/iris/versions/1",
        b"/v2/models/iris/versions/1/ready",
    ],
)
def test_what_tells_of_server_and_models_is_read_and_answered_here(path: bytes) -> None:
    route = recognise("GET", path)
    assert not isinstance(route, Reason)
    assert (route.operation, route.local) == (Operation.MODELS_READ, True)
    assert recognise("POST", path) is Reason.METHOD_NOT_ALLOWED


def test_inference_is_posted() -> None:
    assert recognise("GET", b"/v2/models/iris/infer") is Reason.METHOD_NOT_ALLOWED


@pytest.mark.parametrize(
    "path",
    [
        b"/v2/",
        b"/v2/models",
        b"/v2/models/",
        b"/v2/models//infer",
        b"/v2/models/./infer",
        b"/v2/models/../infer",
        b"/v2/models/..iris/infer",
        b"/v2/models/iris/infer/",
        b"/v2/models/iris//infer",
        b"/v2//models/iris/infer",
        b"//v2/models/iris/infer",
        b"/V2/models/iris/infer",
        b"/v2/models/ir%69s/infer",
        b"/v2/models/iris%2Fother/infer",
        b"/v2/models/iris;x/infer",
        b"/v2/models/iris/other/infer",
        b"/v2/models/iris/../other/infer",
        b"/v2/models/iris/versions/1/../2/infer",
        b"/v2/models/iris/versions/1/versions/2/infer",
        b"/v2/models/iris/versions//infer",
        b"/v2/models/iris/load",
        b"/v2/models/iris/stats",
        b"/v2/models/iris/generate",
        b"/v2/repository/index",
        b"/v2/repository/models/iris/load",
        b"/v2/repository/models/iris/unload",
        b"/v2/systemsharedmemory/status",
        b"/v2/logging",
        b"/v2/trace/setting",
        b"/v2x",
        b"/v2/models/" + b"a" * 129 + b"/infer",
        b"/v2/models/" + b"a" * 400,
    ],
)
def test_no_other_spelling_and_no_route_of_management_exists(path: bytes) -> None:
    assert recognise("POST", path) is Reason.ROUTE_UNKNOWN
    assert recognise("GET", path) is Reason.ROUTE_UNKNOWN


def test_upstream_the_path_is_made_of_configured_names() -> None:
    route = recognise("POST", b"/v2/models/public/infer")
    assert not isinstance(route, Reason)
    assert KSERVE.upstream_path(route, "inner.name") == b"/v2/models/inner.name/infer"
    route.pinned = "7"
    assert KSERVE.upstream_path(route, "inner.name") == b"/v2/models/inner.name/versions/7/infer"
