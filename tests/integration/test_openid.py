"""Tokens of a real OpenID provider at a real gateway: who they identify, and what the provider's keys do to them.

The load is a few threads that fetch tokens from the provider and use them, as services do; what they saw is judged
when they have ended. Nothing here asks how long something took but for bounds that the configuration promises.
"""

import base64
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from itertools import pairwise
from pathlib import Path

import pytest

from attack.recording import RecordingBackend
from integration.gateway import Gateway, running
from integration.openid_provider import OpenIdProvider, key_id, serving
from integration.polling import eventually
from integration.raw_http import Answer, ask, request
from integration.repeating import Repeating

PAUSE, REFRESH, STALE = 1.0, 2.0, 6.0
SLACK = 1.5  # seconds: a look of the control process, one of the worker, and the question itself


@pytest.fixture(scope="module")
def back_end() -> Iterator[RecordingBackend]:
    with RecordingBackend() as recording:
        yield recording


@pytest.fixture(scope="module")
def pair(
    tmp_path_factory: pytest.TempPathFactory, openid_package: Path, back_end: RecordingBackend
) -> Iterator[tuple[OpenIdProvider, Gateway]]:
    folder = tmp_path_factory.mktemp("gateway")
    with serving(openid_package) as provider, trusting(folder, back_end, provider) as gateway:
        yield provider, gateway


@pytest.fixture
def provider(pair: tuple[OpenIdProvider, Gateway]) -> OpenIdProvider:
    """With the key that it began with, and no other."""
    provider, gateway = pair
    provider.use_keys(["first"], sign="first")
    eventually(lambda: used(gateway, provider.token()).status == 200, REFRESH + SLACK, "the key is known")
    return provider


@pytest.fixture
def gateway(pair: tuple[OpenIdProvider, Gateway], provider: OpenIdProvider) -> Gateway:
    return pair[1]


@contextmanager
def trusting(folder: Path, back_end: RecordingBackend, provider: OpenIdProvider) -> Iterator[Gateway]:
    keys = {"pause": f"{int(PAUSE * 1000)}ms", "refresh": f"{int(REFRESH)}s", "stale_after": f"{int(STALE)}s"}
    issuer = {"issuer": provider.issuer, "audience": ["urn:guardhouse"], "clients": ["batch"], "keys": keys}
    changes = {"identity": {"issuers": {"op": issuer}}, "signins": {"failures": 1_000_000}}
    with running(folder, back_end.url, changes) as gateway:
        yield gateway


def used(gateway: Gateway, token: str) -> Answer:
    return ask(gateway.data, request("GET", "/v1/models", headers={"Authorization": f"Bearer {token}"}))


class Load(Repeating):
    """Services that fetch tokens and use each a few times, until they are told to stop."""

    def __init__(self, gateway: Gateway, provider: OpenIdProvider, threads: int = 3) -> None:
        super().__init__(threads)
        self._gateway = gateway
        self._provider = provider
        self.seen: Counter[tuple[str, int]] = Counter()  # (key id, status)

    def once(self) -> None:
        token = self._provider.token()
        for _ in range(5):
            self.seen[key_id(token), used(self._gateway, token).status] += 1

    def sees(self, key: str, times: int = 20) -> bool:
        return self.seen[key, 200] >= times


def test_a_token_of_the_provider_identifies_its_client(gateway: Gateway, provider: OpenIdProvider) -> None:
    answer = gateway.chat("hello", key=provider.token())
    assert answer.status == 200
    closed = [record for record in gateway.records() if record["kind"] == "closed"][-1]
    assert closed["principal"] == "op:batch"
    assert closed["credential"].startswith("op:")
    assert used(gateway, provider.token("stranger")).code == "credential_invalid"


