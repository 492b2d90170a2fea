"""Who may come in, on every route and by every carrier, and what of a credential ever leaves the gateway again.

The matrix is small and complete: each route with no credential, with a wrong one in each form, and with the right one
in each carrier; then the whole corpus of paths, hosts and request lines with a key that does not exist.
"""

import asyncio
from collections.abc import Mapping

import pytest

from attack.recording import RecordingBackend
from attack.vectors import Vector, load
from integration.gateway import UPSTREAM_KEY, Gateway
from integration.polling import eventually
from integration.raw_http import Answer, AnswerMalformedError, Conversation, Talk, ask, converse, request

HELLO = [{"role": "user", "content": "hello"}]
ROUTES = {
    "chat": ("POST", "/v1/chat/completions", {"model": "tiny", "messages": HELLO}),
    "completions": ("POST", "/v1/completions", {"model": "tiny", "prompt": "hello"}),
    "responses": ("POST", "/v1/responses", {"model": "tiny", "input": "hello"}),
    "embeddings": ("POST", "/v1/embeddings", {"model": "tiny", "input": "hello"}),
    "models": ("GET", "/v1/models", None),
    "model": ("GET", "/v1/models/tiny", None),
}
CARRIERS = {"Authorization": "Bearer {}", "X-Api-Key": "{}", "Api-Key": "{}"}
# what a request to the model server may be made of, whatever the caller sends
UPSTREAM_HEADERS = {"host", "authorization", "content-type", "content-length", "accept", "user-agent", "connection"}
UPSTREAM_MAY = UPSTREAM_HEADERS | {"x-request-id", "accept-encoding", "traceparent"}
IDENTITY_HEADERS = (
    "X-Forwarded-User",
    "X-Forwarded-Email",
    "X-Forwarded-Groups",
    "X-Forwarded-Preferred-Username",
    "X-Forwarded-For",
    "X-Forwarded-Host",
    "X-Forwarded-Proto",
    "X-Forwarded-Uri",
    "X-Forwarded-Access-Token",
    "X-Real-Ip",
    "X-Original-Url",
    "X-Rewrite-Url",
    "X-Auth-Request-User",
    "X-Remote-User",
    "Remote-User",
    "X-User",
    "X-User-Id",
    "X-Groups",
    "X-Roles",
    "X-Guardhouse-User",
    "X-Guardhouse-Principal",
    "X-Guardhouse-Decision",
    "X-Guardhouse-Policy",
    "X-Guardhouse-Target",
    "X-Client-Cert",
    "X-Ssl-Client-Dn",
    "X-Amzn-Oidc-Identity",
    "X-Goog-Authenticated-User-Email",
    "X-Goog-Api-Key",
    "X-Ms-Client-Principal",
    "X-Litellm-Api-Key",
    "X-Portkey-Custom-Host",
    "X-Portkey-Provider",
    "X-Http-Method-Override",
    "X-Method-Override",
    "Openai-Organization",
    "Openai-Project",
    "Forwarded",
    "Via",
    "Cookie",
    "Proxy-Authorization",
    "X-Request-Id",
    "X-Internal",
)


def called(gateway: Gateway, route: str, headers: Mapping[str, str]) -> Answer:
    method, path, document = ROUTES[route]
    return ask(gateway.data, request(method, path, headers=headers, document=document))


def carried(name: str, key: str) -> dict[str, str]:
    return {name: CARRIERS[name].format(key)}


@pytest.mark.parametrize("route", ROUTES)
def test_no_credential_is_refused_everywhere(gateway: Gateway, route: str) -> None:
    answer = called(gateway, route, {})
    assert (answer.status, answer.code) == (401, "credential_missing")
    assert answer.header("www-authenticate") is None or "gh_" not in str(answer.header("www-authenticate"))


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_same_key_is_the_same_caller_in_every_carrier(gateway: Gateway, route: str, carrier: str) -> None:
    assert called(gateway, route, carried(carrier, gateway.key)).status == 200


