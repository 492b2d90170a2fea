"""A running gateway changes its policy by the file, by a signal and by request, and never by something unsound."""

import asyncio
import json
import os
import threading
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from policies import ENVIRON, loaded, revision_of, text

from guardhouse.audit.journal import Journal
from guardhouse.control.activation import Activation
from guardhouse.control.news import News, slots, waiting_settings
from guardhouse.control.policy_gauges import PolicyGauges
from guardhouse.control.reload import Reloader
from guardhouse.control.revisions import Change, Revisions
from guardhouse.control.store import Store
from guardhouse.model.bulletin import Bulletin
from guardhouse.policy.edition import Edition
from guardhouse.policy.source import MOST_BYTES

A, B, C = text("a"), text("b"), text("c")
BROKEN = b"version: 1\nnonsense: 1\n"


class Stage:
    """A control process reduced to what changes the policy."""

    def __init__(self, folder: Path) -> None:
        self.config = folder / "guardhouse.yaml"
        self.config.write_bytes(A)
        self.store = Store(folder / "store.sqlite")
        self.revisions = Revisions(self.store.engine)
        self.activation = Activation(self.revisions, self.config, ENVIRON)
        edition = self.activation.begin(loaded(A, self.config), 1.0)
        assert isinstance(edition, Edition)
        self.said: list[str] = []
        schedule = asyncio.get_running_loop().call_soon
        self.journal = Journal(folder / "journal", worker="control", schedule=schedule)
        self.published = folder / "policy.json"
        self.bulletin = Bulletin(self.published, Edition)
        news = News(self.journal, self.said.append)
        self.reloader = Reloader(self.activation, edition, self.published, self.store, news)
        self.changes = 0

    async def turns(self) -> None:
        """As many as it takes until nothing is under way any more."""
        for _ in range(6):
            self.reloader.poll(2.0)
            if (task := self.reloader._under_way) is not None:
                await asyncio.wait([task])

    def write(self, content: bytes) -> None:
        self.changes += 1
        self.config.write_bytes(content)
        os.utime(self.config, (self.changes, self.changes))

    def ask(self, content: bytes, **members: Any) -> int:
        asked: dict[str, Any] = {"slot": "active", "revision": revision_of(content), "at": 2.0, **members}
        return self.revisions.enter(Change(author="ann", origin="command", status="requested", **asked), content)

    @property
    def active(self) -> str:
        return self.reloader.edition.active.revision

    def events(self) -> list[dict[str, Any]]:
        lines = b"".join(path.read_bytes() for path in sorted(self.published.parent.glob("journal/*.jsonl")))
        return [record for record in map(json.loads, lines.splitlines()) if record["kind"] == "event"]


def play(folder: Path, scene: Callable[[Stage], Awaitable[None]]) -> None:
    async def run() -> None:
        stage = Stage(folder)
        try:
            await stage.turns()
            stage.said.clear()
            await scene(stage)
        finally:
            stage.journal.close()
            stage.store.close()

    asyncio.run(run())


