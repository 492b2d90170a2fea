"""Forged tokens against a running gateway: none identifies anybody, and none makes the gateway fail."""

import time
from collections import Counter
from collections.abc import Iterator

import pytest

from attack.forgeries import every
from attack.recording import RecordingBackend
from identity.signing import AUDIENCE, KEYS, URL, claims, key_set, token
from integration.gateway import Gateway, running
from integration.polling import eventually
from integration.raw_http import Answer, ask, request

MANY = 120


@pytest.fixture(scope="module")
def vouched(tmp_path_factory: pytest.TempPathFactory, back_end: RecordingBackend) -> Iterator[Gateway]:
    """A gateway that knows the issuer whose tokens are forged here."""
    folder = tmp_path_factory.mktemp("vouched")
    (folder / "keys.json").write_bytes(key_set())
    issuer = {
        "issuer": URL,
        "audience": [AUDIENCE],
        "keys": {"file": "keys.json"},
        "algorithms": ["RS256", "RS384", "RS512", "PS256", "PS512", "ES256", "ES384", "ES512", "EdDSA"],
        "claims": {"roles": "/realm_access/roles", "team": "team"},
    }
    with running(
        folder, back_end.url, {"identity": {"issuers": {"corp": issuer}}, "signins": {"failures": 1_000_000}}
    ) as gateway:
        eventually(lambda: asked(gateway, token(claims(time.time()))).status == 200, 5.0, "the keys are known")
        yield gateway


def asked(gateway: Gateway, presented: bytes, carrier: str = "Authorization") -> Answer:
    value = presented.decode("latin-1")
    headers = {carrier: f"Bearer {value}" if carrier == "Authorization" else value}
    return ask(gateway.data, request("GET", "/v1/models", headers=headers))


def test_no_forgery_identifies_anybody_and_none_is_the_gateways_fault(vouched: Gateway) -> None:
    forged = every(time.time())
    assert len(forged) == len({name for name, _ in forged}) >= MANY
    told = {name: asked(vouched, presented) for name, presented in forged}
    wrong = {name: (answer.status, answer.code) for name, answer in told.items() if answer.status not in (400, 401)}
    assert wrong == {}
    codes = Counter(answer.code for answer in told.values())
    assert set(codes) <= {"credential_invalid", "credential_expired", "header_invalid", "malformed_request"}
    assert codes["credential_invalid"] > MANY
    assert asked(vouched, token(claims(time.time()))).status == 200


@pytest.mark.parametrize("kid", KEYS)
@pytest.mark.parametrize("carrier", ["Authorization", "X-Api-Key", "Api-Key"])
def test_what_the_forgeries_imitate_is_accepted_by_every_carrier(vouched: Gateway, kid: str, carrier: str) -> None:
    key, algorithm = KEYS[kid]
    assert asked(vouched, token(claims(time.time()), key=key, alg=algorithm, kid=kid), carrier).status == 200


def test_a_token_beside_another_credential_is_refused(vouched: Gateway) -> None:
    presented = token(claims(time.time())).decode()
    headers = {"Authorization": f"Bearer {presented}", "X-Api-Key": vouched.key}
    assert ask(vouched.data, request("GET", "/v1/models", headers=headers)).code == "credentials_conflict"


@pytest.mark.parametrize("place", ["query", "cookie"])
def test_a_token_in_another_place_counts_for_nothing(vouched: Gateway, place: str) -> None:
    presented = token(claims(time.time())).decode()
    target = f"/v1/models?access_token={presented}" if place == "query" else "/v1/models"
    headers = {"Cookie": f"access_token={presented}"} if place == "cookie" else {}
    assert ask(vouched.data, request("GET", target, headers=headers)).code == "credential_missing"


def test_nothing_of_a_token_is_in_the_records_or_the_output(vouched: Gateway) -> None:
    presented = token(claims(time.time(), sub="canary-subject"))
    assert asked(vouched, presented).status == 200
    journal = b"".join(path.read_bytes() for path in (vouched.state / "journal").glob("*/*.jsonl"))
    assert b"corp:canary-subject" in journal
    for part in presented.split(b"."):
        assert part not in journal
        assert part.decode() not in vouched.output()
