"""A worker's budgets over restarts; what is in the file is limits/test_ledger.py's subject."""

from pathlib import Path

import pytest
from limited import config
from playbook import Play, chat, perform, post

from guardhouse.limits.table import LimitTable
from guardhouse.path.budgets import Budgets
from guardhouse.path.canary import Canary
from guardhouse.policy.load import Loaded, load
from guardhouse.policy.shares import NO_SHARES


def budgets(play: Play, tmp_path: Path) -> Budgets:
    return Budgets(play.plane, tmp_path / "limits" / "w0.json", tmp_path / "journal")


def test_what_was_used_is_known_to_the_next_worker(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        for _ in range(2):
            assert (await play.say(post(chat("x")))).status == 200
        budgets(play, tmp_path).save()
        assert (await play.say(post(chat("x")))).status == 200
        play.plane.limits = LimitTable()
        budgets(play, tmp_path).restore()
        assert (await play.say(post(chat("x")))).status == 200
        assert (await play.say(post(chat("x")))).code == "quota_exhausted"

    perform(tmp_path, scene, config=config("{quota: 4 requests/month}"))


@pytest.mark.parametrize("saved", [True, False])
def test_what_was_used_under_a_canary_is_known_as_well(tmp_path: Path, saved: bool) -> None:
    async def scene(play: Play) -> None:
        path = tmp_path / "candidate.yaml"
        path.write_text(config("{quota: 2 requests/month}"))
        loaded = load(path, {})
        assert isinstance(loaded, Loaded)
        play.plane.canary = Canary(loaded.snapshot, 100.0, NO_SHARES)
        for _ in range(2):
            assert (await play.say(post(chat("x")))).status == 200
        if saved:
            budgets(play, tmp_path).save()
        play.plane.limits = LimitTable()
        budgets(play, tmp_path).restore()
        assert (await play.say(post(chat("x")))).code == "quota_exhausted"

    perform(tmp_path, scene, config=config("{quota: 9 requests/day}"))


def test_nothing_is_saved_where_there_is_nothing_but_rates(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x")))
        kept = budgets(play, tmp_path)
        kept.restore()
        kept.sweep(0.0)
        assert not (tmp_path / "limits").exists()

    perform(tmp_path, scene, config=config("{requests: 4/min}"))


def test_saving_is_done_when_the_journal_has_grown_and_not_too_often(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def scene(play: Play) -> None:
        kept, file = budgets(play, tmp_path), tmp_path / "limits" / "w0.json"

        async def saved(now: float) -> bool:
            file.unlink(missing_ok=True)
            await play.say(post(chat("x")))
            kept.sweep(now)
            return file.exists()

        assert await saved(100.0)
        assert not await saved(110.0)
        monkeypatch.setattr("guardhouse.path.budgets._GROWTH", 100)
        again = budgets(play, tmp_path)
        again._saved, again._next = kept._saved, kept._next
        kept = again
        assert not await saved(101.0)
        assert await saved(110.0)

    perform(tmp_path, scene, config=config("{quota: 40 requests/month}"))


def test_a_folder_that_cannot_be_written_stops_nothing(tmp_path: Path) -> None:
    async def scene(play: Play) -> None:
        await play.say(post(chat("x")))
        (tmp_path / "limits").write_text("a file where the folder should be")
        budgets(play, tmp_path).save()
        assert (await play.say(post(chat("x")))).status == 200

    perform(tmp_path, scene, config=config("{quota: 4 requests/month}"))
