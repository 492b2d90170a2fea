"""The demonstration itself, from outside, and how it ends when a scene is not as it should be."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from guardhouse.demo import __main__ as demonstration
from guardhouse.demo import setting
from guardhouse.demo.play import Answer, Play
from guardhouse.demo.processes import Unexpected, expect
from guardhouse.demo.screen import Lines
from guardhouse.demo.setting import CALLERS, Key, Ports, Setting

COMMAND = (sys.executable, "-m", "guardhouse.demo", "--json")


@pytest.fixture(scope="module")
def told() -> list[dict[str, Any]]:
    done = subprocess.run(COMMAND, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, "\n".join([*done.stdout.splitlines()[-3:], done.stderr])
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_every_scene_is_told(told: list[dict[str, Any]]) -> None:
    scenes = list(dict.fromkeys(line["scene"] for line in told if line.get("scene")))
    assert len(scenes) == len(demonstration.SCENES)
    assert re.match(r"All \d+ scenes were as they should be", told[-1]["title"])


def test_something_was_allowed_masked_blocked_recorded_and_proven(told: list[dict[str, Any]]) -> None:
    assert {"ALLOWED", "MASKED", "BLOCKED", "RECORDED", "PROVEN", "FORGED"} <= {line.get("label") for line in told}


def test_each_class_of_refusal_is_shown(told: list[dict[str, Any]]) -> None:
    blocked = {line["text"].split()[0] for line in told if line.get("label") == "BLOCKED"}
    assert blocked == {"400", "401", "403", "404", "429"}


def test_the_metrics_tell_the_same_story_as_the_journal(told: list[dict[str, Any]]) -> None:
    rows = next(line["rows"] for line in told if "rows" in line)
    limited = sum(row["status"] == "429" for row in rows)
    samples = [sample for line in told for sample in line.get("lines", ())]
    assert f'llm_inference_rate_limit_hits_total{{user_id="bob"}} {limited}.0' in samples
    assert not any('model_id=""' in sample for sample in samples)


def test_where_it_sends_its_readers_next_is_a_page_they_do_not_come_from(told: list[dict[str, Any]]) -> None:
    page = told[-1]["title"].rpartition("Next: ")[2]
    assert page.startswith("docs/")
    assert (Path(__file__).parent.parent.parent / page).exists()


def test_no_whole_key_is_ever_shown(told: list[dict[str, Any]]) -> None:
    assert not re.search(r"gh_[a-z0-9]{12}_[A-Za-z0-9]", json.dumps(told))


@contextlib.contextmanager
def empty_setting(folder: Path, ports: Ports) -> Iterator[Setting]:
    made = Setting(folder, ports)
    made.keys = {owner: Key(owner, "0" * 12, "gh_") for owner in CALLERS}
    yield made


@pytest.fixture
def without_processes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demonstration, "set_up", empty_setting)
    monkeypatch.setattr(signal, "signal", lambda number, handler: None)
    monkeypatch.setattr(os, "environ", dict(os.environ))


def test_a_scene_that_is_not_as_it_should_be_ends_it_with_1(
    monkeypatch: pytest.MonkeyPatch, without_processes: None, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(play: Play) -> None:
        expect(play.sent, "nothing was sent")

    monkeypatch.setattr(demonstration, "SCENES", (broken,))
    assert demonstration.main(["--json"]) == 1
    assert json.loads(capsys.readouterr().out.splitlines()[-1])["failure"] == "nothing was sent"


def test_the_sample_that_keeps_running_prints_a_line_to_try_and_ends_on_interrupt(
    monkeypatch: pytest.MonkeyPatch, without_processes: None, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(signal, "pause", interrupted)
    monkeypatch.setattr(setting, "is_free", lambda port: True)
    assert demonstration.main(["--keep-running"]) == 0
    assert "curl -i http://127.0.0.1:8080/v1/chat/completions" in capsys.readouterr().out


def test_the_sample_that_keeps_running_takes_another_port_for_one_that_is_taken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(setting, "is_free", lambda port: port != Ports().listen)
    ports = setting.usual_ports()
    assert ports.listen not in (0, Ports().listen)
    assert (ports.admin, ports.model) == (Ports().admin, Ports().model)


def test_an_answer_under_another_decision_is_not_accepted() -> None:
    play = Play(Setting(Path(), Ports()), Lines(), Key("alice", "a", "x"), Key("bob", "b", "y"))
    answer = Answer(200, {"x-guardhouse-decision": "allowed"}, "unmasked")
    with pytest.raises(Unexpected, match="'masked' was expected"):
        play.served(answer, "masked")
    with pytest.raises(Unexpected, match="403 model_denied was expected"):
        play.blocked(answer, 403, "model_denied")
