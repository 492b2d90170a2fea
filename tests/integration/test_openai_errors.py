"""What the official client makes of a refusal: the right exception, the stable code, the headers it retries by."""

from typing import Any

import openai
import pytest

from integration.gateway import Gateway

HELLO: Any = [{"role": "user", "content": "Hello"}]


def client_of(gateway: Gateway, key: str | None = None, **settings: Any) -> openai.OpenAI:
    return openai.OpenAI(base_url=gateway.url, api_key=key or gateway.key, **{"max_retries": 0, **settings})


def test_a_wrong_key_is_an_authentication_error(gateway: Gateway) -> None:
    with client_of(gateway, "gh_nobody000000_x") as client, pytest.raises(openai.AuthenticationError) as caught:
        client.chat.completions.create(model="tiny", messages=HELLO)
    assert caught.value.code == "credential_invalid"
    assert "Incorrect API key provided" in caught.value.message
    assert caught.value.request_id


def test_an_unknown_model_and_a_forbidden_one_look_the_same(gateway: Gateway) -> None:
    key = gateway.create_key("carol")
    told = []
    for model in ("tiny-embed", "no-such-model"):
        with client_of(gateway, key) as client, pytest.raises(openai.PermissionDeniedError) as caught:
            client.chat.completions.create(model=model, messages=HELLO)
        told.append((caught.value.code, caught.value.message.replace(model, "")))
    assert told[0] == told[1]
    assert told[0][0] == "model_denied"


def test_an_operation_without_a_policy_is_a_permission_error(gateway: Gateway) -> None:
    key = gateway.create_key("carol")
    with client_of(gateway, key) as client, pytest.raises(openai.PermissionDeniedError) as caught:
        client.completions.create(model="tiny", prompt="x")
    assert caught.value.code == "operation_denied"


@pytest.mark.parametrize(
    ("members", "place"),
    [
        ({"messages": "x"}, "messages"),
        ({"messages": []}, "messages"),
        ({"temperature": "hot"}, "temperature"),
        ({"max_tokens": "many"}, "max_tokens"),
        ({"n": "two"}, "n"),
        ({"stream": "yes"}, "stream"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages[0].content"),
    ],
)
def test_a_wrong_member_is_a_bad_request_that_names_its_place(
    gateway: Gateway, members: dict[str, Any], place: str
) -> None:
    with client_of(gateway) as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(model="tiny", messages=HELLO, extra_body=members)
    assert caught.value.code == "shape_invalid"
    assert caught.value.param == place


@pytest.mark.parametrize("stream", [False, True])
def test_what_another_has_stored_is_a_bad_request(gateway: Gateway, stream: bool) -> None:
    parts = [{"type": "file", "file": {"file_id": "file-bobs"}}]
    with client_of(gateway) as client, pytest.raises(openai.BadRequestError) as caught:
        client.chat.completions.create(
            model="tiny", messages=HELLO, stream=stream, extra_body={"messages": [{"role": "user", "content": parts}]}
        )
    assert (caught.value.code, caught.value.param) == ("stored_refused", "messages[0].content[0].file.file_id")
    assert "file-bobs" not in str(caught.value)


def test_an_unknown_route_is_not_found(gateway: Gateway) -> None:
    with client_of(gateway) as client, pytest.raises(openai.NotFoundError) as caught:
        client.fine_tuning.jobs.list()
    assert caught.value.code == "route_unknown"


def use_up(client: openai.OpenAI) -> None:
    """Twice what a minute allows."""
    for _ in range(4):
        client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=1)


def test_a_used_up_limit_is_a_rate_limit_error_with_the_headers_to_wait_by(gateway: Gateway) -> None:
    with client_of(gateway, gateway.create_key("bob")) as client, pytest.raises(openai.RateLimitError) as caught:
        use_up(client)
    headers = caught.value.response.headers
    assert caught.value.code == "request_rate_exceeded"
    assert 0 < float(headers["retry-after"]) <= 60
    assert headers["x-ratelimit-limit-requests"] == "2"
    assert headers["x-ratelimit-remaining-requests"] == "0"
    assert headers["x-ratelimit-reset-requests"]
    assert headers["ratelimit"]
    assert headers["ratelimit-policy"]


def test_an_answer_carries_its_request_id_and_the_decision(gateway: Gateway) -> None:
    with client_of(gateway) as client:
        raw = client.chat.completions.with_raw_response.create(model="tiny", messages=HELLO, max_tokens=1)
    assert raw.headers["x-request-id"]
    assert raw.headers["x-guardhouse-decision"] == "allowed"
    assert raw.headers["x-guardhouse-policy"]
    assert "server" not in raw.headers


def test_a_client_that_gives_up_waiting_gets_its_own_timeout(gateway: Gateway) -> None:
    with client_of(gateway, timeout=0.05) as client, pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=3000, extra_body={"ignore_eos": True})
    with client_of(gateway) as client:
        assert client.chat.completions.create(model="tiny", messages=HELLO, max_tokens=1).choices