@pytest.mark.parametrize("carrier", CARRIERS)
def test_what_one_carrier_may_not_another_may_not_either(gateway: Gateway, carrier: str) -> None:
    key = gateway.create_key("mallory", "strangers")
    told = [(each.status, each.code) for route in ROUTES for each in [called(gateway, route, carried(carrier, key))]]
    assert {status for status, _ in told[:4]} == {403}
    assert {code for _, code in told[:4]} == {"operation_denied"}
    assert all(status == 403 or code == "" for status, code in told[4:])


@pytest.mark.parametrize("route", ROUTES)
def test_wrong_keys_are_refused_in_every_form(gateway: Gateway, route: str) -> None:
    key = gateway.key
    prefix, identifier, secret = key.split("_")
    wrong = {
        "no scheme": {"Authorization": key},
        "basic": {"Authorization": f"Basic {key}"},
        "token": {"Authorization": f"Token {key}"},
        "only scheme": {"Authorization": "Bearer"},
        "scheme and spaces": {"Authorization": "Bearer   "},
        "two keys in one": {"Authorization": f"Bearer {key}, {key}"},
        "two words": {"Authorization": f"Bearer {key} {key}"},
        "shortened": carried("Authorization", key[:-1]),
        "lengthened": carried("Authorization", key + "a"),
        "other secret": carried("Authorization", f"{prefix}_{identifier}_{secret[::-1]}"),
        "no secret": carried("Authorization", f"{prefix}_{identifier}_"),
        "other id": carried("Authorization", f"{prefix}_{identifier[::-1]}_{secret}"),
        "upper id": carried("Authorization", f"{prefix}_{identifier.upper()}x_{secret}"),
        "only id": carried("X-Api-Key", identifier),
        "only secret": carried("X-Api-Key", secret),
        "bearer in x-api-key": {"X-Api-Key": f"Bearer {key}"},
        "swapped case": carried("X-Api-Key", key.swapcase()),
        "cookie": {"Cookie": f"api-key={key}"},
        "proxy": {"Proxy-Authorization": f"Bearer {key}"},
        "x-authorization": {"X-Authorization": f"Bearer {key}"},
        "upstream's own": carried("Authorization", UPSTREAM_KEY),
        "openai-like": carried("Authorization", "sk-proj-0000000000000000000000000000"),
        "unsigned token": carried("Authorization", "eyJhbGciOiJub25lIn0.eyJzdWIiOiJhbGljZSJ9."),
    }
    told = {name: called(gateway, route, headers) for name, headers in wrong.items()}
    assert {name: answer.status for name, answer in told.items()} == dict.fromkeys(wrong, 401)
    assert not [name for name, answer in told.items() if secret in answer.body.decode()]


def test_a_key_in_the_query_or_the_body_is_no_credential(gateway: Gateway) -> None:
    document = {"model": "tiny", "messages": HELLO, "api_key": gateway.key, "authorization": f"Bearer {gateway.key}"}
    answer = ask(gateway.data, request("POST", f"/v1/chat/completions?api_key={gateway.key}", document=document))
    assert answer.status in (400, 401)


@pytest.mark.parametrize("header", ["X_Api_Key", "Api_Key", "x-api_key"])
def test_an_underscore_does_not_spell_a_credential(gateway: Gateway, header: str) -> None:
    assert called(gateway, "chat", {header: gateway.key}).status in (400, 401)


@pytest.mark.parametrize("route", ROUTES)
def test_two_different_credentials_are_refused_and_one_said_twice_is_not(gateway: Gateway, route: str) -> None:
    other = gateway.create_key("alice", "research")
    names = list(CARRIERS)
    for first, second in zip(names, names[1:] + names[:1], strict=True):
        both = called(gateway, route, carried(first, gateway.key) | carried(second, other))
        assert (both.status, both.code) == (401, "credentials_conflict")
        wrong = called(gateway, route, carried(first, gateway.key) | carried(second, "gh_nobody000000_x"))
        assert wrong.status == 401
        assert called(gateway, route, carried(first, gateway.key) | carried(second, gateway.key)).status == 200


