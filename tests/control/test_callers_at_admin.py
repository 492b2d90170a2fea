"""Who is asking at the admin port: every kind of credential, by the same rules as at the data port."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec
import pytest

from guardhouse.audit.journal import Journal
from guardhouse.control.callers import Callers
from guardhouse.control.key_ring import KeyRing
from guardhouse.control.minting import MintedToken, Minter
from guardhouse.control.state import State, prepare
from guardhouse.control.store import Store
from guardhouse.identity.api_keys import KeyTerms
from guardhouse.identity.issuer_bulletin import IssuerBulletin, IssuerKeys
from guardhouse.model.bulletin import publish
from guardhouse.model.denial import Denial
from guardhouse.model.principal import Principal
from guardhouse.model.secret import Secret
from guardhouse.policy.settings import Identity, Settings, Signins
from identity.revoking import publish_revoked
from identity.signing import ISSUER, OTHER_RSA, URL, claims, token, usable

HERE = "192.0.2.9"


class Desk:
    def __init__(self, folder: Path, signins: Signins) -> None:
        settings = Settings(state=folder / "state", identity=Identity(issuers={"corp": ISSUER}), signins=signins)
        self.state = State(settings.state)
        self.now = time.time()
        pepper: Secret = prepare(self.state).pepper
        self.store = Store(self.state.store)
        self.ring = KeyRing(self.store, pepper)
        self.minter = Minter(self.state)
        self.journal = Journal(
            self.state.journal / "control", worker="control", schedule=asyncio.get_running_loop().call_soon
        )
        self.callers = Callers(settings, self.state, self.store, pepper, self.journal)
        self.publish()

    def publish(self, *revoked: str) -> None:
        publish_revoked(self.state.root, *revoked)
        keys = IssuerKeys(URL, usable(), self.now)
        publish(
            self.state.issuers,
            IssuerBulletin(issuers={"corp": keys}, own=self.minter.public_keys),
        )

    def key(self, principal: str = "alice", expires_at: float | None = None) -> tuple[str, str]:
        minted, _ = self.ring.create(KeyTerms(principal=principal), self.now, expires_at)
        return minted.id, minted.key.reveal()

    def whom(self, presented: str | bytes, now: float | None = None) -> str:
        """The id of the principal, or the code of the refusal."""
        content = presented.encode() if isinstance(presented, str) else presented
        found = self.callers.identify(content, HERE, self.now if now is None else now)
        return found.id if isinstance(found, Principal) else found.reason.code


def perform(folder: Path, scene: Callable[[Desk], Awaitable[None]], signins: Signins | None = None) -> None:
    async def run() -> None:
        desk = Desk(folder, signins or Signins(failures=1000))
        await scene(desk)
        desk.journal.close()
        desk.store.close()

    asyncio.run(run())


def test_keys_and_tokens_of_every_maker_are_known(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        _, key = desk.key()
        assert desk.whom(key) == "alice"
        assert desk.whom(token(claims(desk.now))) == "corp:alice"
        holder = desk.callers.identify(key.encode(), HERE, desk.now)
        assert isinstance(holder, Principal)
        made = desk.minter.mint(holder, None, 60.0, desk.now)
        assert isinstance(made, MintedToken)
        assert desk.whom(made.token.reveal()) == "alice"

    perform(tmp_path, scene)


def test_what_has_ended_is_refused_in_the_same_words(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        revoked, key = desk.key()
        desk.ring.revoke(revoked, desk.now)
        assert desk.whom(key) == "credential_revoked"
        _, short = desk.key(expires_at=desk.now + 5)
        assert desk.whom(short, desk.now + 5) == "credential_expired"
        presented = token(claims(desk.now))
        assert desk.whom(presented) == "corp:alice"
        desk.publish("corp:token-0001")
        assert desk.whom(presented) == "credential_revoked"

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    "presented", ["", "gh_", "gh_aliceaaaaaaa_" + "x" * 43, "a.b.c", "..", "' OR '1'='1", "ü", "x" * 20_000]
)
def test_everything_else_is_nobody(tmp_path: Path, presented: str) -> None:
    async def scene(desk: Desk) -> None:
        assert desk.whom(presented) == "credential_invalid"

    perform(tmp_path, scene)


def test_a_made_up_descent_brings_nobody_in(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        key_id, _ = desk.key()
        forged = claims(desk.now, iss="guardhouse", aud="guardhouse", grantors=[key_id])
        for kind in ("gh+jwt", "JWT"):
            assert desk.whom(token(forged, typ=kind)) == "credential_invalid"
            assert desk.whom(token(forged, typ=kind, key=OTHER_RSA)) == "credential_invalid"
        odd: list[object] = [7, None, {}, [], [7], ["'; DROP TABLE api_keys; --"]]
        assert {desk.whom(token({**forged, "grantors": value})) for value in odd} == {"credential_invalid"}

    perform(tmp_path, scene)


def test_a_burst_is_sent_away_and_strictness_takes_the_valid_along(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        _, key = desk.key()
        told = [desk.whom("guess") for _ in range(4)]
        assert told == ["credential_invalid"] * 2 + ["signin_backoff"] * 2
        assert desk.whom(key) == "signin_backoff"
        found = desk.callers.identify(key.encode(), "198.51.100.1", desk.now)
        assert isinstance(found, Principal)

    perform(tmp_path, scene, Signins(failures=2, strict=True))


def test_a_refusal_repeats_nothing_of_what_was_presented(tmp_path: Path) -> None:
    async def scene(desk: Desk) -> None:
        found = desk.callers.identify(b"canary.canary.canary", HERE, desk.now)
        assert isinstance(found, Denial)
        assert b"canary" not in msgspec.json.encode([found.detail, found.reason.message])
        assert "canary" not in repr(desk.callers)

    perform(tmp_path, scene)