def test_keys_that_are_published_before_they_sign_rotate_without_a_single_refusal(
    gateway: Gateway, provider: OpenIdProvider
) -> None:
    with Load(gateway, provider) as load:
        names = ["first", "second", "third", "fourth"]
        for before, after in pairwise(names):
            eventually(partial(load.sees, before), 20.0, f"{before} is in use")
            provider.use_keys([before, after], sign=before)
            eventually(partial(knows, gateway, after), REFRESH + SLACK, f"{after} is published")
            eventually(partial(followed, gateway, time.time()), 2 * SLACK, "every worker has looked since")
            provider.use_keys([before, after], sign=after)
        eventually(lambda: load.sees("fourth"), 20.0, "the last key is in use")
    assert {status for _, status in load.seen} == {200}
    assert {key for key, _ in load.seen} == set(names)


def knows(gateway: Gateway, key: str) -> bool:
    """Whether the key has been published to the workers."""
    return f'"kid":"{key}"' in (gateway.state / "issuers.json").read_text()


def followed(gateway: Gateway, since: float) -> bool:
    """Whether the bulletin has been touched half a second after `since`; workers look twice in that time."""
    return (gateway.state / "issuers.json").stat().st_mtime > since + 0.5


def test_a_key_that_signs_unannounced_is_known_after_a_pause_and_old_tokens_never_notice(
    gateway: Gateway, provider: OpenIdProvider
) -> None:
    old = provider.token()
    with Load(gateway, provider) as load:
        eventually(lambda: load.sees("first"), 20.0, "the first key is in use")
        provider.use_keys(["first", "second"], sign="second")
        eventually(lambda: used(gateway, provider.token()).status == 200, PAUSE + SLACK, "the new key is known")
        assert used(gateway, old).status == 200
        eventually(lambda: load.sees("second"), 20.0, "the second key is in use")
    assert {status for key, status in load.seen if key == "first"} == {200}
    assert {status for key, status in load.seen if key == "second"} <= {200, 401}


def test_tokens_of_a_withdrawn_key_end_with_the_next_look(gateway: Gateway, provider: OpenIdProvider) -> None:
    old = provider.token()
    assert used(gateway, old).status == 200
    provider.use_keys(["second"], sign="second")
    eventually(lambda: used(gateway, old).code == "credential_invalid", REFRESH + SLACK, "the old token is refused")
    eventually(lambda: used(gateway, provider.token()).status == 200, REFRESH + SLACK, "the new key is known")


def test_a_flood_of_unknown_keys_costs_the_provider_one_question_per_pause(
    gateway: Gateway, provider: OpenIdProvider
) -> None:
    provider.use_keys(["first"], sign="first")
    good = provider.token()
    forged = with_unknown_key(good)
    before, count = provider.asked(), 0
    end = time.monotonic() + 3 * PAUSE
    while time.monotonic() < end:
        assert used(gateway, forged).code == "credential_invalid"
        count += 1
    assert count > 100
    assert provider.asked() - before <= 3 + 1 + 2  # one per pause, the one under way, and the regular looks
    assert used(gateway, good).status == 200


def with_unknown_key(token: str) -> str:
    """The token with a header that names a key which was never published."""
    header = base64.urlsafe_b64encode(b'{"alg":"RS256","typ":"at+jwt","kid":"made-up"}').rstrip(b"=").decode()
    return f"{header}.{token.partition('.')[2]}"


def test_a_provider_that_is_gone_is_done_without_until_its_keys_are_stale(
    tmp_path: Path, back_end: RecordingBackend, openid_package: Path
) -> None:
    with serving(openid_package) as provider, trusting(tmp_path, back_end, provider) as gateway:
        token = provider.token()
        assert used(gateway, token).status == 200
        provider.end()
        eventually(lambda: "identity.issuer_unreachable" in events(gateway), REFRESH + SLACK, "it is told")
        assert used(gateway, token).status == 200
        eventually(lambda: used(gateway, token).code == "identity_stale", STALE + REFRESH + SLACK, "the keys are stale")
        eventually(lambda: "identity.issuer_keys_stale" in events(gateway), SLACK, "that is told as well")
        assert used(gateway, gateway.key).status == 200
        assert 'guardhouse_issuer_fetches_total{issuer="op",outcome="failed"}' in gateway.metrics()


def events(gateway: Gateway) -> str:
    return "".join(path.read_text() for path in (gateway.state / "journal" / "control").glob("*.jsonl"))
