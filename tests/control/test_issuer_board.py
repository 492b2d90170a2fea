"""The bulletin of tokens: published when something changed, touched when nothing did."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import msgspec

from guardhouse.audit.record import Event
from guardhouse.control.issuer_board import IssuerBoard
from guardhouse.control.issuer_keys import Fetch
from guardhouse.control.key_fetch import fetch_keys
from guardhouse.control.minting import Minter, rotate
from guardhouse.control.state import State, prepare
from guardhouse.control.store import Store
from guardhouse.identity.issuer_bulletin import IssuerBulletin
from guardhouse.identity.issuers import Issuer, Source
from guardhouse.identity.jwks import PublicKey
from guardhouse.identity.revocation_feed import RevocationFeed
from guardhouse.identity.tokens import ask_for
from identity.signing import ISSUER, URL, Bench, key_set, usable

NOW = 1_800_000_000.0


class Stage:
    def __init__(self, folder: Path, fetch: Fetch, issuer: Issuer = ISSUER) -> None:
        self.state = State(folder / "state")
        prepare(self.state)
        self.store = Store(self.state.store)
        self.events: list[Event] = []
        self.minter = Minter(self.state)
        self.board = IssuerBoard({"corp": issuer}, self.state, self.store, self.minter, self.events.append, fetch)

    async def turn(self, now: float) -> None:
        """One look, and another when what it has asked is answered."""
        self.board.turn(now)
        for _ in range(20):
            await asyncio.sleep(0)
        self.board.turn(now)

    @property
    def published(self) -> IssuerBulletin:
        return msgspec.json.decode(self.state.issuers.read_bytes(), type=IssuerBulletin)

    @property
    def metrics(self) -> dict[tuple[str, ...], float]:
        return {
            (sample.name, *sample.labels.values()): sample.value
            for metric in self.board.collect()
            for sample in metric.samples
        }


def perform(
    folder: Path, scene: Callable[[Stage], Awaitable[None]], fetch: Fetch | None = None, issuer: Issuer = ISSUER
) -> None:
    async def known(_: Issuer) -> tuple[PublicKey, ...]:
        return usable()

    async def run() -> None:
        stage = Stage(folder, fetch or known, issuer)
        await scene(stage)
        stage.store.close()

    asyncio.run(run())


def test_the_own_keys_are_published_before_any_issuer_has_answered(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.board.turn(NOW)
        assert stage.published == IssuerBulletin(own=stage.minter.public_keys)
        assert stage.state.issuers.stat().st_mode & 0o777 == 0o600
        await stage.turn(NOW)
        assert stage.published.issuers["corp"].keys == usable()
        assert stage.published.issuers["corp"].fetched_at == NOW

    perform(tmp_path, scene)


def test_a_turn_without_news_touches_the_bulletin_once_a_second_and_writes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.turn(NOW)
        inode = stage.state.issuers.stat().st_ino
        stage.board.turn(NOW + 0.4)
        assert stage.state.issuers.stat().st_mtime != NOW + 0.4
        stage.board.turn(NOW + 1.2)
        assert stage.state.issuers.stat().st_mtime == NOW + 1.2
        assert stage.state.issuers.stat().st_ino == inode

    perform(tmp_path, scene)


def test_a_bulletin_that_somebody_removed_comes_back(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.turn(NOW)
        stage.state.issuers.unlink()
        stage.board.turn(NOW + 1)
        assert stage.published.own == stage.minter.public_keys

    perform(tmp_path, scene)


def test_a_bulletin_that_somebody_damaged_is_made_anew(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.turn(NOW)
        whole = stage.published
        stage.state.issuers.write_bytes(b"{")
        stage.board.turn(NOW + 0.1)
        assert stage.published == whole

    perform(tmp_path, scene)


def test_an_issuer_is_told_to_be_unavailable_until_its_keys_are_had(tmp_path: Path) -> None:
    answers: list[tuple[PublicKey, ...] | str] = ["down", usable()]

    async def scene(stage: Stage) -> None:
        stage.board.turn(NOW)
        assert not stage.published.unavailable
        await stage.turn(NOW)
        assert "corp" in stage.published.unavailable
        assert stage.metrics["guardhouse_issuer_available", "corp"] == 0
        await stage.turn(NOW + 2 * ISSUER.pause)
        assert not stage.published.unavailable
        assert stage.metrics["guardhouse_issuer_available", "corp"] == 1

    async def answer(_: Issuer) -> tuple[PublicKey, ...] | str:
        return answers.pop(0)

    perform(tmp_path, scene, answer)


def test_a_revocation_is_published_and_told(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.turn(NOW)
        stage.board.revoke("gt_one", "alice", NOW, NOW + 60)
        stage.board.turn(NOW + 1)
        feed = RevocationFeed(stage.state.revoked)
        feed.load()
        assert feed.revoked == {"gt_one": NOW + 60}
        told = [(event.name, event.credential, event.by) for event in stage.events]
        assert told.count(("identity.token_revoked", "gt_one", "alice")) == 1

    perform(tmp_path, scene)


def test_a_rotation_by_another_process_is_published(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.turn(NOW)
        rotate(stage.state, NOW)
        stage.board.turn(NOW + 1)
        assert len(stage.published.own) == 2

    perform(tmp_path, scene)


def test_a_restart_goes_on_with_the_keys_that_were_known_and_their_age(tmp_path: Path) -> None:
    async def down(_: Issuer) -> str:
        return "down"

    async def before(stage: Stage) -> None:
        await stage.turn(NOW)

    async def after(stage: Stage) -> None:
        await stage.turn(NOW + 100)
        assert stage.published.issuers["corp"].fetched_at == NOW
        assert stage.published.issuers["corp"].issuer == URL

    perform(tmp_path, before)
    perform(tmp_path, after, down)


def test_a_bulletin_that_cannot_be_read_is_no_obstacle(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.turn(NOW)
        assert stage.published.issuers["corp"].keys == usable()

    (tmp_path / "state").mkdir()
    (tmp_path / "state" / "issuers.json").write_bytes(b'{"issuers":')
    perform(tmp_path, scene)


def test_a_worker_that_meets_an_unknown_key_has_the_issuer_asked(tmp_path: Path) -> None:
    asked = 0

    async def counted(_: Issuer) -> tuple[PublicKey, ...]:
        nonlocal asked
        asked += 1
        return usable()

    async def scene(stage: Stage) -> None:
        await stage.turn(NOW)
        wanted = stage.state.wanted / "corp"
        for now in (NOW + 1, NOW + 2, NOW + ISSUER.pause + 1):
            ask_for(stage.state.wanted, "corp")
            os.utime(wanted, (now, now))
            await stage.turn(now)
        assert asked == 2

    perform(tmp_path, scene, counted)


def test_a_key_file_that_was_changed_is_read_again_after_the_pause(tmp_path: Path) -> None:
    file = tmp_path / "keys.json"
    file.write_bytes(key_set({}))
    issuer = msgspec.structs.replace(ISSUER, source=Source(jwks_file=file))

    async def scene(stage: Stage) -> None:
        os.utime(file, (NOW - 9, NOW - 9))
        await stage.turn(NOW)
        assert stage.published.issuers == {}
        file.write_bytes(key_set())
        os.utime(file, (NOW + 5, NOW + 5))
        await stage.turn(NOW + 40)
        assert stage.published.issuers["corp"].keys == usable()

    perform(tmp_path, scene, fetch_keys, issuer)


def test_how_asking_went_is_measured(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.turn(NOW)
        metrics = stage.metrics
        assert metrics["guardhouse_issuer_keys", "corp"] == len(usable())
        assert metrics["guardhouse_issuer_fetches_total", "corp", "ok"] == 1
        assert metrics["guardhouse_issuer_fetches_total", "corp", "failed"] == 0
        assert ("guardhouse_issuer_keys_age_seconds", "corp") in metrics

    perform(tmp_path, scene)


def test_what_is_published_is_what_a_worker_takes_over(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        await stage.turn(NOW)
        bench = Bench(tmp_path)
        bench.publish(stage.published)
        assert repr(bench.table) == "<TokenTable 1 issuers, 0 tokens>"
        assert bench.table.age(bench.path.stat().st_mtime) <= 0

    perform(tmp_path, scene)
