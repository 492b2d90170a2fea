import asyncio
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from guardhouse.audit.journal import Journal
from guardhouse.control.refusals import Refusals
from guardhouse.limits.rate import Rate
from guardhouse.policy.settings import LimitsStore, Settings, StoreUrl, SuspendRule

RULE = SuspendRule(name="flood", reasons=("tier_capped",), above=Rate(1, 60.0))
NOWHERE = LimitsStore(url=StoreUrl("127.0.0.1", 1))  # nobody answers there


class Refused(msgspec.Struct):
    at: float
    id: str
    principal: str = "alice"
    reason: str = "tier_capped"
    decision: str = "denied"


class Scene:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.met: list[str] = []
        self.said: list[str] = []
        self.turns: list[Callable[[], None]] = []
        self.journal = Journal(folder / "journal", worker="control", schedule=self.turns.append)

    def refusals(self, settings: Settings) -> Refusals:
        file = self.folder / "refusals.json"
        return Refusals(settings, file, self.journal, lambda _, name, *__: self.met.append(name), self.said.append)

    def events(self) -> list[dict[str, Any]]:
        while self.turns:
            self.turns.pop(0)()
        self.journal.close()
        lines = (self.folder / "journal" / "00000001.jsonl").read_bytes().splitlines()
        return [record for record in map(json.loads, lines) if record["kind"] == "event"]


@pytest.mark.parametrize("settings", [Settings(suspend=(RULE,)), Settings(limits_store=NOWHERE)])
def test_without_a_rule_or_a_store_nobody_is_asked(tmp_path: Path, settings: Settings) -> None:
    async def run() -> bool | None:
        refusals = scene.refusals(settings)
        for number in range(2):
            refusals.note(Refused(1.0, f"{number}"))
        refusals.poll(1.0)
        alone = refusals.alone()
        await refusals.end(2.0)
        return alone

    scene = Scene(tmp_path)
    assert asyncio.run(run()) is None
    assert scene.met == ["alice"] * len(settings.suspend)
    assert (scene.said, scene.events()) == ([], [])


def test_a_store_that_is_away_is_told_and_a_rule_is_met_all_the_same(tmp_path: Path) -> None:
    async def run() -> bool | None:
        refusals = scene.refusals(Settings(suspend=(RULE,), limits_store=NOWHERE))
        async with asyncio.timeout(5):
            while not scene.said:  # noqa: ASYNC110 - nothing else tells of it
                await asyncio.sleep(0.01)
        for number in range(2):
            refusals.note(Refused(1.0, f"{number}"))
        alone = refusals.alone()
        await refusals.end(2.0)
        return alone

    scene = Scene(tmp_path)
    assert asyncio.run(run()) is True
    assert scene.met == ["alice"]
    [event] = scene.events()
    assert (event["name"], event["severity"]) == ("limits_store.away", "alert")
    assert event["facts"] == {"worker": "control", "why": "it cannot be reached"}
    assert scene.said == [
        "the store of limits is away (it cannot be reached): refusals are counted on this machine alone"
    ]
    assert (tmp_path / "refusals.json").exists()
