"""Switches over HTTP: in force at once, by whoever asked, and never for what is not there."""

from pathlib import Path
from typing import Any

import pytest
from administering import Stage, perform


def test_somebody_is_suspended_and_let_in_again(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        olga = stage.key("olga", "may-suspend", "may-usage.read")
        body = {"name": "alice", "lasting": 60, "because": "a reason"}
        made = (await stage.ask("POST", "/api/v1/suspensions", olga, body)).json()
        assert (made["what"], made["by"], made["because"]) == ("principal", "olga", "a reason")
        assert made["until"] == pytest.approx(made["at"] + 60)
        listed = (await stage.ask("GET", "/api/v1/standing", olga)).json()["standing"]
        assert listed == [made]
        lifted = await stage.ask("DELETE", "/api/v1/suspensions/alice", olga)
        assert lifted.json()["lifted"] is True
        assert (await stage.ask("GET", "/api/v1/standing", olga)).json()["standing"] == []
        assert (await stage.ask("DELETE", "/api/v1/suspensions/alice", olga)).status_code == 404

    perform(tmp_path, scene)


def test_a_model_is_closed_a_tier_capped_and_a_target_drained(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        olga = stage.key("olga", "may-suspend", "may-usage.read")
        closed = await stage.ask("POST", "/api/v1/gates/models", olga, {"name": "small"})
        capped = await stage.ask("POST", "/api/v1/gates/tiers", olga, {"name": "free", "requests": "100/min"})
        assert (closed.status_code, capped.json()["requests"]) == (201, "100/min")
        drained = await stage.ask("POST", "/api/v1/gates/targets", olga, {"name": "local", "lasting": 60})
        assert (drained.status_code, drained.json()["what"]) == (201, "target")
        for path in ("models/small", "tiers/free", "targets/local"):
            assert (await stage.ask("DELETE", f"/api/v1/gates/{path}", olga)).status_code == 200

    perform(tmp_path, scene)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("gates/models", {"name": "smal"}, 404),
        ("gates/targets", {"name": "locl"}, 404),
        ("suspensions", {"name": "a b"}, 400),
        ("suspensions", {"name": "alice", "because": "two\nlines"}, 400),
        ("suspensions", {"name": "alice", "lasting": 0}, 400),
        ("suspensions", {"name": "alice", "for": 60}, 400),
        ("gates/tiers", {"name": "free", "requests": "many"}, 400),
        ("gates/tiers", {"name": "free"}, 400),
    ],
)
def test_what_makes_no_sense_switches_nothing(tmp_path: Path, path: str, body: Any, status: int) -> None:
    async def scene(stage: Stage) -> None:
        olga = stage.key("olga", "may-suspend", "may-usage.read")
        assert (await stage.ask("POST", f"/api/v1/{path}", olga, body)).status_code == status
        assert (await stage.ask("GET", "/api/v1/standing", olga)).json()["standing"] == []

    perform(tmp_path, scene)


def test_use_is_told_to_who_may_read_it(tmp_path: Path) -> None:
    async def scene(stage: Stage) -> None:
        report = (await stage.ask("GET", "/api/v1/usage", stage.key("rita", "may-usage.read"))).json()
        assert report["principals"] == []

    perform(tmp_path, scene)
