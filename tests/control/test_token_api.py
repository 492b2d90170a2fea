"""The token routes of the admin port, from the bytes of a form to what a worker makes of the token."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from guardhouse.audit.journal import Journal
from guardhouse.control import admin
from guardhouse.control.callers import Callers
from guardhouse.control.issuance import Issuance
from guardhouse.control.issuer_board import IssuerBoard
from guardhouse.control.key_ring import KeyRing
from guardhouse.control.mint_limits import MintLimits
from guardhouse.control.minted_store import MintedStore
from guardhouse.control.minting import Minter
from guardhouse.control.state import State, load_secrets, prepare
from guardhouse.control.store import Store
from guardhouse.control.token_api import TokenApi
from guardhouse.control.token_exchange import ACCESS_TOKEN, API_KEY, GRANT_TYPE
from guardhouse.identity.api_keys import KeyTerms
from guardhouse.limits.rate import Rate
from guardhouse.model.denial import Denial
from guardhouse.model.operation import Operation
from guardhouse.model.principal import Narrowing, Principal
from guardhouse.model.reason import Reason
from guardhouse.policy.settings import Identity, OwnTokens, Settings

Scene = Callable[["Stage"], Awaitable[None]]
GENEROUS = OwnTokens()
ALICE = KeyTerms(principal="alice", groups=("research",), tier="gold")


class Stage:
    """The parts of a control process that have to do with tokens, without the process."""

    def __init__(self, folder: Path, tokens: OwnTokens) -> None:
        self.suspended: set[str] = set()
        self.settings = Settings(state=folder / "state", identity=Identity(tokens=tokens))
        self.state = State(self.settings.state)
        self.secrets = prepare(self.state)
        self.store = Store(self.state.store)
        self.keys = KeyRing(self.store, self.secrets.pepper)
        self.journal = Journal(
            self.state.journal / "control", worker="control", schedule=asyncio.get_running_loop().call_soon
        )
        self.minter = Minter(self.state)
        self.board = IssuerBoard({}, self.state, self.store, self.minter, self.journal.append)
        self.board.turn(time.time())
        self.callers = Callers(self.settings, self.state, self.store, load_secrets(self.state).pepper, self.journal)
        limits = MintLimits(tokens, MintedStore(self.store.engine), self.journal.append)
        api = TokenApi(
            self.callers, Issuance(self.minter, limits, self.journal), self.board.revoke, 900.0, self.suspension
        )
        application = admin.application("127.0.0.1", lambda: b"", list, api.routes())
        self.client = httpx.AsyncClient(
            transport=httpx.ASGITransport(application, raise_app_exceptions=False), base_url="http://127.0.0.1:9090"
        )
        self.key_id, self.key = self.create(ALICE)

    def suspension(self, principal: Principal, _now: float) -> Denial | None:
        return Denial(Reason.PRINCIPAL_SUSPENDED) if principal.id in self.suspended else None

    def create(self, terms: KeyTerms, expires_at: float | None = None) -> tuple[str, str]:
        minted, _ = self.keys.create(terms, time.time(), expires_at)
        return minted.id, minted.key.reveal()

    async def exchange(self, subject: str, **changes: str) -> httpx.Response:
        kind = API_KEY if subject.startswith("gh_") else ACCESS_TOKEN
        form = {"grant_type": GRANT_TYPE, "subject_token": subject, "subject_token_type": kind, **changes}
        return await self.client.post("/api/v1/token", data=form)

    async def token(self, subject: str, **changes: str) -> str:
        answer = await self.exchange(subject, **changes)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["access_token"])

    def whom(self, presented: str) -> Principal | str:
        """As whom it identifies, or the code of the refusal."""
        self.board.turn(time.time())
        found = self.callers.identify(presented.encode(), "192.0.2.9", time.time())
        return found if isinstance(found, Principal) else found.reason.code

    @property
    def events(self) -> list[dict[str, Any]]:
        self.journal.flush()
        lines = b"".join(path.read_bytes() for path in sorted((self.state.journal / "control").glob("*.jsonl")))
        return [record for line in lines.splitlines() if (record := msgspec.json.decode(line))["kind"] == "event"]


@contextmanager
def staged(folder: Path, tokens: OwnTokens) -> Iterator[Stage]:
    stage = Stage(folder, tokens)
    try:
        yield stage
    finally:
        stage.journal.close()
        stage.store.close()


def perform(folder: Path, scene: Scene, tokens: OwnTokens = GENEROUS) -> None:
    async def run() -> None:
        with staged(folder, tokens) as stage:
            async with stage.client:
                await scene(stage)

    asyncio.run(run())


def test_a_key_is_exchanged_for_a_narrower_token(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        answer = await stage.exchange(stage.key, scope="chat model:small", lifetime="60")
        body = answer.json()
        assert (answer.status_code, body["token_type"]) == (200, "Bearer")
        assert body["expires_in"] in (59, 60)
        assert body["scope"] == "chat model:small"
        assert answer.headers["cache-control"] == "no-store"
        found = stage.whom(body["access_token"])
        assert isinstance(found, Principal)
        assert (found.id, sorted(found.groups), found.tier, found.method) == ("alice", ["research"], "gold", "api_key")
        assert found.narrowings == (Narrowing(frozenset({Operation.CHAT}), frozenset({"small"})),)
        assert found.grantors == (stage.key_id,)

    perform(tmp_path, scene)


def test_a_token_is_exchanged_for_one_that_can_do_less_still(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        first = await stage.token(stage.key, scope="infer", lifetime="600")
        second = await stage.exchange(first, scope="embeddings model:small", lifetime="6000")
        assert second.json()["expires_in"] <= 600
        found = stage.whom(second.json()["access_token"])
        assert isinstance(found, Principal)
        assert len(found.narrowings) == len(found.grantors) == 2

    perform(tmp_path, scene)


def test_the_minting_is_recorded_and_the_token_is_not(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        token = await stage.token(stage.key, scope="chat")
        [event] = stage.events
        assert (event["name"], event["principal"], event["credential"]) == (
            "identity.token_minted",
            "alice",
            stage.key_id,
        )
        assert event["facts"]["scope"] == "chat"
        found = stage.whom(token)
        assert isinstance(found, Principal)
        assert event["facts"]["token"] == found.credential_id
        journal = b"".join(path.read_bytes() for path in stage.state.journal.glob("*/*.jsonl")).decode()
        assert not any(part in journal for part in (*token.split("."), stage.key))

    perform(tmp_path, scene)


def test_a_token_that_cannot_be_recorded_is_not_handed_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def full(_: Journal) -> OSError:
        return OSError("no space left")

    async def scene(stage: Stage) -> None:
        monkeypatch.setattr(Journal, "durable", full)
        answer = await stage.exchange(stage.key)
        assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
        assert "access_token" not in answer.text

    perform(tmp_path, scene)


@pytest.mark.parametrize("subject", ["gh_nobodynobody_" + "x" * 43, "x.y.z", "guess", "eyJhbGciOiJub25lIn0.e30."])
def test_a_credential_that_identifies_nobody_is_exchanged_for_nothing(tmp_path: Path, subject: str) -> None:
    async def scene(stage: Stage) -> None:
        answer = await stage.exchange(subject)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert "Incorrect API key provided" in answer.json()["error_description"]

    perform(tmp_path, scene)


def test_who_is_suspended_gets_no_token_but_may_end_one(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        token = await stage.token(stage.key)
        stage.suspended.add("alice")
        for subject in (stage.key, token):
            answer = await stage.exchange(subject)
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert (await stage.client.post("/api/v1/token/revoke", data={"token": token})).status_code == 200
        assert stage.whom(token) == "credential_revoked"

    perform(tmp_path, scene)


def test_a_burst_of_failures_is_sent_away_and_told(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        answers = [await stage.exchange("x.y.z") for _ in range(15)]
        assert answers[0].status_code == 400
        assert answers[-1].status_code == 429
        assert int(answers[-1].headers["retry-after"]) >= 1
        assert (await stage.exchange(stage.key)).status_code == 200
        assert "identity.failure_burst" in {event["name"] for event in stage.events}

    perform(tmp_path, scene)


def test_what_descends_from_a_key_ends_with_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        child = await stage.token(await stage.token(stage.key))
        assert isinstance(stage.whom(child), Principal)
        stage.keys.revoke(stage.key_id, time.time())
        assert stage.whom(child) == "credential_revoked"
        assert (await stage.exchange(child)).status_code == 400

    perform(tmp_path, scene)


def test_whoever_holds_a_token_can_end_it_and_what_descends_from_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        parent, other = await stage.token(stage.key), await stage.token(stage.key)
        child = await stage.token(parent)
        answer = await stage.client.post("/api/v1/token/revoke", data={"token": parent})
        assert answer.status_code == 200
        assert stage.whom(parent) == stage.whom(child) == "credential_revoked"
        assert isinstance(stage.whom(other), Principal)
        assert [event["name"] for event in stage.events].count("identity.token_revoked") == 1

    perform(tmp_path, scene)


def test_a_revocation_outlives_the_process(tmp_path: Path) -> None:
    held: list[str] = []

    async def before(stage: Stage) -> None:
        held.append(await stage.token(stage.key))
        await stage.client.post("/api/v1/token/revoke", data={"token": held[0]})

    async def after(stage: Stage) -> None:
        assert stage.whom(held[0]) == "credential_revoked"

    perform(tmp_path, before)
    perform(tmp_path, after)


def test_revoking_what_is_no_token_ends_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        assert (await stage.client.post("/api/v1/token/revoke", data={"token": "a.b.c"})).status_code == 200
        answer = await stage.client.post("/api/v1/token/revoke", data={"token": stage.key})
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
        assert isinstance(stage.whom(stage.key), Principal)

    perform(tmp_path, scene)


def test_a_key_that_expires_bounds_its_tokens(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        _, short = stage.create(ALICE, expires_at=time.time() + 30)
        answer = await stage.exchange(short, lifetime="900")
        assert answer.json()["expires_in"] <= 30

    perform(tmp_path, scene)


def test_tokens_are_minted_at_a_rate_and_a_refusal_says_why_and_until_when(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        token = await stage.token(stage.key)
        assert (await stage.exchange(token)).status_code == 200, "of the same principal"
        _, second_key = stage.create(ALICE)
        for subject in (stage.key, second_key, token):
            answer = await stage.exchange(subject)
            assert (answer.status_code, answer.json()["error"]) == (429, "temporarily_unavailable")
            assert answer.json()["reason"] == "minting_rate_exceeded"
            assert 0 < int(answer.headers["retry-after"]) <= 1800
        _, of_bob = stage.create(KeyTerms(principal="bob"))
        assert (await stage.exchange(of_bob)).status_code == 200
        assert [event["name"] for event in stage.events].count("identity.minting_limited") == 1

    perform(tmp_path, scene, OwnTokens(rate=Rate(2, 3600.0)))


def test_a_hundred_at_once_get_no_more_than_may_be_alive(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        answers = await asyncio.gather(*(stage.exchange(stage.key, lifetime="600") for _ in range(100)))
        assert sorted(answer.status_code for answer in answers) == [200] * 5 + [429] * 95
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json()["reason"] == "live_tokens_exceeded"
        assert 590 < int(refused.headers["retry-after"]) <= 600
        minted = next(answer for answer in answers if answer.status_code == 200).json()["access_token"]
        await stage.client.post("/api/v1/token/revoke", data={"token": minted})
        assert (await stage.exchange(stage.key)).status_code == 200, "what was revoked is not alive"

    perform(tmp_path, scene, OwnTokens(rate=Rate(1000, 60.0), live=5))


def test_what_may_be_alive_is_counted_over_a_restart(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        answers.append((await stage.exchange(stage.key)).status_code)

    answers: list[int] = []
    for _ in range(2):
        perform(tmp_path, scene, OwnTokens(live=1))
    assert answers == [200, 429]


@pytest.mark.parametrize(
    ("content_type", "body"),
    [
        ("application/json", b"{}"),
        ("", b"grant_type=x"),
        ("application/x-www-form-urlencoded", b"x" * 40_000),
        ("application/x-www-form-urlencoded", b"grant_type=a&grant_type=b"),
        ("multipart/form-data; boundary=x", b"--x--"),
    ],
)
def test_a_body_that_is_no_sound_form_is_refused(tmp_path: Path, content_type: str, body: bytes) -> None:
    async def scene(stage: Stage) -> None:
        for path in ("/api/v1/token", "/api/v1/token/revoke"):
            answer = await stage.client.post(path, content=body, headers={"content-type": content_type})
            assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")

    perform(tmp_path, scene)


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
def test_the_routes_take_nothing_but_post(tmp_path: Path, method: str) -> None:
    async def scene(stage: Stage) -> None:
        assert (await stage.client.request(method, "/api/v1/token")).status_code == 405
        assert (await stage.client.request("POST", "/metrics")).status_code == 405
        assert (await stage.client.request("POST", "/api/v1/unknown")).status_code == 404

    perform(tmp_path, scene)
