"""Every reason has a body in OpenAI's shape."""

import json

import pytest

from guardhouse.model.denial import Denial
from guardhouse.model.reason import Reason
from guardhouse.wire.dialects.openai.errors import error_body


@pytest.mark.parametrize("reason", Reason)
def test_an_error_has_the_four_members_and_the_reasons_code(reason: Reason) -> None:
    body = json.loads(error_body(Denial(reason, "More.", "messages[0]")))
    assert body.keys() == {"error"}
    assert body["error"].keys() == {"message", "type", "param", "code"}
    assert body["error"]["code"] == reason.code
    assert body["error"]["message"] == f"{reason.message} More."
    assert body["error"]["param"] == "messages[0]"


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        (Reason.SHAPE_INVALID, "invalid_request_error"),
        (Reason.BODY_TOO_LARGE, "invalid_request_error"),
        (Reason.CREDENTIAL_INVALID, "authentication_error"),
        (Reason.MODEL_DENIED, "permission_error"),
        (Reason.ROUTE_UNKNOWN, "not_found_error"),
        (Reason.REQUEST_RATE_EXCEEDED, "rate_limit_error"),
        (Reason.UPSTREAM_UNREACHABLE, "server_error"),
        (Reason.INTERNAL, "server_error"),
    ],
)
def test_the_type_follows_from_the_status(reason: Reason, kind: str) -> None:
    assert json.loads(error_body(Denial(reason)))["error"]["type"] == kind


def test_a_wrong_key_is_called_what_client_libraries_look_for() -> None:
    for reason in (Reason.CREDENTIAL_INVALID, Reason.CREDENTIAL_EXPIRED, Reason.CREDENTIAL_REVOKED):
        assert "Incorrect API key provided" in json.loads(error_body(Denial(reason)))["error"]["message"]


def test_what_is_not_known_is_null_and_not_missing() -> None:
    assert json.loads(error_body(Denial(Reason.INTERNAL)))["error"]["param"] is None
