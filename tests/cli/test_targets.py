import threading
import time
from pathlib import Path

import pytest

from cli.commanding import Command
from guardhouse.control.state import State, prepare
from guardhouse.control.usage_desk import UsageDesk
from guardhouse.model.bulletin import publish
from guardhouse.model.figures import UpstreamFigures, WorkerFigures
from guardhouse.readers.usage import UsageReader

_command = Command()
run, told = _command.run, _command.told

CONFIGURATION = """\
version: 1
state: ./state
targets: {local: {kind: openai, url: "http://127.0.0.1:8000"}, spare: {kind: openai, url: "http://127.0.0.1:8001"}}
models: {tiny: {targets: [local, spare]}}
policies: [{name: all, who: {groups: [research]}, may: [chat], models: [tiny]}]
"""


@pytest.fixture(autouse=True)
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> State:
    (tmp_path / "guardhouse.yaml").write_text(CONFIGURATION)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SUDO_USER", "olga")
    state = State(tmp_path / "state")
    prepare(state)
    return state


def test_a_target_is_drained_with_its_end_author_and_reason_and_undrained() -> None:
    done = told("targets", "drain", "local", "--for", "1h", "--because", "new driver")
    assert (done["what"], done["by"], done["because"]) == ("target", "olga", "new driver")
    assert done["until"] == pytest.approx(done["at"] + 3600)
    assert [(each["name"], each["state"]) for each in told("standing")] == [("local", "drained")]
    assert "local is in use" in run("targets", "undrain", "local").stdout
    assert told("standing") == []


@pytest.mark.parametrize("words", [("undrain", "local"), ("drain", "locl"), ("undrain", "locl")])
def test_what_is_not_there_or_not_drained_is_refused(words: tuple[str, ...]) -> None:
    assert run("targets", *words).exit_code == 1
    assert told("standing") == []


def test_the_list_shows_what_all_workers_know_together(state: State) -> None:
    for number, breaker in enumerate(("closed", "half_open")):
        upstreams = {
            "local": UpstreamFigures(breaker, 2, 3, 1, drained=number == 0, callers_kept_away=number),
            "spare": UpstreamFigures("closed", 1),
        }
        publish(state.figures_of(f"w{number}"), WorkerFigures(upstreams=upstreams))
    desk, over = UsageDesk(state, UsageReader(), 2, 0.0, lambda: None), threading.Event()

    def turn() -> None:
        while not over.wait(0.01):
            desk.poll(time.time())

    gateway = threading.Thread(target=turn)
    gateway.start()
    try:
        listed = told("targets", "list")
        text = run("targets", "list").stdout
    finally:
        over.set()
        gateway.join()
    figures = {"breaker": "half_open", "pending": 4, "failures": 6, "breaks": 2, "drained": True, "well": True}
    assert listed["local"] == {**figures, "callers_kept_away": 1}
    assert listed["spare"]["pending"] == 2
    assert text.splitlines()[1].split() == ["local", "drained", "half", "open", "4", "6", "2", "1", "caller"]


def test_without_a_gateway_there_is_nothing_to_list(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("guardhouse.cli.usage._WITHIN", 0.0)
    assert run("targets", "list").exit_code == 1