def test_forged_identity_never_reaches_the_model_server(gateway: Gateway, back_end: RecordingBackend) -> None:
    spellings = [
        spelt
        for name in IDENTITY_HEADERS
        for spelt in (name, name.lower(), name.upper(), name.replace("-", "_"), f"{name}-", f"X-{name}")
    ]
    before = len(back_end.tape.seen)
    for start in range(0, len(spellings), 40):
        forged = dict.fromkeys(spellings[start : start + 40], "forged-identity")
        answer = called(gateway, "chat", carried("Authorization", gateway.key) | forged)
        assert answer.status in (200, 400)
    for spelt in spellings:
        answer = called(gateway, "chat", carried("X-Api-Key", gateway.key) | {spelt: "forged-identity"})
        assert answer.status in (200, 400), (spelt, answer.body)
        assert "forged" not in str(answer.headers)
    arrived = back_end.tape.seen[before:]
    assert len(arrived) > len(IDENTITY_HEADERS)
    assert not back_end.tape.holds("forged-identity")
    assert {name for seen in arrived for name, _ in seen.headers} <= UPSTREAM_MAY


def test_a_caller_cannot_have_the_gateways_own_headers_removed(gateway: Gateway, back_end: RecordingBackend) -> None:
    named = {"Connection": "authorization, content-type, content-length, host, x-request-id"}
    before = len(back_end.tape.seen)
    answer = called(gateway, "chat", carried("X-Api-Key", gateway.key) | named)
    assert answer.status in (200, 400)
    for seen in back_end.tape.seen[before:]:
        assert seen.every("authorization") == [f"Bearer {UPSTREAM_KEY}"]
        assert seen.every("content-type") == ["application/json"]


@pytest.mark.parametrize("route", ["chat", "completions", "responses", "embeddings"])
@pytest.mark.parametrize("carrier", CARRIERS)
def test_the_upstream_gets_its_own_credential_and_never_the_callers(
    gateway: Gateway, back_end: RecordingBackend, route: str, carrier: str
) -> None:
    before = len(back_end.tape.seen)
    answer = called(gateway, route, carried(carrier, gateway.key))
    (seen,) = back_end.tape.seen[before:]
    assert seen.every("authorization") == [f"Bearer {UPSTREAM_KEY}"]
    assert not seen.every("x-api-key")
    assert not seen.every("api-key")
    assert not back_end.tape.holds(gateway.key)
    assert UPSTREAM_KEY not in str(answer.headers) + answer.body.decode()


@pytest.mark.parametrize("file", ["routes", "hosts", "request_lines", "upgrades"])
def test_no_spelling_of_a_request_gets_in_without_a_valid_key(
    gateway: Gateway, back_end: RecordingBackend, file: str
) -> None:
    def sent(vector: Vector, number: int) -> bytes:
        return vector.raw("gh_nobody000000_" + "x" * 43, f"unauthorised-{file}-{number}")

    async def one(turn: asyncio.Semaphore, raw: bytes) -> Conversation:
        async with turn:
            try:
                return await converse(gateway.data, Talk([raw], half_close=True, until=None, within=6))
            except AnswerMalformedError as error:
                raise AssertionError(raw[:200]) from error

    async def every() -> list[Conversation]:
        turn = asyncio.Semaphore(16)
        return await asyncio.gather(*(one(turn, sent(vector, number)) for number, vector in enumerate(load(file))))

    statuses = {answer.status for held in asyncio.run(every()) for answer in held.answers}
    assert statuses <= {400, 401, 404, 405, 413, 417, 431}
    assert not back_end.tape.holds("unauthorised-")


def test_a_revoked_key_is_refused_within_a_second(gateway: Gateway) -> None:
    key = gateway.create_key("alice", "research")
    assert called(gateway, "models", carried("X-Api-Key", key)).status == 200
    done = gateway.command("keys", "revoke", key.split("_")[1])
    assert done.returncode == 0, done.stdout + done.stderr
    eventually(
        lambda: called(gateway, "models", carried("X-Api-Key", key)).code == "credential_revoked",
        1.0,
        "the revoked key is refused",
    )