def test_an_edited_file_is_activated_published_and_told(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write(B)
        await stage.turns()
        assert stage.active == revision_of(B)
        assert stage.bulletin.refresh()
        assert stage.bulletin.current == stage.reloader.edition
        assert stage.said == [f"active is revision {revision_of(B)}, was {revision_of(A)}"]
        [event] = stage.events()
        assert event["name"] == "policy.activated"
        assert event["by"] == stage.config.owner()
        facts = {"revision": revision_of(B), "previous": revision_of(A), "number": 2, "origin": "file"}
        assert event["facts"] == facts

    play(tmp_path, scene)


def test_a_file_is_weighed_beside_the_loop_which_goes_on_publishing_keys(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(stage: Stage) -> None:
        weighed: list[int] = []
        load = stage.activation.weigh

        def noted(content: bytes) -> Any:
            weighed.append(threading.get_ident())
            return load(content)

        monkeypatch.setattr(stage.activation, "weigh", noted)
        stage.write(B)
        await stage.turns()
        stage.ask(C)
        await stage.turns()
        assert len(weighed) >= 2
        assert threading.get_ident() not in weighed

    play(tmp_path, scene)


def test_a_file_that_is_too_large_changes_nothing_and_says_so(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write(B + b"#" * MOST_BYTES)
        await stage.turns()
        assert stage.active == revision_of(A)
        assert not stage.reloader.file_is_sound
        assert any("larger than 512 KiB, which is all that is taken" in line for line in stage.said)

    play(tmp_path, scene)


def test_a_file_that_is_being_written_is_left_alone_until_it_stands_still(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        for half in range(1, len(B), 40):
            stage.write(B[:half])
            stage.reloader.poll(2.0)
        assert stage.reloader._under_way is None
        stage.write(B)
        await stage.turns()
        assert stage.active == revision_of(B)
        assert not [sentence for sentence in stage.said if "not activated" in sentence]

    play(tmp_path, scene)


def test_an_unsound_file_changes_nothing_and_says_so_everywhere(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write(BROKEN)
        await stage.turns()
        assert stage.active == revision_of(A)
        assert not stage.bulletin.refresh()
        assert f'not activated: {stage.config}:2: unknown key "nonsense"' in "\n".join(stage.said)
        [event] = stage.events()
        assert (event["name"], event["severity"], event["facts"]["origin"]) == ("policy.refused", "warning", "file")
        assert gauge(stage, "guardhouse_policy_file_sound") == 0
        stage.write(A)
        await stage.turns()
        assert gauge(stage, "guardhouse_policy_file_sound") == 1
        assert len(stage.events()) == 1

    play(tmp_path, scene)


def test_a_file_that_is_gone_or_lacks_a_secret_changes_nothing(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.config.unlink()
        await stage.turns()
        stage.write(text("b", secret="MISSING"))
        await stage.turns()
        assert stage.active == revision_of(A)
        assert [event["name"] for event in stage.events()] == ["policy.refused"] * 2
        assert "cannot be read" in stage.said[0]
        assert "MISSING is not set" in stage.said[1]

    play(tmp_path, scene)


def test_a_comment_is_no_new_revision(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write(b"# a comment\n" + A)
        await stage.turns()
        assert stage.events() == []
        assert len(stage.revisions.history(10)) == 1

    play(tmp_path, scene)


def test_a_signal_has_secrets_looked_up_anew_though_nothing_has_changed(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.reloader.signal()
        await stage.turns()
        assert stage.bulletin.refresh()
        stage.reloader.signal()
        await stage.turns()
        assert stage.bulletin.refresh(), "each is a new edition"
        assert stage.events() == []

    play(tmp_path, scene)


def test_a_signal_does_not_undo_a_rollback(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write(B)
        await stage.turns()
        stage.ask(A)
        await stage.turns()
        stage.reloader.signal()
        await stage.turns()
        assert stage.active == revision_of(A)
        assert f"has not changed since it was last read; revision {revision_of(A)} stays active" in stage.said[-1]

    play(tmp_path, scene)


def test_a_request_is_answered_by_taking_it_or_by_saying_why_not(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        good, bad = stage.ask(B), stage.ask(text("c", secret="MISSING"))
        await stage.turns()
        answers = [stage.revisions.get(number) for number in (good, bad)]
        assert [answer.status for answer in answers if answer] == ["accepted", "refused"]
        assert answers[1] is not None
        assert "MISSING is not set" in answers[1].said
        assert stage.active == revision_of(B)

    play(tmp_path, scene)


def test_candidates_are_published_beside_the_active_revision_and_taken_back(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.ask(B, slot="shadow")
        stage.ask(C, slot="canary", share=12.5)
        await stage.turns()
        assert slots(stage.reloader.edition) == {
            "active": revision_of(A),
            "shadow": revision_of(B),
            "canary": f"{revision_of(C)} for 12.5 %",
        }
        assert gauge(stage, "guardhouse_policy_canary_percent") == 12.5
        assert [event["name"] for event in stage.events()] == ["policy.shadow", "policy.canary"]
        assert stage.events()[1]["facts"]["share"] == 12.5
        stage.ask(A, slot="shadow", revision=None)
        await stage.turns()
        assert stage.reloader.edition.shadow is None

    play(tmp_path, scene)


def test_settings_that_need_a_restart_keep_their_values_and_are_named(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.write(text("a", extra='upstream: {idle: 9s}\nlisten: {address: "127.0.0.1:1"}'))
        await stage.turns()
        assert waiting_settings(stage.reloader.edition) == ["listen.address.port", "upstream.idle"]
        assert stage.said[-1].endswith("read only at the next start: listen.address.port, upstream.idle")
        assert gauge(stage, "guardhouse_policy_settings_waiting") == 2
        stage.write(B)
        await stage.turns()
        assert waiting_settings(stage.reloader.edition) == []

    play(tmp_path, scene)


def test_a_failure_inside_ends_the_process_instead_of_going_unseen(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        stage.published.with_suffix(".new").mkdir()  # nothing can be published
        stage.write(B)
        try:
            await stage.turns()
        except OSError:
            return
        raise AssertionError("the failure was swallowed")

    play(tmp_path, scene)


def gauge(stage: Stage, name: str) -> float:
    samples = [sample for metric in PolicyGauges(stage.reloader).collect() for sample in metric.samples]
    return next(sample.value for sample in samples if sample.name == name)
